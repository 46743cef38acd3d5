// Pure. One page of a sorted listing, shared by every operation that lists.
import { compareUtf8 } from './encoding.ts';

/** What a page is asked for. */
export interface PageRequest {
  readonly prefix: string;
  /** Empty for none. */
  readonly delimiter: string;
  /** Only keys after this one; a common prefix here stands for everything beneath it. Empty for none. */
  readonly after: string;
  readonly maxEntries: number;
  /** Whether a key is listed at all; every key is by default. */
  readonly include?: (key: string) => boolean;
}

/** A key, or a common prefix that stands for several. */
export type PageEntry =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'prefix'; readonly prefix: string };

export interface Page {
  readonly entries: readonly PageEntry[];
  readonly truncated: boolean;
}

/** Index of the first key that is not before `key`, in an array sorted by UTF-8 bytes. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareUtf8(keys[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function commonPrefix(key: string, { prefix, delimiter }: PageRequest): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

/** Cuts one page out of keys sorted by their UTF-8 bytes. */
export function cutPage(keys: readonly string[], request: PageRequest): Page {
  const entries: PageEntry[] = [];
  const { prefix, after, include } = request;
  let last = after;
  for (let at = lowerBound(keys, compareUtf8(prefix, after) > 0 ? prefix : after); at < keys.length; at++) {
    const key = keys[at]!;
    if (!key.startsWith(prefix)) break;
    if (key === after || include?.(key) === false) continue;
    const common = commonPrefix(key, request);
    if (common !== undefined && common === last) continue;
    if (entries.length >= request.maxEntries) return { entries, truncated: request.maxEntries > 0 };
    entries.push(common === undefined ? { kind: 'key', key } : { kind: 'prefix', prefix: common });
    last = common ?? key;
  }
  return { entries, truncated: false };
}

/** Where the next page goes on. */
export function lastOf(page: Page): string {
  const last = page.entries.at(-1);
  if (last === undefined) return '';
  return last.kind === 'key' ? last.key : last.prefix;
}

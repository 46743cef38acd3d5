// Evidence: lists S3, walks the disk, compares both. The ledger is not asked: it is what could be wrong.
import { hashedOf, inKeyOrder, isMarker, pathOfKey, relativeKey } from '../model/key.ts';
import { type RelPath, ROOT } from '../model/path.ts';
import { type DirectoryDefaults, needsMarker } from '../plan/marker.ts';
import { Merge, type Pair } from '../plan/merge.ts';
import { XattrObjects } from '../restore/xattr-objects.ts';
import type { LocalTree } from '../tree/local-tree.ts';
import { Mounts } from '../tree/mounts.ts';
import { type WalkEntry, walk } from '../tree/walk.ts';
import { type Difference, differencesOf, type Listed } from './compare.ts';
import { LinkCheck } from './link-check.ts';
import type { Workspace } from './workspace.ts';

export interface VerifyOptions {
  readonly crossMounts: boolean;
  readonly directoryDefaults: DirectoryDefaults;
  /** See CompareOptions. */
  readonly download: boolean;
  /** Compare these paths only. Default: all. */
  readonly only?: ReadonlySet<RelPath>;
  readonly onDifference: (difference: Difference) => void;
  /** Told how many paths have been compared, of about so many. */
  readonly onProgress?: (compared: number, total: number) => void;
  readonly signal: AbortSignal;
}

export interface VerifyResult {
  readonly compared: number;
  readonly differences: number;
  /** Keys in S3 that cannot be a path here. */
  readonly impossible: readonly { readonly key: string; readonly reason: string }[];
}

/** Pairs that are looked at together, and so requests in flight. */
const AT_ONCE = 16;

/** Compares both sides by name, kind, size, content and metadata; changes nothing. */
export async function verify(workspace: Workspace, options: VerifyOptions): Promise<VerifyResult> {
  const { tree, directories, filter } = workspace;
  const { signal, download, only } = options;
  const { store, prefix, retry } = workspace;
  const compareOptions = {
    ...{ signal, download, dirTimes: options.directoryDefaults.times },
    xattrObjects: new XattrObjects({ store, prefix, retry, signal }),
    links: tree.keeps.hardLinks ? new LinkCheck() : undefined,
  };
  let compared = 0;
  let differences = 0;
  const report = (difference: Difference): void => {
    differences++;
    options.onDifference(difference);
  };
  const { objects, impossible } = await listAll(workspace, signal);
  const entries = walk({ tree, directories }, ROOT, {
    filter,
    hidden: new Mounts(tree.root, { cross: options.crossMounts }).hidden(),
    unknown: (path, detail) => report({ path, kind: 'unreadable', detail }),
    again: (path) => report({ path, kind: 'unreadable', detail: 'it changed while it was looked at' }),
  });
  const merge = new Merge<WalkEntry, Listed>(objects.values());
  const compare = async (pairs: Iterable<Pair<WalkEntry, Listed>>): Promise<void> => {
    for (const some of inGroups(chosen(pairs, only), AT_ONCE)) {
      signal.throwIfAborted();
      const found = await Promise.all(
        some.map(({ left, right }) => differencesOf(workspace, { entry: left, listed: right }, compareOptions)),
      );
      for (const difference of found.flat()) report(difference);
      compared += some.length;
      options.onProgress?.(compared, Math.max(compared, objects.length));
    }
  };
  for await (const batch of entries) await compare(merge.with(wanted(batch, tree, options.directoryDefaults)));
  await compare(merge.rest());
  return { compared, differences, impossible };
}

function* chosen<P extends Pair<WalkEntry, Listed>>(
  pairs: Iterable<P>,
  only: ReadonlySet<RelPath> | undefined,
): Generator<P> {
  for (const pair of pairs) if (only === undefined || only.has(pathOfKey(pair.key))) yield pair;
}

function* inGroups<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let group: T[] = [];
  for (const item of items) {
    if (group.push(item) < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** What S3 should hold: directories only if they need a marker, and nothing special. */
function* wanted(entries: Iterable<WalkEntry>, tree: LocalTree, defaults: DirectoryDefaults): Generator<WalkEntry> {
  for (const entry of entries) {
    const { path, stat, isEmpty } = entry;
    if (stat.kind === 'other') continue;
    if (stat.kind === 'directory') {
      const xattrs = tree.xattrsIfReadable(path) ?? null;
      if (!needsMarker(stat, { isEmpty, xattrs }, defaults)) continue;
    }
    yield entry;
  }
}

async function listAll(
  { store, prefix, filter }: Workspace,
  signal: AbortSignal,
): Promise<{ objects: Listed[]; impossible: { key: string; reason: string }[] }> {
  const objects: Listed[] = [];
  const impossible: { key: string; reason: string }[] = [];
  for await (const page of store.list(prefix, { signal })) {
    for (const object of page) {
      const key = relativeKey(prefix, object.key);
      if (object.key === prefix) continue;
      if (key === undefined) {
        if (hashedOf(prefix, object.key) === undefined) continue;
        const reason = 'it tells the key of an object that is not there: it may be deleted';
        impossible.push({ key: object.key, reason });
      } else if (typeof key !== 'string') impossible.push({ key: object.key, reason: key.impossible });
      else if (filter.includes(pathOfKey(key), isMarker(key))) objects.push({ key, object });
    }
  }
  return { objects: inKeyOrder(objects, ({ key }) => key), impossible };
}

// Pure. S3 can hold both `a` and `a/b`; a file system cannot.
import { isMarker, type RelKey } from '../model/key.ts';

/** What the rule needs of a listed object. */
export interface DatedKey {
  readonly key: RelKey;
  readonly lastModifiedMs: number;
}

interface OpenFile {
  readonly object: DatedKey;
  /** Where the keys beneath it are, if there are any: neighbours in byte order. */
  below: { readonly from: number; to: number } | undefined;
  newestBelowMs: number;
}

/**
 * The keys that lose against a newer key of the same name, with the winner's.
 *
 * | `a` | newest of all `a/...` | loser |
 * |---|---|---|
 * | newer | older | every `a/...` |
 * | older or equal | newer | `a` |
 *
 * Both times are the server's own clock.
 *
 * @param objects in byte order of their keys
 */
export function findKeyConflicts(objects: readonly DatedKey[]): Map<RelKey, RelKey> {
  const losers = new Map<RelKey, RelKey>();
  // Files whose `a/...` may still come: each begins with the one before, so they end in the reverse order.
  const open: OpenFile[] = [];
  const close = ({ object, below, newestBelowMs }: OpenFile): void => {
    if (below === undefined) return;
    if (newestBelowMs >= object.lastModifiedMs) losers.set(object.key, objects[below.from]!.key);
    else for (const loser of objects.slice(below.from, below.to)) losers.set(loser.key, object.key);
  };

  objects.forEach((object, index) => {
    const { key, lastModifiedMs } = object;
    // '0' follows '/' in ASCII.
    while (open.length > 0 && key >= `${open.at(-1)!.object.key}0`) close(open.pop()!);
    for (const file of open) {
      if (!key.startsWith(`${file.object.key}/`)) continue;
      file.below ??= { from: index, to: index };
      file.below.to = index + 1;
      file.newestBelowMs = Math.max(file.newestBelowMs, lastModifiedMs);
    }
    if (!isMarker(key)) open.push({ object, below: undefined, newestBelowMs: Number.NEGATIVE_INFINITY });
  });
  for (const file of open.reverse()) close(file);
  return losers;
}

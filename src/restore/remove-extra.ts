// `restore --delete`: what is on disk and not in S3 goes, but for a copy that is kept.
import { ownerOf } from '../model/companions.ts';
import { fileKey, isMarker, objectKey, type RelKey, storedKey } from '../model/key.ts';
import { SNAPSHOT } from '../model/metadata.ts';
import { nameOf, parentOf, type RelPath, ROOT } from '../model/path.ts';
import { exceedsBudget } from '../plan/delete-budget.ts';
import { LocalTree } from '../tree/local-tree.ts';
import { coverOf, Mounts } from '../tree/mounts.ts';
import { type WalkEntry, walk } from '../tree/walk.ts';
import type { ConflictStore } from './conflict-store.ts';
import type { Each } from './each.ts';
import { ChangedError } from './errors.ts';
import { moveAside } from './move-aside.ts';
import type { ExtraOptions } from './options.ts';
import type { OpenDirectory } from './real-tree.ts';
import { removeEmptyDirectory } from './settle-gone.ts';
import { finding, isRemovedInPretence, type Remote, type Restoring, removed } from './work.ts';

type Extra = Pick<WalkEntry, 'key' | 'path' | 'stat'>;

interface Removing extends ExtraOptions {
  /** In byte order of their keys. */
  readonly remotes: readonly Remote[];
  readonly each: Each;
  readonly conflicts: ConflictStore;
}

/**
 * Removes every selected file and symbolic link that S3 does not hold, and keeps it like the loser of a conflict; then
 * the directories that hold nothing any more and are nothing to S3. Sockets, FIFOs and devices stay, and so do what
 * lies on another mount and the logs of a file that S3 holds as a command made it, which are in there. Nothing goes if something cannot be read, or if it is more than the budget allows.
 */
export async function removeExtra(work: Restoring, removing: Removing): Promise<void> {
  const { each, conflicts, crossMounts, remotes } = removing;
  const keys = remotes.map(({ relKey }) => relKey);
  const mounts = new Mounts(new LocalTree(work.options.root).root, { cross: crossMounts });
  const { extra, files } = await findExtra(work, { ...removing, keys, mounts });
  if (work.tally.failures.length > 0) return;
  const leaves = extra.filter(({ stat }) => stat.kind === 'file' || stat.kind === 'symlink');
  // What went because S3 lost it went by this command as well.
  const { removed, heldRemovals } = work.tally;
  if (exceedsBudget(leaves.length + removed, () => files + removed, work.options.deleteBudget)) {
    for (const { path } of leaves) heldRemovals.push(path);
    return;
  }
  await each(leaves, {
    key: ({ key }) => key,
    async settle({ path }) {
      if (await isInSnapshot(work, path, { remotes, keys })) return;
      inParent(work, { path, mounts }, (directory) => removeLeaf(work, { path, directory, conflicts }));
    },
  });
  if (work.options.pretend !== undefined) return;
  // Backwards: what is beneath a directory goes before it.
  await each(extra.filter(({ stat }) => stat.kind === 'directory').reverse(), {
    key: ({ key }) => key,
    settle: async ({ path }) =>
      inParent(work, { path, mounts }, (directory) => void removeEmptyDirectory(directory.entry(nameOf(path)))),
  });
}

/** What S3 does not hold, in byte order of the keys, and how many files there are in all. */
async function findExtra(
  work: Restoring,
  { directories, filter, keys, mounts }: Removing & { readonly keys: readonly RelKey[]; readonly mounts: Mounts },
): Promise<{ extra: readonly Extra[]; files: number }> {
  const { failures, refused } = work.tally;
  const hidden = mounts.hidden();
  const extra: Extra[] = [];
  let files = 0;
  const batches = walk({ tree: new LocalTree(work.options.root), directories }, ROOT, {
    filter,
    hidden,
    unknown: (path, reason) => (coverOf(path, hidden) === undefined ? failures : refused).push(finding(path, reason)),
    again: (path) => failures.push(finding(path, 'it changed while it was looked at')),
  });
  for await (const batch of batches) {
    work.signal.throwIfAborted();
    for (const { key, path, stat } of batch) {
      if (work.removedInPretence.has(path)) continue;
      if (stat.kind !== 'directory') files++;
      if (!isHeld(keys, key) && !isNameless(work, key)) extra.push({ key, path, stat });
    }
  }
  return { extra, files };
}

/**
 * Whether it is a log of a file that S3 holds as a command made it. Where such a file was placed its logs went already;
 * beside one that was left as it is they are a part of what S3 holds, or newer.
 */
async function isInSnapshot(
  { options: { store, retry }, signal }: Restoring,
  path: RelPath,
  { remotes, keys }: { readonly remotes: readonly Remote[]; readonly keys: readonly RelKey[] },
): Promise<boolean> {
  const owner = ownerOf(path);
  const remote = owner === undefined ? undefined : remotes[firstFrom(keys, owner)];
  if (remote === undefined || remote.relKey !== fileKey(owner!)) return false;
  const head = await retry(() => store.head(remote.key, { signal }), { signal });
  return head?.attributes.metadata[SNAPSHOT] !== undefined;
}

/** Whether S3 holds it without the object that would tell so. */
function isNameless({ nameless, options: { prefix } }: Restoring, key: RelKey): boolean {
  return nameless.size > 0 && nameless.has(storedKey(prefix, objectKey(prefix, key)));
}

/** Whether one of the keys, which are in byte order, is this one or beneath it: a file may be in the way of others. */
function isHeld(keys: readonly RelKey[], key: RelKey): boolean {
  const below = isMarker(key) ? key : `${key}/`;
  return keys[firstFrom(keys, key)] === key || keys[firstFrom(keys, below)]?.startsWith(below) === true;
}

/** Where the first key is that is not less. */
function firstFrom(keys: readonly RelKey[], wanted: string): number {
  let [from, to] = [0, keys.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (keys[middle]! < wanted) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Synchronous: nothing of ours runs between the last look and the removal. Nothing is done beneath a mount. */
function inParent(
  work: Restoring,
  { path, mounts }: { path: RelPath; mounts: Mounts },
  remove: (directory: OpenDirectory) => void,
): void {
  const hidden = mounts.hidden();
  const cover = coverOf(path, hidden);
  if (cover !== undefined) throw new ChangedError(hidden.get(cover));
  const directory = work.tree.open(parentOf(path));
  try {
    if (directory !== undefined) remove(directory);
  } finally {
    directory?.close();
  }
}

function removeLeaf(
  work: Restoring,
  { path, directory, conflicts }: { path: RelPath; directory: OpenDirectory; conflicts: ConflictStore },
): void {
  // Whatever was written to it meanwhile: what goes is what is kept.
  const local = directory.lstat(nameOf(path));
  if (local === undefined || isRemovedInPretence(work, path)) return;
  if (local.kind !== 'file' && local.kind !== 'symlink') throw new ChangedError('it changed on disk meanwhile');
  moveAside(work, { conflicts, directory, path, local, reason: 'not in S3' });
  removed(work, path);
}

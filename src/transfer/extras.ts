// What is kept of a file besides its content and stat.
import { type Stat, sameContentStat } from '../model/entry.ts';
import type { Extras } from '../model/extras.ts';
import { pathOfKey } from '../model/key.ts';
import type { RelPath } from '../model/path.ts';
import type { OpenedFile } from '../tree/local-tree.ts';
import type { TransferContext } from './context.ts';
import { RacedError } from './stable-file.ts';

type Sides = Pick<TransferContext, 'tree' | 'journal'>;

/**
 * Of a file that is open. Whether all of it belongs to one state of the file, another look at its stat tells.
 * @throws RacedError if the name is gone; the system error
 */
export function extrasOf(sides: Sides, path: RelPath, opened: OpenedFile): Extras {
  return { xattrs: sides.tree.xattrs(opened), linkGroup: linkGroup(sides, path, opened.stat) };
}

/** Of a file that is not opened. @throws RacedError if it is not what `stat` says any more; the system error */
export function extrasAsOf(sides: Sides, path: RelPath, stat: Stat): Extras {
  const { tree } = sides;
  const extras = { xattrs: tree.xattrs(path), linkGroup: linkGroup(sides, path, stat) };
  if (!tree.keeps.xattrs && !tree.keeps.hardLinks) return extras;
  const now = tree.lstat(path);
  if (now === undefined || !sameContentStat(now, stat)) throw new RacedError('it changed after it was looked at');
  return extras;
}

/**
 * What the other names of the inode have already, so that none of them need be stored anew; else what follows from the
 * inode, so that names that are stored at the same time have the same.
 */
function linkGroup({ tree, journal }: Sides, path: RelPath, stat: Stat): string | null | undefined {
  if (!tree.keeps.hardLinks) return undefined;
  if (stat.nlink < 2) return null;
  for (const { key, linkGroup } of journal.ledger.byInode(stat.ino)) {
    // The row may be of an inode that had the number before.
    if (linkGroup !== null && tree.holds(pathOfKey(key), stat.ino)) return linkGroup;
  }
  const group = tree.linkGroup(path);
  if (group === undefined) throw new RacedError('it is gone');
  return group;
}

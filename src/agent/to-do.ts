// How much a sync has to do, for its progress: what a scan would find now, and none of it is looked into.
import type { LedgerOutline } from '../ledger/ledger.ts';
import { isUnchanged } from '../ledger/unchanged.ts';
import type { RelKey } from '../model/key.ts';
import { ROOT } from '../model/path.ts';
import { Merge } from '../plan/merge.ts';
import { Mounts } from '../tree/mounts.ts';
import { type WalkEntry, walk } from '../tree/walk.ts';
import type { Workspace } from './workspace.ts';

export interface ToDo {
  readonly files: number;
  /** To be sent, as far as a size can tell: what S3 holds in this size is probably the same. */
  readonly bytes: number;
}

/**
 * Counts the files and symbolic links that differ from what the ledger knows.
 *
 * @param signal ends it early, with what has been counted
 */
export async function countToDo(
  { tree, directories, filter, ledger }: Pick<Workspace, 'tree' | 'directories' | 'filter' | 'ledger'>,
  { crossMounts, signal }: { readonly crossMounts: boolean; readonly signal: AbortSignal },
): Promise<ToDo> {
  let [files, bytes] = [0, 0];
  const merge = new Merge<WalkEntry, LedgerOutline>(ledger.outlines('' as RelKey));
  const batches = walk({ tree, directories }, ROOT, {
    filter,
    hidden: new Mounts(tree.root, { cross: crossMounts }).hidden(),
    unknown: () => {},
    again: () => {},
  });
  for await (const batch of batches) {
    if (signal.aborted) break;
    for (const { left, right: row } of merge.with(batch)) {
      if (left === undefined || !['file', 'symlink'].includes(left.stat.kind)) continue;
      if (row !== undefined && isUnchanged(row, left.stat)) continue;
      files++;
      const isSent = row === undefined || row.state === 'intent' || row.state === 'unproven';
      if (isSent || row.sizeBytes !== left.stat.sizeBytes) bytes += left.stat.sizeBytes;
    }
  }
  return { files, bytes };
}

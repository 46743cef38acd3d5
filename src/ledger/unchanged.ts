// Pure. When is a stat proof enough that S3 holds what is on disk?

import type { Stat } from '../model/entry.ts';
import type { Extras, Keeps } from '../model/extras.ts';
import { NO_XATTRS, type Xattrs } from '../model/xattrs.ts';
import type { LedgerOutline, LedgerRow } from './ledger.ts';

/**
 * Restic's rule: kind, size, mtime, ctime and inode all equal, and the row is an acknowledged, settled one. An event of
 * a write since the last read overrules it: bytes may arrive after the times were set.
 */
export function isUnchanged(row: LedgerOutline, stat: Stat): boolean {
  return row.state === 'known' && sameFile(row, stat);
}

/** The five fields alone, whatever the state of the row. */
export function sameFile(row: LedgerOutline, stat: Stat): boolean {
  return (
    row.kind === stat.kind &&
    row.sizeBytes === stat.sizeBytes &&
    row.mtimeNs === stat.mtimeNs &&
    row.ctimeNs === stat.ctimeNs &&
    row.ino === stat.ino
  );
}

/** Whether everything stored as metadata is equal: what a restore would bring back besides the content. */
export function sameMetadata(row: LedgerOutline, stat: Stat): boolean {
  return (
    row.mode === stat.mode &&
    row.uid === stat.uid &&
    row.gid === stat.gid &&
    (stat.kind === 'directory' || row.mtimeNs === stat.mtimeNs)
  );
}

/** Whether the row tells of these extended attributes; always so where they are not kept (null). */
export function sameXattrs(row: LedgerOutline, xattrs: Xattrs | null): boolean {
  return xattrs === null || (row.xattrs ?? '') === xattrs.digest;
}

/** Whether the row tells of what was seen of a file; of nothing that is not kept, for nobody will see it change. */
export function sameExtras(row: LedgerOutline, { xattrs, linkGroup = null }: Extras): boolean {
  return sameXattrs(row, xattrs ?? NO_XATTRS) && row.linkGroup === linkGroup;
}

/** Whether somebody has looked at all of a file that is to be kept: rows are older than options. */
export function isComplete(row: LedgerOutline, stat: Stat, keeps: Keeps): boolean {
  if (stat.kind !== 'file') return true;
  return (!keeps.xattrs || row.xattrs !== null) && (!keeps.hardLinks || stat.nlink < 2 || row.linkGroup !== null);
}

/** Whether the row is ours and S3 has acknowledged an object under its key. */
export function isAcknowledged(row: LedgerRow): boolean {
  return row.state === 'known' || row.state === 'fuzzy' || (row.state === 'unproven' && row.etag !== null);
}

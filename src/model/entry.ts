// Pure. What is on disk, as far as synchronising cares.

/** What a path can be. 'other' is a socket, FIFO or device: never stored, but it occupies its name. */
export type EntryKind = 'file' | 'directory' | 'symlink' | 'other';

/** Kinds that become objects. */
export type StoredKind = Exclude<EntryKind, 'other'>;

/** The fields of one lstat(2) that decide. */
export interface Stat {
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  readonly dev: bigint;
  /** The whole st_mode, type bits included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** How many names the inode has. */
  readonly nlink: number;
}

/** Whether nothing that a write can change differs: the rule of a torn-read check. */
export function sameContentStat(a: Stat, b: Stat): boolean {
  return (
    a.kind === b.kind &&
    a.sizeBytes === b.sizeBytes &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs &&
    a.ino === b.ino &&
    a.dev === b.dev
  );
}

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

/** Kernel timestamps advance in ticks of up to 10 ms; two writes within one leave equal stats. */
const GRANULARITY_MS = 20;
/** File systems with whole-second times show it by a zero nanosecond part. */
const COARSE_GRANULARITY_MS = 2000;

/**
 * How long to wait until a write after now would show in the timestamps; 0 if it would already. A ctime in the future
 * (the clock was set back) can never prove anything: -1.
 */
export function youngMs({ ctimeNs }: Pick<Stat, 'ctimeNs'>, wallNowMs: number): number {
  const granularityMs = ctimeNs % 1_000_000_000n === 0n ? COARSE_GRANULARITY_MS : GRANULARITY_MS;
  const ageMs = wallNowMs - Number(ctimeNs / 1_000_000n);
  if (ageMs < -granularityMs) return -1;
  return Math.max(0, granularityMs - ageMs);
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

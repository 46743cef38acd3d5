// The ledger's contract: what we believe S3 holds, per key.
import type { StoredKind } from '../model/entry.ts';
import type { RelKey } from '../model/key.ts';

/**
 * How sure we are of a row.
 * - `intent`: a request for a new key or a multipart upload was about to be sent; the key counts as ours.
 * - `known`: S3 acknowledged exactly this.
 * - `unproven`: an ambiguous request may still execute at the server; believed only after a HEAD at `proveAfterMs`.
 * - `fuzzy`: acknowledged, but read from a file that never rested; never counts as unchanged.
 * - `foreign`: seen in a listing, not ours: compared for adoption, never deleted without the user's word.
 */
export type RowState = 'intent' | 'known' | 'unproven' | 'fuzzy' | 'foreign';

/** One key. Times in ns are the local file's; of a foreign row, mtime is when S3 says it was written, ctime is 0. */
export interface LedgerRow {
  readonly key: RelKey;
  readonly kind: StoredKind;
  readonly state: RowState;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  /** The whole st_mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /**
   * Of the extended attributes that S3 holds with it: SHA-256 of their encoding in hex, '' if there are none; null if
   * nobody has looked (`--xattrs`).
   */
  readonly xattrs: string | null;
  /** What S3 says that all names of the file's inode have in common (`--hard-links`); null: nothing, as far as known. */
  readonly linkGroup: string | null;
  /** SHA-256 of the content in hex; null only for intent and foreign rows (a directory's content is empty). */
  readonly checksum: string | null;
  /** ETag without quotes; null if S3 gave none, or if the key is expected to be absent (unproven delete). */
  readonly etag: string | null;
  readonly versionId: string | null;
  /** The multipart upload that may be open for this key; UNHEARD_UPLOAD if its id is not known. */
  readonly uploadId: string | null;
  /** Wall clock, ms: when an unproven row may be proven by HEAD; null otherwise. */
  readonly proveAfterMs: number | null;
}

/** What of a row a look at the disk is compared with. */
export type LedgerOutline = Pick<
  LedgerRow,
  | 'key'
  | 'kind'
  | 'state'
  | 'sizeBytes'
  | 'mtimeNs'
  | 'ctimeNs'
  | 'ino'
  | 'mode'
  | 'uid'
  | 'gid'
  | 'xattrs'
  | 'linkGroup'
>;

/**
 * An upload in parts was asked for and its id never came. It has no part, so it costs nothing; nothing tells it from
 * an upload of somebody else on that key, so it is never aborted.
 */
export const UNHEARD_UPLOAD = '';

/** Identity of the root a ledger was written for; never st_dev, which changes when a volume is re-attached. */
export interface RootIdentity {
  readonly ino: bigint;
  readonly birthtimeNs: bigint;
  /** What identifies the file system across mounts: see fsidOf of tree/root-guard.ts. */
  readonly fsid: string;
}

/** The ledger could not be read or written. A failed `write` changed nothing; what was staged is gone with it. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
}

/** Facts about the whole ledger. */
export interface LedgerMeta {
  /** The remote side has been listed completely into this ledger (foreign rows are there). */
  readonly listed: boolean;
  /** A restore has begun and not finished: no deletes until one completes. */
  readonly restoring: boolean;
  readonly root: RootIdentity | null;
  /**
   * Of the lease: this ledger knows of everything that was written up to this term, and its own is the last. null: it
   * has never been in line with a lease.
   */
  readonly generation: number | null;
  /** What the last restore selected of which everything is on disk, as a text; null: there was none. */
  readonly restored: string | null;
  /** The remote side, its URL and its server; null: nobody has said. */
  readonly remote: string | null;
}

/** A part of a chain of checkpoints: an object that tells of so many keys. */
export interface ChainSegment {
  readonly name: string;
  readonly entries: number;
}

/**
 * What a chain of checkpoints (checkpoint/) does not tell yet: every key whose row was written or forgotten is recorded
 * in the same transaction, whichever command does it. All methods throw LedgerError.
 */
export interface CheckpointChain {
  /** The segments, in their order; undefined: there is no chain, and nothing is recorded. */
  readonly segments: readonly ChainSegment[] | undefined;
  /** How often something was recorded since the ledger was opened. */
  readonly noted: number;
  /** Begins one: every key that is ours counts as changed. */
  begin(): void;
  /** Forgets it. */
  end(): void;
  /** Changed keys after this one in byte order, at most so many. */
  changed(after: RelKey, limit: number): RelKey[];
  /** A segment tells these versions of keys, or null where there was none: but for rows that say otherwise by now, they changed no more. */
  add(segment: ChainSegment, told: ReadonlyMap<RelKey, string | null>): void;
}

/**
 * Durable against kill -9 at every return but that of `stage`, not against power loss (then it is at worst a few rows
 * old, which costs requests, never data). One process at a time; all methods are synchronous and throw LedgerError.
 */
export interface Ledger {
  readonly chain: CheckpointChain;
  get(key: RelKey): LedgerRow | undefined;
  /** Whether no row has from <= key < to. */
  isEmpty(from: RelKey, to: RelKey): boolean;
  /** Rows with from <= key < to in byte order; `to` undefined means to the end. The caller may write while iterating. */
  range(from: RelKey, to?: RelKey): IterableIterator<LedgerRow>;
  /** The same rows, but no more of them than a scan needs: a third of the time. */
  outlines(from: RelKey, to?: RelKey): IterableIterator<LedgerOutline>;
  /** Whether any row but a foreign one has from <= key < to and is acknowledged (known, fuzzy or unproven with an ETag). */
  hasAcknowledged(from: RelKey, to: RelKey): boolean;
  /** Rows that are ours and hold this inode: possible sources of a server-side copy. */
  byInode(ino: bigint): LedgerRow[];
  /** Rows that may have an open multipart upload of ours. */
  openUploads(): LedgerRow[];
  /** How many keys a late request may still change after this time (`proveAfterMs`), and until when; undefined: none. */
  owedProofs(nowMs: number): { keys: number; untilMs: number } | undefined;
  /** How many rows are ours (not foreign), and how many are foreign. */
  count(): { ours: number; foreign: number };
  /** Writes the row, or with null forgets the key: seen by every read from now on, durable after `commit`. */
  stage(key: RelKey, row: LedgerRow | null): void;
  /** Makes everything staged durable at once; without anything staged it does nothing. */
  commit(): void;
  /** Forgets, then writes all of these in one transaction, with what is staged: all or nothing. */
  write(rows: readonly LedgerRow[], forget?: readonly RelKey[]): void;
  /** Removes every foreign row (before a new listing). */
  forgetForeign(): void;
  /** Removes every row and forgets that anything was listed or restored: as if the file had been deleted. */
  clear(): void;
  meta(): LedgerMeta;
  setMeta(change: Partial<LedgerMeta>): void;
  /** Gives back the memory that only saves reading again. */
  shrink(): void;
  close(): void;
}

// What every transfer needs; made once where the stages are wired.
import { HashThreadError, type HashThreads } from '../hash/hash-threads.ts';
import type { Journal } from '../ledger/journal.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import { rowFor } from '../ledger/row.ts';
import type { Stat } from '../model/entry.ts';
import type { Extras } from '../model/extras.ts';
import { objectKey, type RelKey } from '../model/key.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectStore, Written } from '../store/object-store.ts';
import { codeOf } from '../tree/error-code.ts';
import type { LocalTree } from '../tree/local-tree.ts';
import type { Clones } from './clones.ts';
import type { ContentMemory } from './content-memory.ts';
import type { CopyOrder } from './copy-order.ts';
import type { MetadataWriter } from './metadata-writer.ts';
import type { Outcome } from './outcome.ts';
import { isRetryable } from './retry.ts';
import { SnapshotError, type Snapshots } from './snapshots.ts';
import { RacedError } from './stable-file.ts';

export interface TransferContext {
  readonly tree: LocalTree;
  readonly store: ObjectStore;
  /** '' or text ending in '/'. */
  readonly prefix: string;
  readonly journal: Journal;
  /** What objects say of their files. */
  readonly metadata: MetadataWriter;
  /** What is being copied from waits for the copy. */
  readonly copies: CopyOrder;
  /** Of files that do not rest. */
  readonly clones: Pick<Clones, 'make'>;
  /** Files that are stored as a command makes them. */
  readonly snapshots: Snapshots;
  readonly partSizeBytes: number;
  /** Files of at least this size are sent in parts. */
  readonly multipartThresholdBytes: number;
  /** Hash what goes in parts. */
  readonly hashes: HashThreads;
  /** Where parts are while they are sent. */
  readonly memory: ContentMemory;
  /** Parts of one file in flight at once. */
  readonly partConcurrency: number;
  /** After this the server can no longer execute a request we gave up on. */
  readonly requestTimeoutMs: number;
  /** Wall clock in ms, as the kernel stamps files. */
  readonly wallNow: () => number;
  /** Wall clock at the start, and the time passed since: a step of the clock neither hurries nor delays a proof. */
  readonly steadyNow: () => number;
}

/** The key in the store. */
export function wholeKey({ prefix }: TransferContext, key: RelKey): string {
  return objectKey(prefix, key);
}

/**
 * The proof that a key's next state owes: until when a late, ambiguous request may still change it; null if none can.
 */
export function owedProof(row: LedgerRow | undefined, steadyNowMs: number): number | null {
  return row?.proveAfterMs != null && row.proveAfterMs > steadyNowMs ? row.proveAfterMs : null;
}

/** The outcome of work that was cut short: the file could not be read as one state, or a request failed. */
export function cutShort(context: TransferContext, error: unknown, row: LedgerRow | undefined): Outcome {
  if (error instanceof RacedError) return { end: 'raced' };
  if (error instanceof HashThreadError) return { end: 'unreadable', code: error.code };
  if (error instanceof SnapshotError) return { end: 'unreadable', code: error.message };
  if (error instanceof Error && 'syscall' in error) return { end: 'unreadable', code: codeOf(error) };
  return failure(context, error, row);
}

/** The outcome of a request that failed; an ambiguous one leaves its key unproven. */
export function failure(
  context: TransferContext,
  error: unknown,
  row: LedgerRow | undefined,
): Extract<Outcome, { end: 'failed' }> {
  if (!(error instanceof StoreError)) throw error;
  if (row === undefined) return { end: 'failed', error };
  return { end: 'failed', error, row: error.ambiguous ? mayExecute(context, row) : row };
}

/** The row of a key on which a request may still execute until `proveAfterMs`. */
export function ambiguous(row: LedgerRow, proveAfterMs: number): LedgerRow {
  return { ...row, state: row.etag === null ? 'intent' : 'unproven', proveAfterMs };
}

/** The row while a request on its key is under way: if we die now, it may execute and nobody will hear of it. */
export function mayExecute({ steadyNow, requestTimeoutMs }: TransferContext, row: LedgerRow): LedgerRow {
  return ambiguous(row, steadyNow() + requestTimeoutMs);
}

/** To be called before a put: waits for copies that read the key, then says durably that a request may execute. */
export async function announce(context: TransferContext, row: LedgerRow): Promise<void> {
  await context.copies.inTurn(row.key, () => context.journal.saveDurably(mayExecute(context, row)));
}

/**
 * To be called before a request that may start an upload in parts: aborts the one that an attempt of before could not
 * abort. It is known from its row alone, so no row may drop it until then.
 * @throws StoreError if it may succeed later
 */
export async function abortLeftOpen(context: TransferContext, row: LedgerRow, signal: AbortSignal): Promise<LedgerRow> {
  try {
    if (row.uploadId) await context.store.abortMultipart(wholeKey(context, row.key), row.uploadId, { signal });
  } catch (error) {
    // Who may not abort could otherwise never upload again.
    if (isRetryable(error) || signal.aborted) throw error;
  }
  return { ...row, uploadId: null };
}

/** What S3 acknowledged, as a row. */
export interface Acknowledged {
  readonly stat: Stat;
  readonly extras: Extras;
  readonly checksum: string;
  readonly written: Written;
  /** The file did not rest: never to be taken for unchanged. */
  readonly fuzzy: boolean;
}

/** The fields of a row that tell of them. */
export function fieldsOf({ xattrs, linkGroup = null }: Extras): Pick<LedgerRow, 'xattrs' | 'linkGroup'> {
  return { xattrs: xattrs === null ? null : xattrs.digest, linkGroup };
}

/** The row of a key after an acknowledged write; unproven while a request from before may still execute after it. */
export function acknowledgedRow(
  context: TransferContext,
  before: LedgerRow,
  { stat, extras, checksum, written, fuzzy }: Acknowledged,
): LedgerRow {
  const proveAfterMs = owedProof(before, context.steadyNow());
  const state = fuzzy ? 'fuzzy' : proveAfterMs === null ? 'known' : 'unproven';
  const { uploadId } = before;
  return rowFor(before.key, stat, { state, ...fieldsOf(extras), checksum, ...written, uploadId, proveAfterMs });
}

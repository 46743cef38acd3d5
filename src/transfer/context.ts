// What every transfer needs; made once where the stages are wired.
import type { Journal } from '../ledger/journal.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import { objectKey, type RelKey } from '../model/key.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { LocalTree } from '../tree/local-tree.ts';
import type { Outcome } from './outcome.ts';

export interface TransferContext {
  readonly tree: LocalTree;
  readonly store: ObjectStore;
  /** '' or text ending in '/'. */
  readonly prefix: string;
  readonly journal: Journal;
  readonly partSizeBytes: number;
  /** Files of at least this size are sent in parts. */
  readonly multipartThresholdBytes: number;
  /** Parts of one file in flight at once. */
  readonly partConcurrency: number;
  /** After this the server can no longer execute a request we gave up on. */
  readonly requestTimeoutMs: number;
  /** Wall clock in ms, as the kernel stamps files. */
  readonly wallNow: () => number;
  /** Wall clock at the start, and the time passed since: a step of the clock neither hurries nor delays a proof. */
  readonly steadyNow: () => number;
}

/** The whole key, or a StoreError that says why S3 cannot have it. */
export function wholeKey(context: TransferContext, key: RelKey): string {
  const whole = objectKey(context.prefix, key);
  if (typeof whole === 'string') return whole;
  throw new StoreError(whole.impossible, { reaction: 'rejected', code: 'ImpossibleName' });
}

/**
 * The proof that a key's next state owes: until when a late, ambiguous request may still change it; null if none can.
 */
export function owedProof(row: LedgerRow | undefined, steadyNowMs: number): number | null {
  return row?.proveAfterMs != null && row.proveAfterMs > steadyNowMs ? row.proveAfterMs : null;
}

/** The outcome of a request that failed; an ambiguous one leaves its key unproven. */
export function failure(context: TransferContext, error: unknown, row: LedgerRow | undefined): Outcome {
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

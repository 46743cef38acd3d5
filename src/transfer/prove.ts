// Believing a key again after an ambiguous request: one HEAD, once the late request can no longer come.
import type { LedgerRow } from '../ledger/ledger.ts';
import { failure, type TransferContext, wholeKey } from './context.ts';
import type { Outcome } from './outcome.ts';

/**
 * Compares S3 with what the row believes (its ETag, or absence when it has none).
 *
 * | row believes | S3 shows | then |
 * |---|---|---|
 * | ETag | the same | known |
 * | absent | absent | forgotten |
 * | anything | anything else | ours, content unknown: looked at anew |
 */
export async function proveKey(context: TransferContext, row: LedgerRow, signal: AbortSignal): Promise<Outcome> {
  try {
    const head = await context.store.head(wholeKey(context, row.key), { signal });
    if (head === undefined && row.etag === null) return { end: 'proven', key: row.key, row: undefined };
    if (head !== undefined && head.etag === row.etag) {
      // Proven early (a drain cannot wait): believed for now, asked again after the time.
      const early = (row.proveAfterMs ?? 0) > context.wallNow();
      return { end: 'proven', key: row.key, row: early ? row : { ...row, state: 'known', proveAfterMs: null } };
    }
    return { end: 'disproven', row: { ...row, state: 'intent', proveAfterMs: null } };
  } catch (error) {
    return failure(context, error, row);
  }
}

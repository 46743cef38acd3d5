// Believing a key again after an ambiguous request: one HEAD, once the late request can no longer come.
import type { LedgerRow } from '../ledger/ledger.ts';
import { storedLinkGroup } from '../model/extras.ts';
import { encodeMetadata, FUZZY } from '../model/metadata.ts';
import { storedXattrs } from '../model/xattrs.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { failure, owedProof, type TransferContext, wholeKey } from './context.ts';
import type { Outcome } from './outcome.ts';

/**
 * Compares S3 with what the row believes (its ETag, or absence when it has none).
 *
 * | row believes | S3 shows | then |
 * |---|---|---|
 * | ETag | the same | known |
 * | absent | absent | forgotten |
 * | anything | anything else, or a snapshot of a file that did not rest | ours, content unknown: looked at anew |
 *
 * Proven before its time (a drain cannot wait) it is believed for now, and asked again after it.
 */
export async function proveKey(context: TransferContext, row: LedgerRow, signal: AbortSignal): Promise<Outcome> {
  const { key } = row;
  try {
    const head = await context.store.head(wholeKey(context, key), { signal });
    const proveAfterMs = owedProof(row, context.steadyNow());
    if (!isAsBelieved(head, row)) return { end: 'disproven', row: { ...row, state: 'intent', proveAfterMs } };
    if (proveAfterMs !== null) return { end: 'proven', key, row };
    return { end: 'proven', key, row: head === undefined ? undefined : { ...row, state: 'known', proveAfterMs: null } };
  } catch (error) {
    return failure(context, error, row);
  }
}

/** Equal content under other metadata has the same ETag. */
function isAsBelieved(head: ObjectHead | undefined, row: LedgerRow): boolean {
  if (head === undefined || row.etag === null) return head === undefined && row.etag === null;
  const { metadata } = head.attributes;
  if (metadata[FUZZY] !== undefined) return false;
  if (row.xattrs !== null && storedXattrs(metadata).digest !== row.xattrs) return false;
  if (storedLinkGroup(metadata) !== row.linkGroup) return false;
  return head.etag === row.etag && Object.entries(encodeMetadata(row)).every(([name, text]) => metadata[name] === text);
}

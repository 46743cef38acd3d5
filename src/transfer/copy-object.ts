// What S3 holds already, under another key or with other metadata, is copied there: no content is sent.
import type { LedgerRow } from '../ledger/ledger.ts';
import type { Stat } from '../model/entry.ts';
import type { Extras } from '../model/extras.ts';
import { type Reaction, StoreError } from '../store/errors.ts';
import type { Written } from '../store/object-store.ts';
import { abortLeftOpen, failure, mayExecute, type TransferContext, wholeKey } from './context.ts';
import type { Reading } from './copy-order.ts';
import type { Outcome } from './outcome.ts';

export interface CopyRequest {
  /** The row of what is copied, with an ETag; the target's own row for a change of its metadata. */
  readonly source: LedgerRow;
  /** The plan that keeps the source in place; undefined for a copy onto itself. */
  readonly reading?: Reading;
  /** The target's row; of a key that has none, an intent. */
  readonly row: LedgerRow;
  /** Of the file that S3 shall hold under the target. */
  readonly stat: Stat;
  readonly extras: Extras;
  readonly signal: AbortSignal;
}

export type Copied =
  /** `row`: the target's as it was before the request. */
  | { readonly end: 'copied'; readonly written: Written; readonly row: LedgerRow }
  /** Nothing was copied, and the content must be sent. `row`: the target's as it is. */
  | { readonly end: 'declined'; readonly row: LedgerRow }
  | Extract<Outcome, { end: 'failed' }>;

/** What the server says when it cannot or may not copy this, and could take the content all the same. */
const DECLINED: ReadonlySet<Reaction> = new Set(['conflict', 'not-found', 'denied', 'rejected']);

/**
 * One copy on the server. It is declined if the source is not what its row says any more: here, because something else
 * is being stored there, or in S3.
 * @throws StoreError if S3 cannot have the target's key or its extended attributes, or an upload that is open there cannot be aborted yet
 */
export async function copyObject(context: TransferContext, request: CopyRequest): Promise<Copied> {
  const { store, journal, copies } = context;
  const { source, reading, stat, extras, signal } = request;
  const metadata = await context.metadata.of(stat, extras, signal);
  const key = wholeKey(context, request.row.key);
  const row = await abortLeftOpen(context, request.row, signal);
  const announced = await copies.inTurn(row.key, async () => {
    if (reading !== undefined && !isStill(journal.ledger.get(source.key), source)) return false;
    if (reading !== undefined) reading.started = true;
    await journal.saveDurably(mayExecute(context, row));
    return true;
  });
  if (!announced) return { end: 'declined', row };
  let uploadId: string | undefined;
  const onStarted = (id: string): void => {
    uploadId = id;
    journal.save(mayExecute(context, { ...row, uploadId }));
    journal.flush();
  };
  try {
    const from = { key: wholeKey(context, source.key), etag: source.etag!, sizeBytes: source.sizeBytes };
    const to = { key, attributes: { metadata } };
    const written = await store.copy(from, to, { signal, onStarted });
    return { end: 'copied', written, row };
  } catch (error) {
    // It may still be open.
    const after = uploadId === undefined ? row : { ...row, uploadId };
    if (!(error instanceof StoreError) || error.ambiguous || !DECLINED.has(error.reaction))
      return failure(context, error, after);
    journal.save(after);
    return { end: 'declined', row: after };
  }
}

function isStill(now: LedgerRow | undefined, source: LedgerRow): boolean {
  return now?.state === 'known' && now.etag === source.etag && now.checksum === source.checksum;
}

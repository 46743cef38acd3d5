// A file that S3 holds under another key, where it was before: one copy on the server, and the content as a last resort.
import type { LedgerRow } from '../ledger/ledger.ts';
import { rowFor } from '../ledger/row.ts';
import type { Stat } from '../model/entry.ts';
import type { Extras } from '../model/extras.ts';
import { fileKey } from '../model/key.ts';
import { acknowledgedRow, cutShort, type TransferContext } from './context.ts';
import { type Copied, copyObject } from './copy-object.ts';
import type { Reading } from './copy-order.ts';
import { extrasAsOf } from './extras.ts';
import type { Outcome } from './outcome.ts';
import { type UploadRequest, uploadFile } from './upload-file.ts';

export interface CopyFileRequest extends Omit<UploadRequest, 'from'> {
  /** The known row of the other key. */
  readonly source: LedgerRow;
  /** The stat alone proves that the file is what the source holds; otherwise it is read first. */
  readonly proven: boolean;
  /** The stat the decision was made on. */
  readonly stat: Stat;
}

/** Publishes one file that was renamed. */
export async function copyFile(context: TransferContext, request: CopyFileRequest): Promise<Outcome> {
  const { path, source, proven } = request;
  const reading = context.copies.plan(source.key, fileKey(path));
  try {
    return proven
      ? await copyUnread(context, request, reading)
      : await uploadFile(context, { ...request, from: { source, reading } });
  } finally {
    reading.end();
  }
}

async function copyUnread(context: TransferContext, request: CopyFileRequest, reading: Reading): Promise<Outcome> {
  const { path, source, stat, signal } = request;
  const before = request.row ?? rowFor(fileKey(path), stat, { state: 'intent', checksum: null });
  let copied: Copied;
  let extras: Extras;
  try {
    extras = extrasAsOf(context, path, stat);
    copied = await copyObject(context, { source, reading, row: before, stat, extras, signal });
  } catch (error) {
    return cutShort(context, error, request.row); // nothing was sent
  }
  if (copied.end === 'failed') return copied;
  if (copied.end === 'declined') {
    reading.end(); // whoever waits for the source need not wait for the content to be sent
    return uploadFile(context, { ...request, row: copied.row });
  }
  const { written, row } = copied;
  const stored = acknowledgedRow(context, row, {
    ...{ stat, extras, written },
    checksum: source.checksum!,
    fuzzy: false,
  });
  return { end: 'stored', row: stored, how: 'copied', bytes: 0, torn: false, marked: false };
}

// Symbolic links and directory markers: objects whose body is at hand.
import { hash } from 'node:crypto';
import type { LedgerRow } from '../ledger/ledger.ts';
import { rowFor } from '../ledger/row.ts';
import { sameMetadata, sameXattrs } from '../ledger/unchanged.ts';
import { type Stat, sameContentStat } from '../model/entry.ts';
import { fileKey, markerKey } from '../model/key.ts';
import type { RelPath } from '../model/path.ts';
import type { Xattrs } from '../model/xattrs.ts';
import { codeOf } from '../tree/error-code.ts';
import { acknowledgedRow, announce, failure, type TransferContext, wholeKey } from './context.ts';
import type { Outcome } from './outcome.ts';

export interface InlineRequest {
  readonly path: RelPath;
  /** The stat the decision was made on. */
  readonly stat: Stat;
  /** Those of a directory; null if they are not kept. */
  readonly xattrs: Xattrs | null;
  readonly row: LedgerRow | undefined;
  readonly signal: AbortSignal;
}

const NO_CONTENT = Buffer.alloc(0);

/** Publishes a symbolic link: its target is the body, its kind is in the mode. */
export async function uploadSymlink(context: TransferContext, request: InlineRequest): Promise<Outcome> {
  let target: Buffer;
  try {
    target = context.tree.readlink(request.path);
    const now = context.tree.lstat(request.path);
    if (now === undefined || !sameContentStat(now, request.stat)) return { end: 'raced' };
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL'
      ? { end: 'raced' }
      : { end: 'unreadable', code };
  }
  return putInline(context, request, target);
}

/** Publishes a directory's marker: an empty body, the directory's mode, owner and extended attributes. */
export async function uploadMarker(context: TransferContext, request: InlineRequest): Promise<Outcome> {
  return putInline(context, request, NO_CONTENT);
}

async function putInline(context: TransferContext, request: InlineRequest, body: Buffer): Promise<Outcome> {
  const { stat, xattrs, row, signal } = request;
  const extras = { xattrs, linkGroup: undefined };
  const relKey = stat.kind === 'directory' ? markerKey(request.path) : fileKey(request.path);
  const checksum = hash('sha256', body);
  // A directory's time may be what is to be stored.
  const isTimely = row?.mtimeNs === stat.mtimeNs;
  const isEqual = row?.state === 'known' && row.kind === stat.kind && row.checksum === checksum;
  if (isEqual && isTimely && sameMetadata(row, stat) && sameXattrs(row, xattrs)) {
    const { state, xattrs, etag, versionId } = row;
    return { end: 'equal', row: rowFor(relKey, stat, { state, xattrs, etag, versionId, checksum }), adopted: false };
  }
  const before = row ?? rowFor(relKey, stat, { state: 'intent', checksum: null });
  try {
    const key = wholeKey(context, relKey);
    const metadata = await context.metadata.of(stat, extras, signal);
    await announce(context, before);
    // The name of a link says nothing of its target.
    const type = stat.kind === 'symlink' ? { contentType: 'inode/symlink' } : {};
    const attributes = { metadata, ...type };
    const written = await context.store.put(key, body, attributes, { signal, sha256: checksum });
    const stored = acknowledgedRow(context, before, { stat, extras, checksum, written, fuzzy: false });
    return { end: 'stored', row: stored, how: 'uploaded', bytes: body.length, torn: false, marked: false };
  } catch (error) {
    return failure(context, error, before);
  }
}

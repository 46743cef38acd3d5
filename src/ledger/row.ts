// Pure. Making rows.
import type { Stat, StoredKind } from '../model/entry.ts';
import { isMarker, type RelKey } from '../model/key.ts';
import type { LedgerRow } from './ledger.ts';

/** A row for `key` as `stat` shows it, with nothing known about S3 but what `facts` say. */
export function rowFor(
  key: RelKey,
  stat: Stat,
  facts: Pick<LedgerRow, 'state' | 'checksum'> &
    Partial<Pick<LedgerRow, 'xattrs' | 'linkGroup' | 'etag' | 'versionId' | 'uploadId' | 'proveAfterMs'>>,
): LedgerRow {
  return {
    key,
    kind: stat.kind as StoredKind,
    sizeBytes: stat.kind === 'directory' ? 0 : stat.sizeBytes,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    ino: stat.ino,
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    xattrs: null,
    linkGroup: null,
    etag: null,
    versionId: null,
    uploadId: null,
    proveAfterMs: null,
    ...facts,
  };
}

/** What S3 holds under `key` and nobody here vouches for; an upload that may be open for it is remembered. */
export function foreignRow(
  key: RelKey,
  remote: { readonly sizeBytes: number; readonly etag: string; readonly lastModifiedMs: number },
  before?: LedgerRow | undefined,
): LedgerRow {
  return {
    key,
    kind: isMarker(key) ? 'directory' : 'file',
    state: 'foreign',
    sizeBytes: remote.sizeBytes,
    mtimeNs: BigInt(remote.lastModifiedMs) * 1_000_000n,
    ctimeNs: 0n,
    ino: 0n,
    mode: 0,
    uid: 0,
    gid: 0,
    xattrs: null,
    linkGroup: null,
    checksum: null,
    etag: remote.etag,
    versionId: null,
    uploadId: before?.uploadId ?? null,
    proveAfterMs: null,
  };
}

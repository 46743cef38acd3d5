// Pure. Making rows.
import type { Stat, StoredKind } from '../model/entry.ts';
import type { RelKey } from '../model/key.ts';
import type { LedgerRow } from './ledger.ts';

/** A row for `key` as `stat` shows it, with nothing known about S3 but what `facts` say. */
export function rowFor(
  key: RelKey,
  stat: Stat,
  facts: Pick<LedgerRow, 'state' | 'checksum'> &
    Partial<Pick<LedgerRow, 'etag' | 'versionId' | 'uploadId' | 'proveAfterMs'>>,
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
    etag: null,
    versionId: null,
    generation: 0,
    uploadId: null,
    proveAfterMs: null,
    ...facts,
  };
}

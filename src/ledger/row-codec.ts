// Pure. A ledger row as SQLite holds it.
import type { StoredKind } from '../model/entry.ts';
import type { RelKey } from '../model/key.ts';
import type { LedgerRow, RowState } from './ledger.ts';

/** The columns, in the order of encodeRow. */
export const COLUMNS = [
  'key',
  'kind',
  'state',
  'size_bytes',
  'mtime_ns',
  'ctime_ns',
  'ino',
  'mode',
  'uid',
  'gid',
  'checksum',
  'etag',
  'version_id',
  'upload_id',
  'prove_after_ms',
] as const;

/** What a statement that reads big integers yields for one column. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** The bytes of a key: one character is one byte. */
export function encodeKey(key: RelKey): Buffer {
  return Buffer.from(key, 'latin1');
}

/** The values of a row's columns. An inode number above 2^63 wraps, as it does in Node's own bigint stats. */
export function encodeRow(row: LedgerRow): SqlValue[] {
  return [
    encodeKey(row.key),
    row.kind,
    row.state,
    row.sizeBytes,
    row.mtimeNs,
    row.ctimeNs,
    BigInt.asIntN(64, row.ino),
    row.mode,
    row.uid,
    row.gid,
    row.checksum === null ? null : Buffer.from(row.checksum, 'hex'),
    row.etag,
    row.versionId,
    row.uploadId,
    row.proveAfterMs,
  ];
}

/** The row whose columns these are. The table's own constraints vouch for kinds and states. */
export function decodeRow(columns: Record<string, SqlValue>): LedgerRow {
  const bytes = columns['checksum'] as Uint8Array | null;
  const proveAfterMs = columns['prove_after_ms'] as bigint | null;
  return {
    key: view(columns['key'] as Uint8Array).toString('latin1') as RelKey,
    kind: columns['kind'] as StoredKind,
    state: columns['state'] as RowState,
    sizeBytes: Number(columns['size_bytes']),
    mtimeNs: columns['mtime_ns'] as bigint,
    ctimeNs: columns['ctime_ns'] as bigint,
    ino: columns['ino'] as bigint,
    mode: Number(columns['mode']),
    uid: Number(columns['uid']),
    gid: Number(columns['gid']),
    checksum: bytes === null ? null : view(bytes).toString('hex'),
    etag: columns['etag'] as string | null,
    versionId: columns['version_id'] as string | null,
    uploadId: columns['upload_id'] as string | null,
    proveAfterMs: proveAfterMs === null ? null : Number(proveAfterMs),
  };
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

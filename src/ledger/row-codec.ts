// Pure. A ledger row as SQLite holds it.
import type { StoredKind } from '../model/entry.ts';
import type { RelKey } from '../model/key.ts';
import type { LedgerRow, RowState } from './ledger.ts';

/** The columns, in the order of encodeRow and decodeRow. */
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

/** The row whose COLUMNS these are. The table's own constraints vouch for kinds and states. */
export function decodeRow(columns: readonly SqlValue[]): LedgerRow {
  const checksum = columns[10] as Uint8Array | null;
  const proveAfterMs = columns[14] as bigint | null;
  return {
    key: view(columns[0] as Uint8Array).toString('latin1') as RelKey,
    kind: columns[1] as StoredKind,
    state: columns[2] as RowState,
    sizeBytes: Number(columns[3]),
    mtimeNs: columns[4] as bigint,
    ctimeNs: columns[5] as bigint,
    ino: columns[6] as bigint,
    mode: Number(columns[7]),
    uid: Number(columns[8]),
    gid: Number(columns[9]),
    checksum: checksum === null ? null : view(checksum).toString('hex'),
    etag: columns[11] as string | null,
    versionId: columns[12] as string | null,
    uploadId: columns[13] as string | null,
    proveAfterMs: proveAfterMs === null ? null : Number(proveAfterMs),
  };
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

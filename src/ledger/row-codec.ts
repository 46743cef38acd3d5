// Pure. A ledger row as SQLite holds it.
import type { StoredKind } from '../model/entry.ts';
import type { RelKey } from '../model/key.ts';
import type { LedgerOutline, LedgerRow, RowState } from './ledger.ts';

const OUTLINE_COLUMNS = [
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
  'xattrs',
  'link_group',
] as const;

/** The columns, in the order of encodeRow. */
export const COLUMNS = [...OUTLINE_COLUMNS, 'checksum', 'etag', 'version_id', 'upload_id', 'prove_after_ms'] as const;

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
    row.xattrs === null ? null : Buffer.from(row.xattrs, 'hex'),
    row.linkGroup,
    row.checksum === null ? null : Buffer.from(row.checksum, 'hex'),
    row.etag,
    row.versionId,
    row.uploadId,
    row.proveAfterMs,
  ];
}

/** The row with these values in the order of COLUMNS. The table's own constraints vouch for kinds and states. */
export function decodeRow(values: readonly SqlValue[]): LedgerRow {
  const checksum = values[12] as Uint8Array | null;
  const proveAfterMs = values[16] as bigint | null;
  return {
    ...decodeOutline(values),
    checksum: checksum === null ? null : textOf(checksum, 'hex'),
    etag: values[13] as string | null,
    versionId: values[14] as string | null,
    uploadId: values[15] as string | null,
    proveAfterMs: proveAfterMs === null ? null : Number(proveAfterMs),
  };
}

/** The columns of an outline, with the key as it is kept, or as what it is if it is text. */
export const OUTLINE = OUTLINE_COLUMNS.join(', ');
export const OUTLINE_BY_TEXT = OUTLINE.replace('key', 'CAST(key AS TEXT)');

/** Whether this key that was read as text is its bytes: whatever else they are, they become a character beyond ASCII. */
export function isExact(key: SqlValue | undefined): boolean {
  return typeof key === 'string' && /^[\x00-\x7f]*$/.test(key);
}

/** The outline with these values in the order of OUTLINE; the key may be ASCII text. */
export function decodeOutline(values: readonly SqlValue[]): LedgerOutline {
  const key = values[0] as string | Uint8Array;
  const xattrs = values[10] as Uint8Array | null;
  return {
    key: (typeof key === 'string' ? key : textOf(key, 'latin1')) as RelKey,
    kind: values[1] as StoredKind,
    state: values[2] as RowState,
    sizeBytes: Number(values[3]),
    mtimeNs: values[4] as bigint,
    ctimeNs: values[5] as bigint,
    ino: values[6] as bigint,
    mode: Number(values[7]),
    uid: Number(values[8]),
    gid: Number(values[9]),
    xattrs: xattrs === null ? null : textOf(xattrs, 'hex'),
    linkGroup: values[11] as string | null,
  };
}

function textOf(bytes: Uint8Array, encoding: 'latin1' | 'hex'): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding);
}

// Ledger rows for tests.
import fc from 'fast-check';
import type { LedgerRow, RowState } from '../../src/ledger/ledger.ts';
import type { RelKey } from '../../src/model/key.ts';

/** A row of a file that S3 acknowledged, with the given fields changed. */
export function ledgerRow(key: string, change: Partial<LedgerRow> = {}): LedgerRow {
  return {
    key: key as RelKey,
    kind: 'file',
    state: 'known',
    sizeBytes: 3,
    mtimeNs: 1_700_000_000_123_456_789n,
    ctimeNs: 1_700_000_000_223_456_789n,
    ino: 11n,
    mode: 0o100644,
    uid: 0,
    gid: 0,
    xattrs: null,
    linkGroup: null,
    checksum: '00'.repeat(32),
    etag: 'e1',
    versionId: null,
    uploadId: null,
    proveAfterMs: null,
    ...change,
  };
}

/** Keys over an alphabet where byte order, UTF-16 order and depth-first order all differ; short, so that they collide. */
export const arbitraryKey: fc.Arbitrary<RelKey> = fc
  .array(fc.constantFrom('a', '-', '/', '0', '\0', '\xff', '\xc3\xa9', '\xee\x80\x80', '\xf0\x90\x80\x80'), {
    maxLength: 4,
  })
  .map((parts) => parts.join('') as RelKey);

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });

/** Any row a ledger must be able to hold. */
export const arbitraryRow: fc.Arbitrary<LedgerRow> = fc.record(
  {
    key: arbitraryKey,
    kind: fc.constantFrom('file' as const, 'directory' as const, 'symlink' as const),
    state: fc.constantFrom<RowState>('intent', 'known', 'unproven', 'fuzzy', 'foreign'),
    sizeBytes: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    mtimeNs: int64,
    ctimeNs: int64,
    ino: fc.oneof(fc.constantFrom(1n, 2n), int64),
    mode: fc.nat({ max: 0xffffffff }),
    uid: fc.nat({ max: 0xffffffff }),
    gid: fc.nat({ max: 0xffffffff }),
    checksum: orNull(
      fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    ),
    xattrs: orNull(fc.constantFrom('', 'ab'.repeat(32), '01'.repeat(32))),
    linkGroup: orNull(fc.constantFrom('0'.repeat(32), 'a1'.repeat(16))),
    etag: orNull(fc.string()),
    versionId: orNull(fc.string()),
    uploadId: orNull(fc.string()),
    proveAfterMs: orNull(fc.nat({ max: Number.MAX_SAFE_INTEGER })),
  },
  { noNullPrototype: true },
);

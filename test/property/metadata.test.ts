// What is stored comes back exactly; what others store never breaks anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMetadata, encodeMetadata, kindOfObject } from '../../src/model/metadata.ts';

const NOTHING = { mtimeNs: undefined, mode: undefined, uid: undefined, gid: undefined };

test('S13 time to the nanosecond, mode and owner survive the round trip', () => {
  const time = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const type = fc.constantFrom(0o100000, 0o040000, 0o120000);
  const id = fc.nat({ max: 0xfffffffe });
  const stat = fc
    .tuple(time, type, fc.nat({ max: 0o7777 }), id, id)
    .map(([mtimeNs, typeBits, bits, uid, gid]) => ({ mtimeNs, mode: typeBits | bits, uid, gid }));
  fc.assert(fc.property(stat, (value) => assert.deepEqual(decodeMetadata(encodeMetadata(value)), value)));
});

test('garbage decodes to nothing or to a value in range', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^-?[0-9]{0,24}\.?[0-9]{0,12}$/));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('mtime', 'mode', 'uid', 'gid'), text), (metadata) => {
      const { mtimeNs = 0n, mode = 0, uid = 0, gid = 0 } = decodeMetadata(metadata);
      assert.equal(BigInt.asIntN(64, mtimeNs), mtimeNs);
      assert.ok(mode >= 0 && mode <= 0o177777);
      assert.ok(uid < 0xffffffff && gid < 0xffffffff);
    }),
  );
});

test('what rclone and s3fs write is understood', () => {
  const rclone = { mtime: '1700000000.123456789', mode: '100644', uid: '1000', gid: '1000', btime: '1' };
  assert.deepEqual(decodeMetadata(rclone), {
    mtimeNs: 1_700_000_000_123_456_789n,
    mode: 0o100644,
    uid: 1000,
    gid: 1000,
  });
  assert.deepEqual(decodeMetadata({ mtime: '1700000000', mode: '33188' }), {
    ...NOTHING,
    mtimeNs: 1_700_000_000_000_000_000n,
    mode: 0o100644,
  });
  assert.deepEqual(decodeMetadata({ mode: '33261' }), { ...NOTHING, mode: 0o100755 });
  assert.deepEqual(decodeMetadata({ mtime: '-1.5' }), { ...NOTHING, mtimeNs: -1_500_000_000n });
  assert.deepEqual(decodeMetadata({ mtime: '1.1234567891234' }), { ...NOTHING, mtimeNs: 1_123_456_789n });
});

test('only type bits make a symbolic link', () => {
  assert.equal(kindOfObject(decodeMetadata({ mode: '120777' })), 'symlink');
  for (const mode of ['100644', '644', '40755', 'x', '']) assert.equal(kindOfObject(decodeMetadata({ mode })), 'file');
});

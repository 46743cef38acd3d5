// What is stored comes back exactly; what others store never breaks anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMetadata, encodeMetadata, kindOfObject } from '../../src/model/metadata.ts';

const NAMES = [
  ...['mtime', 'mode', 'uid', 'gid', 's3cmd-attrs'],
  ...['file-mtime', 'file-permissions', 'file-owner', 'file-group'],
];

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
  const number = fc.stringMatching(/^-?[0-9]{0,24}\.?[0-9]{0,12}(ns|ms)?$/);
  const pairs = fc.array(
    fc.tuple(fc.constantFrom('mtime', 'mode', 'uid', 'gid'), number).map((pair) => pair.join(':')),
  );
  const text = fc.oneof(
    fc.string(),
    number,
    pairs.map((all) => all.join('/')),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...NAMES), text), (metadata) => {
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
  // The one number that makes sense both ways: s3fs marks every link with it.
  assert.equal(decodeMetadata({ mode: '41471' }).mode, 0o120777);
  assert.equal(decodeMetadata({ mode: '041471' }).mode, 0o41471);
  assert.deepEqual(decodeMetadata({ mtime: '-1.5' }), { ...NOTHING, mtimeNs: -1_500_000_000n });
  assert.deepEqual(decodeMetadata({ mtime: '1.1234567891234' }), { ...NOTHING, mtimeNs: 1_123_456_789n });
});

test('what s3cmd writes is understood', () => {
  const attrs =
    'atime:1341974363/ctime:1341974525/gid:1000/gname:team/md5:0123/mode:33204/mtime:1341974363/uid:1001/uname:me';
  assert.deepEqual(decodeMetadata({ 's3cmd-attrs': attrs }), {
    mtimeNs: 1_341_974_363_000_000_000n,
    mode: 0o100664,
    uid: 1001,
    gid: 1000,
  });
  // Decimal always, also where it could be octal.
  assert.equal(decodeMetadata({ 's3cmd-attrs': 'mode:33060' }).mode, 0o100444);
  assert.deepEqual(decodeMetadata({ 's3cmd-attrs': 'mode:420/mtime/uid:/x' }), NOTHING);
  const both = { 's3cmd-attrs': attrs, mtime: '5.5', uid: '7' };
  assert.deepEqual(decodeMetadata(both), { mtimeNs: 5_500_000_000n, mode: 0o100664, uid: 7, gid: 1000 });
});

test('what DataSync, File Gateway and FSx write is understood', () => {
  const metadata = {
    'file-permissions': '0100644',
    'file-owner': '1001',
    'file-group': '1000',
    'user-agent': 'aws-datasync',
  };
  const owned = { mode: 0o100644, uid: 1001, gid: 1000 };
  const at = (text: string) => decodeMetadata({ ...metadata, 'file-mtime': text });
  assert.deepEqual(at('1595002920000000001ns'), { ...owned, mtimeNs: 1_595_002_920_000_000_001n });
  assert.deepEqual(at('1595002920001'), { ...owned, mtimeNs: 1_595_002_920_001_000_000n });
  assert.deepEqual(at('1595002920001ms'), { ...owned, mtimeNs: 1_595_002_920_001_000_000n });
  for (const wrong of ['', 'ns', '1s', '1.5ns', '99999999999999999999'])
    assert.equal(at(wrong).mtimeNs, undefined, wrong);
  assert.equal(decodeMetadata({ 'file-permissions': '0755' }).mode, 0o755);
});

test('only type bits make a symbolic link', () => {
  assert.equal(kindOfObject(decodeMetadata({ mode: '120777' })), 'symlink');
  for (const mode of ['100644', '644', '40755', 'x', '']) assert.equal(kindOfObject(decodeMetadata({ mode })), 'file');
});

// What the addon reads of a file, and gives to another.
import assert from 'node:assert/strict';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  inlineXattrs,
  NO_XATTRS,
  storedXattrs,
  xattrNames,
  xattrsElsewhere,
  xattrsOf,
} from '../../src/model/xattrs.ts';
import { loadAddon } from '../../src/native/addon.ts';
import { readXattrs } from '../../src/tree/xattrs.ts';
import { tempDir } from '../support/temp-dir.ts';

type Attributes = ReadonlyMap<string, Buffer>;

const name = fc
  .array(fc.constantFrom('a', 'b', '.', '\xff', ' '), { minLength: 1, maxLength: 3 })
  .map((characters) => `user.${characters.join('')}`);
const value = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const attributes: fc.Arbitrary<Attributes> = fc
  .array(fc.tuple(name, value), { maxLength: 6 })
  .map((pairs) => new Map(pairs));

/** By the letter of src/native/xattrs.c. */
function encode(attributes: Attributes): Buffer {
  const names = [...attributes.keys()].sort((a, b) =>
    Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')),
  );
  return Buffer.concat(
    names.map((name) => {
      const value = attributes.get(name)!;
      const length = Buffer.alloc(4);
      length.writeUInt32BE(value.length);
      return Buffer.concat([Buffer.from(`${name}\0`, 'latin1'), length, value]);
    }),
  );
}

function openNew(dir: string): number {
  const path = join(dir, 'f');
  writeFileSync(path, '');
  return openSync(path, 'r');
}

test('S13 a file has exactly the attributes it is given, whatever it had', (t) => {
  const dir = tempDir(t);
  const fd = openNew(dir);
  t.after(() => closeSync(fd));
  const { setXattrs } = loadAddon();
  fc.assert(
    fc.property(attributes, (given) => {
      const bytes = encode(given);
      assert.equal(setXattrs(fd, bytes), 0);
      for (const target of [fd, Buffer.from(join(dir, 'f'))]) assert.deepEqual(readXattrs(target), xattrsOf(bytes));
      assert.deepEqual(xattrNames(bytes).sort(), [...given.keys()].sort());
    }),
  );
});

test('S13 an encoding that was cut or made up is refused, and sets nothing that does not belong to a file', (t) => {
  const fd = openNew(tempDir(t));
  t.after(() => closeSync(fd));
  const { setXattrs } = loadAddon();
  const whole = encode(new Map([['user.a', Buffer.from('value')]]));
  for (let length = 1; length < whole.length; length++) {
    assert.equal(setXattrs(fd, whole.subarray(0, length)), -74, `${length} bytes`); // EBADMSG
    assert.doesNotThrow(() => xattrNames(whole.subarray(0, length)));
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => void setXattrs(fd, Buffer.from(bytes))));
  for (const foreign of ['security.selinux', 'security.ima', 'trusted.overlay.opaque', 'system.other', 'x'])
    assert.equal(setXattrs(fd, encode(new Map([[foreign, Buffer.from('1')]]))), -1, foreign); // EPERM
  assert.equal(readXattrs(fd), NO_XATTRS);
  assert.throws(() => readXattrs(Buffer.from('/nowhere/at all')), { code: 'ENOENT', syscall: 'getxattr' });
});

test('S13 what metadata says of attributes is what was said', () => {
  fc.assert(
    fc.property(attributes, (given) => {
      const xattrs = xattrsOf(encode(given));
      assert.deepEqual(storedXattrs(inlineXattrs(xattrs)), xattrs);
      if (xattrs !== NO_XATTRS)
        assert.deepEqual(storedXattrs(xattrsElsewhere(xattrs)), { digest: xattrs.digest, bytes: undefined });
    }),
  );
  assert.equal(storedXattrs({}), NO_XATTRS);
  assert.equal(storedXattrs({ 'awssyncer-xattrs-sha256': '../lease' }), NO_XATTRS);
});

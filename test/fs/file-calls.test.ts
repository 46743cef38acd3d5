// The two system calls that the addon adds for restores.
import assert from 'node:assert/strict';
import { closeSync, lstatSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadAddon } from '../../src/native/addon.ts';
import { tempDir } from '../support/temp-dir.ts';

const { setModified, syncFileSystem } = loadAddon();

test('S13 modification times are set to the nanosecond, before 1970 too, and links are not followed', (t) => {
  const directory = tempDir(t);
  const [file, link] = [join(directory, 'file'), join(directory, 'link')];
  writeFileSync(file, '');
  symlinkSync('file', link);
  const atimeNs = lstatSync(file, { bigint: true }).atimeNs;
  const fd = openSync(file, 'r');
  for (const ns of [1_700_000_000_123_456_789n, 0n, 1n, -1n, -1_500_000_000n]) {
    assert.equal(setModified(fd, ns), 0);
    assert.equal(setModified(Buffer.from(link), ns + 7n), 0);
    assert.equal(lstatSync(file, { bigint: true }).mtimeNs, ns);
    assert.equal(lstatSync(link, { bigint: true }).mtimeNs, ns + 7n);
  }
  assert.equal(lstatSync(file, { bigint: true }).atimeNs, atimeNs, 'the access time stays');
  closeSync(fd);
});

test('failures are negated errno values, misuse is an exception', async () => {
  const { ENOENT, EBADF, EINVAL, ENAMETOOLONG } = constants.errno;
  assert.equal(setModified(Buffer.from('/no/such/file'), 1n), -ENOENT);
  assert.equal(setModified(Buffer.from('a\0b'), 1n), -EINVAL);
  assert.equal(setModified(Buffer.alloc(5_000, 'x'), 1n), -ENAMETOOLONG);
  assert.equal(setModified(999_999, 1n), -EBADF);
  assert.equal(await syncFileSystem(999_999), -EBADF);
  assert.throws(() => setModified('path' as unknown as Buffer, 1n));
});

test('a file system is synced', async (t) => {
  const fd = openSync(tempDir(t), 'r');
  assert.equal(await syncFileSystem(fd), 0);
  closeSync(fd);
});

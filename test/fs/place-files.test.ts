// The addon's way to write new files, many by one job.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { argv, execPath } from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadAddon, type NewFile } from '../../src/native/addon.ts';
import { BlockedError, ChangedError } from '../../src/restore/errors.ts';
import { MismatchError, NewFiles } from '../../src/restore/new-files.ts';

import { tempDir } from '../support/temp-dir.ts';

const newFiles = new NewFiles(loadAddon());
const NS = 1_600_000_000_123_456_789n;

const REST = [0o640, -1, -1, NS, false] as const;

function file(directory: string, name: string, bytes: Buffer | string = name, mode = 0o640): NewFile {
  return [directory, `tmp-${name}`, name, Buffer.from(bytes), '', mode, -1, -1, NS, false];
}

/** Writes many files; run by itself under a tracer. */
async function placeMany(directory: string, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, i) => `f${i}`);
  await Promise.all(names.map((name) => newFiles.place(file(directory, name, 'x'.repeat(4096)))));
}

if (argv[2] === 'place-many') {
  await placeMany(argv[3]!, Number(argv[4]));
} else {
  test('S13 new files have content, mode and time to the nanosecond, and their stat is told', async (t) => {
    const dir = tempDir(t);
    const large = Buffer.alloc(300_000, 'x');
    const placed = await Promise.all([
      newFiles.place(file(dir, 'a')),
      newFiles.place(file(dir, 'empty', '', 0o4755)),
      newFiles.place(file(dir, 'large', large, 0)),
      newFiles.place([dir, 'tmp-old', 'old', Buffer.from('o'), '', 0o600, -1, -1, -1n, false]),
    ]);
    assert.deepEqual(readdirSync(dir).sort(), ['a', 'empty', 'large', 'old']);
    assert.equal(readFileSync(join(dir, 'a'), 'utf8'), 'a');
    for (const [index, name] of ['a', 'empty', 'large', 'old'].entries()) {
      const { stat, untouched } = placed[index]!;
      const { size, mtimeNs, ctimeNs, ino, dev, mode, uid, gid, nlink } = lstatSync(join(dir, name), { bigint: true });
      assert.deepEqual(
        [stat.sizeBytes, stat.mtimeNs, stat.ctimeNs, stat.ino, stat.dev, stat.mode, stat.uid, stat.gid, stat.nlink],
        [Number(size), mtimeNs, ctimeNs, ino, dev, ...[mode, uid, gid, nlink].map(Number)],
      );
      assert.equal(untouched, true);
    }
    const stats = placed.map(({ stat }) => [stat.mode & 0o7777, stat.sizeBytes, stat.mtimeNs]);
    assert.deepEqual(stats, [
      [0o640, 1, NS],
      [0o4755, 0, NS],
      [0, 300_000, NS],
      [0o600, 1, -1n],
    ]);
  });

  test('S9 content that has not the MD5 that was asked for is not placed; the digests of the rest are told', async (t) => {
    const dir = tempDir(t);
    const names = Array.from({ length: 40 }, (_, i) => `f${i}`);
    const md5 = (text: string): string => hash('md5', text);
    const wanted = (name: string, expected: string): NewFile => [
      dir,
      `t${name}`,
      name,
      Buffer.from(name),
      expected,
      ...REST,
    ];
    const placed = await Promise.all(
      names.map((name, i) => newFiles.place(wanted(name, i % 2 === 0 ? md5(name) : ''))),
    );
    assert.deepEqual(
      placed.map(({ sha256, md5 }) => [sha256, md5]),
      names.map((name) => [hash('sha256', name), md5(name)]),
    );
    const right = md5('g');
    const wrong = [
      md5('other'),
      right.toUpperCase(),
      right.slice(1),
      `x${right.slice(1)}`,
      `${right.slice(0, -1)}x`,
      'x',
    ];
    for (const expected of wrong) await assert.rejects(newFiles.place(wanted('g', expected)), MismatchError, expected);
    assert.deepEqual(readdirSync(dir).sort(), names.toSorted());
  });

  test('damage that the file system reports by the same errno is not taken for other content', async () => {
    const { EBADMSG } = constants.errno;
    const failing = (call: number) =>
      new NewFiles({
        placeFiles: async () => {
          const answer = new Int32Array(28); // a record and digests
          answer.set([-EBADMSG, call], 14);
          return answer.buffer;
        },
      });
    await assert.rejects(failing(11).place(file('/', 'f')), MismatchError);
    await assert.rejects(failing(2).place(file('/', 'f')), { code: 'EBADMSG', syscall: 'open' });
  });

  test('S9 a name that is taken stays what it is, whatever it is, and nothing temporary is left', async (t) => {
    const dir = tempDir(t);
    writeFileSync(join(dir, 'file'), 'mine');
    mkdirSync(join(dir, 'directory'));
    symlinkSync('nowhere', join(dir, 'link'));
    for (const name of ['file', 'directory', 'link']) {
      await assert.rejects(newFiles.place(file(dir, name)), ChangedError);
    }
    writeFileSync(join(dir, 'tmp-a'), 'of another');
    await assert.rejects(newFiles.place(file(dir, 'a')), ChangedError);
    assert.deepEqual(readdirSync(dir).sort(), ['directory', 'file', 'link', 'tmp-a']);
    assert.equal(readFileSync(join(dir, 'file'), 'utf8'), 'mine');
    assert.equal(readFileSync(join(dir, 'tmp-a'), 'utf8'), 'of another');
  });

  test('S9 a directory that is reached through a symbolic link, absent or no directory gets nothing', async (t) => {
    const dir = tempDir(t);
    mkdirSync(join(dir, 'real/below'), { recursive: true });
    symlinkSync('real', join(dir, 'link'));
    writeFileSync(join(dir, 'file'), '');
    const refused = ['link', 'link/below', 'absent', 'file'].map((name) => newFiles.place(file(join(dir, name), 'f')));
    const fine = newFiles.place(file(join(dir, 'real/below'), 'f'));
    for (const attempt of await Promise.allSettled(refused)) {
      assert.ok(attempt.status === 'rejected' && attempt.reason instanceof BlockedError);
    }
    assert.equal((await fine).stat.sizeBytes, 1);
    assert.deepEqual(readdirSync(dir).sort(), ['file', 'link', 'real']);
    assert.deepEqual(readdirSync(join(dir, 'real'), { recursive: true }).sort(), ['below', 'below/f']);
    renameSync(join(dir, 'real'), join(dir, 'moved'));
    await assert.rejects(newFiles.place(file(join(dir, 'real/below'), 'g')), BlockedError);
  });

  test('a failure names its call and errno, and concerns its file alone', async (t) => {
    const dir = tempDir(t);
    const long = 'x'.repeat(256);
    const [failed, fine] = await Promise.allSettled([newFiles.place(file(dir, long)), newFiles.place(file(dir, 'f'))]);
    assert.equal(fine.status, 'fulfilled');
    assert.ok(failed.status === 'rejected');
    const { code, syscall, message } = failed.reason as NodeJS.ErrnoException;
    assert.deepEqual([code, syscall, message], ['ENAMETOOLONG', 'open', 'ENAMETOOLONG: name too long, open']);
    assert.deepEqual(readdirSync(dir), ['f']);
    await assert.rejects(newFiles.place(file(dir, 'a\0b')), /NUL/);
    await assert.rejects(newFiles.place([dir, 't'] as unknown as NewFile));
  });

  test('a write that ends half-way is told as such and leaves nothing', (t) => {
    const limited = spawnSync('bash', ['-c', 'ulimit -f 1; exec "$@"', '-', execPath, '-e', LIMITED, tempDir(t)], {
      encoding: 'utf8',
      env: { ...process.env, ADDON: fileURLToPath(new URL('../../build/awssyncer.node', import.meta.url)) },
    });
    assert.equal(limited.stdout, `${constants.errno.EFBIG} 3 0\n`, limited.stderr);
  });

  test('a new file costs so many system calls', (t) => {
    const [dir, trace] = [tempDir(t), join(tempDir(t), 'trace')];
    const calls = ['-f', '-qq', '-o', trace, '-e', 'trace=%file,%desc'];
    const program = [execPath, fileURLToPath(import.meta.url), 'place-many', dir, '500'];
    const { error, status } = spawnSync('strace', [...calls, ...program], { encoding: 'utf8' });
    if (error !== undefined) {
      t.diagnostic('not run: strace is not installed');
      return;
    }
    assert.equal(status, 0);
    const text = readFileSync(trace, 'utf8');
    const first = text.indexOf('tmp-f0"');
    const last = text.lastIndexOf('renameat2');
    const counted = text.slice(text.lastIndexOf('\n', first), last).match(/\b[a-z0-9_]+\(/g) ?? [];
    const perFile = counted.length / 500;
    // openat, write, fchmod, utimensat, fstat twice, readlink, renameat2, close; and some for each job.
    assert.ok(perFile >= 8 && perFile < 11, `${perFile} calls`);
  });

  test('S9 permissions of the directory are respected', (t) => {
    if (process.getuid?.() === 0) return;
    const dir = tempDir(t);
    chmodSync(dir, 0o500);
    return assert.rejects(newFiles.place(file(dir, 'f')), { code: 'EACCES' });
  });
}

/** Run with a limit of 512 or 1,024 bytes to a file. */
const LIMITED = `
process.on('SIGXFSZ', () => {});
const addon = require(process.env.ADDON);
addon.placeFiles([[process.argv[1], 't', 'f', Buffer.alloc(5000), '', 0o600, -1, -1, 0n, false]]).then((record) => new Int32Array(record)).then((words) =>
  console.log(-words[14], words[15], require('fs').readdirSync(process.argv[1]).length));
`;

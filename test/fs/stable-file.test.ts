// What is published was one state of the file: every way in which a file can move under a reader.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RelPath } from '../../src/model/path.ts';
import { loadAddon } from '../../src/native/addon.ts';
import { RECORD_BYTES, StatRecords } from '../../src/native/stat-record.ts';
import { RacedError, StableFile } from '../../src/transfer/stable-file.ts';
import { LocalTree, type OpenFile } from '../../src/tree/local-tree.ts';
import { tempDir } from '../support/temp-dir.ts';

const F = 'd/f' as RelPath;

interface Place {
  readonly root: string;
  readonly file: string;
  readonly tree: LocalTree;
}

function place(t: TestContext, content = 'hello'): Place {
  const root = tempDir(t);
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, F), content);
  return { root, file: join(root, F), tree: new LocalTree(Buffer.from(root)) };
}

function opened(t: TestContext, { tree }: Place, openFile?: OpenFile): StableFile {
  const file = StableFile.open(tree, F, openFile);
  t.after(() => file.close());
  return file;
}

test('a file at rest is read by position and has not moved', async (t) => {
  const file = opened(t, place(t));
  assert.equal((await file.read(1, 3)).toString(), 'ell');
  assert.equal((await file.read(0, 0)).length, 0);
  assert.equal(file.before.sizeBytes, 5);
  assert.equal(file.isUnmoved(), true);
});

test('S3 a file that became shorter gives no short read but a race', async (t) => {
  const at = place(t);
  const file = opened(t, at, cached(0));
  truncateSync(at.file, 2);
  await assert.rejects(file.read(0, 5), RacedError);
  assert.equal(file.isUnmoved(), false);
});

const MOVES: [claim: string, move: (at: Place) => void][] = [
  ['truncated', ({ file }) => truncateSync(file, 2)],
  ['grown', ({ file }) => appendFileSync(file, '!')],
  ['rewritten with the same size', ({ file }) => writeFileSync(file, 'HELLO')],
  [
    'replaced by a rename',
    ({ file }) => {
      writeFileSync(`${file}.new`, 'hello');
      renameSync(`${file}.new`, file);
    },
  ],
  ['removed', ({ file }) => rmSync(file)],
  ['renamed', ({ file }) => renameSync(file, `${file}.old`)],
  ['given another time', ({ file }) => utimesSync(file, 1, 1)],
  ['given another name', ({ file }) => linkSync(file, `${file}.link`)],
  [
    'replaced by a directory',
    ({ file }) => {
      rmSync(file);
      mkdirSync(file);
    },
  ],
  [
    'hidden behind a symbolic link to its own directory',
    ({ root }) => {
      renameSync(join(root, 'd'), join(root, 'e'));
      symlinkSync('e', join(root, 'd'));
    },
  ],
];

for (const [claim, move] of MOVES) {
  test(`S3 a file that was ${claim} while it was read has moved`, async (t) => {
    const at = place(t);
    const file = opened(t, at);
    await file.read(0, 5);
    // The kernel's clock must tick between the two stats, as the age that youngMs asks for makes sure of.
    const { ctimeNs } = statSync(at.file, { bigint: true });
    const clock = join(at.root, 'clock');
    do writeFileSync(clock, '');
    while (statSync(clock, { bigint: true }).ctimeNs === ctimeNs);
    move(at);
    assert.equal(file.isUnmoved(), false);
  });
}

/** The file is gone; what takes its place follows. */
const NO_FILES: [claim: string, become: (at: Place, t: TestContext) => void | Promise<void>][] = [
  ['absent', () => {}],
  ['a directory', ({ file }) => mkdirSync(file)],
  [
    'a symbolic link to a file',
    ({ file, root }) => {
      writeFileSync(join(root, 'g'), 'hello');
      symlinkSync('../g', file);
    },
  ],
  ['a FIFO nobody writes to', ({ file }) => void execFileSync('mkfifo', [file])],
  [
    'a socket',
    async ({ file }, t) => {
      const server = createServer().listen(file);
      t.after(() => server.close());
      await new Promise((resolve) => server.once('listening', resolve));
    },
  ],
  [
    'beneath what is a file now',
    ({ root }) => {
      rmSync(join(root, 'd'), { recursive: true });
      writeFileSync(join(root, 'd'), '');
    },
  ],
];

for (const [claim, become] of NO_FILES) {
  test(`a file that is ${claim} when it is opened is a race, and nobody hangs`, async (t) => {
    const at = place(t);
    rmSync(at.file);
    await become(at, t);
    assert.throws(() => StableFile.open(at.tree, F), RacedError);
  });
}

/** Opens as the addon does, but only the first `bytes` of the content are in memory, and say so. */
function cached(bytes: number): OpenFile {
  return (path, record, content) => {
    const fd = loadAddon().openFile(path, record, Buffer.alloc(0));
    content.write('CACHED'.slice(0, bytes));
    record.writeUInt32LE(bytes, RECORD_BYTES - 4);
    return fd;
  };
}

test('what is in memory is read when the file is opened; the rest in the thread pool', async (t) => {
  const at = place(t);
  const fromCache = opened(t, at, cached(5));
  assert.equal((await fromCache.read(1, 3)).toString(), 'ACH');
  assert.equal((await opened(t, at, cached(2)).read(0, 5)).toString(), 'hello', 'half of it is not enough');
  const never = opened(t, at, cached(0));
  assert.equal((await never.read(0, 5)).toString(), 'hello');
  await assert.rejects(fromCache.read(1, 6), RacedError);
});

test('the addon reads what is in memory of a file that has room, and nothing of any other', (t) => {
  const at = place(t);
  const record = Buffer.alloc(RECORD_BYTES);
  const read = (path: string, roomBytes: number): string => {
    const content = Buffer.alloc(roomBytes);
    closeSync(loadAddon().openFile(path, record, content));
    return content.toString('latin1', 0, new StatRecords(record.buffer, 1).more(0));
  };
  assert.equal(read(at.file, 5), 'hello');
  assert.equal(read(at.file, 4), '', 'it has no room');
  assert.equal(read(join(at.root, 'd'), 4096), '', 'a directory');
  // tmpfs cannot tell what is in memory, because all of it is.
  const inMemory = join('/dev/shm', `awssyncer-${process.pid}`);
  t.after(() => rmSync(inMemory, { force: true }));
  writeFileSync(inMemory, 'hello');
  assert.equal(read(inMemory, 5), 'hello');
});

test('a descriptor is closed only after the reads in the thread pool', async (t) => {
  const at = place(t);
  const file = StableFile.open(at.tree, F, cached(0));
  const before = openDescriptors();
  const reading = file.read(0, 5);
  file.close();
  assert.equal(openDescriptors(), before, 'still open');
  assert.equal((await reading).toString(), 'hello');
  assert.equal(openDescriptors(), before - 1);
});

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

test('an error that is no absence is passed on', async (t) => {
  const { tree } = place(t);
  assert.throws(() => StableFile.open(tree, `d/${'x'.repeat(256)}` as RelPath), { code: 'ENAMETOOLONG' });
});

/** A file whose ctime is what a test says: only the arithmetic matters. */
function agedFile(t: TestContext): { file: StableFile; ctimeMs: number } {
  const file = opened(t, place(t));
  return { file, ctimeMs: Number(file.before.ctimeNs / 1_000_000n) };
}

test('S3 a ctime within the granularity of the file system proves nothing yet', async (t) => {
  const { file, ctimeMs } = agedFile(t);
  assert.equal(file.youngMs(ctimeMs), 20);
  assert.equal(file.youngMs(ctimeMs + 19), 1);
  assert.equal(file.youngMs(ctimeMs + 20), 0);
  assert.equal(file.youngMs(ctimeMs - 5), 25, 'clocks may differ a little');
});

test('S3 a ctime in the future can never prove anything', async (t) => {
  const { file, ctimeMs } = agedFile(t);
  assert.equal(file.youngMs(ctimeMs - 21), -1);
  assert.equal(file.youngMs(0), -1);
});

// What is published was one state of the file: every way in which a file can move under a reader.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
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
import { RacedError, StableFile } from '../../src/transfer/stable-file.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
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

async function opened(t: TestContext, { tree }: Place): Promise<StableFile> {
  const file = await StableFile.open(tree, F);
  t.after(() => file.close());
  return file;
}

test('a file at rest is read by position and has not moved', async (t) => {
  const file = await opened(t, place(t));
  assert.equal((await file.read(1, 3)).toString(), 'ell');
  assert.equal((await file.read(0, 0)).length, 0);
  assert.equal(file.before.sizeBytes, 5);
  assert.equal(await file.isUnmoved(), true);
});

test('S3 a file that became shorter gives no short read but a race', async (t) => {
  const at = place(t);
  const file = await opened(t, at);
  truncateSync(at.file, 2);
  await assert.rejects(file.read(0, 5), RacedError);
  assert.equal(await file.isUnmoved(), false);
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
    const file = await opened(t, at);
    await file.read(0, 5);
    // The kernel's clock must tick between the two stats, as the age that youngMs asks for makes sure of.
    const { ctimeNs } = statSync(at.file, { bigint: true });
    const clock = join(at.root, 'clock');
    do writeFileSync(clock, '');
    while (statSync(clock, { bigint: true }).ctimeNs === ctimeNs);
    move(at);
    assert.equal(await file.isUnmoved(), false);
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
    await assert.rejects(StableFile.open(at.tree, F), RacedError);
  });
}

test('an error that is no absence is passed on', async (t) => {
  const { tree } = place(t);
  await assert.rejects(StableFile.open(tree, `d/${'x'.repeat(256)}` as RelPath), { code: 'ENAMETOOLONG' });
});

/** A file whose ctime is what a test says: only the arithmetic matters. */
async function agedFile(t: TestContext): Promise<{ file: StableFile; ctimeMs: number }> {
  const file = await opened(t, place(t));
  return { file, ctimeMs: Number(file.before.ctimeNs / 1_000_000n) };
}

test('S3 a ctime within the granularity of the file system proves nothing yet', async (t) => {
  const { file, ctimeMs } = await agedFile(t);
  assert.equal(file.youngMs(ctimeMs), 20);
  assert.equal(file.youngMs(ctimeMs + 19), 1);
  assert.equal(file.youngMs(ctimeMs + 20), 0);
  assert.equal(file.youngMs(ctimeMs - 5), 25, 'clocks may differ a little');
});

test('S3 a ctime in the future can never prove anything', async (t) => {
  const { file, ctimeMs } = await agedFile(t);
  assert.equal(file.youngMs(ctimeMs - 21), -1);
  assert.equal(file.youngMs(0), -1);
});

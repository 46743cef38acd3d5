// Files that never rest, read at one instant: what a clone holds, what it leaves behind, and where there can be none.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RelPath } from '../../src/model/path.ts';
import { loadAddon } from '../../src/native/addon.ts';
import { RECORD_BYTES, StatRecords } from '../../src/native/stat-record.ts';
import { Clones } from '../../src/transfer/clones.ts';
import { StableFile } from '../../src/transfer/stable-file.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import { IN_EXCL_UNLINK, openInotify } from '../../src/watch/inotify.ts';
import { imageDir } from '../support/mounts.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';
import { PAGE_BYTES, Writer, wasAState } from '../support/writers.ts';

const { EACCES, ENOSPC, EOPNOTSUPP, EROFS } = constants.errno;
const F = 'd/f' as RelPath;
/** All but those of looking and reading. */
const CHANGES = 0xfce;
const PAGES = 1024;

interface Place {
  readonly root: string;
  readonly dir: string;
  readonly file: string;
  readonly tree: LocalTree;
}

function placeIn(root: string, content: string | Buffer = 'hello'): Place {
  const [dir, file] = [join(root, 'd'), join(root, F)];
  mkdirSync(dir);
  writeFileSync(file, content);
  return { root, dir, file, tree: new LocalTree(Buffer.from(root)) };
}

/** How many descriptors of this process are of files beneath `root`: others may be closed at any moment. */
function descriptorsIn(root: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root);
    } catch {
      return false; // that of the listing itself
    }
  }).length;
}

/** A file of this content on a file system that clones. */
function place(t: TestContext, { type = 'xfs', content }: { type?: 'xfs' | 'btrfs'; content?: string | Buffer } = {}) {
  const root = imageDir(t, type);
  return root === undefined ? undefined : placeIn(root, content);
}

const newClones = () => new Clones(loadAddon().cloneFile);

async function frozen({ tree }: Place): Promise<StableFile> {
  const file = StableFile.open(tree, F);
  await file.freeze(newClones());
  return file;
}

for (const type of ['xfs', 'btrfs'] as const) {
  test(`S3 on ${type} a frozen file is one state, however slowly it is read while it is overwritten`, async (t) => {
    const at = place(t, { type, content: '0'.repeat(PAGES * PAGE_BYTES) });
    if (at === undefined) return;
    const writer = new Writer(t, 'generations', at.file);
    const seen = new Set<string>();
    for (let round = 0; round < 40 || seen.size < 5; round++) {
      const file = await frozen(at);
      assert.ok(file.isFrozen);
      const pages: Buffer[] = [];
      for (let page = 0; page < PAGES; page += 64) pages.push(await file.read(page * PAGE_BYTES, 64 * PAGE_BYTES));
      file.close();
      const bytes = Buffer.concat(pages);
      assert.ok(wasAState(bytes));
      seen.add(bytes.toString('latin1', 0, 8));
    }
    await writer.stop();
  });

  test(`S1 on ${type} a frozen file leaves nothing: no name, no time, no event, no room that is missing`, async (t) => {
    const at = place(t, { type, content: Buffer.alloc(1024 * 1024, 'x') });
    if (at === undefined) return;
    execFileSync('sync', ['-f', at.root]);
    const names: string[] = [];
    const inotify = openInotify((batch) => names.push(...batch.map(({ name }) => name)));
    t.after(() => inotify.close());
    inotify.addWatch(Buffer.from(at.dir), CHANGES | IN_EXCL_UNLINK);
    const times = () => {
      const [dir, file] = [at.dir, at.file].map((path) => statSync(path, { bigint: true }));
      return [dir!.mtimeNs, dir!.ctimeNs, dir!.nlink, file!.mtimeNs, file!.ctimeNs, file!.nlink];
    };
    const before = times();
    const freeInodes = statfsSync(at.root).ffree;
    const file = await frozen(at);
    assert.equal((await file.read(0, 5)).toString(), 'xxxxx');
    assert.ok(file.isFrozen && file.isUnmoved());
    assert.deepEqual(readdirSync(at.dir), ['f']);
    file.close();
    await inotify.barrier();
    assert.deepEqual(times(), before);
    assert.deepEqual(names, []);
    await until('its inode is free', () => statfsSync(at.root).ffree === freeInodes);
  });
}

test('S3 what was read before it was frozen does not count, and what happens afterwards neither', async (t) => {
  const at = place(t);
  if (at === undefined) return;
  const file = StableFile.open(at.tree, F); // a small file is read as it is opened
  writeFileSync(at.file, 'HELLO, WORLD');
  await file.freeze(newClones());
  assert.deepEqual([file.isFrozen, file.isUnmoved(), file.before.sizeBytes], [true, false, 12]);
  truncateSync(at.file, 0);
  assert.equal((await file.read(0, 12)).toString(), 'HELLO, WORLD');
  assert.equal((await file.read(0, 5)).toString(), 'HELLO');
  file.close();
  const rested = await frozen(at);
  writeFileSync(at.file, 'another');
  assert.equal(rested.isUnmoved(), true, 'it had not moved until it was frozen');
  rested.close();
});

test('S3 a file that was given another name or another size before it was frozen had moved', async (t) => {
  const at = place(t);
  if (at === undefined) return;
  for (const meddle of [() => truncateSync(at.file, 2), () => renameSync(at.file, `${at.file}.old`)]) {
    const file = StableFile.open(at.tree, F);
    meddle();
    await file.freeze(newClones());
    assert.deepEqual([file.isFrozen, file.isUnmoved()], [true, false]);
    file.close();
  }
});

test('a frozen file has the one descriptor of its clone, which nobody can give a name', async (t) => {
  const at = place(t);
  if (at === undefined) return;
  const open = () => descriptorsIn(at.root);
  const before = open();
  const file = await frozen(at);
  assert.equal(open(), before + 1);
  file.close();
  assert.equal(open(), before);
  const source = openSync(at.file, 'r');
  const clone = await cloneOf(source, at.dir);
  assert.equal(fstatSync(clone).nlink, 0);
  // With a descriptor it is linkat(2), which can follow.
  const link = 'import os, sys; os.link("/proc/self/fd/3", sys.argv[1], src_dir_fd=3, follow_symlinks=True)';
  const named = (fd: number) => {
    execFileSync('python3', ['-c', link, join(at.dir, 'named')], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  };
  assert.throws(() => named(clone));
  assert.throws(() => statSync(join(at.dir, 'named')));
  named(source);
  for (const fd of [source, clone]) closeSync(fd);
});

/** A clone's descriptor, or a negated errno. */
async function cloneOf(source: number, directory: string): Promise<number> {
  const records = new StatRecords(await loadAddon().cloneFile(source, Buffer.from(directory)), 1);
  const after = records.stat(0);
  return typeof after === 'number' ? after : records.more(0);
}

/** What the addon answers for this file; the descriptors are closed. */
async function tried({ file, dir }: Place): Promise<number> {
  const source = openSync(file, 'r');
  const clone = await cloneOf(source, dir);
  closeSync(source);
  if (clone < 0) return clone;
  closeSync(clone);
  return 0;
}

test('where a file system cannot clone, or is read-only, a file that is to be frozen is read as ever', async (t) => {
  const [ext4, xfs] = [imageDir(t, 'ext4'), imageDir(t, 'xfs')];
  if (ext4 === undefined || xfs === undefined) return;
  const [onExt4, onXfs] = [placeIn(ext4), placeIn(xfs)];
  execFileSync('mount', ['-o', 'remount,ro', xfs]);
  for (const [at, code] of [
    [onExt4, EOPNOTSUPP],
    [onXfs, EROFS],
  ] as const) {
    const open = descriptorsIn(at.root);
    assert.equal(await tried(at), -code);
    assert.equal(descriptorsIn(at.root), open);
    const file = await frozen(at);
    assert.equal(file.isFrozen, false);
    assert.equal((await file.read(0, 5)).toString(), 'hello');
    writeFileSync(onExt4.file, 'HELLO!');
    assert.equal(file.isUnmoved(), at === onXfs);
    file.close();
  }
});

test('a device that cannot clone is asked once, any other each time', async () => {
  const asked: number[] = [];
  const answers = new Map([
    [1, -EOPNOTSUPP],
    [2, -ENOSPC],
    [3, 0],
  ]);
  const clones = new Clones(async (fd) => {
    asked.push(fd);
    const record = Buffer.alloc(RECORD_BYTES);
    record.writeInt32LE(answers.get(fd)!, RECORD_BYTES - 8);
    record.writeInt32LE(7, RECORD_BYTES - 4);
    return new Uint8Array(record).buffer;
  });
  const directory = Buffer.from('/');
  for (let round = 0; round < 2; round++) {
    for (const fd of [1, 2, 3]) {
      const clone = await clones.make({ fd, dev: BigInt(fd), directory });
      assert.equal(clone?.fd, fd === 3 ? 7 : undefined);
    }
  }
  assert.deepEqual(asked, [1, 2, 3, 2, 3]);
});

test('who may not write into the directory gets no clone', async (t) => {
  if (process.getuid!() !== 0) return console.log(`${t.name}: not run, only root can become somebody else`);
  const at = place(t);
  if (at === undefined) return;
  for (const dir of [join(at.root, '..'), at.root, at.dir]) chmodSync(dir, 0o755);
  process.seteuid!(65534);
  try {
    assert.equal(await tried(at), -EACCES);
  } finally {
    process.seteuid!(0);
  }
});

test('the writer of a file that is cloned never lacks room for it: without that there is no clone', async (t) => {
  const at = place(t, { content: Buffer.alloc(40 * 1024 * 1024, 'x') });
  if (at === undefined) return;
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(at.root);
    return bavail * bsize;
  };
  const source = openSync(at.file, 'r');
  const clone = await cloneOf(source, at.dir);
  assert.ok(clone >= 0);
  writeFileSync(join(at.root, 'filler'), Buffer.alloc(freeBytes() - 45 * 1024 * 1024));
  writeFileSync(at.file, Buffer.alloc(40 * 1024 * 1024, 'y'), { flag: 'r+' });
  execFileSync('sync', ['-f', at.root]);
  const first = Buffer.alloc(1);
  readSync(clone, first, 0, 1, 0);
  assert.equal(first.toString(), 'x');
  closeSync(clone);
  closeSync(source);
  await until('what only the clone had is free', () => freeBytes() > 40 * 1024 * 1024);
  writeFileSync(join(at.root, 'more'), Buffer.alloc(freeBytes() - 30 * 1024 * 1024));
  assert.equal(await tried(at), -ENOSPC);
  assert.equal(readFileSync(at.file).length, 40 * 1024 * 1024);
});

test('a descriptor or a directory that is none is an error, and nothing is left open', async (t) => {
  const root = tempDir(t);
  const open = () => descriptorsIn(root);
  const before = open();
  assert.ok((await cloneOf(9999, root)) < 0);
  const source = openSync(root, 'r');
  assert.ok((await cloneOf(source, join(root, 'absent'))) < 0);
  await assert.rejects(cloneOf(source, 'x'.repeat(5000)), /too long/);
  closeSync(source);
  assert.equal(open(), before);
});

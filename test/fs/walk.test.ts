// The walk against a real tree: the order is that of the keys, and what cannot be seen is said to be unknown.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { PathFilter } from '../../src/filter/path-filter.ts';
import type { EntryKind } from '../../src/model/entry.ts';
import type { RelPath } from '../../src/model/path.ts';
import type { DirectoryReader, ReadDirectory } from '../../src/tree/directory-reader.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import { becomesObject, takesPart, type WalkOptions, walk } from '../../src/tree/walk.ts';
import { directoriesOf, faultyDirectories } from '../support/directories.ts';
import { includeAll } from '../support/filters.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Only these paths are included; only the directories in `descend` are entered besides. */
function filterOf(options: { exclude?: readonly string[]; descend?: readonly string[] }): PathFilter {
  const includes = (path: RelPath): boolean => !options.exclude?.includes(path);
  return {
    includes,
    descends: (dir) => includes(dir) || (options.descend?.includes(dir) ?? false),
    watches: () => true,
  };
}

interface Walked {
  readonly keys: string[];
  readonly empty: string[];
  readonly unknown: [string, string][];
  readonly again: string[];
}

interface Ground extends Partial<WalkOptions> {
  readonly start?: string;
  readonly directories?: Pick<DirectoryReader, 'read'>;
}

async function walkAll(root: string, options: Ground = {}): Promise<Walked> {
  const tree = new LocalTree(Buffer.from(root));
  const { start = '', directories = directoriesOf(tree), ...rest } = options;
  const found: Walked = { keys: [], empty: [], unknown: [], again: [] };
  const batches = walk({ tree, directories }, start as RelPath, {
    filter: includeAll,
    hidden: new Map(),
    unknown: (path, reason) => found.unknown.push([path, reason]),
    again: (path) => found.again.push(path),
    ...rest,
  });
  for await (const batch of batches) {
    for (const { key, isEmpty } of batch) {
      found.keys.push(key);
      if (isEmpty) found.empty.push(key);
    }
  }
  return found;
}

/** Neighbours of '/' in byte order, bytes that are no UTF-8, and a character beyond the first plane of UTF-16. */
const name = fc.constantFrom('a', 'a-', 'a0', 'a.', '\xff', '\xee\x80\x80', '\xf0\x90\x80\x80', ' ', '\n');
const kind = fc.constantFrom<EntryKind>('file', 'directory', 'symlink');
const treeOf = fc.array(fc.tuple(fc.array(name, { minLength: 1, maxLength: 2 }), kind), { maxLength: 16 });

/** Makes what can be made and tells the keys that come of it. */
function makeTree(root: string, wanted: readonly (readonly [string[], EntryKind])[]): string[] {
  const kinds = new Map<string, EntryKind>();
  for (const [names, last] of wanted) {
    const parents = names.map((_, depth) => names.slice(0, depth).join('/')).filter((parent) => parent !== '');
    if (parents.some((parent) => (kinds.get(parent) ?? 'directory') !== 'directory')) continue;
    const path = names.join('/');
    if (kinds.has(path)) continue;
    for (const parent of parents) kinds.set(parent, 'directory');
    kinds.set(path, last);
    const absolute = Buffer.from(`${root}/${path}`, 'latin1');
    mkdirSync(Buffer.from(`${root}/${names.slice(0, -1).join('/')}`, 'latin1'), { recursive: true });
    if (last === 'directory') mkdirSync(absolute, { recursive: true });
    else if (last === 'symlink') symlinkSync('a', absolute);
    else writeFileSync(absolute, '');
  }
  return [...kinds].map(([path, is]) => (is === 'directory' ? `${path}/` : path));
}

test('S14 a walk gives every name, byte for byte, in the byte order of the keys', async (t) => {
  await fc.assert(
    fc.asyncProperty(treeOf, async (wanted) => {
      const root = tempDir(t);
      const keys = makeTree(root, wanted);
      // Independent of the code: Buffer.compare orders bytes.
      const sorted = keys.sort((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')));
      const walked = await walkAll(root);
      assert.deepEqual(walked.keys, sorted);
      const isEmpty = (key: string): boolean => key.endsWith('/') && !keys.some((k) => k !== key && k.startsWith(key));
      assert.deepEqual(walked.empty, sorted.filter(isEmpty));
      rmSync(root, { recursive: true });
    }),
    { numRuns: 150 },
  );
});

test('a directory sorts by its name and a slash: after a-, before a0', async (t) => {
  const root = tempDir(t);
  mkdirSync(join(root, 'a'));
  for (const file of ['a/x', 'a0', 'a-', 'a.']) writeFileSync(join(root, file), '');
  assert.deepEqual((await walkAll(root)).keys, ['a-', 'a.', 'a/', 'a/x', 'a0']);
});

/** d/{a, a-, sub/x} */
function smallTree(t: TestContext): string {
  const root = tempDir(t);
  mkdirSync(join(root, 'd/sub'), { recursive: true });
  for (const file of ['d/a', 'd/a-', 'd/sub/x']) writeFileSync(join(root, file), '');
  return root;
}

test('a walk begins anywhere: a directory comes with itself, a file alone, what is absent is nothing', async (t) => {
  const root = smallTree(t);
  assert.deepEqual((await walkAll(root, { start: 'd' })).keys, ['d/', 'd/a', 'd/a-', 'd/sub/', 'd/sub/x']);
  assert.deepEqual((await walkAll(root, { start: 'd/a' })).keys, ['d/a']);
  assert.deepEqual(await walkAll(root, { start: 'd/b' }), { keys: [], empty: [], unknown: [], again: [] });
  assert.deepEqual((await walkAll(root, { start: 'd/a', filter: filterOf({ exclude: ['d/a'] }) })).keys, []);
});

test('S1 a symbolic link is an entry, never a way: neither a walk nor a stat goes through it', async (t) => {
  const root = smallTree(t);
  symlinkSync('d', join(root, 'link'));
  assert.deepEqual((await walkAll(root)).keys.slice(-1), ['link']);
  assert.deepEqual((await walkAll(root, { start: 'link/a' })).keys, []);
  const tree = new LocalTree(Buffer.from(root));
  assert.equal(tree.lstat('link' as RelPath)?.kind, 'symlink');
  assert.equal(tree.lstat('link/a' as RelPath), undefined, 'the kernel would answer for d/a');
  assert.equal(tree.lstat('link/sub/x' as RelPath), undefined);
  assert.equal(tree.lstat('d/a/x' as RelPath), undefined, 'ENOTDIR');
  assert.equal(tree.lstat('d/sub/x' as RelPath)?.kind, 'file');
});

test('S16 what is excluded is not walked, but a directory that may hold something included is', async (t) => {
  const root = smallTree(t);
  assert.deepEqual((await walkAll(root, { filter: filterOf({ exclude: ['d/sub'] }) })).keys, ['d/', 'd/a', 'd/a-']);
  const through = filterOf({ exclude: ['d', 'd/a', 'd/sub'], descend: ['d', 'd/sub'] });
  assert.deepEqual((await walkAll(root, { filter: through })).keys, ['d/a-', 'd/sub/x']);
  const entry = { name: 'sub', isDirectory: true, isSpecial: false };
  assert.equal(takesPart('d' as RelPath, entry, through), true);
  assert.equal(becomesObject('d' as RelPath, entry, through), false);
  assert.equal(takesPart('d' as RelPath, { ...entry, isDirectory: false }, through), false);
});

test('a directory whose names are all excluded or special is empty: nothing beneath it becomes an object', async (t) => {
  const root = smallTree(t);
  execFileSync('mkfifo', [join(root, 'd/sub/fifo')]);
  const walked = await walkAll(root, { filter: filterOf({ exclude: ['d/sub/x'] }) });
  assert.deepEqual(walked.empty, ['d/sub/']);
  assert.ok(walked.keys.includes('d/sub/fifo'), 'a FIFO occupies its name all the same');
});

test('S4 what lies under a mount is unknown, not absent', async (t) => {
  const root = smallTree(t);
  const walked = await walkAll(root, { hidden: new Map([['d/sub' as RelPath, 'covered']]) });
  assert.deepEqual(walked.keys, ['d/', 'd/a', 'd/a-']);
  assert.deepEqual(walked.unknown, [['d/sub', 'covered']]);
  assert.deepEqual((await walkAll(root, { start: 'd/sub', hidden: new Map([['d' as RelPath, 'covered']]) })).keys, []);
});

test('S4 a directory or name that cannot be read is unknown, and the walk goes on', async (t) => {
  const root = smallTree(t);
  const directories = faultyDirectories(directoriesOf(new LocalTree(Buffer.from(root))), {
    read: (dir) => (dir === 'd/sub' ? 'EACCES' : undefined),
    look: (path) => (path === 'd/a' ? 'EIO' : undefined),
  });
  const { keys, unknown } = await walkAll(root, { directories, again: assert.fail });
  assert.deepEqual(keys, ['d/', 'd/a-']);
  assert.deepEqual(unknown, [
    ['d/a', 'it cannot be read (EIO)'],
    ['d/sub', 'it cannot be read (EACCES)'],
  ]);
});

test('a directory is entered before it is read, and its children are told', async (t) => {
  const root = smallTree(t);
  const told: string[] = [];
  const walked = await walkAll(root, {
    enter: (dir) => {
      told.push(`enter ${dir}`);
      if (dir === 'd/sub') writeFileSync(join(root, 'd/sub/late'), '');
      return true;
    },
    listed: (dir, names) => told.push(`${dir} has ${[...names]}`),
  });
  assert.deepEqual(told, ['enter ', ' has d', 'enter d', 'd has sub', 'enter d/sub', 'd/sub has ']);
  assert.ok(walked.keys.includes('d/sub/late'), 'what was made after entering is seen');
});

test('a directory that is another one when it is entered is left out and looked at again', async (t) => {
  const root = smallTree(t);
  const walked = await walkAll(root, { enter: (dir) => dir !== 'd/sub' });
  assert.deepEqual(walked.again, ['d/sub']);
  assert.deepEqual(walked.keys, ['d/', 'd/a', 'd/a-']);
});

/** More names than are looked at in one go, then d/y and d/z: there is time to change these before. */
function largeTree(t: TestContext): string {
  const root = tempDir(t);
  mkdirSync(join(root, 'd/z'), { recursive: true });
  for (let i = 0; i < 5_000; i++) writeFileSync(join(root, `d/f${i}`), '');
  for (const file of ['d/y', 'd/z/x']) writeFileSync(join(root, file), '');
  return root;
}

test('a directory of any size is walked whole and in order', async (t) => {
  const root = largeTree(t);
  const { keys } = await walkAll(root);
  const files = Array.from({ length: 5_000 }, (_, i) => `d/f${i}`).sort();
  assert.deepEqual(keys, ['d/', ...files, 'd/y', 'd/z/', 'd/z/x']);
});

test('a directory is not empty for a single name that becomes an object, wherever that is', async (t) => {
  const root = largeTree(t);
  const filter = { includes: (path: RelPath) => !path.startsWith('d/f'), descends: () => true, watches: () => true };
  const { keys, empty } = await walkAll(root, { filter });
  assert.deepEqual([keys, empty], [['d/', 'd/y', 'd/z/', 'd/z/x'], []]);
});

test('a name that changes its kind during the walk is left out and looked at again: its key would be out of order', async (t) => {
  const root = largeTree(t);
  for (const make of [writeFileSync, (path: string) => symlinkSync('/', path)] as const) {
    rmSync(join(root, 'd/y'), { recursive: true });
    writeFileSync(join(root, 'd/y'), '');
    rmSync(join(root, 'd/z'), { recursive: true });
    mkdirSync(join(root, 'd/z'));
    const swapped = await walkAll(root, {
      listed: (dir) => {
        if (dir !== 'd') return;
        rmSync(join(root, 'd/y'));
        mkdirSync(join(root, 'd/y'));
        rmdirSync(join(root, 'd/z'));
        make(join(root, 'd/z'), '');
      },
    });
    assert.deepEqual(swapped.again, ['d/y', 'd/z']);
    assert.equal(swapped.keys.length, 5_001);
  }
});

test('what vanishes during the walk is neither an entry nor an error', async (t) => {
  const root = largeTree(t);
  const walked = await walkAll(root, {
    listed: (dir) => {
      if (dir === 'd') rmSync(join(root, 'd/y'));
    },
    enter: (dir) => {
      if (dir !== 'd/z') return true;
      rmSync(join(root, 'd/z'), { recursive: true });
      return true;
    },
  });
  assert.deepEqual([walked.unknown, walked.again, walked.keys.length], [[], [], 5_001]);
});

test('S4 a directory that cannot be read to its end is unknown', async (t) => {
  const root = largeTree(t);
  const directories = directoriesOf(new LocalTree(Buffer.from(root)));
  const { EIO } = constants.errno;
  const { keys, unknown } = await walkAll(root, {
    directories: {
      async read(dir) {
        const found = (await directories.read(dir)) as ReadDirectory;
        const parts = [found.next(), dir === 'd' ? -EIO : []];
        return { stat: found.stat, directories: () => found.directories(), next: async () => parts.shift() ?? [] };
      },
    },
  });
  assert.equal(keys.length, 4_097);
  assert.deepEqual(unknown, [['d', 'it cannot be read (EIO)']]);
});

test('a directory that vanishes while it is walked loses what was not seen yet, and nothing is said of it', async (t) => {
  const root = largeTree(t);
  const walked = await walkAll(root, { listed: (dir) => dir === 'd' && rmSync(join(root, 'd'), { recursive: true }) });
  assert.deepEqual([walked.unknown, walked.again, walked.keys.length], [[], [], 4_097]);
});

test('a tree reads names and link targets as bytes, and stops at the first name that will do', async (t) => {
  const root = tempDir(t);
  const tree = new LocalTree(Buffer.from(`${root}/`));
  assert.equal(tree.root, root);
  const odd = 'caf\xe9 \xff' as RelPath;
  symlinkSync(Buffer.from('\xfe\xff', 'latin1'), tree.absolute(odd));
  writeFileSync(join(root, 'b'), '');
  assert.equal(tree.readlink(odd).toString('latin1'), '\xfe\xff');
  let asked = 0;
  assert.equal(
    tree.hasName('' as RelPath, () => ++asked > 0),
    true,
  );
  assert.equal(asked, 1);
  assert.equal(
    tree.hasName('' as RelPath, (entry) => entry.name === odd),
    true,
  );
  assert.equal(
    tree.hasName('' as RelPath, () => false),
    false,
  );
  assert.equal(new LocalTree(Buffer.from('/')).absolute('etc' as RelPath).toString(), '/etc');
});

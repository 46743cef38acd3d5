// Looking at paths: what is proven to be absent, and what is not known.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RelPath } from '../../src/model/path.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import { tempDir } from '../support/temp-dir.ts';

function planted(t: TestContext): LocalTree {
  const root = tempDir(t);
  mkdirSync(join(root, 'd/e'), { recursive: true });
  writeFileSync(join(root, 'd/e/f'), 'text');
  symlinkSync('d', join(root, 'link'));
  symlinkSync('loop', join(root, 'loop'));
  return new LocalTree(Buffer.from(root));
}

const kindAt = (tree: LocalTree, path: string) => tree.lstat(path as RelPath)?.kind;

test('S11 a path is what is there by way of directories alone', (t) => {
  const tree = planted(t);
  const found = ['', 'd', 'd/e', 'd/e/f', 'link', 'loop'].map((path) => kindAt(tree, path));
  assert.deepEqual(found, ['directory', 'directory', 'directory', 'file', 'symlink', 'symlink']);
  const absent = ['x', 'd/x', 'x/y', 'd/e/f/x', 'link/e', 'link/e/f', 'loop/x', 'd/link'];
  for (const path of absent) assert.equal(kindAt(tree, path), undefined, path);
  assert.equal(tree.lstatBelow('link/e/f' as RelPath)?.kind, 'file', 'whoever vouches for the directories above');
});

test('S4 a path that cannot be looked at is not known; one beneath what is gone is gone, however long', (t) => {
  const tree = planted(t);
  const long = Array.from({ length: 20 }, () => 'n'.repeat(250)).join('/');
  assert.throws(() => kindAt(tree, `d/${'n'.repeat(256)}`), { code: 'ENAMETOOLONG', syscall: 'lstat' });
  assert.equal(kindAt(tree, `gone/${long}`), undefined);
  assert.equal(kindAt(tree, `d/e/f/${long}`), undefined);
  assert.equal(kindAt(tree, `link/${long}`), undefined);
  const below = `d/e/${'./'.repeat(2048)}f`; // the directories are all there
  assert.throws(() => kindAt(tree, below), { code: 'ENAMETOOLONG' });
});

test('a path with a NUL is refused, not cut', (t) => {
  assert.throws(() => kindAt(planted(t), 'd\0x'), { code: 'EINVAL' });
});

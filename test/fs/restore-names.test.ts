// What keys and local names may do to each other: nothing is written outside of the root, nothing in the way is lost.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type RelKey, TEMPORARY_PREFIX } from '../../src/model/key.ts';
import { assertComplete, FILE, restored, restoreGround, treeOf } from '../support/restoring.ts';
import { tempDir } from '../support/temp-dir.ts';

test('S9 keys that would leave the tree are refused and reported, and do not keep it from being ready', async (t) => {
  const ground = restoreGround(t);
  for (const key of ['../escape', 'a/../../escape', '/absolute', 'a//b', './x', 'n'.repeat(256), 'nul\0byte', 'ok'])
    await ground.put(key, 'x', FILE);
  await ground.put('', '');
  const report = await ground.restore();
  assert.equal(report.refused.length, 7);
  assert.deepEqual([report.complete, report.downloaded], [true, 1]);
  assert.deepEqual(treeOf(ground.root), { ok: 'x' });
  assert.equal(existsSync(join(ground.root, '../escape')), false);
});

test('S14 a name that others stored as it is and we would encode comes back, and is to be stored where it belongs', async (t) => {
  const ground = restoreGround(t);
  await ground.put('a\x01b', 'theirs', FILE);
  await ground.put('d\x01/', '');
  const report = await ground.restore();
  assert.deepEqual(treeOf(ground.root), { 'a\x01b': 'theirs' });
  assert.deepEqual([report.dirty, report.refused.length], [['a\x01b'], 1]);
  assert.equal(ground.ledger.get('a\x01b' as RelKey), undefined, 'it is not where we would look for it');

  const other = restoreGround(t);
  await other.put('a\x01b', 'theirs', FILE);
  await other.put('.awssyncer/names/a%01b', 'ours', FILE);
  await other.put('.awssyncer/names/not encoded', '', FILE);
  await other.put('Z', 'Z', FILE);
  const both = await other.restore();
  assert.deepEqual(treeOf(other.root), { 'a\x01b': 'ours', Z: 'Z' });
  assert.deepEqual(both.refused.map(({ path }) => path).sort(), ['.awssyncer/names/not encoded', 'a\\x01b']);
  assert.equal(other.ledger.get('a\x01b' as RelKey)?.state, 'known');
  // Also when ours has gone: it is not what this path was before.
  other.store.objects.delete('prefix/.awssyncer/names/a%01b');
  const { removed, conflicts, refused } = await other.restore();
  assert.deepEqual([removed, conflicts, refused.length], [1, [], 2]);
  assert.deepEqual(treeOf(other.root), { Z: 'Z' });
});

test('S4 S14 encoded names, which are listed before others, are found again by the next restore', async (t) => {
  const ground = restoreGround(t);
  for (const key of ['-', 'Z', 'a', 'z', '.awssyncer/names/%01', '.awssyncer/names/b%FF', '.awssyncer/names/%FF'])
    await ground.put(key, key, FILE);
  assert.equal((await ground.restore()).downloaded, 7);
  await ground.put('.awssyncer/names/b%FF', 'newer', FILE);
  const { unchanged, downloaded, removed, dirty, conflicts, heldRemovals } = await ground.restore();
  assert.deepEqual([unchanged, downloaded, removed], [6, 1, 0]);
  assert.deepEqual([dirty, conflicts, heldRemovals], [[], [], []]);
});

test('S9 nothing is written, read or swept through a local symbolic link', async (t) => {
  const ground = restoreGround(t);
  const outside = tempDir(t);
  mkdirSync(join(outside, 'sub'));
  writeFileSync(join(outside, 'sub/f'), 'x');
  writeFileSync(join(outside, `sub/${TEMPORARY_PREFIX}0123456789abcdef`), 'theirs');
  const before = treeOf(outside);
  symlinkSync(outside, ground.at('link'));
  mkdirSync(ground.at('deep'));
  symlinkSync(outside, ground.at('deep/link'));
  const keys = ['link/f', 'link/sub/f', 'link/sub/new/f', 'deep/link/f', 'link/empty/'];
  for (const key of keys) await ground.put(key, 'x', FILE);
  const report = await ground.restore();
  assert.deepEqual(treeOf(outside), before);
  assert.deepEqual([report.refused.length, report.adopted], [keys.length, 0]);
  assert.match(
    report.refused.find(({ path }) => path === 'deep/link/f')?.reason ?? '',
    /a symbolic link is in the way at deep\/link/,
  );
  assert.equal(ground.ledger.get('link/f' as RelKey)?.state, 'foreign', 'what was left alone is not ours to delete');
});

test('S9 nothing is written through a symbolic link that S3 itself holds', async (t) => {
  const ground = restoreGround(t);
  const outside = tempDir(t);
  await ground.put('a', outside, { mode: '120777' });
  await ground.put('a/b', 'x', FILE);
  const report = await ground.restore();
  assert.deepEqual(readdirSync(outside), []);
  assert.deepEqual(treeOf(ground.root), { a: null, 'a/b': 'x' });
  assert.match(report.refused[0]?.reason ?? '', /newer a\/b/);
});

test('S9 a file that turns into a symbolic link while S3 answers is not followed', async (t) => {
  const ground = restoreGround(t);
  const outside = tempDir(t);
  writeFileSync(join(outside, 'victim'), 'untouched');
  await restored(ground);
  await ground.put('f', 'newer', FILE);
  const get = ground.store.get.bind(ground.store);
  ground.store.get = async (key, options) => {
    if (key === 'prefix/f' && lstatSync(ground.at('f')).isFile()) {
      unlinkSync(ground.at('f'));
      symlinkSync(join(outside, 'victim'), ground.at('f'));
    }
    return await get(key, options);
  };
  const report = await ground.restore();
  assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'untouched');
  assert.equal(treeOf(ground.root)['f'], `-> ${join(outside, 'victim')}`, 'a change made meanwhile is a local edit');
  assert.equal(report.conflicts[0]?.winner, 'local');
});

test('S9 a directory moved away while a file is fetched does not take the file with it', async (t) => {
  const ground = restoreGround(t);
  const outside = tempDir(t);
  await ground.put('d/f', 'x', FILE);
  const get = ground.store.get.bind(ground.store);
  ground.store.get = async (key, options) => {
    const answer = await get(key, options);
    renameSync(ground.at('d'), join(outside, 'd'));
    return answer;
  };
  const report = await ground.restore();
  assert.deepEqual(readdirSync(join(outside, 'd')), []);
  assert.match(report.refused[0]?.reason ?? '', /moved away/);
});

test('S9 a directory that was moved away is made again for the files that come later', async (t) => {
  const ground = restoreGround(t);
  const outside = tempDir(t);
  for (const name of ['a', 'b', 'c']) await ground.put(`d/${name}`, name, FILE);
  const get = ground.store.get.bind(ground.store);
  ground.store.get = async (key, options) => {
    const answer = await get(key, options);
    if (key.endsWith('/b')) renameSync(ground.at('d'), join(outside, 'd'));
    return answer;
  };
  const report = await ground.restore({ concurrency: 1 });
  assert.deepEqual(readdirSync(join(outside, 'd')), ['a']);
  assert.deepEqual(treeOf(ground.root), { d: null, 'd/c': 'c' });
  assert.deepEqual(report.refused, [{ path: 'd/b', reason: 'its directory was moved away meanwhile' }]);
});

test('a and a/b in S3: the newer one wins, the other is reported and left alone', async (t) => {
  for (const [first, second, tree] of [
    ['a', 'a/b', { a: null, 'a/b': 'x' }],
    ['a/b', 'a', { a: 'x' }],
  ] as const) {
    const ground = restoreGround(t);
    await ground.put(first, 'x', FILE);
    await ground.put(second, 'x', FILE);
    const report = await ground.restore();
    assert.deepEqual(treeOf(ground.root), tree);
    assert.deepEqual(
      report.refused.map(({ path }) => path),
      [first],
    );
    assert.equal(ground.ledger.get(first as RelKey)?.state, 'foreign');
    assert.equal(report.complete, true);
  }
});

test('S9 a local directory that holds something is not replaced by a file', async (t) => {
  const ground = restoreGround(t);
  mkdirSync(ground.at('a'));
  writeFileSync(ground.at('a/mine'), 'x');
  mkdirSync(ground.at('empty'));
  await ground.put('a', 'file', FILE);
  await ground.put('empty', 'file', FILE);
  const report = await ground.restore();
  assert.deepEqual(treeOf(ground.root), { a: null, 'a/mine': 'x', empty: 'file' });
  assert.deepEqual(report.refused, [{ path: 'a', reason: 'a directory that is not empty has this name' }]);
});

test('a file that became a directory in S3 follows', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  ground.store.objects.delete('prefix/f');
  await ground.put('f/inside', 'x', FILE);
  assertComplete(await ground.restore());
  assert.deepEqual(treeOf(ground.root), { f: null, 'f/inside': 'x', other: 'other' });
});

test('a directory that became a file in S3 follows', async (t) => {
  const ground = restoreGround(t);
  await ground.put('d/inside', 'x', FILE);
  await ground.put('d/', '', { mode: '40700' });
  await ground.put('other', 'other', FILE);
  await ground.restore();
  for (const key of ['d/inside', 'd/']) ground.store.objects.delete(`prefix/${key}`);
  await ground.put('d', 'now a file', FILE);
  assertComplete(await ground.restore());
  assert.deepEqual(treeOf(ground.root), { d: 'now a file', other: 'other' });
});

test('a FIFO that has the name of an object stays', async (t) => {
  const ground = restoreGround(t);
  execFileSync('mkfifo', [ground.at('f')]);
  await ground.put('f', 'x', FILE);
  const report = await ground.restore();
  assert.match(report.refused[0]?.reason ?? '', /FIFO/);
  assert.equal(lstatSync(ground.at('f')).isFIFO(), true);
});

test('S16 what is excluded is neither restored nor removed', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  await ground.put('cache/x', 'x', FILE);
  ground.store.objects.delete('prefix/f');
  const rules = [
    { include: false, glob: 'cache/' },
    { include: false, glob: '/f' },
  ];
  assertComplete(await ground.restore({ rules }));
  assert.deepEqual(treeOf(ground.root), { f: 'base', other: 'other' });
  assert.equal(ground.ledger.get('f' as RelKey)?.state, 'known');
});

test('the original’s ready marker and the agent’s own keys are left alone', async (t) => {
  const ground = restoreGround(t);
  for (const key of ['.volume_ready', '.awssyncer/lease', 'f']) await ground.put(key, 'x', FILE);
  const report = await ground.restore();
  assert.deepEqual([Object.keys(treeOf(ground.root)), report.refused], [['f'], []]);
});

test('names come back byte for byte', async (t) => {
  const ground = restoreGround(t);
  const names = ['é', 'e\u0301', '日本', '\u{1f600}', 'a b+%2F', 'new\nline', '\'"\\', '-rf', ' '];
  for (const name of names) await ground.put(`d/${name}`, 'x', FILE);
  assertComplete(await ground.restore());
  assert.deepEqual(readdirSync(ground.at('d')).sort(), names.sort());
});

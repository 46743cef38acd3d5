// --overwrite on real files: whoever wins, the loser is kept.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { RelKey } from '../../src/model/key.ts';
import type { RestoreOptions } from '../../src/restore/options.ts';
import { assertComplete, FILE, restored, restoreGround, treeOf } from '../support/restoring.ts';

const YOUNG = { ...FILE, mtime: '1700000000.5' };
const OLD = { ...FILE, mtime: '1500000000' };

test('S9 never: a file S3 has a newer version of is kept and told of, and the next restore without it brings that', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  const before = ground.ledger.get('f' as RelKey);
  await ground.put('f', 'newer', YOUNG);
  const report = await ground.restore({ overwrite: 'never' });
  assertComplete(report);
  assert.deepEqual(report.kept, [{ path: 'f', reason: 'changed in S3' }]);
  assert.deepEqual([report.downloaded, report.dirty, report.conflicts], [0, [], []]);
  assert.equal(treeOf(ground.root)['f'], 'base');
  assert.deepEqual(ground.ledger.get('f' as RelKey), before, 'nothing is believed of what was not taken');
  assert.equal(ground.ledger.meta().restored, null, 'run does not take it for a restore of everything');
  const next = await ground.restore();
  assert.equal(ground.ledger.meta().restored, 'all');
  assert.deepEqual([next.downloaded, next.kept], [1, []]);
  assert.equal(treeOf(ground.root)['f'], 'newer');
});

test('S9 never, no base: the local file stays, S3’s version is kept aside; without a state directory both stay', async (t) => {
  const ground = restoreGround(t);
  writeFileSync(ground.at('f'), 'local');
  await ground.put('f', 'remote', { ...FILE, mtime: '4000000000' });
  await ground.put('new', 'new', FILE);
  const without = await ground.restore({ overwrite: 'never', stateDir: null });
  assertComplete(without);
  assert.equal(without.kept[0]?.path, 'f');
  assert.deepEqual(treeOf(ground.root), { f: 'local', new: 'new' });
  ground.ledger.clear();
  const report = await ground.restore({ overwrite: 'never' });
  assert.equal(readFileSync(report.conflicts[0]!.keptAs, 'utf8'), 'remote');
  assert.deepEqual([report.conflicts[0]?.winner, report.dirty, report.kept], ['local', ['f'], []]);
  assert.equal(treeOf(ground.root)['f'], 'local');
});

test('S9 newer: only a newer stored time replaces what is as base, and a file that is newer here stays', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  await ground.put('f', 'older', OLD);
  await ground.put('other', 'younger', YOUNG);
  writeFileSync(ground.at('mine'), 'mine');
  await ground.put('mine', 'theirs', YOUNG);
  const report = await ground.restore({ overwrite: 'newer' });
  assertComplete(report);
  assert.deepEqual(
    report.kept.map(({ path }) => path),
    ['f'],
  );
  assert.deepEqual(treeOf(ground.root), { f: 'base', mine: 'mine', other: 'younger' });
  assert.equal(readFileSync(report.conflicts[0]!.keptAs, 'utf8'), 'theirs');
});

test('S9 newer: of two edits the newer one takes the path, the older local one is kept aside', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  writeFileSync(ground.at('f'), 'edited');
  await ground.put('f', 'of the future', { ...FILE, mtime: '4000000000' });
  const report = await ground.restore({ overwrite: 'newer' });
  assert.equal(treeOf(ground.root)['f'], 'of the future');
  assert.deepEqual([report.conflicts[0]?.winner, report.dirty], ['s3', []]);
  assert.equal(readFileSync(report.conflicts[0]!.keptAs, 'utf8'), 'edited');
});

test('S9 always: edits are replaced and kept aside, deleted files and closed directories come back', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  await ground.put('d/', '', { mode: '40750' });
  await ground.put('gone', 'gone', FILE);
  await ground.restore();
  writeFileSync(ground.at('f'), 'edited');
  unlinkSync(ground.at('gone'));
  chmodSync(ground.at('d'), 0o700);
  let expectedBytes = 0;
  const onProgress: RestoreOptions['onProgress'] = ({ totalBytes }) => {
    expectedBytes = totalBytes;
  };
  const report = await ground.restore({ overwrite: 'always', onProgress });
  assertComplete(report);
  assert.equal(expectedBytes, 'base'.length + 'gone'.length, 'room is needed for them');
  assert.deepEqual([report.dirty, report.kept], [[], []]);
  assert.deepEqual(treeOf(ground.root), { d: null, f: 'base', gone: 'gone', other: 'other' });
  const [conflict] = report.conflicts;
  assert.deepEqual([report.conflicts.length, conflict?.winner, conflict?.path], [1, 's3', 'f']);
  assert.equal(readFileSync(conflict!.keptAs, 'utf8'), 'edited');
  ground.store.calls.clear();
  assert.equal((await ground.restore({ overwrite: 'always' })).unchanged, 4, 'the ledger knows what it brought');
  assert.deepEqual([...ground.store.calls.keys()], ['list']);
});

test('S9 always: a directory with something in it stays in the way of a file, an empty one goes', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  for (const name of ['f', 'other']) unlinkSync(ground.at(name));
  mkdirSync(ground.at('f'));
  mkdirSync(ground.at('other'));
  writeFileSync(ground.at('f/inside'), 'mine');
  const report = await ground.restore({ overwrite: 'always' });
  assert.equal(report.refused[0]?.reason, 'a directory that is not empty has this name');
  assert.deepEqual(treeOf(ground.root), { f: null, 'f/inside': 'mine', other: 'other' });
});

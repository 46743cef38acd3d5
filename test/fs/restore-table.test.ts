// The table of plan/restore-plan.ts on real files: nothing edited here or stored there is lost.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, readFileSync, renameSync, rmSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RelKey } from '../../src/model/key.ts';
import type { RestoreReport } from '../../src/restore/options.ts';
import { assertComplete, FILE, restored, restoreGround, treeOf } from '../support/restoring.ts';

test('S13 files, links, empty directories, modes and times to the nanosecond come back', async (t) => {
  const ground = restoreGround(t);
  await ground.put('dir/file', 'content', FILE);
  await ground.put('dir/link', '../no/where', { mode: '120777', mtime: '1500000000.000000001' });
  await ground.put('empty/', '', { mode: '40700' });
  await ground.put('closed/', '', { mode: '40555' });
  await ground.put('closed/inside', 'x', FILE);
  await ground.put('plain', 'no metadata');
  const report = await ground.restore();
  assertComplete(report);
  assert.deepEqual(treeOf(ground.root), {
    closed: null,
    'closed/inside': 'x',
    dir: null,
    'dir/file': 'content',
    'dir/link': '-> ../no/where',
    empty: null,
    plain: 'no metadata',
  });
  const stat = (path: string) => lstatSync(ground.at(path), { bigint: true });
  assert.equal(stat('dir/file').mtimeNs, 1_600_000_000_123_456_789n);
  assert.equal(stat('dir/file').mode, 0o100640n);
  assert.equal(stat('dir/link').mtimeNs, 1_500_000_000_000_000_001n);
  assert.equal(stat('dir').mode, 0o40755n);
  assert.equal(stat('empty').mode, 0o40700n);
  assert.equal(stat('closed').mode, 0o40555n);
  assert.equal(stat('plain').mode, 0o100644n);
  assert.equal(stat('plain').mtimeNs, BigInt(ground.store.objects.get('prefix/plain')!.lastModifiedMs) * 1_000_000n);
  const row = ground.ledger.get('dir/file' as RelKey);
  assert.deepEqual([row?.state, row?.ino, row?.ctimeNs], ['known', stat('dir/file').ino, stat('dir/file').ctimeNs]);
  assert.deepEqual(ground.ledger.meta().restoring, false);
});

test('S8 a second restore downloads nothing and asks for nothing but the listing', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  await ground.put('d/', '', { mode: '40700' });
  await ground.restore();
  ground.store.calls.clear();
  const report = await ground.restore();
  assert.equal(report.unchanged, 3);
  assert.deepEqual([...ground.store.calls.keys()], ['list']);
});

test('local as base, S3 changed: downloaded', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  await ground.put('f', 'newer', FILE);
  assertComplete(await ground.restore());
  assert.equal(treeOf(ground.root)['f'], 'newer');
});

test('local as base but for ctime and inode, S3 changed: the content is hashed and the change downloaded', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  execFileSync('cp', ['-p', ground.at('f'), ground.at('copy')]);
  renameSync(ground.at('copy'), ground.at('f'));
  await ground.put('f', 'newer', FILE);
  const report = await ground.restore();
  assert.deepEqual(report.conflicts, []);
  assert.equal(treeOf(ground.root)['f'], 'newer');
});

test('local as base, S3 gone: removed, with the directories that only it kept', async (t) => {
  const ground = restoreGround(t);
  await ground.put('d/e/f', 'base', FILE);
  await ground.put('other', 'other', FILE);
  await ground.restore();
  ground.store.objects.delete('prefix/d/e/f');
  const report = await ground.restore({ deleteBudget: { count: 1, percent: 50 } });
  assert.equal(report.removed, 1);
  assert.deepEqual(treeOf(ground.root), { other: 'other' });
  assert.equal(ground.ledger.get('d/e/f' as RelKey), undefined);
});

test('S4 more removals than the budget: nothing is removed, and the restore is not complete', async (t) => {
  const ground = restoreGround(t);
  for (const name of ['a', 'b', 'c']) await ground.put(name, name, FILE);
  await ground.restore();
  for (const name of ['a', 'b']) ground.store.objects.delete(`prefix/${name}`);
  const report = await ground.restore({ deleteBudget: { count: 1, percent: 50 } });
  assert.deepEqual([report.removed, report.complete], [0, false]);
  assert.deepEqual([...report.heldRemovals].sort(), ['a', 'b']);
  assert.deepEqual(Object.keys(treeOf(ground.root)), ['a', 'b', 'c']);
  assert.equal(ground.ledger.meta().restoring, true);
});

test('S9 local changed, S3 as base: kept and handed over', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  writeFileSync(ground.at('f'), 'edited');
  const report = await ground.restore();
  assert.deepEqual([report.dirty, report.complete], [['f'], true]);
  assert.equal(treeOf(ground.root)['f'], 'edited');
});

test('local gone, S3 as base: stays gone and is handed over', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  unlinkSync(ground.at('f'));
  const report = await ground.restore();
  assert.deepEqual(report.dirty, ['f']);
  assert.deepEqual(Object.keys(treeOf(ground.root)), ['other']);
});

test('S4 in an emptied root nothing counts as deleted: everything is downloaded again', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  rmSync(ground.at('f'));
  rmSync(ground.at('other'));
  const report = await ground.restore();
  assert.deepEqual([report.downloaded, report.dirty], [2, []]);
});

test('S4 after an unfinished restore a missing file is not a deletion', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  ground.ledger.setMeta({ restoring: true });
  unlinkSync(ground.at('f'));
  const report = await ground.restore();
  assert.deepEqual([report.downloaded, report.dirty], [1, []]);
});

test('local gone, S3 changed: downloaded', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  unlinkSync(ground.at('f'));
  await ground.put('f', 'newer', FILE);
  assertComplete(await ground.restore());
  assert.equal(treeOf(ground.root)['f'], 'newer');
});

test('both gone: the row is forgotten', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  unlinkSync(ground.at('f'));
  ground.store.objects.delete('prefix/f');
  await ground.restore();
  assert.equal(ground.ledger.get('f' as RelKey), undefined);
});

test('S9 local changed, S3 gone: kept, forgotten and handed over', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  writeFileSync(ground.at('f'), 'edit');
  ground.store.objects.delete('prefix/f');
  const report = await ground.restore();
  assert.deepEqual([report.dirty, report.removed], [['f'], 0]);
  assert.equal(ground.ledger.get('f' as RelKey), undefined);
  assert.equal(treeOf(ground.root)['f'], 'edit');
});

test('S9 changed on both sides: local stays, S3’s version is kept aside', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  writeFileSync(ground.at('f'), 'local');
  await ground.put('f', 'other edit', FILE);
  const report = await ground.restore();
  assert.equal(treeOf(ground.root)['f'], 'local');
  assert.equal(report.conflicts.length, 1);
  const [{ winner, keptAs }] = report.conflicts as [RestoreReport['conflicts'][0]];
  assert.equal(winner, 'local');
  assert.ok(keptAs.startsWith(join(ground.stateDir, 'conflicts/2023-11-14T22-13-20.000Z/')), keptAs);
  assert.equal(readFileSync(keptAs, 'utf8'), 'other edit');
  assert.deepEqual(report.dirty, ['f']);
  assert.equal(ground.ledger.get('f' as RelKey)?.ctimeNs, 0n, 'the row never counts as unchanged');
});

test('changed on both sides to the same content: adopted, for a crash may have hidden the upload from the ledger', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  writeFileSync(ground.at('f'), 'edit');
  await ground.put('f', 'edit', FILE);
  const report = await ground.restore();
  assert.deepEqual([report.adopted, report.conflicts], [1, []]);
});

test('no base, equal content and attributes: adopted without a download', async (t) => {
  const ground = restoreGround(t);
  await ground.put('f', 'same', FILE);
  await ground.restore();
  ground.ledger.clear();
  ground.store.calls.clear();
  const report = await ground.restore();
  assert.deepEqual([report.adopted, report.downloaded, report.dirty], [1, 0, []]);
  assert.equal(ground.store.calls.get('get'), undefined);
  assert.equal(ground.ledger.get('f' as RelKey)?.state, 'known');
});

test('S13 no base, equal content, other mode: adopted, and the local mode handed over', async (t) => {
  const ground = restoreGround(t);
  await ground.put('f', 'same', FILE);
  await ground.restore();
  ground.ledger.clear();
  chmodSync(ground.at('f'), 0o600);
  const report = await ground.restore();
  assert.deepEqual([report.adopted, report.dirty], [1, ['f']]);
  assert.equal(ground.ledger.get('f' as RelKey)?.mode, 0o100640);
});

test('S9 no base, different, newer in S3: S3 takes the path, the local version is kept aside with its inode', async (t) => {
  const ground = restoreGround(t);
  writeFileSync(ground.at('f'), 'old local');
  utimesSync(ground.at('f'), 1_500_000_000, 1_500_000_000);
  const { ino } = lstatSync(ground.at('f'));
  await ground.put('f', 'newer', FILE);
  const report = await ground.restore();
  assert.equal(treeOf(ground.root)['f'], 'newer');
  const [conflict] = report.conflicts;
  assert.equal(conflict?.winner, 's3');
  assert.equal(readFileSync(conflict.keptAs, 'utf8'), 'old local');
  assert.equal(lstatSync(conflict.keptAs).ino, ino);
  assert.deepEqual(report.dirty, []);
});

test('S9 no base, different, newer on disk: local stays, S3’s version is kept aside', async (t) => {
  const ground = restoreGround(t);
  writeFileSync(ground.at('f'), 'new local');
  await ground.put('f', 'older', FILE);
  const report = await ground.restore();
  assert.equal(treeOf(ground.root)['f'], 'new local');
  assert.equal(readFileSync(report.conflicts[0]!.keptAs, 'utf8'), 'older');
  assert.deepEqual(report.dirty, ['f']);
});

test('S9 no base, different, no stored time: S3 wins, whatever its upload time', async (t) => {
  const ground = restoreGround(t);
  writeFileSync(ground.at('f'), 'new local');
  await ground.put('f', 'other tool', {});
  const report = await ground.restore();
  assert.equal(treeOf(ground.root)['f'], 'other tool');
  assert.equal(readFileSync(report.conflicts[0]!.keptAs, 'utf8'), 'new local');
});

test('S9 without a state directory a conflict touches neither version, and the restore is not complete', async (t) => {
  const ground = restoreGround(t);
  writeFileSync(ground.at('f'), 'local');
  await ground.put('f', 'remote', {});
  const report = await ground.restore({ stateDir: null });
  assert.equal(report.complete, false);
  assert.match(report.failures[0]?.reason ?? '', /without a state directory/);
  assert.equal(treeOf(ground.root)['f'], 'local');
});

test('S12 a late request that may still execute keeps its warning, and the path is handed over', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  const row = ground.ledger.get('f' as RelKey)!;
  ground.ledger.write([{ ...row, state: 'unproven', proveAfterMs: 5 }]);
  assert.deepEqual((await ground.restore()).dirty, ['f']);
  await ground.put('f', 'late', FILE);
  const report = await ground.restore();
  assert.deepEqual(
    report.conflicts.map(({ winner }) => winner),
    ['s3'],
    'an unproven row is no base: nothing is dropped on its word',
  );
  assert.deepEqual(
    [ground.ledger.get('f' as RelKey)?.state, ground.ledger.get('f' as RelKey)?.proveAfterMs],
    ['unproven', 5],
  );
});

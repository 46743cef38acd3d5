// restore --delete on real files: what S3 does not hold goes, and none of it is lost.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createFilter } from '../../src/filter/filter.ts';
import type { FilterRule } from '../../src/filter/path-filter.ts';
import { RefusedError } from '../../src/model/errors.ts';
import { loadAddon } from '../../src/native/addon.ts';
import type { ExtraOptions, RestoreOptions, RestoreReport } from '../../src/restore/options.ts';
import { StoreError } from '../../src/store/errors.ts';
import { DirectoryReader } from '../../src/tree/directory-reader.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import { type Mounted, type MountOptions, mountOn } from '../support/mounts.ts';
import { assertComplete, FILE, type RestoreGround, restored, restoreGround, treeOf } from '../support/restoring.ts';

interface Ground extends RestoreGround {
  /** A restore with --delete. */
  exact(change?: Partial<RestoreOptions>, options?: Partial<ExtraOptions>): Promise<RestoreReport>;
  write(path: string, content?: string): void;
  /** Mounts something until the test ends. */
  mount(path: string, options?: MountOptions): void;
}

function ground(t: TestContext, rules: readonly FilterRule[] = []): Ground {
  // Before the directories of the test are removed.
  const mounts: Mounted[] = [];
  t.after(() => mounts.forEach((mounted) => void mounted.unmount()));
  const plain = restoreGround(t);
  const directories = new DirectoryReader(new LocalTree(Buffer.from(plain.root)), loadAddon().readDirectory);
  const filter = createFilter({ rules, rootForRegex: plain.root });
  return {
    ...plain,
    exact: (change = {}, options = {}) =>
      plain.restore({ rules, extra: { directories, filter, crossMounts: false, ...options }, ...change }),
    mount(path, options = {}) {
      const mounted = mountOn(plain.at(path), options);
      assert.ok(mounted !== undefined, 'only root may mount');
      mounts.push(mounted);
    },
    write(path, content = path) {
      mkdirSync(join(plain.at(path), '..'), { recursive: true });
      writeFileSync(plain.at(path), content);
    },
  };
}

/** What was kept, by path. */
function kept({ conflicts }: RestoreReport): Record<string, string> {
  return Object.fromEntries(conflicts.map(({ path, keptAs }) => [path, readFileSync(keptAs, 'utf8')]));
}

test('S9 what S3 does not hold goes and is kept, with the directories that held nothing else', async (t) => {
  const g = ground(t);
  await restored(g);
  await g.put('d/e/held', 'held', FILE);
  await g.put('empty/', '', { mode: '40755' });
  for (const path of ['new', 'd/new', 'd/x/y/new', 'x/y/new']) g.write(path);
  symlinkSync('no/where', g.at('d/link'));
  mkdirSync(g.at('bare/inner'), { recursive: true });
  const report = await g.exact();
  assertComplete(report);
  assert.deepEqual(treeOf(g.root), {
    ...{ d: null, 'd/e': null, 'd/e/held': 'held', empty: null, f: 'base', other: 'other' },
  });
  const link = report.conflicts.find(({ path }) => path === 'd/link');
  assert.equal(readlinkSync(link!.keptAs), 'no/where');
  const files = { ...report, conflicts: report.conflicts.filter((one) => one !== link) };
  assert.deepEqual(kept(files), { new: 'new', 'd/new': 'd/new', 'd/x/y/new': 'd/x/y/new', 'x/y/new': 'x/y/new' });
  assert.deepEqual([report.removed, report.extraLeft], [5, false]);
  assert.ok(report.conflicts.every(({ winner, reason }) => winner === 's3' && reason === 'not in S3'));
  assert.equal((await g.exact()).removed, 0);
});

test('S9 a file that was edited here and is gone in S3 goes and is kept, one as S3 had it just goes', async (t) => {
  const g = ground(t);
  await restored(g);
  await g.put('stays', 'stays', FILE);
  g.write('f', 'edited');
  for (const name of ['f', 'other']) g.store.objects.delete(`prefix/${name}`);
  const report = await g.exact();
  assertComplete(report);
  assert.deepEqual(treeOf(g.root), { stays: 'stays' });
  assert.deepEqual([kept(report), report.removed], [{ f: 'edited' }, 2]);
});

test('S16 excluded files stay, whichever filter leaves them out, and so do their directories and sockets', async (t) => {
  const g = ground(t, [{ include: false, glob: '*.log' }]);
  await restored(g);
  for (const path of ['a/b/x.log', 'cache/c', 'cache/x.log', 'd/tmp']) g.write(path);
  execFileSync('mkfifo', [g.at('fifo')]);
  const rules = [
    { include: false, glob: '*.log' },
    { include: false, glob: 'tmp' },
  ];
  const report = await g.exact({}, { filter: createFilter({ rules, rootForRegex: g.root }) });
  assertComplete(report);
  rmSync(g.at('fifo'));
  assert.deepEqual(Object.keys(treeOf(g.root)), [
    ...['a', 'a/b', 'a/b/x.log', 'cache', 'cache/x.log', 'd', 'd/tmp', 'f', 'other'],
  ]);
  assert.deepEqual(kept(report), { 'cache/c': 'cache/c' });
});

test('S4 more than the budget, what S3 lost included: nothing more goes, and the restore is not complete', async (t) => {
  const g = ground(t);
  await restored(g);
  await g.put('stays', 'stays', FILE);
  for (const path of ['a', 'b']) g.write(path);
  const held = await g.exact({ deleteBudget: { count: 1, percent: 30 } });
  assert.deepEqual([held.heldRemovals, held.complete, held.removed], [['a', 'b'], false, 0]);
  g.store.objects.delete('prefix/f');
  const together = await g.exact({ deleteBudget: { count: 2, percent: 50 } });
  assert.deepEqual([together.heldRemovals, together.removed], [['a', 'b'], 1]);
  assert.deepEqual(Object.keys(treeOf(g.root)), ['a', 'b', 'other', 'stays']);
  assertComplete(await g.exact({ deleteBudget: { count: 1, percent: 50 } }));
});

test('S4 if one object cannot be had, nothing goes', async (t) => {
  const g = ground(t);
  await restored(g);
  g.write('new');
  await g.put('denied', 'x', FILE);
  g.store.getBytes = () => Promise.reject(new StoreError('denied', { reaction: 'denied', code: 'AccessDenied' }));
  const report = await g.exact();
  assert.deepEqual([report.failures.length, report.extraLeft, report.removed], [1, true, 0]);
  assert.equal(treeOf(g.root)['new'], 'new');
});

test('S4 if something here is in the way of what S3 holds, nothing goes', async (t) => {
  const g = ground(t);
  await restored(g);
  g.write('way', 'in the way');
  g.write('new');
  await g.put('way/file', 'x', FILE);
  const report = await g.exact();
  assert.deepEqual([report.refused.length, report.extraLeft, report.removed], [1, true, 0]);
  assert.deepEqual([treeOf(g.root)['way'], treeOf(g.root)['new']], ['in the way', 'new']);
});

test('S4 a key that no disk can hold is no obstacle', async (t) => {
  const g = ground(t);
  await restored(g);
  await g.put('a//b', 'x', FILE);
  g.write('new');
  const report = await g.exact();
  assert.deepEqual([report.refused.length, report.extraLeft, report.removed], [1, false, 1]);
});

test('S4 if S3 lists nothing, nothing goes, also without a ledger', async (t) => {
  const g = ground(t);
  g.write('mine');
  await assert.rejects(g.exact(), (error) => {
    assert.ok(error instanceof RefusedError);
    assert.match(error.message, /it holds nothing, and --delete would empty the disk$/);
    return true;
  });
  assert.deepEqual(treeOf(g.root), { mine: 'mine' });
});

test('S4 if a directory cannot be read, nothing goes', async (t) => {
  const g = ground(t);
  await restored(g);
  for (const path of ['a', 'closed/b', 'z']) g.write(path);
  const reader = new DirectoryReader(new LocalTree(Buffer.from(g.root)), loadAddon().readDirectory);
  const read: DirectoryReader['read'] = async (dir) => (dir === 'closed' ? -constants.errno.EACCES : reader.read(dir));
  const report = await g.exact({}, { directories: { read } });
  assert.deepEqual(report.failures, [{ path: 'closed', reason: 'it cannot be read (EACCES)' }]);
  assert.deepEqual([report.removed, Object.keys(treeOf(g.root)).length], [0, 6]);
});

test('S4 what lies on another mount stays, unless mounts are crossed', async (t) => {
  const g = ground(t);
  await restored(g);
  mkdirSync(g.at('mounted'));
  g.mount('mounted');
  for (const path of ['mounted/mine', 'new']) g.write(path);
  const report = await g.exact();
  assert.deepEqual([kept(report), report.refused.map(({ path }) => path)], [{ new: 'new' }, ['mounted']]);
  assert.equal(treeOf(g.root)['mounted/mine'], 'mounted/mine');
  const crossed = await g.exact({}, { crossMounts: true });
  assertComplete(crossed);
  assert.deepEqual(kept(crossed), { 'mounted/mine': 'mounted/mine' });
});

/** A reader that lets something happen when this directory has been read, once. */
function afterReading(g: Ground, wanted: string, happen: () => void): { directories: ExtraOptions['directories'] } {
  const reader = new DirectoryReader(new LocalTree(Buffer.from(g.root)), loadAddon().readDirectory);
  let hasHappened = false;
  const read: DirectoryReader['read'] = async (dir) => {
    const answer = await reader.read(dir);
    if (typeof answer === 'number') return answer;
    const next = async () => {
      const children = await answer.next();
      if (dir === wanted && !hasHappened) happen();
      hasHappened ||= dir === wanted;
      return children;
    };
    return { stat: answer.stat, directories: () => answer.directories(), next };
  };
  return { directories: { read } };
}

test('S4 what was mounted since something was found there stays', async (t) => {
  const g = ground(t);
  await restored(g);
  for (const path of ['a', 'd/mine']) g.write(path);
  const mount = (): void => {
    g.mount('d');
    g.write('d/mine', 'of another file system');
  };
  const report = await g.exact({}, afterReading(g, 'd', mount));
  assert.deepEqual(kept(report), { a: 'a' });
  assert.deepEqual(
    report.failures.map(({ path }) => path),
    ['d/mine', 'd/'],
  );
  assert.equal(treeOf(g.root)['d/mine'], 'of another file system');
});

test('S4 a file that became something else since it was found stays', async (t) => {
  const g = ground(t);
  await restored(g);
  for (const path of ['a', 'b']) g.write(path);
  const change = (): void => {
    rmSync(g.at('b'));
    execFileSync('mkfifo', [g.at('b')]);
  };
  const report = await g.exact({}, afterReading(g, '', change));
  assert.deepEqual(
    report.failures.map(({ path }) => path),
    ['b'],
  );
  assert.deepEqual(kept(report), { a: 'a' });
  assert.ok(statSync(g.at('b')).isFIFO());
});

test('S4 what took the place of something S3 holds stays: a file, and the directory that held it', async (t) => {
  const g = ground(t);
  await g.put('a/b', 'x', FILE);
  await g.put('c/d', 'x', FILE);
  await restored(g);
  for (const path of ['a', 'c/d']) rmSync(g.at(path), { recursive: true });
  g.write('a', 'instead');
  const report = await g.exact();
  assertComplete(report);
  assert.deepEqual([report.removed, [...report.dirty].sort()], [0, ['a/b', 'c/d']]);
  assert.deepEqual(treeOf(g.root), { a: 'instead', c: null, f: 'base', other: 'other' });
});

test('S4 if removals of what S3 lost are held, so is all else', async (t) => {
  const g = ground(t);
  await restored(g);
  await g.put('stays', 'stays', FILE);
  await g.restore();
  g.write('new');
  for (const name of ['f', 'other']) g.store.objects.delete(`prefix/${name}`);
  const report = await g.exact({ deleteBudget: { count: 1, percent: 20 } });
  assert.deepEqual([report.removed, report.extraLeft], [0, true]);
  assert.deepEqual([...report.heldRemovals].sort(), ['f', 'other']);
});

test('S9 two names of one file are both kept', async (t) => {
  const g = ground(t);
  await restored(g);
  g.write('a', 'one');
  linkSync(g.at('a'), g.at('b'));
  const report = await g.exact();
  assertComplete(report);
  assert.deepEqual(kept(report), { a: 'one', b: 'one' });
});

test('S13 a directory has its time though something in it was removed', async (t) => {
  const g = ground(t);
  await g.put('d/', '', { mode: '40755', mtime: '1500000000' });
  g.write('d/new');
  const report = await g.exact({ dirTimes: true });
  assertComplete(report);
  assert.equal(statSync(g.at('d')).mtimeMs, 1_500_000_000_000);
});

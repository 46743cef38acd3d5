// The look at a path, and the second look before a delete: one test row per line of the judge's truth table.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DeleteJudgeOptions, judgeDeletes } from '../../src/agent/delete-judge.ts';
import type { DeleteJob, Verdict } from '../../src/agent/delete-queue.ts';
import { InodeHolds } from '../../src/agent/inode-holds.ts';
import { keysBelow, Looker } from '../../src/agent/look.ts';
import { UnreadWrites } from '../../src/agent/unread-writes.ts';
import { DirtySet } from '../../src/dirt/dirty-set.ts';
import type { PathFilter } from '../../src/filter/path-filter.ts';
import { Journal } from '../../src/ledger/journal.ts';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import type { Action } from '../../src/model/action.ts';
import { markerKey, type RelKey } from '../../src/model/key.ts';
import type { RelPath } from '../../src/model/path.ts';
import { NO_SNAPSHOTS } from '../../src/transfer/snapshots.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import { includeAll } from '../support/filters.ts';
import { ledgerRow } from '../support/ledger-rows.ts';
import { tempDir } from '../support/temp-dir.ts';

const DEFAULTS = { mode: 0o040755, uid: process.geteuid!(), gid: process.getegid!(), times: false };

interface Bench {
  readonly root: string;
  readonly tree: LocalTree;
  readonly journal: Journal;
  readonly looker: Looker;
  readonly holds: InodeHolds;
  look(path: string): readonly Action['do'][];
  judge(path: string, options?: Partial<DeleteJudgeOptions> & { target?: 'file' | 'marker' }): Verdict;
}

function bench(t: TestContext, rows: readonly LedgerRow[], filter: PathFilter = includeAll): Bench {
  const root = tempDir(t);
  const tree = new LocalTree(Buffer.from(root));
  const { ledger } = openLedger({ file: ':memory:' });
  t.after(() => ledger.close());
  ledger.write(rows);
  const journal = new Journal(ledger, setImmediate);
  const unreadWrites = new UnreadWrites();
  const sides = { tree, ledger, filter, directoryDefaults: DEFAULTS };
  const looker = new Looker({ ...sides, deleteForeign: false, unreadWrites, snapshots: NO_SNAPSHOTS });
  const holds = new InodeHolds();
  return {
    ...{ root, tree, journal, looker, holds },
    look: (path) => looker.look(path as RelPath, { written: false, nowMs: 0 }).actions.map((action) => action.do),
    judge: (path, { target = 'file', ...options } = {}) => {
      const [verdict] = judgeDeletes([deleteJob(path, target)], {
        looker,
        holds,
        heardUntilMs: () => Number.POSITIVE_INFINITY,
        isRead: () => false,
        isMarked: () => false,
        rootBroken: () => undefined,
        covered: () => () => false,
        wallNow: () => 0,
        ...options,
      });
      return verdict!;
    },
  };
}

/** Planned for a change at 1,000 ms. */
function deleteJob(path: string, target: DeleteJob['target']): DeleteJob {
  const dirty = new DirtySet({ coalesceMs: 0, settleMs: 0, maxWaitMs: 0 });
  dirty.mark({ path: path as RelPath, scope: 'self', speed: 'finished', witnessed: true }, 1_000);
  return { path: path as RelPath, target, mark: dirty.take(1_000)! };
}

test('S4 an object of ours whose path is absent is deleted', (t) => {
  const at = bench(t, [ledgerRow('d/f')]);
  assert.deepEqual(at.look('d/f'), ['delete']);
  assert.equal(at.judge('d/f'), 'delete');
});

test('S4 beneath a broken root, a mount, or what cannot be seen, nothing is deleted', (t) => {
  const at = bench(t, [ledgerRow('f')]);
  assert.equal(at.judge('f', { rootBroken: () => 'unmounted' }), 'blind');
  assert.equal(at.judge('f', { covered: () => (path) => path === 'f' }), 'blind');
  at.tree.lstat = () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'lstat' });
  };
  assert.equal(at.judge('f'), 'blind');
});

test('a defect is no verdict', (t) => {
  const at = bench(t, [ledgerRow('f')]);
  at.tree.lstat = () => {
    throw new TypeError('a defect');
  };
  assert.throws(() => at.judge('f'), TypeError);
});

test('S4 a path that is dirty again, or is there again, is planned anew', (t) => {
  const at = bench(t, [ledgerRow('f')]);
  assert.equal(at.judge('f', { isMarked: (path) => path === 'f' }), 'stale');
  writeFileSync(join(at.root, 'f'), '');
  assert.equal(at.judge('f'), 'stale');
});

test('S4 a row that became foreign or was forgotten is planned anew', (t) => {
  const at = bench(t, [ledgerRow('f', { state: 'foreign' })]);
  assert.equal(at.judge('f'), 'stale');
  assert.equal(at.judge('never'), 'stale');
});

test('S5 a delete waits until everything that was heard of at its time has been looked at', (t) => {
  const at = bench(t, [ledgerRow('f')]);
  const heard = (untilMs: number): Verdict => at.judge('f', { heardUntilMs: () => untilMs });
  assert.deepEqual([heard(900), heard(1_000), heard(1_001)], ['early', 'early', 'delete']);
});

test('S5 the old name of a file waits until its inode is stored under the new one', (t) => {
  const at = bench(t, [ledgerRow('old', { ino: 7n })]);
  at.holds.hold('new' as RelPath, 7n);
  assert.equal(at.judge('old'), 'early');
  at.holds.release('new' as RelPath);
  at.holds.hold('old' as RelPath, 7n);
  at.holds.hold('new' as RelPath, 8n);
  assert.equal(at.judge('old'), 'delete', 'its own hold and that of another inode do not count');
});

test('S5 an object waits until the copies that read it have ended', (t) => {
  const at = bench(t, [ledgerRow('old'), ledgerRow('other')]);
  const isRead = (key: RelKey): boolean => key === 'old';
  assert.deepEqual([at.judge('old', { isRead }), at.judge('other', { isRead })], ['early', 'delete']);
});

const MARKER = ledgerRow('a/', { kind: 'directory', mode: 0o040755 });

test('S5 a file that became a directory waits until something beneath it is stored, or its marker', (t) => {
  const at = bench(t, [ledgerRow('a')]);
  mkdirSync(join(at.root, 'a'));
  assert.deepEqual(at.look('a'), ['put-marker', 'delete']);
  assert.equal(at.judge('a'), 'early');
  at.journal.save({ ...MARKER, state: 'intent', etag: null });
  assert.equal(at.judge('a'), 'early', 'an intent is not stored');
  at.journal.save(MARKER);
  assert.equal(at.judge('a'), 'delete', 'an empty directory is all in its marker');
  at.journal.forget(markerKey('a' as RelPath));
  writeFileSync(join(at.root, 'a/x'), '');
  assert.equal(at.judge('a'), 'early');
  at.journal.save(ledgerRow('a/x', { state: 'intent', etag: null }));
  assert.equal(at.judge('a'), 'early');
  at.journal.save(ledgerRow('a/x'));
  assert.equal(at.judge('a'), 'delete');
});

test('S5 a file that became a directory which is excluded altogether is replaced by nothing', (t) => {
  const filter: PathFilter = {
    includes: (path, isDirectory) => !isDirectory && path === 'a',
    descends: () => false,
    watches: () => true,
  };
  const at = bench(t, [ledgerRow('a')], filter);
  mkdirSync(join(at.root, 'a'));
  assert.equal(at.judge('a'), 'delete');
});

test('S5 a directory that became a file waits until the file is stored: its marker, and what was beneath', (t) => {
  const at = bench(t, [MARKER, ledgerRow('a/x'), ledgerRow('a/b/y')]);
  writeFileSync(join(at.root, 'a'), '');
  assert.deepEqual(at.look('a'), ['put-file', 'delete', 'expand']);
  const verdicts = (): Verdict[] => [at.judge('a', { target: 'marker' }), at.judge('a/x'), at.judge('a/b/y')];
  assert.deepEqual(verdicts(), ['early', 'early', 'early']);
  at.journal.save(ledgerRow('a', { state: 'foreign' }));
  assert.deepEqual(verdicts(), ['early', 'early', 'early'], 'a foreign object is not the file');
  at.journal.save(ledgerRow('a'));
  assert.deepEqual(verdicts(), ['delete', 'delete', 'delete']);
});

test('S5 what was beneath a directory that is a link now waits until the link is stored', (t) => {
  const at = bench(t, [ledgerRow('a/x'), ledgerRow('a')]);
  mkdirSync(join(at.root, 'real'));
  writeFileSync(join(at.root, 'real/x'), '');
  symlinkSync('real', join(at.root, 'a'));
  assert.equal(at.judge('a/x'), 'early', 'the row is that of a file');
  at.journal.save(ledgerRow('a', { kind: 'symlink' }));
  assert.equal(at.judge('a/x'), 'delete', 'a path through a link is absent');
});

test('what was beneath a directory that is gone, or a special file now, waits for nothing', (t) => {
  const at = bench(t, [ledgerRow('d/e/x')]);
  assert.equal(at.judge('d/e/x'), 'delete');
  mkdirSync(join(at.root, 'd'));
  assert.equal(at.judge('d/e/x'), 'delete');
});

test('S4 a marker is deleted only when it is not needed any more', (t) => {
  const at = bench(t, [MARKER, ledgerRow('a/x')]);
  mkdirSync(join(at.root, 'a'));
  assert.equal(at.judge('a', { target: 'marker' }), 'stale', 'it is empty');
  writeFileSync(join(at.root, 'a/x'), '');
  assert.equal(at.judge('a', { target: 'marker' }), 'delete');
  rmSync(join(at.root, 'a'), { recursive: true });
  assert.equal(at.judge('a', { target: 'marker' }), 'delete');
});

test('S16 an excluded file occupies its name: its object is not deleted', (t) => {
  const filter: PathFilter = { ...includeAll, includes: (path) => path !== 'a' };
  const at = bench(t, [ledgerRow('a')], filter);
  writeFileSync(join(at.root, 'a'), '');
  assert.deepEqual(at.look('a'), ['skip-special']);
});

test('the root has no keys and is never stored', (t) => {
  const at = bench(t, [ledgerRow('x')]);
  assert.deepEqual(at.look(''), []);
  renameSync(at.root, `${at.root}.old`);
  assert.deepEqual(at.look(''), []);
  renameSync(`${at.root}.old`, at.root);
});

test('the keys beneath a path are all of them, without its own two and without neighbours', () => {
  const [from, to] = keysBelow('a' as RelPath);
  const within = (key: string): boolean => from <= key && key < to;
  assert.deepEqual(['a/\x01', 'a/b', 'a/\xff\xff'].map(within), [true, true, true]);
  assert.deepEqual(['a', 'a/', 'a-', 'a0', 'a.x', 'b'].map(within), Array(6).fill(false));
});

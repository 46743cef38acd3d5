// The small parts an agent is made of.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Engine } from '../../src/agent/engine.ts';
import { InodeHolds } from '../../src/agent/inode-holds.ts';
import { agentPatience, oneShotPatience } from '../../src/agent/patience.ts';
import { type ProblemKind, Problems } from '../../src/agent/problems.ts';
import { exitCodeOf } from '../../src/agent/result.ts';
import { untrustedSource } from '../../src/agent/source.ts';
import { DirtySet, type Mark } from '../../src/dirt/dirty-set.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { EXIT, type ExitCode, OperatorError, RefusedError, UsageError, worstExit } from '../../src/model/errors.ts';
import type { RelPath } from '../../src/model/path.ts';
import type { Log } from '../../src/ops/log.ts';
import { includeAll } from '../support/filters.ts';
import { ledgerRow } from '../support/ledger-rows.ts';

const A = 'a' as RelPath;
const B = 'b' as RelPath;
const C = 'c' as RelPath;

function failedMark(attempts: number, failingSinceMs: number): Mark {
  const dirty = new DirtySet({ coalesceMs: 0, settleMs: 0, maxWaitMs: 0 });
  dirty.mark({ path: A, scope: 'self', speed: 'finished', witnessed: true }, 0);
  return { ...dirty.take(0)!, attempts, failingSinceMs };
}

test('an agent never gives up while it runs; at its end it waits only for what may still succeed', () => {
  const { givesUp, rescanMs, pauseMs } = agentPatience(60_000);
  const mark = failedMark(1_000, 0);
  const attempt = { nowMs: 10 ** 9, draining: false, retryable: false };
  assert.equal(givesUp(mark, attempt), false);
  assert.equal(givesUp(mark, { ...attempt, retryable: true }), false);
  assert.equal(givesUp(mark, { ...attempt, draining: true, retryable: true }), false);
  assert.equal(givesUp(mark, { ...attempt, draining: true }), true);
  assert.equal(rescanMs, 60_000);
  assert.deepEqual([1, 2, 5, 6, 1_000].map(pauseMs), [2_000, 4_000, 32_000, 60_000, 60_000]);
});

test('a one-shot command retries what may succeed until its horizon, everything else twice', () => {
  const { givesUp, rescanMs } = oneShotPatience(1_000);
  const retryable = { retryable: true, draining: false };
  assert.equal(givesUp(failedMark(99, 500), { ...retryable, nowMs: 1_500 }), false);
  assert.equal(givesUp(failedMark(1, 500), { ...retryable, nowMs: 1_501 }), true);
  const hopeless = { retryable: false, draining: false, nowMs: 0 };
  assert.deepEqual(
    [1, 2].map((attempts) => givesUp(failedMark(attempts, 0), hopeless)),
    [false, true],
  );
  assert.equal(rescanMs, undefined);
});

test('S5 an inode is held elsewhere exactly while another path holds it', () => {
  const path = fc.constantFrom(A, B, C);
  const ino = fc.constantFrom(1n, 2n);
  const step = fc.oneof(fc.tuple(path, ino), path);
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const holds = new InodeHolds();
      const model = new Map<RelPath, bigint>();
      for (const each of steps) {
        if (typeof each === 'string') {
          holds.release(each);
          model.delete(each);
        } else {
          holds.hold(...each);
          model.set(...each);
        }
        for (const asked of [A, B, C])
          for (const held of [1n, 2n]) {
            const elsewhere = [...model].some(([other, its]) => other !== asked && its === held);
            assert.equal(holds.isHeldElsewhere(held, asked, { heardUntilMs: Infinity }), elsewhere);
          }
      }
    }),
  );
});

test('S5 a hold outlives the departure of its path until every move of that time has been looked at', () => {
  const holds = new InodeHolds();
  const heldAt = (heardUntilMs: number) => holds.isHeldElsewhere(1n, B, { heardUntilMs });
  holds.hold(A, 1n);
  holds.depart(A, 10);
  holds.depart(A, 20); // seen again: it is gone since the first time
  assert.deepEqual([heldAt(5), heldAt(10), heldAt(11), heldAt(Infinity)], [true, true, false, false]);
  holds.hold(A, 1n); // it is back
  assert.equal(heldAt(Infinity), true);
  holds.depart(C, 30);
  assert.equal(holds.isHeldElsewhere(2n, B, { heardUntilMs: 0 }), false);
});

test('S5 regression_renamed_on: what departed is not forgotten because nothing is left to be stored there', () => {
  const holds = new InodeHolds();
  holds.hold(A, 1n);
  holds.depart(A, 10);
  holds.release(A);
  assert.equal(holds.isHeldElsewhere(1n, B, { heardUntilMs: 10 }), true);
  holds.forgetDeparted(() => 10);
  assert.equal(holds.isHeldElsewhere(1n, B, { heardUntilMs: 10 }), true);
  holds.forgetDeparted(() => 11);
  assert.equal(holds.isHeldElsewhere(1n, B, { heardUntilMs: 10 }), false);
});

test('S2 regression_swapped_then_removed: two paths that are gone do not wait for each other', () => {
  const holds = new InodeHolds();
  holds.hold(A, 2n);
  holds.hold(B, 1n);
  for (const path of [A, B]) holds.depart(path, 10);
  assert.equal(holds.isHeldElsewhere(1n, A, { heardUntilMs: Infinity }), false);
  assert.equal(holds.isHeldElsewhere(2n, B, { heardUntilMs: Infinity }), false);
});

function problems(): { problems: Problems; said: string[] } {
  const said: string[] = [];
  const line =
    (level: string) =>
    (message: string, fields: object = {}) =>
      void said.push(`${level} ${message} ${Object.values(fields).join(' ')}`);
  const log: Log = { error: line('error'), warn: line('warn'), info: line('info'), debug: line('debug') };
  return { problems: new Problems(log), said };
}

test('a problem is said when it appears or changes, not when it repeats', () => {
  const { problems: all, said } = problems();
  all.add(A, { kind: 'failed', reason: 'denied' });
  all.add(A, { kind: 'failed', reason: 'denied' });
  all.add(A, { kind: 'unreadable', reason: 'EIO' });
  all.add(B, { kind: 'special', reason: 'a FIFO' });
  all.clear(A);
  all.add(A, { kind: 'unreadable', reason: 'EIO' });
  assert.deepEqual(said, [
    'warn cannot store a denied',
    'warn cannot read a EIO',
    'info skipped b a FIFO',
    'warn cannot read a EIO',
  ]);
});

test('special files are no failure, everything else is', () => {
  const { problems: all } = problems();
  const kinds: ProblemKind[] = ['failed', 'unreadable', 'special', 'fuzzy'];
  for (const kind of kinds) all.add(kind as string as RelPath, { kind, reason: '' });
  assert.deepEqual(
    all.failures().map(([path]) => path),
    ['failed', 'unreadable', 'fuzzy'],
  );
  assert.equal(all.all().length, 4);
  assert.equal(all.all().filter(([, { kind }]) => kind === 'special').length, 1);
});

test('a scan clears what it looks at again, and no neighbour', () => {
  const { problems: all } = problems();
  const unreadable = { kind: 'unreadable', reason: 'EACCES' } as const;
  for (const path of ['d', 'd/x', 'd-', 'e'] as RelPath[]) all.add(path, unreadable);
  all.add('d/failed' as RelPath, { kind: 'failed', reason: 'denied' });
  all.clearUnreadable('d' as RelPath);
  assert.deepEqual(
    all.all().map(([path]) => path),
    ['d-', 'e', 'd/failed'],
  );
});

test('the exit code says the worst that happened: refused before partial before fine', () => {
  const codeOf = (options: {
    held?: boolean;
    failed?: boolean;
    pending?: boolean;
    broken?: boolean;
    lost?: boolean;
  }): ExitCode => {
    const { problems: all } = problems();
    if (options.failed) all.add(A, { kind: 'failed', reason: '' });
    all.add(B, { kind: 'special', reason: '' });
    const pipeline = { heldDeletes: options.held ? { paths: [A], reason: 'budget' } : undefined };
    const engine = { pipeline, problems: all } as unknown as Engine;
    const pending = new Set(options.pending ? [A] : []);
    return exitCodeOf(engine, {
      pending,
      rootBroken: options.broken ? 'gone' : undefined,
      isLeaseLost: options.lost ?? false,
    });
  };
  assert.deepEqual(
    [codeOf({}), codeOf({ failed: true }), codeOf({ pending: true }), codeOf({ held: true }), codeOf({ broken: true })],
    [EXIT.ok, EXIT.partial, EXIT.partial, EXIT.refused, EXIT.refused],
  );
  assert.equal(codeOf({ failed: true, held: true }), EXIT.refused);
  assert.equal(codeOf({ pending: true, lost: true }), EXIT.refused);
});

test('of several exit codes usage wins over fatal over refused over partial over different', () => {
  const ranked = [EXIT.usage, EXIT.fatal, EXIT.refused, EXIT.partial, EXIT.different, EXIT.ok];
  for (const [at, code] of ranked.entries()) assert.equal(worstExit(...ranked.slice(at).reverse()), code);
  assert.equal(worstExit(), EXIT.ok);
});

test('an error for the operator carries its exit code, its hint and its cause', () => {
  const cause = new Error('deep');
  const error = new OperatorError('Cannot', { exitCode: EXIT.fatal, hint: 'Do', cause });
  assert.deepEqual([error.name, error.exitCode, error.hint, error.cause], ['OperatorError', 1, 'Do', cause]);
  assert.deepEqual([new UsageError('x').exitCode, new UsageError('x').hint], [EXIT.usage, undefined]);
  assert.deepEqual([new RefusedError('x', 'y').exitCode, new RefusedError('x', 'y').hint], [EXIT.refused, 'y']);
});

test('S4 an empty directory is no source while S3 holds something, nor is an unfinished restore', (t) => {
  const { ledger } = openLedger({ file: ':memory:' });
  t.after(() => ledger.close());
  const reason = (...names: string[]): string | undefined => {
    const hasName = (
      _dir: RelPath,
      wanted: (entry: { name: string; isDirectory: boolean; isSpecial: boolean }) => boolean,
    ) => names.some((name) => wanted({ name, isDirectory: false, isSpecial: false }));
    const filter = { ...includeAll, includes: (path: RelPath) => path !== 'excluded' };
    return untrustedSource({ tree: { hasName } as never, filter, ledger });
  };
  assert.equal(reason(), undefined, 'nothing on either side');
  ledger.write([ledgerRow('x', { state: 'foreign' })]);
  assert.match(reason()!, /empty/);
  assert.match(reason('excluded')!, /empty/, 'what is excluded does not exist');
  assert.equal(reason('f'), undefined);
  ledger.setMeta({ restoring: true });
  assert.match(reason('f')!, /interrupted/);
});

// The pump: hands out what is due while the limit allows, and knows when all is done.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pump, type PumpOptions } from '../../src/agent/pump.ts';
import type { Mark } from '../../src/dirt/dirty-set.ts';
import type { RelPath } from '../../src/model/path.ts';
import { Limiter } from '../../src/transfer/limiter.ts';
import type { Change } from '../../src/watch/changes.ts';

const TIMES = { coalesceMs: 50, settleMs: 1_000, maxWaitMs: 30_000 };

/** Time that a test moves; timers run when it has come. */
class Clock {
  nowMs = 0;
  readonly #timers = new Map<() => void, number>();

  readonly now = (): number => this.nowMs;

  readonly timer = (callback: () => void, ms: number): (() => void) => {
    this.#timers.set(callback, this.nowMs + ms);
    return () => void this.#timers.delete(callback);
  };

  get waiting(): number {
    return this.#timers.size;
  }

  /** Runs what comes due in the next `ms`, in order, and lets promises settle in between. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      await settled();
      const next = [...this.#timers].sort((a, b) => a[1] - b[1])[0];
      if (next === undefined || next[1] > untilMs) break;
      this.#timers.delete(next[0]);
      this.nowMs = Math.max(this.nowMs, next[1]);
      next[0]();
    }
    this.nowMs = untilMs;
  }
}

/** p-queue starts its tasks some microtasks later. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}

interface Bench {
  readonly clock: Clock;
  readonly pump: Pump;
  readonly limiter: Limiter;
  readonly marks: Mark[];
  readonly scans: { readonly mark: Mark; readonly end: () => void }[];
  readonly fatal: unknown[];
}

function bench(options: Partial<PumpOptions> & { limit?: number } = {}): Bench {
  const clock = new Clock();
  const limiter = new Limiter({ ceiling: options.limit ?? 4, random: () => 1 });
  const marks: Mark[] = [];
  const scans: Bench['scans'] = [];
  const fatal: unknown[] = [];
  const pump = new Pump({
    times: TIMES,
    limiter,
    now: clock.now,
    timer: clock.timer,
    onMark: (mark) => marks.push(mark),
    onSubtree: (mark) => new Promise((end) => scans.push({ mark, end })),
    onFatal: (error) => fatal.push(error),
    onWork: () => {},
    ...options,
  });
  return { clock, pump, limiter, marks, scans, fatal };
}

function finished(path: string, more: Partial<Change> = {}): Change {
  return { path: path as RelPath, scope: 'self', speed: 'finished', witnessed: true, ...more };
}

/** A pump whose marks each become one request that ends when the test says so. */
function transferring(limit: number) {
  const running: { readonly path: RelPath; readonly end: () => void }[] = [];
  let handedOut = 0;
  let waiting = 0;
  let mostWaiting = 0;
  const at = bench({
    limit,
    onMark: (mark) => {
      handedOut++;
      mostWaiting = Math.max(mostWaiting, ++waiting);
      at.pump.submit(async () => {
        waiting--;
        await new Promise<void>((end) => running.push({ path: mark.path, end }));
        at.pump.release(mark.path);
      });
    },
  });
  const counts = () => ({ handedOut, mostWaiting });
  return { ...at, running, counts };
}

test('the queue is fed lazily: of 10,000 dirty paths no more are handed out than the limit allows', async () => {
  const { clock, pump, running, counts } = transferring(4);
  for (let i = 0; i < 10_000; i++) pump.mark(finished(`f${i}`));
  await clock.pass(1_000);
  assert.equal(running.length, 4, 'as many as may be in flight');
  assert.ok(counts().handedOut <= 6, `${counts().handedOut} handed out for 4 requests`);
  for (let ended = 0; ended < 1_000; ended++) {
    running.shift()!.end();
    if (!running.at(0)) await clock.pass(0);
  }
  await clock.pass(0);
  assert.ok(running.length >= 1 && running.length <= 4);
  assert.ok(counts().handedOut <= 1_006, 'and no more of them later');
  assert.ok(counts().mostWaiting <= 6, `${counts().mostWaiting} closures waited`);
  await endAll(pump, running);
});

async function endAll(pump: Pump, running: { readonly end: () => void }[]): Promise<void> {
  const stopped = pump.stop();
  for (; running.length > 0; await settled()) running.shift()!.end();
  await stopped;
}

test('S7 every dirty path gets its turn, one at a time for each', async () => {
  const { clock, pump, running, counts } = transferring(4);
  const paths = Array.from({ length: 300 }, (_, i) => `f${i}`);
  for (const path of paths) pump.mark(finished(path));
  const seen: string[] = [];
  let idle = false;
  void pump.idle().then(() => (idle = true));
  while (!idle) {
    await clock.pass(60);
    assert.ok(running.length <= 4 && new Set(running.map(({ path }) => path)).size === running.length);
    for (const { path, end } of running.splice(0)) {
      seen.push(path);
      end();
    }
  }
  assert.deepEqual(seen.sort(), paths.sort());
  assert.equal(counts().handedOut, 300);
});

test('the limit is followed up and down while requests run', async () => {
  const { clock, pump, limiter, running } = transferring(8);
  for (let i = 0; i < 100; i++) pump.mark(finished(`f${i}`));
  await clock.pass(100);
  assert.equal(running.length, 8);
  limiter.failed(clock.nowMs);
  for (let ended = 0; ended < 4; ended++) running.shift()!.end();
  await clock.pass(50);
  assert.equal(running.length, 4, 'nothing was started in place of the four');
  for (let i = 0; i < 100; i++) limiter.succeeded();
  running.shift()!.end();
  await clock.pass(50);
  assert.equal(running.length, 8);
  await endAll(pump, running);
});

test('while the limiter pauses nothing is handed out, and then it goes on by itself', async () => {
  const { clock, pump, limiter, marks } = bench();
  limiter.failed(0, 5_000);
  pump.mark(finished('a'));
  await clock.pass(4_999);
  assert.equal(marks.length, 0);
  await clock.pass(1);
  assert.equal(marks.length, 1);
});

test('a request that ends during a pause starts no other', async () => {
  const { clock, pump, limiter, running } = transferring(2);
  for (let i = 0; i < 5; i++) pump.mark(finished(`f${i}`));
  await clock.pass(100);
  limiter.failed(clock.nowMs, 5_000);
  running.pop()!.end();
  running.pop()!.end();
  await clock.pass(4_900);
  assert.equal(running.length, 0);
  await clock.pass(100);
  assert.equal(running.length, 1);
  await endAll(pump, running);
});

test('S7 a mark is handed out when it has settled, not before', async () => {
  const { clock, pump, marks } = bench();
  pump.mark(finished('a'));
  await clock.pass(49);
  assert.equal(marks.length, 0);
  await clock.pass(1);
  assert.deepEqual(
    marks.map(({ path }) => path),
    ['a'],
  );
});

test('S8 with nothing to do there is no timer', async () => {
  const { clock, pump } = bench();
  pump.mark(finished('a'));
  await clock.pass(100);
  pump.release('a' as RelPath);
  await clock.pass(100);
  assert.equal(clock.waiting, 0);
});

test('idle resolves only when nothing is dirty, held or being scanned', async () => {
  const { clock, pump, marks, scans } = bench();
  let idle = false;
  pump.mark(finished('a'));
  pump.mark(finished('d', { scope: 'subtree' }));
  void pump.idle().then(() => (idle = true));
  await clock.pass(10);
  assert.equal(idle, false, 'dirty');
  await clock.pass(90);
  assert.deepEqual([marks.length, scans.length], [1, 1]);
  assert.equal(idle, false, 'held and being scanned');
  pump.release('a' as RelPath);
  await clock.pass(100);
  assert.equal(idle, false, 'being scanned');
  pump.markFinding(finished('d/x'), undefined);
  scans[0]!.end();
  await clock.pass(0);
  assert.equal(idle, false, 'what the scan found');
  await clock.pass(100);
  pump.release('d/x' as RelPath);
  await clock.pass(0);
  assert.equal(idle, true);
});

test('idle resolves at once when there is nothing to do', async () => {
  const { clock, pump } = bench();
  const idle = pump.idle();
  await clock.pass(0);
  await idle;
});

test('a mark made while its path is worked on is handed out after the release', async () => {
  const { clock, pump, marks } = bench();
  pump.mark(finished('a'));
  await clock.pass(50);
  pump.mark(finished('a'));
  await clock.pass(1_000);
  assert.equal(marks.length, 1);
  assert.ok(pump.isMarked('a' as RelPath));
  pump.release('a' as RelPath);
  await clock.pass(0);
  assert.equal(marks.length, 2);
});

test('work that could not be done comes again after its pause, with what was known', async () => {
  const { clock, pump, marks } = bench();
  pump.mark(finished('a', { written: true }));
  await clock.pass(50);
  pump.again({ ...marks[0]!, attempts: 3 }, 500);
  await clock.pass(499);
  assert.equal(marks.length, 1);
  await clock.pass(1);
  assert.deepEqual([marks[1]?.written, marks[1]?.attempts], [true, 3]);
});

test('no more than eight scans run at once, the others wait their turn and none is forgotten', async () => {
  const { clock, pump, scans } = bench({ limit: 64 });
  for (let i = 0; i < 20; i++) pump.mark(finished(`d${i}`, { scope: 'subtree' }));
  let idle = false;
  void pump.idle().then(() => (idle = true));
  await clock.pass(100);
  assert.equal(scans.length, 8);
  scans[0]!.end();
  await clock.pass(0);
  assert.equal(scans.length, 9);
  for (let at = 1; at < scans.length; at++) {
    scans[at]!.end();
    await clock.pass(0);
  }
  assert.equal(new Set(scans.map(({ mark }) => mark.path)).size, 20);
  assert.equal(idle, true);
});

test('a scan is told to wait while too many of its findings have not been looked at', async () => {
  const { clock, pump, marks } = bench();
  for (let i = 0; i < 4_096; i++) pump.markFinding(finished(`f${i}`), undefined);
  let room = false;
  void pump.room().then(() => (room = true));
  await settled();
  assert.equal(room, false);
  assert.equal(marks.length, 0, 'nothing has been handed out yet');
  await clock.pass(0);
  assert.ok(marks.length > 0, 'findings have settled already');
  assert.equal(room, true);
});

test('a subtree mark that swallows findings makes room as well', async () => {
  const { clock, pump, limiter } = bench();
  for (let i = 0; i < 4_096; i++) pump.markFinding(finished(`d/f${i}`), undefined);
  limiter.failed(0, 10);
  const room = pump.room();
  pump.mark(finished('d', { scope: 'subtree' }));
  await clock.pass(1_000);
  await room;
});

test('what is left can be told from what merely waits', async () => {
  const { clock, pump } = bench();
  pump.mark(finished('a'));
  await clock.pass(50);
  pump.mark(finished('b', { speed: 'writing' }));
  assert.deepEqual([...pump.pending()].sort(), ['a', 'b']);
  const only = (...paths: string[]): boolean => pump.isOnlyLeft(new Set(paths as RelPath[]));
  assert.deepEqual([only('a', 'b', 'c'), only('a'), only('b')], [true, false, false]);
});

test('S11 in a drain nothing settles', async () => {
  const { clock, pump, marks } = bench();
  pump.mark(finished('a', { speed: 'writing' }));
  pump.mark(finished('b'), { notBeforeMs: 60_000 });
  pump.drain();
  await clock.pass(0);
  assert.equal(marks.length, 2);
  assert.ok(pump.draining);
});

test('stop aborts what runs, waits for its end, and starts nothing more', async () => {
  const { clock, pump, running, counts } = transferring(2);
  for (let i = 0; i < 10; i++) pump.mark(finished(`f${i}`));
  await clock.pass(100);
  let stopped = false;
  const stop = pump.stop().then(() => (stopped = true));
  assert.ok(pump.signal.aborted);
  await clock.pass(100);
  assert.equal(stopped, false, 'requests still run');
  for (const { end } of running.splice(0)) end();
  await clock.pass(100);
  assert.equal(stopped, true);
  assert.ok(counts().handedOut <= 3);
  await stop;
  await pump.room();
});

test('a defect in planning, scanning or a request is passed on, never swallowed', async () => {
  const planning = bench({
    onMark: () => {
      throw new Error('planning');
    },
  });
  planning.pump.mark(finished('a'));
  await planning.clock.pass(100);
  assert.match(String(planning.fatal[0]), /planning/);

  const scanning = bench({ onSubtree: () => Promise.reject(new Error('scanning')) });
  scanning.pump.mark(finished('a', { scope: 'subtree' }));
  await scanning.clock.pass(100);
  assert.match(String(scanning.fatal[0]), /scanning/);

  const requesting = bench();
  requesting.pump.submit(() => Promise.reject(new Error('requesting')));
  await requesting.clock.pass(100);
  assert.match(String(requesting.fatal[0]), /requesting/);
});

test('it rests since the last work has ended, and says when there is some again', async () => {
  let woken = 0;
  const { clock, pump, marks } = bench({ onWork: () => woken++ });
  assert.equal(pump.restingSinceMs, clock.now());
  const hint = (path: string) =>
    ({ path: path as RelPath, scope: 'self', speed: 'finished', witnessed: true }) as const;
  pump.mark(hint('a'));
  pump.mark(hint('b'));
  assert.deepEqual([pump.restingSinceMs, woken], [undefined, 1]);
  await clock.pass(1_000);
  await settled();
  assert.equal(marks.length, 2);
  pump.release(marks[0]!.path);
  assert.equal(pump.restingSinceMs, undefined);
  pump.again(marks[1]!, 10);
  assert.equal(pump.restingSinceMs, undefined);
  await clock.pass(10);
  await settled();
  pump.release(marks[1]!.path);
  const sinceMs = clock.now();
  assert.equal(pump.restingSinceMs, sinceMs);
  await clock.pass(5_000);
  pump.release(marks[1]!.path);
  assert.deepEqual([pump.restingSinceMs, woken], [sinceMs, 1]);
  pump.markFinding(hint('c'));
  assert.deepEqual([pump.restingSinceMs, woken], [undefined, 2]);
});

test('a round is over when what was marked by then is done or put off, whatever is marked later', async () => {
  const { clock, pump, marks } = bench();
  for (const path of ['a', 'b']) pump.mark(finished(path));
  const ended: string[] = [];
  void pump.round().then(() => ended.push('round'));
  pump.mark(finished('later'), { notBeforeMs: 60_000 });
  await clock.pass(100);
  pump.release('a' as RelPath);
  assert.deepEqual([marks.length, ended], [2, []]);
  pump.again(pump.postpone(marks.find(({ path }) => path === 'b')!), 10_000);
  await clock.pass(1);
  assert.deepEqual(ended, ['round']);
});

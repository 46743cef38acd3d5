// What an agent remembers of what it did: bounded, and at no cost while there is nothing to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sampling } from '../../src/agent/sampling.ts';
import { Transfers } from '../../src/agent/transfers.ts';
import { pathFromBytes, pathFromText } from '../../src/model/path.ts';
import { Ring } from '../../src/ops/ring.ts';

test('a ring holds the last ones, in order', () => {
  const ring = new Ring<number>(3);
  assert.deepEqual(ring.oldestFirst(), []);
  for (let n = 1; n <= 2; n++) ring.push(n);
  assert.deepEqual(ring.oldestFirst(), [1, 2]);
  for (let n = 3; n <= 8; n++) ring.push(n);
  assert.deepEqual(ring.oldestFirst(), [6, 7, 8]);
  assert.deepEqual(ring.newestFirst(), [8, 7, 6]);
  const one = new Ring<number>(1);
  for (let n = 1; n <= 3; n++) one.push(n);
  assert.deepEqual(one.newestFirst(), [3]);
});

/** 1970-01-01 and so many seconds: where the wall clock is when the other stands at 0. */
const WALL_MS = 1_000_000;
const at = (ms: number) => new Date(WALL_MS + ms).toISOString();

class Bench {
  nowMs = 0;
  objects = 0;
  bytes = 0;
  waitingMs = 0;
  isResting = false;
  timers: { readonly run: () => void; readonly atMs: number }[] = [];
  readonly sampling = new Sampling({
    totals: () => ({ objects: this.objects, bytes: this.bytes }),
    waitingMs: () => this.waitingMs,
    isResting: () => this.isResting,
    now: () => this.nowMs,
    wallNow: () => WALL_MS + this.nowMs,
    timer: (run, ms) => {
      const timer = { run, atMs: this.nowMs + ms };
      this.timers.push(timer);
      return () => {
        this.timers = this.timers.filter((other) => other !== timer);
      };
    },
  });

  /** Time passes, and what is due happens. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = this.timers.find(({ atMs }) => atMs <= untilMs);
      if (due === undefined) break;
      this.nowMs = due.atMs;
      this.timers = this.timers.filter((other) => other !== due);
      due.run();
    }
    this.nowMs = untilMs;
  }
}

test('while there is something to do a sample is taken every 15 s: what was done meanwhile, and the worst lag', () => {
  const bench = new Bench();
  const { sampling } = bench;
  bench.bytes = 7; // of before
  sampling.wake();
  sampling.wake();
  assert.equal(bench.timers.length, 1);
  bench.objects += 2;
  bench.bytes += 300;
  sampling.stored(4_000);
  sampling.stored(1_000);
  bench.pass(15_000);
  bench.waitingMs = 3_000;
  bench.objects += 1;
  bench.pass(15_000);
  assert.deepEqual(sampling.history(), [
    { at: at(15_000), seconds: 15, bytes: 300, objects: 2, lagSeconds: 4 },
    { at: at(30_000), seconds: 15, bytes: 0, objects: 1, lagSeconds: 3 },
  ]);
});

test('S8 at rest no timer runs and nothing is noted; what comes then has a stretch of its own', () => {
  const bench = new Bench();
  const { sampling } = bench;
  sampling.wake();
  bench.isResting = true;
  bench.pass(15_000);
  assert.deepEqual(bench.timers, []);
  bench.pass(600_000);
  assert.equal(sampling.history().length, 1);
  bench.isResting = false;
  sampling.wake();
  bench.objects = 5;
  bench.pass(15_000);
  assert.deepEqual(sampling.history().at(-1), { at: at(630_000), seconds: 15, bytes: 0, objects: 5, lagSeconds: 0 });
});

test('the stretch that has not ended is told of, once it is long enough to tell anything', () => {
  const bench = new Bench();
  const { sampling } = bench;
  sampling.wake();
  bench.bytes = 50;
  bench.pass(900);
  assert.deepEqual(sampling.history(), []);
  bench.pass(1_100);
  const present = { at: at(2_000), seconds: 2, bytes: 50, objects: 0, lagSeconds: 0 };
  assert.deepEqual(sampling.history(), [present]);
  sampling.cut();
  assert.deepEqual([sampling.history(), bench.timers], [[present], []]);
  sampling.cut();
  assert.equal(sampling.history().length, 1);
});

test('the history is that of the last hour, however long it runs', () => {
  const bench = new Bench();
  bench.sampling.wake();
  bench.pass(3 * 3_600_000);
  const history = bench.sampling.history();
  assert.equal(history.length, 240);
  assert.equal(history.at(-1)?.at, at(3 * 3_600_000));
  assert.ok(Date.parse(history[0]!.at) > WALL_MS + 2 * 3_600_000);
  bench.isResting = true;
  bench.pass(1_800_000);
  assert.equal(bench.sampling.history().length, 121);
});

test('a transfer is under way until its work ends, also by failing; the longest under way is named first', async () => {
  let nowMs = 0;
  const transfers = new Transfers(() => nowMs);
  const first = Promise.withResolvers<number>();
  const second = Promise.withResolvers<void>();
  const ended = transfers.during({ action: 'upload', path: pathFromText('ü'), bytes: 12 }, () => first.promise);
  nowMs = 1_000;
  const failed = transfers.during(
    { action: 'delete', path: pathFromBytes(Buffer.of(0xff)), count: 7 },
    () => second.promise,
  );
  assert.deepEqual(transfers.underWay(), [
    { action: 'upload', path: 'ü', count: 1, bytes: 12, sentBytes: null, since: new Date(0).toISOString() },
    { action: 'delete', path: '\\xff', count: 7, bytes: null, sentBytes: null, since: new Date(1_000).toISOString() },
  ]);
  first.resolve(3);
  assert.equal(await ended, 3);
  second.reject(new Error('refused'));
  await assert.rejects(failed, /refused/);
  assert.deepEqual(transfers.underWay(), []);
});

test('the last 50 deeds are remembered, the newest first', () => {
  const transfers = new Transfers(() => 2_000);
  for (let n = 0; n < 120; n++) transfers.done({ action: 'uploaded', path: `f${n}`, bytes: n, ageMs: 12.3456 });
  const recent = transfers.recent();
  assert.equal(recent.length, 50);
  const newest = { at: new Date(2_000).toISOString(), action: 'uploaded', path: 'f119', bytes: 119, ageSeconds: 0.012 };
  assert.deepEqual(recent[0], newest);
  assert.equal(recent.at(-1)?.path, 'f70');
});

// A bandwidth holds over any time, in the order in which it was asked for, and costs no more than it must.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { Bandwidth } from '../../src/transfer/bandwidth.ts';
import { sized } from '../support/long-form.ts';

/** Time that passes only from one wake-up to the next. */
class Time {
  nowMs = 0;
  #sleepers: { readonly atMs: number; wake(): void }[] = [];

  readonly now = () => this.nowMs;
  readonly sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      this.#sleepers.push({ atMs: this.nowMs + ms, wake: resolve });
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });

  /** Until nobody sleeps before then. */
  async passTo(ms: number): Promise<void> {
    for (;;) {
      await turn();
      const next = this.#sleepers.sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > ms) break;
      this.#sleepers.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.wake();
    }
    this.nowMs = Math.max(this.nowMs, ms);
  }
}

const RATE = 1_000;
const call = fc.record({ atMs: fc.nat(5_000), bytes: fc.nat(3_000), abortedAfterMs: fc.option(fc.nat(2_000)) });

test('in any span of time no more goes than the limit and one request; calls go in order; aborted ones cost nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 20 }), async (calls) => {
      const time = new Time();
      const bandwidth = new Bandwidth({ bytesPerSecond: RATE, now: time.now, sleep: time.sleep });
      const gone: { readonly index: number; readonly atMs: number; readonly bytes: number }[] = [];
      let refused = 0;
      const order = calls.map((one, index) => ({ ...one, index })).sort((a, b) => a.atMs - b.atMs);
      const aborts: { atMs: number; abort(): void }[] = [];
      for (const { atMs, bytes, abortedAfterMs, index } of order) {
        for (const due of aborts.filter((one) => one.atMs <= atMs).sort((a, b) => a.atMs - b.atMs)) {
          await time.passTo(due.atMs);
          due.abort();
          aborts.splice(aborts.indexOf(due), 1);
        }
        await time.passTo(atMs);
        const controller = new AbortController();
        if (abortedAfterMs !== null) aborts.push({ atMs: atMs + abortedAfterMs, abort: () => controller.abort() });
        void bandwidth.take(bytes, controller.signal).then((may) => {
          if (may) gone.push({ index, atMs: time.nowMs, bytes });
          else refused++;
        });
      }
      for (const due of aborts.sort((a, b) => a.atMs - b.atMs)) {
        await time.passTo(due.atMs);
        due.abort();
      }
      await time.passTo(10_000_000);
      assert.equal(gone.length + refused, calls.length);
      const asked = order.map(({ index }) => index);
      assert.deepEqual(
        gone.map(({ index }) => index),
        asked.filter((index) => gone.some((one) => one.index === index)),
      );
      for (const [from, first] of gone.entries()) {
        let bytes = 0;
        for (const { atMs, bytes: more } of gone.slice(from)) {
          assert.ok(bytes <= ((atMs - first.atMs) / 1_000) * RATE + 1e-6, 'more than the limit');
          bytes += more;
        }
      }
      // Each goes the moment that what went before it has gone.
      let freeMs = 0;
      for (const { index, atMs, bytes } of gone) {
        const earliestMs = Math.max(freeMs, calls[index]!.atMs);
        if (refused === 0) assert.ok(Math.abs(atMs - earliestMs) < 1e-6, `${atMs} is not ${earliestMs}`);
        freeMs = earliestMs + (bytes / RATE) * 1_000;
      }
    }),
    { numRuns: sized(200, 5_000) },
  );
});

test('once it is lifted nobody waits any more', async () => {
  const time = new Time();
  const bandwidth = new Bandwidth({ bytesPerSecond: RATE, now: time.now, sleep: time.sleep });
  const gone: number[] = [];
  for (const n of [1, 2, 3]) void bandwidth.take(1_000_000).then(() => gone.push(n));
  await turn();
  assert.deepEqual(gone, [1]);
  bandwidth.lift();
  await turn();
  assert.deepEqual(gone, [1, 2, 3]);
  await bandwidth.take(1_000_000);
  assert.equal(time.nowMs, 0);
});

test('who is aborted hears of it at once', async () => {
  const time = new Time();
  const bandwidth = new Bandwidth({ bytesPerSecond: RATE, now: time.now, sleep: time.sleep });
  await bandwidth.take(1_000_000);
  const controller = new AbortController();
  const may = bandwidth.take(1, controller.signal);
  await turn();
  controller.abort();
  assert.equal(await may, false);
  assert.equal(time.nowMs, 0);
});

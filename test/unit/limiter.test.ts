// The one limit on requests: it must move, or the endpoint is either starved or flooded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StoreError } from '../../src/store/errors.ts';
import { backoffMs } from '../../src/transfer/backoff.ts';
import { Limiter } from '../../src/transfer/limiter.ts';
import { createRetry, isRetryable, type RetryOptions } from '../../src/transfer/retry.ts';

const most = (): number => 1;

function limiter(options: { ceiling?: number; start?: number; random?: () => number } = {}): Limiter {
  return new Limiter({ ceiling: 64, random: most, ...options });
}

function succeed(limit: Limiter, times: number): void {
  for (let i = 0; i < times; i++) limit.succeeded();
}

test('the limit starts at 16, or at the ceiling if that is lower, and is at least 1', () => {
  assert.equal(limiter().limit, 16);
  assert.equal(limiter({ ceiling: 4 }).limit, 4);
  assert.equal(limiter({ ceiling: 0 }).limit, 1);
  assert.equal(limiter({ start: 3 }).limit, 3);
});

test('a full window of successes adds one, up to the ceiling', () => {
  const limit = limiter({ ceiling: 20 });
  succeed(limit, 17);
  assert.equal(limit.limit, 17);
  succeed(limit, 1_000);
  assert.equal(limit.limit, 20);
});

test('a failure halves the limit at once, failures of the same congestion do not halve it again', () => {
  const limit = limiter();
  limit.failed(1_000);
  assert.equal(limit.limit, 8);
  for (let ms = 1; ms < 100; ms++) limit.failed(1_000 + ms);
  assert.equal(limit.limit, 8);
  limit.failed(1_100);
  assert.equal(limit.limit, 4);
});

test('a limit that has fallen to 1 climbs to the ceiling again when the endpoint recovers', () => {
  const limit = limiter({ ceiling: 32 });
  for (let i = 0; i < 20; i++) limit.failed(i * 1_000);
  assert.equal(limit.limit, 1);
  succeed(limit, 600);
  assert.equal(limit.limit, 32);
});

test('one failure among successes costs no pause', () => {
  const limit = limiter();
  limit.failed(1_000);
  assert.ok(limit.pausedUntilMs <= 1_000);
});

test('while nothing but failures comes, everybody pauses, longer and longer, up to 20 s', () => {
  const limit = limiter();
  const pauses: number[] = [];
  for (let nowMs = 0; pauses.length < 12; nowMs += 60_000) {
    limit.failed(nowMs);
    pauses.push(Math.max(0, limit.pausedUntilMs - nowMs));
  }
  assert.deepEqual(pauses, [0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 20_000, 20_000, 20_000]);
});

test('an answer ends the pause, and the next failure counts from the beginning', () => {
  const limit = limiter();
  for (let i = 0; i < 5; i++) limit.failed(i * 1_000);
  assert.ok(limit.pausedUntilMs > 4_000);
  limit.succeeded();
  assert.equal(limit.pausedUntilMs, Number.NEGATIVE_INFINITY);
  limit.failed(9_000);
  assert.ok(limit.pausedUntilMs <= 9_000);
});

test('Retry-After is honoured from the first failure on, and a shorter one does not cut it', () => {
  const limit = limiter();
  limit.failed(1_000, 5_000);
  assert.equal(limit.pausedUntilMs, 6_000);
  limit.failed(1_500, 100);
  assert.equal(limit.pausedUntilMs, 6_000);
});

/** Requests a second that an endpoint answers if it takes `capacity` at once and refuses the rest. */
function settleAt(limit: Limiter, capacity: number): number {
  const seen: number[] = [];
  for (let round = 0; round < 400; round++) {
    const inFlight = limit.limit;
    for (let i = 0; i < inFlight; i++) i < capacity ? limit.succeeded() : limit.failed(round * 200);
    seen.push(inFlight);
  }
  const tail = seen.slice(-100);
  return tail.reduce((sum, each) => sum + each, 0) / tail.length;
}

test('the limit finds what the endpoint can take, wherever that is', () => {
  for (const capacity of [2, 10, 40]) {
    const average = settleAt(limiter(), capacity);
    assert.ok(average > capacity / 2 && average <= capacity + 1, `${average} of ${capacity}`);
  }
});

test('whatever happens, the limit stays between 1 and the ceiling', () => {
  const event = fc.oneof(fc.constant('ok' as const), fc.nat({ max: 500 }));
  fc.assert(
    fc.property(fc.array(event), fc.integer({ min: 1, max: 100 }), (events, ceiling) => {
      const limit = limiter({ ceiling });
      let nowMs = 0;
      for (const each of events) {
        if (each === 'ok') limit.succeeded();
        else {
          nowMs += each;
          limit.failed(nowMs);
        }
        assert.ok(Number.isInteger(limit.limit) && limit.limit >= 1 && limit.limit <= ceiling);
      }
    }),
  );
});

test('backoff doubles from 100 ms to 20 s, with full jitter', () => {
  assert.deepEqual(
    [1, 2, 3, 8, 9, 10_000].map((attempt) => backoffMs(attempt, most)),
    [100, 200, 400, 12_800, 20_000, 20_000],
  );
  assert.equal(
    backoffMs(9, () => 0),
    0,
  );
  assert.equal(
    backoffMs(1, () => 0.5),
    50,
  );
});

function storeError(reaction: StoreError['reaction'], retryAfterMs?: number): StoreError {
  return new StoreError(reaction, { reaction, code: 'X', ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/** A retry on a clock that only sleeping moves. */
function retrying(options: Partial<RetryOptions> = {}) {
  const slept: number[] = [];
  let nowMs = 0;
  const retry = createRetry({
    horizonMs: 1_000,
    random: most,
    now: () => nowMs,
    sleep: async (ms) => {
      slept.push(ms);
      nowMs += ms;
    },
    ...options,
  });
  return { retry, slept };
}

function failing(...errors: unknown[]): () => Promise<string> {
  return async () => {
    if (errors.length > 0) throw errors.shift();
    return 'done';
  };
}

test('only what may succeed later is retried', async () => {
  const { retry, slept } = retrying();
  for (const reaction of ['throttled', 'transient', 'credentials'] as const) {
    assert.ok(isRetryable(storeError(reaction)));
    assert.equal(await retry(failing(storeError(reaction))), 'done');
  }
  assert.equal(slept.length, 3);
  for (const reaction of ['denied', 'conflict', 'not-found', 'rejected', 'fatal', 'aborted'] as const) {
    await assert.rejects(retry(failing(storeError(reaction))), { reaction });
  }
  await assert.rejects(retry(failing(new TypeError('a defect'))), TypeError);
  assert.equal(slept.length, 3);
});

test('a retry goes on until the horizon after the first failure, never beyond it', async () => {
  const { retry, slept } = retrying();
  const errors = Array.from({ length: 20 }, () => storeError('transient'));
  await assert.rejects(retry(failing(...errors)), { reaction: 'transient' });
  assert.deepEqual(slept, [100, 200, 400], '800 more would be 1.5 s after the first failure');
  const agent = retrying({ horizonMs: Number.POSITIVE_INFINITY });
  assert.equal(await agent.retry(failing(...errors)), 'done');
});

test('a retry honours Retry-After and tells of each failure', async () => {
  const told: [string, number][] = [];
  const { retry, slept } = retrying({
    horizonMs: 60_000,
    onRetry: (error, inMs) => told.push([error.reaction, inMs]),
  });
  assert.equal(await retry(failing(storeError('throttled', 7_000), storeError('transient'))), 'done');
  assert.deepEqual(slept, [7_000, 200]);
  assert.deepEqual(told, [
    ['throttled', 7_000],
    ['transient', 200],
  ]);
});

test('an aborted retry passes on the failure it had', async () => {
  const { retry, slept } = retrying();
  const abort = new AbortController();
  const attempt = async (): Promise<never> => {
    abort.abort();
    throw storeError('transient');
  };
  await assert.rejects(retry(attempt, { signal: abort.signal }), { reaction: 'transient' });
  assert.deepEqual(slept, []);
});

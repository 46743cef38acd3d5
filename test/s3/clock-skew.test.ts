// The local clock is wrong, or steps while requests are under way. The server's clock is shifted, which is the same.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { LoggedRequest } from '../strict-s3/request-log.ts';
import { type Ground, makeGround } from '../support/strict-agent.ts';

const SHIFT_MS = 20 * 60_000;
const FILES = 60;

interface Clocked {
  readonly ground: Ground;
  /** Sets the server's clock this far off ours. */
  shift(ms: number): void;
  /** Requests that were refused for their time. */
  refused(): LoggedRequest[];
}

async function clocked(t: TestContext, shiftMs: number): Promise<Clocked> {
  let offsetMs = shiftMs;
  const ground = await makeGround(t, { server: { now: () => Date.now() + offsetMs } });
  return {
    ground,
    shift: (ms) => {
      offsetMs = ms;
    },
    refused: () => ground.server.requests.filter(({ code }) => code === 'RequestTimeTooSkewed'),
  };
}

function writeMany(ground: Ground, content: string): void {
  for (let n = 0; n < FILES; n++) ground.write(`f${n}`, content);
}

describe('a local clock that is 20 minutes off', { concurrency: 2 }, () => {
  for (const [name, sign] of [
    ['slow', 1],
    ['fast', -1],
  ] as const) {
    test(`S2 it is ${name}: the first request learns it, none of those that follow is refused`, async (t) => {
      const { ground, refused } = await clocked(t, sign * SHIFT_MS);
      writeMany(ground, 'content');
      await ground.start();
      await ground.settle();
      ground.assertEqual();
      assert.deepEqual(
        refused().map(({ operation }) => operation),
        ['HeadBucket'],
      );
    });

    test(`S2 it becomes ${name} while requests are under way: they are repeated once, and no path is given up`, async (t) => {
      const { ground, shift, refused } = await clocked(t, 0);
      writeMany(ground, 'one');
      await ground.start();
      await ground.settle();
      ground.server.clearRequests();

      const gate = ground.server.faults.add({ operation: 'PutObject', times: 8, effect: { kind: 'gate' } });
      writeMany(ground, 'two');
      await gate.waiting(8);
      shift(sign * SHIFT_MS);
      await gate.open();
      await ground.settle();
      ground.assertEqual();
      // Every request that was signed before the first answer came, at most what the limiter starts with.
      assert.ok(refused().length >= 8 && refused().length <= 16, `${refused().length} refused`);
      assert.equal(ground.server.countRequests('PutObject'), FILES + refused().length);
      assert.deepEqual(ground.problems('failed'), []);
    });
  }

  test('S6 a HEAD, whose refusal has no reason, is asked again when the clock is known', async (t) => {
    const { ground, shift } = await clocked(t, 0);
    await ground.start();
    ground.bucket.put('p/object', 'x');
    ground.bucket.put('p/empty', '');
    const { store } = ground.agent.workspace;
    shift(SHIFT_MS);
    assert.equal((await store.head('p/object'))?.sizeBytes, 1);
    shift(-SHIFT_MS);
    assert.equal((await store.head('p/empty'))?.sizeBytes, 0);
    shift(0);
    assert.equal(await store.head('p/absent'), undefined);
  });
});

// Puts wait for the copies that read what they overwrite, and rings of them do not wait for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RelKey } from '../../src/model/key.ts';
import { CopyOrder } from '../../src/transfer/copy-order.ts';

const key = (text: string): RelKey => text as RelKey;

/** Whether the promise is settled once everything that can go on has gone on. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise(setImmediate);
  return settled;
}

test('a put on a key that nobody reads goes at once', async () => {
  const order = new CopyOrder();
  order.plan(key('a'), key('b'));
  assert.ok(await isSettled(order.inTurn(key('b'), () => {})));
  assert.ok(!order.isRead(key('b')));
});

test('a put waits until every copy from its key has ended, however it ended', async () => {
  const order = new CopyOrder();
  const one = order.plan(key('a'), key('b'));
  const other = order.plan(key('a'), key('c'));
  one.started = true;
  const turn = order.inTurn(key('a'), () => {});
  one.end();
  one.end();
  assert.ok(!(await isSettled(turn)));
  assert.ok(order.isRead(key('a')));
  other.end();
  assert.ok(await isSettled(turn));
  assert.ok(!order.isRead(key('a')));
});

test('who closes a ring goes first, but not past a copy that has started', async () => {
  const order = new CopyOrder();
  const toB = order.plan(key('a'), key('b'));
  const toA = order.plan(key('b'), key('a'));
  const turnOfA = order.inTurn(key('a'), () => {});
  assert.ok(await isSettled(turnOfA), 'the copy to b waits for nothing but the copy to a');
  toA.started = true;
  const turnOfB = order.inTurn(key('b'), () => {});
  assert.ok(!(await isSettled(turnOfB)));
  toA.end();
  assert.ok(await isSettled(turnOfB));
  toB.end();
});

/** Copies among a few keys, each key the target of one at most. */
const copies = fc
  .array(fc.nat(5), { minLength: 6, maxLength: 6 })
  .map((sources) => sources.map((source, target) => [source, target] as const).filter(([from, to]) => from !== to));

test('whatever is copied where, in whatever order, every copy gets its turn and none is overwritten while it reads', async () => {
  await fc.assert(
    fc.asyncProperty(copies, fc.infiniteStream(fc.boolean()), async (plans, late) => {
      const order = new CopyOrder();
      const reading = new Set<readonly [number, number]>();
      const written = new Set<number>();
      const run = async (copy: readonly [number, number]): Promise<void> => {
        const [from, to] = copy;
        const plan = order.plan(key(String(from)), key(String(to)));
        if (late.next().value) await new Promise(setImmediate);
        const isCopied = await order.inTurn(key(String(to)), () => {
          assert.ok(![...reading].some(([read]) => read === to), 'it is being read');
          written.add(to);
          plan.started = !written.has(from);
          if (plan.started) reading.add(copy);
          return plan.started;
        });
        if (!isCopied) return plan.end();
        await new Promise(setImmediate);
        reading.delete(copy);
        plan.end();
      };
      const all = Promise.all(plans.map(run)).then(() => 'done');
      const stuck = new Promise((resolve) => setTimeout(resolve, 2_000, 'stuck').unref());
      assert.equal(await Promise.race([all, stuck]), 'done');
    }),
    { numRuns: 300 },
  );
});

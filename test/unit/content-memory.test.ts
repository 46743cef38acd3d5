// Memory for large content: bounded, in turn, and nobody waits for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ContentMemory, type Loan } from '../../src/transfer/content-memory.ts';

/** Notes when what was asked for is lent. */
function asking(memory: ContentMemory): {
  ask: (bytes: number, signal?: AbortSignal) => Promise<Loan>;
  lent: number[];
} {
  const lent: number[] = [];
  const ask = async (bytes: number, signal?: AbortSignal): Promise<Loan> => {
    const loan = await memory.take(bytes, signal);
    lent.push(bytes);
    return loan;
  };
  return { ask, lent };
}

test('never more is lent than the budget, and whoever asked first gets it first', async () => {
  const { ask, lent } = asking(new ContentMemory(100));
  const [a, b] = await Promise.all([ask(60), ask(40)]);
  const more = [ask(50), ask(1)];
  await turn();
  assert.deepEqual(lent, [60, 40]);
  b.giveBack();
  await turn();
  assert.deepEqual(lent, [60, 40], 'what is small does not push in');
  a.giveBack();
  await Promise.all(more);
  assert.deepEqual(lent, [60, 40, 50, 1]);
});

test('what is larger than the budget is lent alone', async () => {
  const { ask, lent } = asking(new ContentMemory(100));
  const small = await ask(1);
  const large = ask(1000);
  const next = ask(2);
  await turn();
  assert.deepEqual(lent, [1]);
  small.giveBack();
  assert.equal((await large).bytes.length, 1000);
  await turn();
  assert.deepEqual(lent, [1, 1000]);
  (await large).giveBack();
  await next;
});

test('who gives up is not waited for', async () => {
  const { ask, lent } = asking(new ContentMemory(100));
  const held = await ask(90);
  const given = new AbortController();
  const up = ask(50, given.signal);
  const behind = ask(10);
  await turn();
  assert.deepEqual(lent, [90]);
  given.abort(new Error('enough'));
  await assert.rejects(up, /enough/);
  await behind;
  await assert.rejects(ask(1, AbortSignal.abort(new Error('before'))), /before/);
  held.giveBack();
});

test('the same memory is lent again while some is in use, and let go of when none is', async () => {
  const { ask } = asking(new ContentMemory(100));
  const [a, b] = await Promise.all([ask(40), ask(40)]);
  const { buffer } = a.bytes;
  a.giveBack();
  const again = await ask(40);
  assert.equal(again.bytes.buffer, buffer);
  again.giveBack();
  b.giveBack();
  const { buffer: fresh } = (await ask(40)).bytes;
  assert.ok(fresh !== buffer && fresh !== b.bytes.buffer);
});

// S9: a checkpoint is taken of one moment, or not at all.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Checkpointing } from '../../src/agent/checkpointing.ts';
import { CHECKPOINTS } from '../../src/checkpoint/document.ts';
import { Journal } from '../../src/ledger/journal.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { ledgerRow } from '../support/ledger-rows.ts';
import { until } from '../support/until.ts';

/** An agent whose moment can be disturbed. */
function agentIn(t: TestContext) {
  const { ledger } = openLedger({ file: ':memory:' });
  ledger.write([ledgerRow('a', { versionId: 'v1' })]);
  const stored: string[] = [];
  const put = async (key: string, _body: unknown, _attributes: unknown, { signal }: { signal: AbortSignal }) => {
    stored.push(key);
    if (agent.isSilent) await once(signal, 'abort');
    return { etag: 'e', versionId: 'v' };
  };
  const agent = { isInSync: true, isSilent: false, whileHearing: (): void => {}, stored, ledger };
  const journal = new Journal(ledger, () => {});
  const store = { put } as never;
  const says = () => {};
  const log = { error: says, warn: says, info: says, debug: says };
  const checkpoints = new Checkpointing(
    { store, prefix: 'p/', ledger, journal, retry: (request) => request(), log },
    {
      intervalMs: 3_600_000,
      quiet: () => new Promise(() => {}), // only when it is asked
      barrier: async () => agent.whileHearing(),
      isInSync: () => agent.isInSync,
    },
  );
  t.after(() => ledger.close());
  const take = () => checkpoints.take(new AbortController().signal);
  return { ...agent, agent, checkpoints, take };
}

test('a checkpoint is taken while nothing happens, and no second one of the same', async (t) => {
  const { take, stored, checkpoints } = agentIn(t);
  const id = await take();
  assert.deepEqual(stored, [`p/${CHECKPOINTS}${id}`]);
  assert.equal(await take(), id);
  assert.equal(stored.length, 1);
  assert.deepEqual(checkpoints.status(), { id, ageSeconds: 0 });
});

test('the age of a checkpoint counts from when it was last seen to be what is on disk, not from when it was taken', async (t) => {
  const { take, checkpoints, agent } = agentIn(t);
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  const id = await take();
  t.mock.timers.setTime(9_000_000);
  assert.equal(await take(), id);
  agent.isInSync = false;
  t.mock.timers.setTime(9_060_000);
  assert.deepEqual(checkpoints.status(), { id, ageSeconds: 60 });
});

const DISTURBANCES: Record<string, (agent: ReturnType<typeof agentIn>['agent']) => void> = {
  'something was heard of and is dirty': (agent) => {
    agent.isInSync = false;
  },
  'something was published': ({ ledger }) => ledger.write([ledgerRow('b', { versionId: 'v2' })]),
  'something was deleted': ({ ledger }) => ledger.write([], ['a' as never]),
};

for (const [what, disturb] of Object.entries(DISTURBANCES)) {
  test(`no checkpoint is taken if ${what} between its moment and the proof of it`, async (t) => {
    const { take, stored, agent } = agentIn(t);
    agent.whileHearing = () => disturb(agent);
    assert.equal(await take(), undefined);
    agent.whileHearing = () => {};
    agent.isInSync = true;
    assert.deepEqual(stored, []);
    assert.notEqual(await take(), undefined);
  });
}

test('no checkpoint is taken of what is dirty, nor of a row that may not be what S3 holds', async (t) => {
  const { take, stored, agent, ledger } = agentIn(t);
  agent.isInSync = false;
  assert.equal(await take(), undefined);
  agent.isInSync = true;
  for (const state of ['unproven', 'intent', 'fuzzy'] as const) {
    ledger.write([ledgerRow('b', { state, versionId: 'v2' })]);
    assert.equal(await take(), undefined, state);
  }
  assert.deepEqual(stored, []);
});

test('whoever asks for a checkpoint waits no longer than for as long as they said', async (t) => {
  const { checkpoints, agent } = agentIn(t);
  const { promise: never, resolve } = Promise.withResolvers<void>();
  agent.whileHearing = () => never as never;
  const first = checkpoints.take(new AbortController().signal);
  const patience = new AbortController();
  const second = checkpoints.take(patience.signal);
  patience.abort();
  assert.equal(await second, undefined, 'though the first is still under way');
  agent.whileHearing = () => {};
  resolve();
  assert.notEqual(await first, undefined);
  await checkpoints.stop();
});

test('an agent that ends does not wait for a checkpoint that S3 does not answer for', async (t) => {
  const { checkpoints, agent, stored } = agentIn(t);
  agent.isSilent = true;
  const taken = checkpoints.take(new AbortController().signal);
  await until('it is being sent', () => stored.length === 1);
  await checkpoints.stop();
  assert.equal(await taken, undefined);
});

// What a crash between a request's execution and its row leaves behind, and what the next start makes of it.
import { chmodSync, cpSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { settledGround } from '../support/strict-agent.ts';
import { until } from '../support/until.ts';

/** The agent is cut off after S3 has executed its request; then the file of before comes back, as it was. */
async function crashAfter(t: TestContext, operation: 'PutObject' | 'DeleteObjects'): Promise<void> {
  const ground = await settledGround(t, { files: { f: 'v1v1', other: 'x' }, durable: true });
  const hang = ground.server.faults.add({ operation, effect: { kind: 'hang', at: 'answer' } });
  renameSync(ground.at('f'), join(ground.base, 'away'));
  if (operation === 'PutObject') ground.write('f', 'v2v2');
  await hang.waiting();
  // What kill -9 leaves of the ledger.
  cpSync(join(ground.base, 'state'), join(ground.base, 'left'), { recursive: true });
  hang.remove();
  await ground.agent.stop();
  renameSync(join(ground.base, 'away'), ground.at('f'));
  await ground.start({ stateDir: join(ground.base, 'left') });
  await ground.settle();
  await ground.audit();
  ground.assertEqual();
}

test('regression_overwrite_then_crash_then_old_file: S2 the old content is sent again', (t) =>
  crashAfter(t, 'PutObject'));

test('regression_delete_then_crash_then_old_file: S2 the object is stored again', (t) =>
  crashAfter(t, 'DeleteObjects'));

test('regression_late_metadata: S6 a late request that changed only the metadata is found out by the proof', async (t) => {
  const ground = await settledGround(t, { files: { f: 'v1' }, config: { requestTimeoutMs: 600 } });
  const late = ground.server.faults.add({
    operation: 'PutObject',
    times: 1,
    effect: { kind: 'late', afterMs: 100_000 },
  });
  chmodSync(ground.at('f'), 0o600);
  await late.waiting();
  chmodSync(ground.at('f'), 0o644);
  await until('the second request', () => ground.count('PutObject', 'f') >= 2);
  await late.release();
  await ground.settle();
  await ground.audit();
  ground.assertEqual();
});

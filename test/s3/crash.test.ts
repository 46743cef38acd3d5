// What a crash between a request's execution and its row leaves behind, and what the next start makes of it.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Ground, settledGround } from '../support/strict-agent.ts';
import { until } from '../support/until.ts';

/** The agent is cut off after S3 has executed its request; then the file of before comes back, as it was. */
async function crashAfter(t: TestContext, operation: 'PutObject' | 'DeleteObjects'): Promise<void> {
  const config = { requestTimeoutMs: 1000 };
  const ground = await settledGround(t, { files: { f: 'v1v1', other: 'x' }, durable: true, config });
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

/** An agent is cut off in the middle of an upload in parts; the next one starts on what kill -9 leaves of the ledger. */
async function crashInParts(t: TestContext): Promise<{ ground: Ground; stateDir: string }> {
  const config = { requestTimeoutMs: 1000, multipartThresholdBytes: 5 * 2 ** 20 };
  const ground = await settledGround(t, { files: { other: 'x' }, durable: true, config });
  const hang = ground.server.faults.add({ operation: 'UploadPart', effect: { kind: 'hang' } });
  const abort = ground.server.faults.add({
    operation: 'AbortMultipartUpload',
    effect: { kind: 'status', code: 'SlowDown' },
  });
  ground.write('large', Buffer.alloc(6 * 2 ** 20, 'large'));
  await hang.waiting();
  const stateDir = join(ground.base, 'left');
  cpSync(join(ground.base, 'state'), stateDir, { recursive: true });
  hang.remove();
  await ground.agent.stop();
  abort.remove();
  assert.equal(ground.bucket.uploads().length, 1);
  return { ground, stateDir };
}

test('S2 a start aborts the upload that a crash left open, though the server is busy, and none of others', async (t) => {
  const { ground, stateDir } = await crashInParts(t);
  const [own] = ground.bucket.uploads();
  const others = ['p/large', 'p/else'].map((key) => ground.bucket.beginUpload(key));
  const busy = ground.server.faults.add({
    operation: 'AbortMultipartUpload',
    times: 2,
    effect: { kind: 'status', code: 'SlowDown' },
  });
  await ground.start({ stateDir });
  assert.equal(busy.hits, 2);
  const open = ground.bucket.uploads().map(({ uploadId }) => uploadId);
  assert.ok(!open.includes(own!.uploadId));
  await ground.settle();
  ground.assertEqual();
  const left = ground.bucket.uploads().map(({ uploadId }) => uploadId);
  assert.deepEqual(left.sort(), others.sort());
});

test('S2 an upload that the start could not abort is aborted when its file is deleted', async (t) => {
  const { ground, stateDir } = await crashInParts(t);
  const denied = ground.server.faults.add({
    operation: 'AbortMultipartUpload',
    effect: { kind: 'status', code: 'AccessDenied' },
  });
  rmSync(ground.at('large'));
  const gate = ground.server.faults.add({ operation: 'DeleteObjects', effect: { kind: 'gate' } });
  await ground.start({ stateDir });
  await gate.waiting();
  denied.remove();
  await gate.open();
  await ground.settle();
  ground.assertEqual();
  assert.deepEqual(ground.bucket.uploads(), []);
});

// S3 fails in every way it can; in the end the prefix equals the tree, and nothing is left behind.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  cpSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Effect, seededRandom } from '../strict-s3/faults.ts';
import { PASSING } from '../support/passing-faults.ts';
import { type Ground, makeGround, settledGround } from '../support/strict-agent.ts';
import { operate, operations } from '../support/tree-operations.ts';
import { until } from '../support/until.ts';

const SOON = { requestTimeoutMs: 300 };

for (const effect of PASSING) {
  test(`S2 a change is stored in spite of ${JSON.stringify(effect)}`, async (t) => {
    const ground = await settledGround(t, { files: { f: 'old', gone: 'x' }, config: SOON });
    for (const operation of ['PutObject', 'DeleteObjects'] as const) {
      ground.server.faults.add({ operation, times: 2, effect });
    }
    ground.write('f', 'new content');
    rmSync(ground.at('gone'));
    symlinkSync('f', ground.at('link'));
    await ground.settle();
    ground.assertEqual();
    assert.deepEqual(ground.problems('failed'), []);
    assert.equal(ground.row('f')?.state, 'known');
  });
}

for (const code of ['PreconditionFailed', 'ConditionalRequestConflict', 'AccessDenied', 'InvalidRequest']) {
  test(`S2 a change that was refused with ${code} is tried again`, async (t) => {
    const ground = await settledGround(t, { files: { f: 'old' } });
    ground.server.faults.add({ operation: 'PutObject', times: 1, effect: { kind: 'status', code } });
    ground.write('f', 'new');
    await until('it is reported', () => ground.problems('failed').includes('f'));
    await ground.settle();
    ground.assertEqual();
    assert.deepEqual(ground.problems('failed'), []);
  });
}

test('S2 Retry-After is honoured', async (t) => {
  const ground = await settledGround(t);
  ground.server.faults.add({ times: 1, effect: { kind: 'status', code: 'SlowDown', retryAfterS: 1 } });
  ground.write('f', 'content');
  await ground.settle();
  ground.assertEqual();
  const [first, second] = ground.server.requests;
  assert.ok(second!.atMs - first!.atMs >= 1000);
});

test('S2 after any sequence of operations under random faults the prefix equals the tree', async (t) => {
  const ground = await makeGround(t);
  const property = fc.asyncProperty(operations('turn', 'settle'), fc.integer(), async (sequence, seed) => {
    rmSync(ground.base, { recursive: true, force: true });
    ground.write('../out/x', '');
    ground.write('a/a', '');
    for (const key of ground.bucket.keys()) ground.bucket.remove(key);
    await ground.start(SOON);
    const random = seededRandom(seed);
    const operation = ['PutObject', 'DeleteObjects', 'HeadObject', 'CopyObject'] as const;
    ground.server.faults.add({ operation, random, probability: 0.3, effect: PASSING });
    for (const each of sequence) {
      if (each.do === 'settle') await ground.settle();
      else if (each.do === 'turn') await new Promise(setImmediate);
      else operate(ground.root, each);
    }
    await ground.settle();
    ground.server.faults.clear();
    ground.assertEqual();
  });
  await fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? 8), endOnFailure: true });
});

const MIB = 1024 ** 2;
const PARTS = { multipartThresholdBytes: 6 * MIB, partSizeBytes: 5 * MIB };
const LARGE = Buffer.alloc(16 * MIB, 'content of a large file ');

/** What the object's metadata says of its being a snapshot. */
function isFuzzy(ground: Ground, path: string): boolean {
  return ground.bucket.object(`p/${path}`)?.metadata['awssyncer-fuzzy'] !== undefined;
}

test('S3 a file that changes while its parts are sent is not published; its upload is aborted and the new state stored', async (t) => {
  const ground = await settledGround(t, { config: { ...PARTS, maxWaitMs: 60_000 } });
  const gate = ground.server.faults.add({ operation: 'UploadPart', effect: { kind: 'gate', at: 'commit' } });
  ground.write('large', LARGE);
  await gate.waiting();
  const fd = openSync(ground.at('large'), 'r+');
  writeSync(fd, 'changed in its first part', 0);
  closeSync(fd);
  await gate.open();
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.bucket.uploads().length, 0);
  assert.equal(isFuzzy(ground, 'large'), false);
  const completed = ground.server.requests.filter(({ operation }) => operation === 'CompleteMultipartUpload');
  assert.equal(completed.length, 1, 'the torn one was never completed');
  assert.equal(ground.row('large')?.uploadId, null);
});

test('S3 a file that vanishes while its parts are sent leaves neither object nor upload', async (t) => {
  const ground = await settledGround(t, { config: PARTS });
  const gate = ground.server.faults.add({ operation: 'UploadPart', effect: { kind: 'gate' } });
  ground.write('large', LARGE);
  await gate.waiting();
  rmSync(ground.at('large'));
  await gate.open();
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), []);
  assert.equal(ground.bucket.uploads().length, 0);
  assert.equal(ground.row('large'), undefined);
});

test('S2 a failed part is sent again by itself', async (t) => {
  const ground = await settledGround(t, { config: PARTS });
  const { faults } = ground.server;
  faults.add({ operation: 'UploadPart', after: 1, times: 2, effect: { kind: 'status', code: 'SlowDown' } });
  ground.write('large', LARGE);
  await ground.settle();
  ground.assertEqual();
  const { server } = ground;
  assert.equal(server.countRequests('CreateMultipartUpload'), 1);
  assert.equal(server.countRequests('UploadPart'), 4 + 2);
});

for (const [what, effect] of Object.entries({
  'an error for an answer': { kind: 'error-body', code: 'InternalError' },
  'an error for an answer though it was done': { kind: 'error-body', code: 'InternalError', committed: true },
  'no answer': { kind: 'reset', at: 'answer' },
  'garbage for an answer': { kind: 'garbage' },
  'a late execution': { kind: 'late', afterMs: 100 },
} satisfies Record<string, Effect>)) {
  test(`S2 a large file whose completion gets ${what} is stored, and no upload stays open`, async (t) => {
    const ground = await settledGround(t, { config: { ...PARTS, ...SOON } });
    ground.server.faults.add({ operation: 'CompleteMultipartUpload', times: 1, effect });
    ground.write('large', LARGE);
    await ground.settle();
    ground.assertEqual();
    assert.equal(ground.bucket.uploads().length, 0);
    assert.equal(ground.row('large')?.state, 'known');
  });
}

test('S2 an upload whose abort failed is aborted before the next one of the file', async (t) => {
  const ground = await settledGround(t, { config: PARTS });
  const { faults } = ground.server;
  faults.add({ operation: 'AbortMultipartUpload', times: 1, effect: { kind: 'status', code: 'SlowDown' } });
  const gate = faults.add({ operation: 'UploadPart', effect: { kind: 'gate' } });
  ground.write('large', LARGE);
  await gate.waiting();
  appendFileSync(ground.at('large'), 'more');
  await gate.open();
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.bucket.uploads().length, 0);
});

/** Ends the agent so that the next one finds the ledger as it is at this moment, as after a crash. */
async function kill(ground: Ground): Promise<void> {
  const state = join(ground.base, 'state');
  cpSync(state, `${state}.now`, { recursive: true });
  await ground.agent.stop();
  rmSync(state, { recursive: true });
  renameSync(`${state}.now`, state);
}

/** A crash, what happens while no agent runs, and the next start. */
async function crash(ground: Ground, meanwhile: () => void = () => {}): Promise<void> {
  await kill(ground);
  ground.server.faults.clear();
  meanwhile();
  ground.server.clearRequests();
  await ground.start();
  await ground.settle();
}

test('S2 after any sequence of operations, restarts and crashes the prefix equals the tree', async (t) => {
  const ground = await makeGround(t, { durable: true, config: SOON });
  const property = fc.asyncProperty(
    operations('turn', 'settle', 'stop', 'stop', 'crash', 'crash'),
    async (sequence) => {
      await ground.agent?.stop();
      rmSync(ground.base, { recursive: true, force: true });
      ground.write('../out/x', '');
      ground.write('never empty', '');
      for (const key of ground.bucket.keys()) ground.bucket.remove(key);
      await ground.start();
      let isUp = true;
      const words: Record<string, () => Promise<void>> = {
        settle: () => ground.settle(),
        turn: () => new Promise(setImmediate),
        stop: () => ground.agent.stop(),
        crash: () => kill(ground),
      };
      for (const operation of sequence) {
        const word = words[operation.do];
        if (word === undefined) {
          operate(ground.root, operation);
          continue;
        }
        if (!isUp) await ground.start();
        await word();
        isUp = operation.do !== 'stop' && operation.do !== 'crash';
      }
      if (!isUp) await ground.start();
      await ground.settle();
      ground.assertEqual();
    },
  );
  await fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? 25) });
});

test('S2 an upload that a crash left open is aborted at the next start', async (t) => {
  const ground = await settledGround(t, { config: { ...PARTS, ...SOON }, durable: true });
  const { faults } = ground.server;
  faults.add({ operation: 'AbortMultipartUpload', effect: { kind: 'status', code: 'SlowDown' } });
  const gate = faults.add({ operation: 'UploadPart', effect: { kind: 'gate' } });
  ground.write('large', LARGE);
  await gate.waiting();
  await crash(ground, () => {
    assert.equal(ground.bucket.uploads().length, 1);
    rmSync(ground.at('large'));
  });
  assert.deepEqual(ground.bucket.keys(), []);
  assert.equal(ground.bucket.uploads().length, 0);
});

test('S2 an object stored just before a crash is settled by the next start, whatever became of its file', async (t) => {
  const fates: Record<string, (ground: Ground) => void> = {
    'the file is as it was': () => {},
    'the file is gone': (ground) => rmSync(ground.at('f')),
    'the file has changed': (ground) => ground.write('f', 'changed'),
    'the file was renamed': (ground) => renameSync(ground.at('f'), ground.at('g')),
    'the file became a directory': (ground) => {
      rmSync(ground.at('f'));
      ground.write('f/inside', 'inside');
    },
  };
  for (const [fate, befall] of Object.entries(fates)) {
    for (const files of [{ other: 'o' }, { other: 'o', f: 'old' }]) {
      const ground = await settledGround(t, { durable: true, config: SOON, files });
      const gate = ground.server.faults.add({ operation: 'PutObject', effect: { kind: 'gate', at: 'answer' } });
      ground.write('f', 'content');
      await gate.waiting();
      assert.equal(ground.stored('f'), 'content');
      await crash(ground, () => befall(ground));
      ground.assertEqual(fate);
      assert.ok(!ground.requests().includes('ListObjectsV2'), 'without a listing');
    }
  }
});

test('S5 a crash between the two halves of a rename loses neither', async (t) => {
  const ground = await settledGround(t, { durable: true, config: SOON, files: { old: 'content', 'd/x': 'x' } });
  const gate = ground.server.faults.add({ operation: 'CopyObject', effect: { kind: 'gate', at: 'commit' } });
  renameSync(ground.at('old'), ground.at('new'));
  renameSync(ground.at('d'), ground.at('e'));
  await gate.waiting(2);
  assert.deepEqual(ground.bucket.keys(), ['p/d/x', 'p/old']);
  await crash(ground);
  ground.assertEqual();
});

test('S2 a delete executed just before a crash is settled by the next start', async (t) => {
  for (const isBack of [false, true]) {
    const ground = await settledGround(t, { durable: true, config: SOON, files: { other: 'o', f: 'content' } });
    const gate = ground.server.faults.add({ operation: 'DeleteObjects', effect: { kind: 'gate', at: 'answer' } });
    rmSync(ground.at('f'));
    await gate.waiting();
    assert.equal(ground.stored('f'), undefined);
    await crash(ground, () => isBack && ground.write('f', 'content'));
    ground.assertEqual();
    assert.equal(ground.row('f')?.state, isBack ? 'known' : undefined);
  }
});

test('S2 a start goes on when the first listing fails halfway', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}`, String(i)]));
  const ground = await makeGround(t, { files, server: { pageSize: 10 } });
  for (const [path, content] of Object.entries(files)) ground.bucket.put(`p/${path}`, content, { mode: '0100644' });
  const { faults } = ground.server;
  const effect: Effect[] = [
    { kind: 'truncate' },
    { kind: 'status', code: 'SlowDown' },
    { kind: 'reset' },
    { kind: 'garbage' },
  ];
  for (const each of effect) faults.add({ operation: 'ListObjectsV2', after: 1, times: 1, effect: each });
  await ground.start();
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.server.countRequests('PutObject'), 0, 'everything was adopted');
});

test('S7 a write after a request whose answer was lost does not wait for that one to be proven', async (t) => {
  const ground = await settledGround(t, { files: { f: 'v1' }, config: { requestTimeoutMs: 60_000 } });
  ground.server.faults.add({ operation: 'PutObject', times: 1, effect: { kind: 'reset', at: 'answer' } });
  ground.write('f', 'v2');
  await until('v2 is sent again', () => ground.count('PutObject', 'f') === 2 && ground.row('f')?.state === 'unproven');
  ground.write('f', 'v3');
  await until('v3 is stored', () => ground.stored('f') === 'v3');
});

test('S11 a drain asks once for what cannot be proven yet, and does all the rest', async (t) => {
  const ground = await makeGround(t, { files: { 'd/x': '1' }, config: { requestTimeoutMs: 60_000 } });
  chmodSync(ground.at('d'), 0o700);
  await ground.start();
  await ground.settle();
  ground.server.clearRequests();
  ground.server.faults.add({ operation: 'PutObject', key: /d$/, times: 1, effect: { kind: 'reset', at: 'answer' } });
  rmSync(ground.at('d'), { recursive: true });
  ground.write('d', 'now a file');
  await ground.agent.watching.drain(AbortSignal.timeout(20_000));
  ground.assertEqual();
  assert.equal(ground.count('HeadObject', 'd'), 1);
});

test('S11 the end does not wait for an upload that will not start', async (t) => {
  const ground = await settledGround(t, {
    config: { requestTimeoutMs: 3_600_000, multipartThresholdBytes: 5 * 1024 ** 2 },
  });
  const hang = ground.server.faults.add({ operation: 'CreateMultipartUpload', effect: { kind: 'hang' } });
  ground.write('big', Buffer.alloc(6 * 1024 ** 2));
  await hang.waiting();
  let stopped = false;
  void ground.agent.watching.stop().then(() => (stopped = true));
  await until('it has stopped', () => stopped);
});

test('S2 after the clock was set back a file is stored once, not compared for ever', async (t) => {
  const ground = await makeGround(t, { files: { 'd/x': '1' } });
  chmodSync(ground.at('d'), 0o700);
  await ground.start();
  await ground.settle();
  t.mock.method(Date, 'now', () => 1_000_000_000_000);
  rmSync(ground.at('d'), { recursive: true });
  ground.write('d', 'now a file');
  await ground.settle();
  ground.assertEqual();
});

// Renames are copies on the server: no content is sent, and no source goes before its copy has ended.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import type { Counters } from '../../src/agent/counters.ts';
import { syncOnce } from '../../src/agent/sync-once.ts';
import type { StrictS3 } from '../strict-s3/server.ts';
import { BUCKET, openTestWorkspace, QUICK } from '../support/agent.ts';
import { availableTargets, plainClient, withTarget } from '../support/s3-targets.ts';
import { type Ground, makeGround, settledGround } from '../support/strict-agent.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';

/** Bytes of content that came since the last `clearRequests`. */
function bytesSent({ server }: Ground): number {
  const sent = server.requests.filter(({ operation }) => operation === 'PutObject' || operation === 'UploadPart');
  return sent.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0);
}

/** Several renames in one turn of the event loop. */
function rename(ground: Ground, ...pairs: readonly (readonly [from: string, to: string])[]): void {
  for (const [from, to] of pairs) renameSync(ground.at(from), ground.at(to));
}

/** Proofs are due soon. */
const SOON = { config: { requestTimeoutMs: 1000 } };

/** Larger than what is sent with changed metadata. */
const BIG = 'x'.repeat(100_000);

test('S8 a renamed file is one copy and one delete, and comes with its new name', async (t) => {
  for (const content of ['small', '', BIG]) {
    const ground = await settledGround(t, { files: { old: content } });
    rename(ground, ['old', 'new']);
    await ground.settle();
    ground.assertEqual();
    assert.deepEqual(ground.requests(), ['CopyObject p/new', 'DeleteObjects']);
    assert.equal(bytesSent(ground), 0);
    assert.equal(ground.agent.workspace.counters.copied, 1);
  }
});

test('S13 a file renamed and changed in mode and owner is copied with what it has now', async (t) => {
  const ground = await settledGround(t, { files: { old: BIG } });
  rename(ground, ['old', 'new']);
  chmodSync(ground.at('new'), 0o600);
  await ground.settle();
  assert.deepEqual(ground.requests(), ['CopyObject p/new', 'DeleteObjects']);
  assert.equal(ground.bucket.object('p/new')?.metadata['mode'], '0100600');
});

/** How many files the directory has that is renamed as a whole. */
const FILES = Number(process.env['AWSSYNCER_TEST_RENAMES'] ?? 200);

function manyFiles(): Record<string, string> {
  return Object.fromEntries(Array.from({ length: FILES }, (_, i) => [`old/d${i % 7}/${i}`, `content ${i}`]));
}

/** Every file was copied once, nothing was sent, and the deletes went in batches. */
function assertCopiesOnly(ground: Ground): void {
  ground.assertEqual();
  assert.equal(bytesSent(ground), 0);
  assert.equal(ground.server.countRequests('CopyObject'), FILES);
  assert.equal(ground.server.countRequests('PutObject'), 0);
  const batches = ground.server.countRequests('DeleteObjects');
  assert.ok(batches <= 20 + FILES / 20, `${batches} batches`);
}

test('S8 a renamed directory is one copy for each file, unread', async (t) => {
  const ground = await settledGround(t, { files: manyFiles() });
  rename(ground, ['old', 'new']);
  await ground.settle();
  assertCopiesOnly(ground);
});

test('S8 a directory renamed while the agent was down is copied too', async (t) => {
  const config = { maxDelete: { count: FILES, percent: 100 } }; // nobody saw the old names go
  const ground = await settledGround(t, { files: manyFiles(), durable: true, config });
  await ground.agent.stop();
  rename(ground, ['old', 'new']);
  ground.server.clearRequests();
  await ground.start();
  await ground.settle();
  assertCopiesOnly(ground);
});

test('S3 a file written before its directory was renamed is read, though its stat may be that of the ledger', async (t) => {
  const ground = await settledGround(t, { files: { 'old/f': 'content' } });
  // A write whose event comes under the old name and that leaves the stat as it was.
  const { pipeline } = ground.agent.watching.engine;
  const change = { scope: 'self', speed: 'finished', witnessed: true, written: true } as const;
  const row = ground.row('old/f')!;
  ground.agent.workspace.journal.save({ ...row, checksum: 'f'.repeat(64) });
  rename(ground, ['old', 'new']);
  pipeline.change({ ...change, path: 'old/f' as never });
  await ground.settle();
  assert.deepEqual(ground.requests().sort(), ['DeleteObjects', 'PutObject p/new/f']);
  ground.assertEqual();
});

test('S2 a renamed file that is written at once is sent as it is', async (t) => {
  for (const content of ['written', BIG]) {
    const ground = await settledGround(t, { files: { old: BIG } });
    rename(ground, ['old', 'new']);
    ground.write('new', content);
    await ground.settle();
    ground.assertEqual();
  }
});

test('S2 a file written while it is copied is sent again', async (t) => {
  const ground = await settledGround(t, { files: { old: BIG } });
  const gate = ground.server.faults.add({ operation: 'CopyObject', effect: { kind: 'gate', at: 'commit' } });
  rename(ground, ['old', 'new']);
  await gate.waiting();
  appendFileSync(ground.at('new'), 'more');
  await ground.roundTrip();
  await gate.open();
  await ground.settle();
  ground.assertEqual();
});

test('S8 a file renamed over another one is copied over its object', async (t) => {
  const ground = await settledGround(t, { files: { draft: 'the new one', final: 'the old one' } });
  rename(ground, ['draft', 'final']);
  await ground.settle();
  ground.assertEqual();
  assert.deepEqual(ground.requests(), ['CopyObject p/final', 'DeleteObjects']);
  assert.equal(bytesSent(ground), 0);
});

test('S8 a rotated log is copied before the new log is put', async (t) => {
  const ground = await settledGround(t, { files: { log: BIG } });
  const gate = ground.server.faults.add({ operation: 'CopyObject', effect: { kind: 'gate', at: 'commit' } });
  rename(ground, ['log', 'log.1']);
  ground.write('log', 'new');
  await gate.waiting();
  await ground.roundTrip();
  assert.equal(ground.stored('log'), BIG, 'the put waits');
  await gate.open();
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.count('CopyObject', 'log.1'), 1);
  assert.equal(ground.count('PutObject', 'log'), 1);
});

test('S8 a whole rotation, oldest first, sends only the new log', async (t) => {
  const files = Object.fromEntries([0, 1, 2, 3, 4].map((i) => [`log.${i}`, `${i}${BIG}`]));
  const ground = await settledGround(t, { files });
  for (const i of [4, 3, 2, 1, 0]) rename(ground, [`log.${i}`, `log.${i + 1}`]);
  ground.write('log.0', 'new');
  await ground.settle();
  ground.assertEqual();
  assert.equal(bytesSent(ground), 'new'.length);
  assert.equal(ground.server.countRequests('CopyObject'), 5);
});

test('S8 a rotation while the agent was down sends only the new log', async (t) => {
  const files = { 'log.0': `0${BIG}`, 'log.1': `1${BIG}`, 'log.2': `2${BIG}` };
  const ground = await settledGround(t, { files, durable: true });
  await ground.agent.stop();
  for (const i of [2, 1, 0]) rename(ground, [`log.${i}`, `log.${i + 1}`]);
  ground.write('log.0', 'new');
  ground.server.clearRequests();
  await ground.start();
  await ground.settle();
  ground.assertEqual();
  assert.equal(bytesSent(ground), 'new'.length);
});

test('S2 files that take each other’s places end up there, and not all are sent', async (t) => {
  for (const names of ['ab', 'abc', 'abcde']) {
    const files = Object.fromEntries([...names].map((name) => [name, `${name}${BIG}`]));
    const ground = await settledGround(t, { files });
    rename(ground, [names.at(-1)!, 'spare']);
    for (let i = names.length - 1; i > 0; i--) rename(ground, [names[i - 1]!, names[i]!]);
    rename(ground, ['spare', names[0]!]);
    await ground.settle();
    ground.assertEqual();
    // Exactly one if all of them were looked at before the first request.
    assert.ok(ground.server.countRequests('CopyObject') > 0);
    assert.equal(ground.server.countRequests('CopyObject') + ground.server.countRequests('PutObject'), names.length);
  }
});

test('S8 a file renamed again before it was looked at is copied from where S3 has it', async (t) => {
  const ground = await settledGround(t, { files: { a: BIG } });
  rename(ground, ['a', 'b'], ['b', 'c'], ['c', 'd']);
  await ground.settle();
  ground.assertEqual();
  assert.deepEqual(ground.requests(), ['CopyObject p/d', 'DeleteObjects']);
});

test('S2 a second link of a stored file is sent, and copied once the first one goes', async (t) => {
  const ground = await settledGround(t, { files: { one: BIG } });
  linkSync(ground.at('one'), ground.at('two'));
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.count('PutObject', 'two'), 1, 'its other name may be written at any time');
  ground.server.clearRequests();
  linkSync(ground.at('one'), ground.at('three'));
  rmSync(ground.at('one'));
  await ground.settle();
  ground.assertEqual();
  assert.equal(bytesSent(ground), 0);
});

test('S2 another file that got the inode, size and mtime of a deleted one is sent', async (t) => {
  const ground = await settledGround(t, { files: { old: 'old content', other: 'x' } });
  const before = statSync(ground.at('old'), { bigint: true });
  rmSync(ground.at('old'));
  const spares: string[] = [];
  let reused = false;
  for (let i = 0; i < 200 && !reused; i++) {
    const spare = join(ground.base, `spare${i}`);
    writeFileSync(spare, 'new content');
    spares.push(spare);
    reused = statSync(spare, { bigint: true }).ino === before.ino;
  }
  if (!reused) return console.log(`${t.name}: not run, this file system gives no inode twice`);
  renameSync(spares.at(-1)!, ground.at('new'));
  const seconds = Number(before.mtimeNs) / 1e9;
  utimesSync(ground.at('new'), seconds, seconds);
  await ground.settle();
  ground.assertEqual();
});

test('S2 a file is not copied from a name that was replaced by a link or a directory before S3 was told', async (t) => {
  const ground = await settledGround(t, { files: { a: BIG, b: `b${BIG}` } });
  rename(ground, ['a', 'moved a'], ['b', 'moved b']);
  symlinkSync('moved a', ground.at('a'));
  mkdirSync(ground.at('b'));
  await ground.settle();
  ground.assertEqual();
  assert.ok(bytesSent(ground) < 100, 'nothing but the link was sent');
});

for (const [claim, effect] of [
  ['denied', { kind: 'status', code: 'AccessDenied' }],
  ['not implemented', { kind: 'status', code: 'NotImplemented' }],
  ['refused as too large', { kind: 'status', code: 'InvalidRequest' }],
  ['refused by a condition', { kind: 'status', code: 'PreconditionFailed' }],
  ['told that there is no source', { kind: 'status', code: 'NoSuchKey' }],
] as const) {
  test(`S2 a copy that is ${claim} becomes an upload`, async (t) => {
    const ground = await settledGround(t, { files: { old: BIG, 'd/f': BIG } });
    ground.server.faults.add({ operation: 'CopyObject', effect });
    rename(ground, ['old', 'new'], ['d', 'e']);
    await ground.settle();
    ground.assertEqual();
    assert.equal(bytesSent(ground), 2 * BIG.length);
    assert.equal(ground.server.countRequests('CopyObject'), 2);
    assert.deepEqual(ground.problems('failed'), []);
  });
}

test('S2 an object that somebody replaced is not copied', async (t) => {
  const ground = await settledGround(t, { files: { old: BIG, 'd/f': BIG } });
  ground.bucket.put('p/old', 'theirs');
  ground.bucket.put('p/d/f', 'theirs');
  rename(ground, ['old', 'new'], ['d', 'e']);
  await ground.settle();
  ground.assertEqual();
});

test('S7 a server that fails at every copy gets the content', async (t) => {
  const ground = await settledGround(t, { ...SOON, files: { old: BIG } });
  ground.server.faults.add({ operation: 'CopyObject', effect: { kind: 'status', code: 'InternalError' } });
  rename(ground, ['old', 'new']);
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.count('PutObject', 'new'), 1);
});

test('S6 a copy whose answer is lost is made again and proven', async (t) => {
  for (const at of ['commit', 'answer'] as const) {
    const ground = await settledGround(t, { ...SOON, files: { old: BIG } });
    ground.server.faults.add({ operation: 'CopyObject', times: 1, effect: { kind: 'reset', at } });
    rename(ground, ['old', 'new']);
    await ground.settle();
    ground.assertEqual();
    assert.equal(ground.row('new')?.state, 'known');
    assert.equal(bytesSent(ground), 0);
    assert.equal(ground.count('HeadObject', 'new'), 1);
  }
});

test('S6 a copy that the server executes after its successor is found out and made good', async (t) => {
  const ground = await settledGround(t, { ...SOON, files: { old: BIG } });
  const late = ground.server.faults.add({ operation: 'CopyObject', times: 1, effect: { kind: 'late' } });
  rename(ground, ['old', 'new']);
  await late.waiting();
  ground.write('new', 'written since');
  await until('it is stored', () => ground.stored('new') === 'written since');
  await until('the old name is deleted', () => ground.deleted().includes('old'));
  ground.bucket.put('p/old', BIG); // or the late copy would find nothing
  await late.release();
  assert.equal(ground.stored('new'), BIG);
  await ground.settle();
  assert.equal(ground.stored('new'), 'written since');
});

test('S5 killed between the copy and the delete, the next start deletes the old name', async (t) => {
  const ground = await settledGround(t, { ...SOON, files: { old: BIG }, durable: true });
  const hang = ground.server.faults.add({ operation: 'DeleteObjects', effect: { kind: 'hang' } });
  rename(ground, ['old', 'new']);
  await hang.waiting();
  hang.remove();
  await ground.agent.stop();
  ground.server.clearRequests();
  await ground.start();
  await ground.settle();
  ground.assertEqual();
  assert.equal(bytesSent(ground), 0);
});

interface Place {
  readonly server: Pick<StrictS3, 'endpoint' | 'credentials'>;
  readonly base: string;
  readonly root: string;
}

/** What was sent and copied, and what S3 holds then. */
async function sync(place: Place, options: { delete: boolean }): Promise<{ counters: Counters; keys: string[] }> {
  const config = { stateDir: join(place.base, 'state') };
  const workspace = await openTestWorkspace(place.server as StrictS3, place.root, { config });
  try {
    const settings = { ...QUICK, ...options, retryHorizonMs: 1_000 };
    await syncOnce(workspace, settings, AbortSignal.timeout(FILES * 30 + 20_000));
    const { store, prefix, counters } = workspace;
    const keys: string[] = [];
    for await (const page of store.list(prefix)) keys.push(...page.map(({ key }) => key.slice(prefix.length)));
    return { counters, keys };
  } finally {
    workspace.close();
  }
}

test('S8 sync copies what was renamed; the old names go with --delete', async (t) => {
  const files = { ...manyFiles(), 'log.0': `0${BIG}`, 'log.1': `1${BIG}` };
  const ground = await makeGround(t, { files });
  await sync(ground, { delete: true });
  ground.server.clearRequests();
  rename(ground, ['old', 'new'], ['log.1', 'log.2'], ['log.0', 'log.1']);
  ground.write('log.0', 'new');
  await sync(ground, { delete: false });
  assert.equal(bytesSent(ground), 'new'.length);
  assert.equal(ground.server.countRequests('CopyObject'), FILES + 2);
  assert.equal(ground.bucket.keys('p/old/').length, FILES);
  ground.server.clearRequests();
  await sync(ground, { delete: true });
  ground.assertEqual();
  assert.equal(bytesSent(ground), 0);
  assert.equal(ground.server.countRequests('CopyObject'), 0);
});

for (const choice of availableTargets().filter(({ name }) => name !== 'endpoint')) {
  test(`S8 renames are copies on ${choice.name}, whatever the names are`, async (t) => {
    const base = tempDir(t);
    const root = join(base, 'data');
    const isOrdered = choice.claims?.has('listsInByteOrder');
    const names = ['a b', 'empty', ...(isOrdered ? ['a+b', '100%', '50%25', 'é', '#?&='] : [])];
    mkdirSync(join(root, 'old dir'), { recursive: true });
    for (const name of names) writeFileSync(join(root, 'old dir', name), name === 'empty' ? '' : name + BIG);
    writeFileSync(join(root, 'single'), BIG);
    await withTarget(choice, async (target) => {
      const client = plainClient(target);
      await client.send(new CreateBucketCommand({ Bucket: BUCKET })).finally(() => client.destroy());
      const place = { server: target, base, root };
      await sync(place, { delete: true });
      renameSync(join(root, 'old dir'), join(root, 'new%20dir'));
      renameSync(join(root, 'single'), join(root, 'single+'));
      const { counters, keys } = await sync(place, { delete: true });
      assert.deepEqual([counters.copied, counters.uploaded, counters.bytes], [names.length + 1, 0, 0]);
      assert.deepEqual(keys.sort(), ['single+', ...names.map((name) => `new%20dir/${name}`)].sort());
      assert.equal(counters.deleted, names.length + 1);
    });
  });
}

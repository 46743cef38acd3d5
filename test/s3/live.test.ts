// A running agent on real inotify: what a change costs, and how soon it is stored.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathFromText } from '../../src/model/path.ts';
import { makeGround, settledGround } from '../support/strict-agent.ts';
import { UNCLONABLE } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';

const MIB = 1024 ** 2;

/** Above the size up to which changed metadata is sent along with the content. */
const LARGE = Buffer.alloc(100 * 1024, 'large');

test('S8 one small changed file is exactly one PUT', async (t) => {
  const ground = await settledGround(t, { files: { 'd/a': 'one', 'd/b': 'two', c: 'three' } });
  appendFileSync(ground.at('d/a'), ' more');
  await ground.settle();
  assert.deepEqual(ground.requests(), ['PutObject p/d/a']);
  assert.equal(ground.stored('d/a'), 'one more');
});

test('S8 a new file in a new directory is exactly one PUT', async (t) => {
  const ground = await settledGround(t, { files: { a: '' } });
  ground.write('new/deep/file', 'content');
  await ground.settle();
  assert.deepEqual(ground.requests(), ['PutObject p/new/deep/file']);
});

test('S8 an audit that finds nothing changed sends nothing', async (t) => {
  const ground = await settledGround(t, { files: { a: 'a', 'd/b': 'b', 'e/f/g': '' } });
  chmodSync(ground.at('e/f'), 0o700);
  await ground.settle();
  ground.server.clearRequests();
  await ground.audit();
  assert.deepEqual(ground.requests(), []);
});

test('S8 a restart with a current ledger lists nothing and stores nothing', async (t) => {
  const ground = await settledGround(t, { durable: true, files: { a: 'a', 'd/b': 'b', large: LARGE.toString() } });
  await ground.start();
  await ground.settle();
  assert.deepEqual(ground.requests(), ['HeadBucket']);
});

test('S8 without a ledger equal objects are adopted: one listing, a HEAD for what may be older than its file, nothing is sent', async (t) => {
  const ground = await settledGround(t, {
    files: { a: 'a', 'd/b': 'b', parts: 'x'.repeat(7 * MIB) },
    config: { multipartThresholdBytes: 6 * MIB },
  });
  await ground.start();
  await ground.settle();
  const heads = ['HeadObject p/a', 'HeadObject p/d/b', 'HeadObject p/parts'];
  assert.deepEqual(ground.requests().sort(), ['HeadBucket', ...heads, 'ListObjectsV2']);
  rmSync(ground.at('a'));
  await ground.settle();
  assert.equal(ground.stored('a'), undefined, 'what was adopted is ours');
});

test('S8 changed times and modes are one request without content for large files, one PUT for small ones', async (t) => {
  const parts = 'p'.repeat(7 * MIB);
  const files = { small: 'small', large: LARGE.toString(), parts };
  const ground = await settledGround(t, { files, config: { multipartThresholdBytes: 6 * MIB } });
  for (const path of Object.keys(files)) chmodSync(ground.at(path), 0o640);
  await ground.settle();
  assert.deepEqual(ground.requests().sort(), ['CopyObject p/large', 'CopyObject p/parts', 'PutObject p/small']);
  for (const path of Object.keys(files)) utimesSync(ground.at(path), 1_000_000_000, 1_000_000_000);
  await ground.settle();
  assert.deepEqual(ground.requests().slice(3).sort(), [
    'CopyObject p/large',
    'CopyObject p/parts',
    'PutObject p/small',
  ]);
  ground.assertEqual();
  for (const path of Object.keys(files)) {
    const { metadata } = ground.bucket.object(`p/${path}`)!;
    assert.deepEqual([metadata['mode'], metadata['mtime']], ['0100640', '1000000000.000000000']);
  }
});

test('S8 a change of ctime alone sends nothing', async (t) => {
  const ground = await settledGround(t, { files: { small: 'small', large: LARGE.toString() } });
  for (const path of ['small', 'large']) {
    const { uid, gid } = statSync(ground.at(path));
    chownSync(ground.at(path), uid, gid);
  }
  await ground.settle();
  await ground.audit();
  assert.deepEqual(ground.requests(), []);
  assert.equal(ground.row('large')?.ctimeNs, statSync(ground.at('large'), { bigint: true }).ctimeNs, 'and is noted');
});

test('S8 content that did not change is not sent again', async (t) => {
  const ground = await settledGround(t, { files: { small: 'small', large: LARGE.toString() } });
  for (const path of ['small', 'large']) {
    const { atime, mtime } = statSync(ground.at(path));
    const content = readFileSync(ground.at(path));
    utimesSync(ground.at(path), atime, mtime);
    await ground.settle();
    ground.server.clearRequests();
    // In one turn of the event loop, so nobody looks in between.
    writeFileSync(ground.at(path), content);
    utimesSync(ground.at(path), atime, mtime);
    await ground.settle();
    assert.deepEqual(ground.requests(), [], path);
  }
  writeFileSync(ground.at('large'), LARGE);
  await ground.settle();
  assert.deepEqual(ground.requests(), ['CopyObject p/large'], 'a new mtime alone');
});

const MAPPED_WRITER = `
import mmap, sys
file = open(sys.argv[1], 'r+b')
store = mmap.mmap(file.fileno(), 0)
for line in sys.stdin:
    store[0:1] = line[0:1].encode()
    print('stored', flush=True)
store.close()
file.close()
print('closed', flush=True)
`;

test('S2 a store through a mapping is published when its writer closes, though nothing else tells of it', async (t) => {
  const ground = await settledGround(t, { files: { mapped: '0'.repeat(4096) } });
  const writer = spawn('python3', ['-c', MAPPED_WRITER, ground.at('mapped')], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => writer.kill());
  writer.stdin.write('1\n');
  await once(writer.stdout, 'data');
  await ground.audit();
  assert.equal(ground.stored('mapped')?.[0], '1', 'the first store shows in the timestamps');
  writer.stdin.write('2\n');
  await once(writer.stdout, 'data');
  writer.stdin.end();
  await once(writer, 'exit');
  await ground.settle();
  assert.equal(ground.stored('mapped')?.[0], '2');
});

test('S2 after an event of a write equal stats prove nothing: the content is compared', async (t) => {
  const ground = await settledGround(t, { files: { f: 'content' } });
  const { journal, ledger } = ground.agent.workspace;
  const row = ground.row('f')!;
  ledger.write([{ ...row, checksum: '0'.repeat(64) }]);
  const hint = { path: pathFromText('f'), scope: 'self', speed: 'finished', witnessed: true } as const;
  ground.agent.watching.engine.pipeline.change(hint);
  await ground.settle();
  assert.deepEqual(ground.requests(), [], 'without one they are proof enough');
  ground.agent.watching.engine.pipeline.change({ ...hint, written: true });
  await ground.settle();
  assert.deepEqual(ground.requests(), ['PutObject p/f']);
  assert.equal(journal.ledger.get(row.key)?.checksum, row.checksum);
});

test('S2 a write through one name of a file is stored under all its names', async (t) => {
  const ground = await settledGround(t, { files: { a: 'one', 'd/x': '' } });
  linkSync(ground.at('a'), ground.at('b'));
  linkSync(ground.at('a'), ground.at('d/c'));
  await ground.settle();
  ground.assertEqual();
  appendFileSync(ground.at('b'), ' two');
  await ground.settle();
  ground.assertEqual();
  rmSync(ground.at('a'));
  await ground.settle();
  ground.assertEqual();
  chmodSync(ground.at('d/c'), 0o600);
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.stored('b'), 'one two');
});

test('S7 a file written again and again costs a bounded number of PUTs, and its last state is stored', async (t) => {
  const maxWaitMs = 600;
  const ground = await settledGround(t, { files: { hot: '' }, config: { coalesceMs: 50, maxWaitMs } });
  const startMs = performance.now();
  // Each state rests long enough to be read.
  for (let i = 0; i < 60; i++) {
    ground.write('hot', `state ${i}`);
    await sleep(40);
  }
  const elapsedMs = performance.now() - startMs;
  await ground.settle();
  assert.equal(ground.stored('hot'), 'state 59');
  // The pauses grow from 50 ms by doubling, so few PUTs come before there is one in each maxWaitMs.
  const puts = ground.count('PutObject', 'hot');
  assert.ok(puts <= 6 + (2 * elapsedMs) / maxWaitMs, `${puts} PUTs in ${Math.round(elapsedMs)} ms`);
});

test('S7 a file that is never closed and never rests is stored at max-wait, marked as a snapshot', async (t) => {
  const ground = await settledGround(t, { files: { a: '' }, under: UNCLONABLE });
  const fd = openSync(ground.at('log'), 'a');
  t.after(() => closeSync(fd));
  let lines = 0;
  const write = (): void => {
    for (let i = 0; i < 5; i++) writeSync(fd, `line ${lines++}\n`);
  };
  const writer = setInterval(write, 1);
  t.after(() => clearInterval(writer));
  await until('a snapshot is stored', () => ground.stored('log') !== undefined);
  const snapshot = ground.bucket.object('p/log')!;
  assert.equal(snapshot.metadata['awssyncer-fuzzy'], '1');
  assert.ok(readFileSync(ground.at('log')).subarray(0, snapshot.bytes.length).equals(snapshot.bytes), 'a prefix');
  await until('it is reported', () => ground.problems('fuzzy').includes('log'));
  await until('another snapshot', () => ground.bucket.object('p/log')!.etag !== snapshot.etag);
  clearInterval(writer);
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.bucket.object('p/log')!.metadata['awssyncer-fuzzy'], undefined);
  assert.deepEqual(ground.problems('fuzzy'), []);
});

test('S7 a writer that pauses without closing is stored when it has been quiet', async (t) => {
  const ground = await settledGround(t, { files: { a: '' }, config: { maxWaitMs: 60_000 } });
  const fd = openSync(ground.at('open'), 'w');
  t.after(() => closeSync(fd));
  writeSync(fd, 'written, not closed');
  await until('it is stored', () => ground.stored('open') === 'written, not closed');
});

test('S7 a file that fails again and again leaves room for others', async (t) => {
  const ground = await makeGround(t, { config: { requestTimeoutMs: 60_000, concurrency: 4 } });
  const { faults } = ground.server;
  faults.add({ key: /stuck/, times: 5, effect: { kind: 'status', code: 'InternalError' } });
  const gate = faults.add({ key: /stuck/, effect: { kind: 'gate' } });
  await ground.start();
  ground.write('stuck', 'stuck');
  await gate.waiting();
  ground.write('fine', 'fine');
  await until('the other is stored', () => ground.stored('fine') === 'fine');
  await gate.open();
});

test('S7 no file waits for the failure of another', async (t) => {
  const ground = await makeGround(t);
  const { faults } = ground.server;
  faults.add({ key: /denied/, effect: { kind: 'status', code: 'AccessDenied' } });
  faults.add({ key: /failing/, effect: { kind: 'status', code: 'InternalError' } });
  const gate = faults.add({ key: /slow/, effect: { kind: 'gate' } });
  await ground.start();
  for (const path of ['denied', 'slow', 'failing']) ground.write(path, path);
  await gate.waiting();
  await until('the refusal is reported', () => ground.problems('failed').includes('denied'));
  await until('the failing one has failed often', () => ground.count('PutObject', 'failing') >= 4);
  for (let i = 0; i < 20; i++) ground.write(`fine/${i}`, 'fine');
  await until('the others are stored', () => ground.bucket.keys('p/fine/').length === 20);
  ground.server.faults.clear();
  await gate.open();
});

test('S13 a mode changed while the ledger was lost is stored', async (t) => {
  const ground = await settledGround(t, { files: { small: 'f', large: 'x'.repeat(100 * 1024) } });
  await ground.agent.stop();
  for (const name of ['small', 'large']) chmodSync(ground.at(name), 0o600);
  await ground.start();
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.server.countRequests('PutObject'), 0, 'no content is sent');
});

test('S2 a marker that only an adopted object makes needless goes', async (t) => {
  const ground = await makeGround(t, { files: { 'd/f': 'content' } });
  ground.bucket.put('p/d/f', 'content');
  ground.bucket.put('p/d/', '');
  await ground.start({ deleteForeign: true });
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), ['p/d/f']);
});

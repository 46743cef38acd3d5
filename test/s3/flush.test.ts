// The flush barrier: what was written before the call is in S3 when it ends well, whatever goes on meanwhile.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { FlushReport, PathProblem } from '../../src/ops/control.ts';
import { seededRandom } from '../strict-s3/faults.ts';
import { overflowing } from '../support/lossy-inotify.ts';
import { assertMirrored } from '../support/reference.ts';
import { type Ground, makeGround, settledGround } from '../support/strict-agent.ts';
import { operate, operations } from '../support/tree-operations.ts';
import { until } from '../support/until.ts';

/** Pauses that no test would outlive: what is stored within one was hastened. */
const SLOW = { coalesceMs: 600_000, settleMs: 600_000, maxWaitMs: 1_200_000 };

function flush(ground: Ground, timeoutMs = 60_000): Promise<FlushReport> {
  return ground.agent.watching.flush(AbortSignal.timeout(timeoutMs));
}

async function flushed(ground: Ground): Promise<void> {
  const report = await flush(ground);
  assert.deepEqual(report.missing, { count: 0, first: [] });
  assert.equal(report.complete, true);
}

/** What is missing, as 'path kind'. */
function missing({ missing: { first } }: FlushReport): string[] {
  return first.map(({ path, kind }) => `${path} ${kind}`).sort();
}

/** A process that writes beneath `dir` until the test ends: it rewrites files, renames, makes and removes directories. */
function startWriter(t: TestContext, dir: string): ChildProcess {
  mkdirSync(dir, { recursive: true });
  const script = `
    const fs = require('node:fs'), path = require('node:path');
    const at = (name) => path.join(process.argv[1], name);
    for (let i = 0; ; i++) {
      const n = i % 50;
      fs.writeFileSync(at('f' + n), 'round ' + i);
      if (n % 5 === 0) { fs.mkdirSync(at('d' + n + '/sub'), { recursive: true }); fs.writeFileSync(at('d' + n + '/sub/x'), String(i)); }
      if (n % 5 === 3) fs.rmSync(at('d' + (n - 3)), { recursive: true, force: true });
      if (n % 7 === 0) fs.renameSync(at('f' + n), at('r' + n));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }`;
  const writer = spawn('setpriv', ['--pdeathsig', 'KILL', '--', process.execPath, '-e', script, dir], {
    stdio: 'ignore',
  });
  t.after(() => writer.kill('SIGKILL'));
  return writer;
}

test('S10 a flush does not wait for settling, for the pauses of hot files, or for the other half of a rename', async (t) => {
  const ground = await makeGround(t, { files: { old: 'renamed', gone: 'gone', 'd/e/f': 'f' }, config: SLOW });
  await ground.start();
  await flushed(ground);
  ground.assertEqual();
  const open = openSync(ground.at('open'), 'w');
  t.after(() => closeSync(open));
  for (let round = 0; round < 5; round++) {
    ground.write('hot', `round ${round}`);
    writeSync(open, 'still open ');
    await flushed(ground);
    assert.equal(ground.stored('hot'), `round ${round}`);
    assert.equal(ground.stored('open'), 'still open '.repeat(round + 1));
  }
  renameSync(ground.at('old'), ground.at('new'));
  rmSync(ground.at('gone'));
  renameSync(ground.at('d'), ground.at('moved'));
  mkdirSync(ground.at('empty'));
  symlinkSync('new', ground.at('link'));
  chmodSync(ground.at('new'), 0o600);
  await flushed(ground);
  ground.assertEqual();
});

test('S10 what is written after the call does not prolong a flush', async (t) => {
  const ground = await settledGround(t);
  ground.write('before', 'before');
  const gate = ground.server.faults.add({ operation: 'PutObject', key: /before/, effect: { kind: 'gate' } });
  const later = ground.server.faults.add({ operation: 'PutObject', key: /later/, effect: { kind: 'hang' } });
  const report = flush(ground);
  await gate.waiting();
  for (let i = 0; i < 5; i++) ground.write(`later/${i}`, 'later');
  await later.waiting(5);
  await gate.open();
  assert.equal((await report).complete, true);
  assert.equal(ground.stored('before'), 'before');
  assert.ok(ground.agent.watching.engine.pipeline.pending().size >= 5);
});

test('S10 a path whose upload had read an older state when the flush came is read again', async (t) => {
  const ground = await settledGround(t, { config: { maxWaitMs: 30_000 } });
  ground.write('a', 'old');
  const gate = ground.server.faults.add({ operation: 'PutObject', effect: { kind: 'gate', at: 'answer' }, times: 1 });
  await gate.waiting();
  ground.write('a', 'new');
  const report = flush(ground);
  await until('the flush has begun', () => ground.agent.lines.some((line) => line.includes('flushing')));
  await gate.open();
  assert.equal((await report).complete, true);
  assert.equal(ground.stored('a'), 'new');
});

test('S10 what fails, cannot be read, is only a snapshot, or is held makes a flush incomplete, at once where waiting does not help', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`f${i}`, 'content']));
  const ground = await settledGround(t, { files, durable: true, config: { maxDelete: { count: 2, percent: 10 } } });
  await ground.agent.stop();
  for (let i = 0; i < 4; i++) rmSync(ground.at(`f${i}`));
  const denied = ground.server.faults.add({
    operation: 'PutObject',
    key: /f7/,
    effect: { kind: 'status', code: 'AccessDenied' },
  });
  await ground.start();
  ground.write('f7', 'denied');
  ground.write('f6', 'fine');
  assert.deepEqual(missing(await flush(ground)), ['f0 held', 'f1 held', 'f2 held', 'f3 held', 'f7 failed']);
  assert.equal(ground.stored('f6'), 'fine');
  // It is tried again by each flush, whatever its pause.
  const before = denied.hits;
  ground.agent.watching.engine.pipeline.approveDeletes();
  assert.deepEqual(missing(await flush(ground)), ['f7 failed']);
  assert.ok(denied.hits > before);
  denied.remove();
  await flushed(ground);
  ground.assertEqual();
});

test('S10 a flush with a server that is down ends in time, and says what is pending', async (t) => {
  const ground = await settledGround(t);
  ground.server.faults.add({
    operation: 'PutObject',
    effect: { kind: 'status', code: 'ServiceUnavailable', status: 503 },
  });
  ground.write('a', 'a');
  ground.write('d/b', 'b');
  const report = await flush(ground, 300);
  assert.equal(report.complete, false);
  assert.deepEqual(missing(report), ['a pending', 'd/b pending']);
});

test('S10 two flushes at a time end each by itself', async (t) => {
  const ground = await settledGround(t);
  const gate = ground.server.faults.add({ operation: 'PutObject', key: /second/, effect: { kind: 'gate' } });
  ground.write('first', 'first');
  const first = flush(ground);
  await until('it is stored', () => ground.stored('first') === 'first');
  await first;
  ground.write('second', 'second');
  const second = flush(ground);
  await gate.waiting();
  await flush(ground, 50);
  await gate.open();
  assert.equal((await second).complete, true);
  assert.equal(ground.stored('second'), 'second');
});

test('S10 what nobody watches is scanned by a flush', async (t) => {
  const ground = await makeGround(t, { config: { ...SLOW, filterRegex: 'unwatched' } });
  await ground.start();
  await flushed(ground);
  ground.write('unwatched/a', 'a');
  ground.write('watched', 'b');
  await flushed(ground);
  assert.equal(ground.stored('unwatched/a'), 'a');
  ground.assertEqual();
});

test('S10 events that were lost before a flush are made good by it', async (t) => {
  let losing = false;
  const ground = await makeGround(t, { config: SLOW, openInotify: overflowing(() => losing), files: { 'd/a': 'a' } });
  await ground.start();
  await flushed(ground);
  losing = true;
  ground.write('d/b', 'b');
  ground.write('new/c', 'c');
  await ground.agent.watching.barrier();
  losing = false;
  await flushed(ground);
  ground.assertEqual();
});

/** AWSSYNCER_TEST_FLUSHES: how many flushes under load; each takes a fraction of a second. */
const FLUSHES = Number(process.env['AWSSYNCER_TEST_FLUSHES'] ?? 8);

test('S10 under writers that never stop, a slow server and faults, all that was done before a flush is in S3 after it', async (t) => {
  const seed = Number(process.env['AWSSYNCER_TEST_SEED'] ?? Date.now() % 2 ** 31);
  console.log(`${FLUSHES} flushes, seed ${seed}`);
  const ground = await makeGround(t);
  ground.write('mine/never empty', '');
  await ground.start();
  startWriter(t, ground.at('load'));
  const random = seededRandom(seed);
  ground.server.faults.add({
    operation: ['PutObject', 'DeleteObjects', 'CopyObject', 'HeadObject'],
    random,
    probability: 0.3,
    effect: [
      { kind: 'delay', ms: 20 },
      { kind: 'status', code: 'SlowDown', status: 503 },
      { kind: 'reset', at: 'answer' },
      { kind: 'reset', at: 'body' },
      { kind: 'delay', ms: 50, at: 'answer' },
    ],
  });
  await until('the writer writes', () => readdirSync(ground.at('load')).length > 20);
  const sequences = fc.sample(operations(), { numRuns: FLUSHES, seed });
  for (const [round, sequence] of sequences.entries()) {
    for (const operation of sequence) operate(ground.at('mine'), operation);
    const report = await flush(ground);
    const told = `round ${round}, seed ${seed}, ${JSON.stringify(report)}`;
    // Its own files may be overtaken by their writer, and are snapshots then.
    const isMine = ({ path, kind }: PathProblem): boolean => kind !== 'fuzzy' || !path.startsWith('load/');
    assert.deepEqual(report.missing.first.filter(isMine), [], told);
    assertMirrored(ground.server, ground.at('mine'), { prefix: 'p/mine/', message: told });
  }
});

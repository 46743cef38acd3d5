// Events that were lost and directories that cannot be watched: the tree is stored all the same.
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { EVERYTHING } from '../../src/agent/engine.ts';
import { ROOT } from '../../src/model/path.ts';
import { limited, overflowing } from '../support/lossy-inotify.ts';
import { type GroundOptions, makeGround, settledGround } from '../support/strict-agent.ts';
import { operate, operations } from '../support/tree-operations.ts';
import { until } from '../support/until.ts';

test('S2 what happened during an overflow is found and stored', async (t) => {
  let losing = false;
  const openInotify = overflowing(() => losing);
  const files = { 'a/1': 'one', 'a/2': 'two', 'b/c/3': 'three', 'd/4': 'four' };
  const ground = await settledGround(t, { openInotify, files });
  losing = true;
  renameSync(ground.at('a'), ground.at('b/moved'));
  rmSync(ground.at('d'), { recursive: true });
  ground.write('new/deep/5', 'five');
  appendFileSync(ground.at('b/c/3'), ' and more');
  await ground.agent.watching.barrier();
  losing = false;
  await ground.settle();
  ground.assertEqual();
  assert.ok(ground.agent.lines.some((line) => line.includes('the kernel dropped events')));
  // The watches are where the directories are now.
  for (const path of ['b/moved/1', 'new/deep/5', 'b/c/3']) appendFileSync(ground.at(path), '!');
  await ground.settle();
  ground.assertEqual();
});

test('S5 a rename whose second half was lost deletes nothing before the new name is stored', async (t) => {
  let losing = false;
  const openInotify = overflowing(() => losing);
  const ground = await settledGround(t, { openInotify, files: { old: 'content', 'z/z': 'z' } });
  const gate = ground.server.faults.add({ operation: 'CopyObject', key: /new/, effect: { kind: 'gate' } });
  losing = true;
  renameSync(ground.at('old'), ground.at('new'));
  await ground.agent.watching.barrier();
  losing = false;
  await gate.waiting();
  await ground.roundTrip();
  assert.equal(ground.stored('old'), 'content');
  await gate.open();
  await ground.settle();
  ground.assertEqual();
});

test('S2 after any sequence of operations, with events lost now and then, the prefix equals the tree', async (t) => {
  const ground = await makeGround(t);
  const property = fc.asyncProperty(operations('settle', 'turn', 'lose', 'lose'), async (sequence) => {
    let losing = false;
    const openInotify = overflowing(() => losing);
    rmSync(ground.base, { recursive: true, force: true });
    mkdirSync(`${ground.base}/out`, { recursive: true });
    // An unseen end of everything would be held back (S4).
    ground.write('never empty', '');
    for (const key of ground.bucket.keys()) ground.bucket.remove(key);
    ground.openInotify = openInotify;
    await ground.start();
    for (const operation of sequence) {
      if (operation.do === 'settle') await ground.settle();
      else if (operation.do === 'turn') await new Promise(setImmediate);
      else if (operation.do === 'lose') {
        await ground.agent.watching.barrier();
        losing = !losing;
      } else operate(ground.root, operation);
    }
    await ground.agent.watching.barrier();
    losing = false;
    await ground.settle();
    ground.assertEqual();
  });
  await fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? 60) });
});

/** More than a scan may find ahead of the transfers. */
const MANY = 4600;

/** Equal objects and files, so that a first scan finds them all and nothing has to be sent. */
async function groundToAdopt(t: Parameters<typeof makeGround>[0], options: GroundOptions = {}) {
  const ground = await makeGround(t, options);
  mkdirSync(ground.at('many'));
  for (let i = 0; i < MANY; i++) {
    writeFileSync(ground.at(`many/${i}`), String(i));
    ground.bucket.put(`p/many/${i}`, String(i), { mode: '0100644' });
  }
  // These are sent, and while they are held nothing else goes on.
  for (let i = 0; i < 16; i++) ground.write(`first/${i}`, 'new');
  const gate = ground.server.faults.add({ operation: 'PutObject', key: /first/, effect: { kind: 'gate' } });
  await ground.start();
  await gate.waiting(16);
  await until('the scan waits', () => ground.agent.watching.engine.pipeline.pending().size > 4096);
  return { ground, gate };
}

test('S2 an overflow while the first scan waits for the transfers does not stop it', async (t) => {
  const { ground, gate } = await groundToAdopt(t);
  ground.agent.watching.engine.pipeline.change(EVERYTHING);
  await gate.open();
  await ground.settle();
  ground.assertEqual();
});

test('S2 a directory renamed while the first scan waits for the transfers does not stop it', async (t) => {
  const { ground, gate } = await groundToAdopt(t);
  renameSync(ground.at('many'), ground.at('away'));
  mkdirSync(ground.at('many'));
  await ground.agent.watching.barrier();
  rmSync(ground.at('away'), { recursive: true });
  await gate.open();
  await ground.settle();
  for (let i = 0; i < 300; i++) ground.write(`later/${i}`, '');
  await ground.audit();
  assert.equal(ground.bucket.keys('p/later/').length, 300);
});

const POLLED = { pollIntervalMs: 50 };

test('S2 what cannot be watched is polled', async (t) => {
  const files = { 'a/b/1': 'one', 'c/2': 'two', 'd/3': 'three', top: 'top' };
  const ground = await settledGround(t, { openInotify: limited({ max: 2 }), config: POLLED, files });
  assert.ok(ground.agent.lines.some((line) => line.includes('max_user_watches')));
  appendFileSync(ground.at('a/b/1'), ' more');
  appendFileSync(ground.at('c/2'), ' more');
  ground.write('d/new/4', 'four');
  rmSync(ground.at('d/3'));
  chmodSync(ground.at('c'), 0o700);
  await until(
    'all of it is found without an event',
    () =>
      ['p/a/b/1', 'p/c/', 'p/c/2', 'p/d/new/4', 'p/top'].join() === ground.bucket.keys().join() &&
      ground.stored('a/b/1') === 'one more' &&
      ground.stored('c/2') === 'two more',
  );
});

test('S2 when there are watches again, what was polled is watched', async (t) => {
  const watches = { max: 1 };
  const ground = await settledGround(t, { openInotify: limited(watches), config: POLLED, files: { 'a/1': 'one' } });
  watches.max = 100;
  await until('it is watched', () => ground.agent.watching.engine.watch?.unwatched().length === 0);
});

test('S2 a file moved between a watched and a polled directory is stored where it is', async (t) => {
  const files = { 'a/1': 'one', 'b/2': 'two', 'c/3': 'three' };
  const ground = await settledGround(t, { openInotify: limited({ max: 2 }), config: POLLED, files });
  renameSync(ground.at('a/1'), ground.at('c/1'));
  renameSync(ground.at('c/3'), ground.at('a/3'));
  renameSync(ground.at('b'), ground.at('a/b'));
  await until('all are where they are', () => ground.bucket.keys().join() === ['p/a/3', 'p/a/b/2', 'p/c/1'].join());
});

test('S7 while everything is marked again and again, what changes is stored and what goes is deleted', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`d/${at}`, '']));
  const ground = await settledGround(t, { files: { ...many, zy: 'goes' } });
  const { pipeline } = ground.agent.watching.engine;
  // Sooner than a scan ends, so that one always waits behind another.
  const again = setInterval(() => pipeline.change(EVERYTHING), 5);
  t.after(() => clearInterval(again));
  await until('a scan waits behind a scan', () => pipeline.pending().has(ROOT));
  ground.write('zz', 'new');
  rmSync(ground.at('zy'));
  await until('zz is stored', () => ground.stored('zz') === 'new');
  await until('zy is deleted', () => ground.stored('zy') === undefined);
});

// Large numbers, long paths, few watches: what grows with them, and what does not.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LedgerError } from '../../src/ledger/ledger.ts';
import { sized } from '../support/long-form.ts';
import { limited } from '../support/lossy-inotify.ts';
import { type Ground, makeGround, settledGround } from '../support/strict-agent.ts';
import { until } from '../support/until.ts';

const MIB = 1024 ** 2;

/** Directories watched by inotify instances of this process, as the kernel counts them. */
function kernelWatches(): number {
  let watches = 0;
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    try {
      watches += readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^inotify wd:/gm)?.length ?? 0;
    } catch {
      // Closed meanwhile.
    }
  }
  return watches;
}

/** Files that are in S3 already, so that a start only adopts them. */
async function adopted(ground: Ground, paths: Iterable<string>): Promise<number> {
  let count = 0;
  for (const path of paths) {
    ground.write(path, path);
    ground.bucket.put(`p/${path}`, path);
    count++;
  }
  await ground.start();
  await ground.settle();
  assert.equal(ground.agent.workspace.ledger.count().ours, count);
  ground.server.clearRequests();
  return count;
}

/** Descriptors of this process, but for connections, which are kept for the next request. */
function openFiles(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return !readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // the one of this very listing
    }
  }).length;
}

function* names(count: number, nameOf: (i: number) => string): Generator<string> {
  for (let i = 0; i < count; i++) yield nameOf(i);
}

test('S8 a restart on many files costs no request but the check of the bucket, an audit none', async (t) => {
  const ground = await makeGround(t, { durable: true });
  await adopted(
    ground,
    names(sized(1500, 200_000), (i) => `d${i % 100}/f${i}`),
  );
  await ground.start();
  await ground.settle();
  await ground.audit();
  assert.deepEqual(ground.requests(), ['HeadBucket']);
});

test('S2 a directory of many entries: a change of one is one PUT', async (t) => {
  const ground = await makeGround(t);
  const count = await adopted(
    ground,
    names(sized(1500, 100_000), (i) => `wide/f${i}`),
  );
  ground.write('wide/f7', 'changed');
  await ground.settle();
  assert.deepEqual(ground.requests(), ['PutObject p/wide/f7']);
  rmSync(ground.at('wide'), { recursive: true });
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), []);
  assert.ok(ground.requests().length <= 1 + count / 100, 'deletes go many at a time');
});

test('S2 many directories are watched, moved and let go of; no watch and no descriptor is left behind', async (t) => {
  const ground = await settledGround(t, { files: { a: '' } });
  const count = sized(200, 10_000);
  const [watches, files] = [kernelWatches(), openFiles()];
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < count; i++) mkdirSync(ground.at(`tree/d${i % 10}/e${i}`), { recursive: true });
    await ground.settle();
    assert.equal(kernelWatches(), watches + count + 11);
    for (let i = 0; i < 10; i++) renameSync(ground.at(`tree/d${i}`), ground.at(`tree/m${i}`));
    renameSync(ground.at('tree'), ground.at('moved'));
    writeFileSync(ground.at(`moved/m3/e3/probe`), 'seen');
    await ground.settle();
    assert.equal(ground.stored('moved/m3/e3/probe'), 'seen');
    if (round % 2 === 0) rmSync(ground.at('moved'), { recursive: true });
    else renameSync(ground.at('moved'), join(ground.base, `away${round}`));
    await ground.settle();
    await until('every watch is given back', () => kernelWatches() === watches);
  }
  assert.deepEqual(ground.bucket.keys(), ['p/a']);
  assert.equal(openFiles(), files);
});

test('memory does not grow with the number of changes', async (t) => {
  const ground = await settledGround(t);
  const files = 250;
  const round = async (number: number): Promise<number> => {
    for (let i = 0; i < files; i++) ground.write(`d${i % 20}/f${i}`, `${number}`);
    await ground.settle();
    for (let i = 0; i < files; i++) rmSync(ground.at(`d${i % 20}/f${i}`));
    await ground.settle();
    ground.server.clearRequests();
    return process.memoryUsage.rss();
  };
  const rounds = sized(4, 40);
  const rss: number[] = [];
  for (let number = 0; number < rounds; number++) rss.push(await round(number));
  const shown = rss.map((bytes) => Math.round(bytes / MIB)).join(', ');
  t.diagnostic(`RSS after each ${2 * files} changes, MiB, server included: ${shown}`);
  const { problems, pipeline } = ground.agent.watching.engine;
  assert.deepEqual([problems.all().length, pipeline.pending().size], [0, 0]);
  assert.ok(rss.at(-1)! < rss[1]! + 100 * MIB, shown);
});

test('S2 with few watches what cannot be watched is polled, and all of it arrives', async (t) => {
  const ground = await makeGround(t, { openInotify: limited({ max: 5 }), config: { pollIntervalMs: 100 } });
  for (let i = 0; i < 20; i++) ground.write(`d${i}/e/f`, 'before');
  await ground.start();
  await ground.settle();
  ground.assertEqual();
  for (let i = 0; i < 20; i++) ground.write(`d${i}/e/f`, 'after!');
  for (let i = 0; i < 20; i += 2) rmSync(ground.at(`d${i}/e/f`));
  await until('polls find everything', () => ground.isEqual());
});

test('S4 S14 what is beneath a path too long to be named is reported, and not deleted, though it was stored before', async (t) => {
  const ground = await makeGround(t, { config: { pollIntervalMs: 50 } });
  // Stored under a short name, then moved beneath directories that make its path longer than PATH_MAX.
  const name = 'n'.repeat(200);
  const long = Array.from({ length: 15 }, () => name).join('/');
  mkdirSync(ground.at(long), { recursive: true });
  mkdirSync(ground.at('short/deeper'), { recursive: true });
  const deep = Array.from({ length: 6 }, () => name).join('/');
  mkdirSync(ground.at(`short/${deep}`), { recursive: true });
  ground.write('short/file', 'content');
  await ground.start();
  await until('it is stored', () => ground.stored('short/file') === 'content');
  renameSync(ground.at('short'), ground.at(`${long}/short`));
  t.after(() => execFileSync('rm', ['-rf', ground.root]));
  await until('it is reported', () => ground.problems('unreadable').length > 0);
  await ground.roundTrip();
  assert.ok(ground.problems('unreadable').every((path) => path.startsWith(name)));
  execFileSync('mv', [`./short`, ground.root], { cwd: ground.at(long) });
  await until('it is stored again', () => ground.stored('short/file') === 'content');
});

test('S6 a ledger that cannot take what S3 acknowledged ends the agent, though nobody waits for that row', async (t) => {
  const ground = await settledGround(t);
  const { ledger } = ground.agent.workspace;
  const { stage } = ledger;
  ledger.stage = (key, row) => {
    if (row?.state === 'known') throw new LedgerError('disk full');
    stage.call(ledger, key, row);
  };
  ground.write('f', 'content');
  await assert.rejects(ground.agent.watching.engine.fatal, LedgerError);
  assert.equal(ground.stored('f'), 'content');
  ledger.stage = stage;
});

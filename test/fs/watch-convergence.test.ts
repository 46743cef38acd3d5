// Random operations on a real tree, real inotify: what the hints point to is all there is to know.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { joinPath } from '../../src/model/path.ts';
import type { WatchOptions } from '../../src/watch/watcher.ts';
import { limited, overflowing } from '../support/lossy-inotify.ts';
import { Mirror } from '../support/mirror.ts';
import { type Operation, operate, operations } from '../support/tree-operations.ts';

/** Lets `change` loose on a watched tree; in the end everything must be known, and every directory watched or polled. */
async function converges(change: (root: string, mirror: Mirror) => Promise<void>, options: Partial<WatchOptions> = {}) {
  const base = mkdtempSync(join(tmpdir(), 'awssyncer-test-'));
  const root = join(base, 'root');
  mkdirSync(root);
  mkdirSync(join(base, 'out'));
  const timers: (() => void)[] = [];
  const mirror = new Mirror(root, { schedule: (_delayMs, callback) => timers.push(callback), ...options });
  try {
    await change(root, mirror);
    await mirror.settle();
    assert.deepEqual(mirror.known, mirror.actual());
    for (const timer of timers) timer();
    const { watches, unwatched } = mirror.watch.counts();
    assert.equal(watches + unwatched, mirror.directories().length, 'no watch is left over');
    for (const dir of mirror.directories()) writeFileSync(mirror.absolute(joinPath(dir, 'probe')), dir);
    await mirror.settle();
    assert.deepEqual(mirror.known, mirror.actual(), 'every directory is watched under its present name');
  } finally {
    mirror.watch.close();
    rmSync(base, { recursive: true });
  }
}

/** 'pause' lets events arrive, 'look' follows the hints so far; without them the watch is as late as can be. */
const steps = operations('pause', 'look');

async function perform(root: string, mirror: Mirror, all: readonly Operation[]): Promise<void> {
  for (const one of all) {
    if (one.do === 'pause') await mirror.watch.barrier();
    else if (one.do === 'look') mirror.look();
    else operate(root, one);
  }
}

test('S2 whatever is done to the tree is hinted, and every directory stays watched under its present name', async () => {
  const property = fc.asyncProperty(steps, (all) => converges((root, mirror) => perform(root, mirror, all)));
  await fc.assert(property, { numRuns: 150 });
});

test('S2 after events were lost to an overflow the watches are right again', async () => {
  const property = fc.asyncProperty(steps, fc.infiniteStream(fc.nat(9)), (all, dice) => {
    const openInotify = overflowing(() => dice.next().value === 0);
    return converges((root, mirror) => perform(root, mirror, all), { openInotify });
  });
  await fc.assert(property, { numRuns: 100 });
});

test('S2 beyond the watch limit polling the unwatched directories finds everything', async () => {
  const property = fc.asyncProperty(steps, fc.nat(4), (all, max) =>
    converges((root, mirror) => perform(root, mirror, all), { openInotify: limited({ max }) }),
  );
  await fc.assert(property, { numRuns: 60 });
});

test('S2 it holds while another thread changes the tree as fast as it can', async (t: TestContext) => {
  const seed = Date.now() & 0x7fffffff;
  t.diagnostic(`seed ${seed}`);
  const all = fc.sample(operations(), { seed, numRuns: 150 }).flat();
  await converges(async (root, mirror) => {
    const worker = new Worker(new URL('../support/operate-worker.ts', import.meta.url), {
      workerData: { root, operations: all },
    });
    const ended = once(worker, 'exit').then(() => true);
    while (!(await Promise.race([ended, new Promise((resolve) => setImmediate(resolve, false))]))) mirror.look();
  });
});

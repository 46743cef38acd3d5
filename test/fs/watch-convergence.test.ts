// Random operations on a real tree, real inotify: what the hints point to is all there is to know.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinPath } from '../../src/model/path.ts';
import type { WatchOptions } from '../../src/watch/watcher.ts';
import { limited, overflowing } from '../support/lossy-inotify.ts';
import { Mirror } from '../support/mirror.ts';

/** Few names, so that operations meet: '../out' lies outside of the watched tree. */
const NAMES = ['a', 'b'];
const path = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const place = fc.oneof({ weight: 5, arbitrary: path }, { weight: 1, arbitrary: path.map((p) => `../out/${p}`) });

type Step = { readonly do: string; readonly at: string; readonly to: string };
const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(
    ...['write', 'append', 'truncate', 'chmod', 'link', 'symlink', 'remove'],
    ...[
      'mkdir -p',
      'mkdir -p',
      'mkdir -p',
      'rename',
      'rename',
      'rename',
      'rename',
      'swap',
      'replace',
      'move and link',
      'link to',
      'pause',
      'look',
    ],
  ),
  at: place,
  to: place,
});

/** Does it if it can be done: that many steps are refused (ENOENT, ENOTEMPTY...) is part of the game. */
function perform(root: string, { do: what, at, to }: Step): void {
  const from = join(root, at);
  const target = join(root, to);
  const spare = join(root, '../out/spare');
  const steps: Record<string, () => void> = {
    write: () => writeFileSync(from, to),
    append: () => appendFileSync(from, 'more'),
    truncate: () => truncateSync(from, 1),
    chmod: () => chmodSync(from, 0o700 + to.length),
    link: () => linkSync(from, target),
    symlink: () => symlinkSync(to, from),
    remove: () => rmSync(from, { recursive: true }),
    'mkdir -p': () => {
      mkdirSync(from, { recursive: true });
      writeFileSync(join(from, 'f'), to);
    },
    rename: () => renameSync(from, target),
    swap: () => {
      renameSync(from, spare);
      renameSync(target, from);
      renameSync(spare, target);
    },
    'move and link': () => {
      renameSync(from, target);
      symlinkSync(target, from);
    },
    'link to': () => {
      rmSync(from, { recursive: true, force: true });
      symlinkSync(target, from);
    },
    replace: () => {
      rmSync(from, { recursive: true });
      mkdirSync(from);
      writeFileSync(join(from, 'f'), to);
    },
  };
  try {
    steps[what]?.();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    rmSync(spare, { recursive: true, force: true });
  }
}

async function converges(steps: readonly Step[], options: Partial<WatchOptions>): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'awssyncer-test-'));
  const root = join(base, 'root');
  mkdirSync(root);
  mkdirSync(join(base, 'out'));
  const mirror = new Mirror(root, options);
  try {
    for (const one of steps) {
      if (one.do === 'pause') await new Promise((resolve) => setTimeout(resolve, 3));
      else if (one.do === 'look') mirror.look();
      else perform(root, one);
    }
    await mirror.settle();
    await mirror.settle(); // what was armed on the way may have been touched before
    assert.deepEqual(mirror.known, mirror.actual());
    // Every directory is still watched, under its present name.
    for (const dir of mirror.directories()) writeFileSync(mirror.absolute(joinPath(dir, 'probe')), dir);
    await mirror.settle();
    assert.deepEqual(mirror.known, mirror.actual());
  } finally {
    mirror.watch.close();
    rmSync(base, { recursive: true });
  }
}

const steps = fc.array(step, { maxLength: 40, size: 'max' });

test('S2 whatever is done to the tree is hinted, and every directory stays watched under its present name', async () => {
  await fc.assert(
    fc.asyncProperty(steps, (all) => converges(all, {})),
    { numRuns: 300 },
  );
});

test('S2 after events were lost to an overflow the watches are right again', async () => {
  const property = fc.asyncProperty(steps, fc.infiniteStream(fc.nat(9)), (all, dice) => {
    const next = dice[Symbol.iterator]();
    return converges(all, { openInotify: overflowing(() => next.next().value === 0) });
  });
  await fc.assert(property, { numRuns: 200 });
});

test('S2 beyond the watch limit polling the unwatched directories finds everything', async () => {
  const property = fc.asyncProperty(steps, fc.nat(4), (all, max) => converges(all, { openInotify: limited({ max }) }));
  await fc.assert(property, { numRuns: 100 });
});

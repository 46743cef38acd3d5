import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DueHeap } from '../../src/dirt/heap.ts';
import { HotPaths } from '../../src/dirt/hot-paths.ts';
import { addDirt, type Dirt, dueAtMs, freshDirt } from '../../src/dirt/settle.ts';
import type { RelPath } from '../../src/model/path.ts';

const TIMES = { coalesceMs: 50, settleMs: 1_000, maxWaitMs: 30_000 };

function dirtOf(...changes: [speed: 'finished' | 'writing', atMs: number][]): Dirt {
  const [first, ...rest] = changes.map(([speed, atMs]) => freshDirt(speed, atMs));
  for (const other of rest) addDirt(first!, other);
  return first!;
}

test('S7 a finished write is due the coalescing pause after the first finish', () => {
  assert.equal(dueAtMs(dirtOf(['finished', 100]), TIMES), 150);
  assert.equal(dueAtMs(dirtOf(['finished', 100], ['finished', 140]), TIMES), 150);
  assert.equal(dueAtMs(dirtOf(['writing', 0], ['finished', 100]), TIMES), 150);
});

test('S7 a write after a finished one does not undo the finish', () => {
  assert.equal(dueAtMs(dirtOf(['finished', 100], ['writing', 149]), TIMES), 150);
});

test('S7 a path that is still written is due when quiet, at the latest after the maximum wait', () => {
  assert.equal(dueAtMs(dirtOf(['writing', 0]), TIMES), 1_000);
  assert.equal(dueAtMs(dirtOf(['writing', 0], ['writing', 900]), TIMES), 1_900);
  const busy = Array.from({ length: 100 }, (_, i): ['writing', number] => ['writing', i * 900]);
  assert.equal(dueAtMs(dirtOf(...busy), TIMES), 30_000);
});

test('nothing is due before a pause that was asked for', () => {
  assert.equal(dueAtMs({ ...dirtOf(['finished', 0]), notBeforeMs: 70_000 }, TIMES), 70_000);
  assert.equal(dueAtMs({ ...dirtOf(['writing', 0]), notBeforeMs: 10 }, TIMES), 1_000);
});

test('S7 whatever is added to it in whatever order, dirt is due within the maximum wait or the pause', () => {
  const change = fc.tuple(fc.constantFrom('finished' as const, 'writing' as const), fc.nat({ max: 100_000 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const dirt = dirtOf(...changes);
      const firstMs = Math.min(...changes.map(([, atMs]) => atMs));
      assert.ok(dueAtMs(dirt, TIMES) <= firstMs + TIMES.maxWaitMs);
      assert.deepEqual(dirtOf(...changes.toReversed()), dirt);
    }),
  );
});

test('a heap gives back everything, earliest first, equal times in order of insertion', () => {
  const step = fc.option(fc.nat({ max: 5 }), { nil: 'pop' as const });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const heap = new DueHeap<number>();
      const model: { value: number; dueMs: number }[] = [];
      const pop = (): void => {
        const first = model.toSorted((a, b) => a.dueMs - b.dueMs || a.value - b.value)[0];
        const top = heap.peek();
        assert.equal(top?.value, first?.value);
        assert.equal(heap.pop(), top);
        if (first !== undefined) model.splice(model.indexOf(first), 1);
      };
      for (const [value, dueMs] of steps.entries()) {
        if (dueMs === 'pop') {
          pop();
          continue;
        }
        heap.push(value, dueMs);
        model.push({ value, dueMs });
      }
      while (model.length > 0) pop();
      assert.equal(heap.size, 0);
      assert.equal(heap.pop(), undefined);
    }),
  );
});

const HOT = 'hot' as RelPath;

/** Publishes a path that is dirty again at once, whenever it may be, until `untilMs`. */
function publishRestlessly(paths: HotPaths, untilMs: number): number {
  let published = 0;
  for (let nowMs = 0; nowMs <= untilMs; ) {
    paths.published(HOT, nowMs, nowMs);
    published++;
    nowMs = Math.max(nowMs + 1, paths.notBeforeMs(HOT));
  }
  return published;
}

test('S7 a hot file costs a bounded number of PUTs: pauses double up to the maximum wait', () => {
  const hour = 3_600_000;
  assert.ok(publishRestlessly(new HotPaths(50, 30_000), hour) <= hour / 30_000 + 12);
  assert.ok(publishRestlessly(new HotPaths(0, 30_000), hour) <= hour / 30_000 + 18, 'also without a first pause');
});

test('a path that was published once or long ago waits no longer than the first pause', () => {
  const paths = new HotPaths(50, 30_000);
  assert.equal(paths.notBeforeMs(HOT), Number.NEGATIVE_INFINITY);
  paths.published(HOT, 0, 0);
  assert.equal(paths.notBeforeMs(HOT), 50);
  paths.published(HOT, 1_000, 1_000);
  assert.equal(paths.notBeforeMs(HOT), 1_100, 'dirty again within twenty first pauses');
  paths.published(HOT, 2_001, 2_100);
  assert.equal(paths.notBeforeMs(HOT), 2_150, 'dirty again later than that');
});

test('memory does not grow with the number of paths: of very many the oldest are forgotten', () => {
  const paths = new HotPaths(50, 30_000);
  paths.published(HOT, 0, 0);
  for (let i = 0; i < 9_999; i++) paths.published(`cold${i}` as RelPath, 0, 0);
  assert.equal(paths.notBeforeMs(HOT), 50);
  paths.published('one more' as RelPath, 0, 0);
  assert.equal(paths.notBeforeMs(HOT), Number.NEGATIVE_INFINITY);
  assert.equal(paths.notBeforeMs('one more' as RelPath), 50);
});

test('S7 one hot path costs no other path time, not even while it is forgotten', () => {
  const paths = new HotPaths(50, 1_000);
  paths.published(HOT, 0, 0);
  paths.published('cold' as RelPath, 0, 0);
  publishRestlessly(paths, 5_000);
  assert.equal(paths.notBeforeMs('cold' as RelPath), Number.NEGATIVE_INFINITY);
  assert.ok(paths.notBeforeMs(HOT) > 5_000);
});

// A first sync makes a lot of objects, of which few are needed at any time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import { boundHeap } from '../../src/agent/heap-bounds.ts';

const MIB = 1024 * 1024;

test('memory is bounded by what is in use, whatever is made', async () => {
  boundHeap();
  // Each object lives as long as a scan's findings, so that it seems to be one that stays: about 20 MiB at any time.
  const live: object[] = [];
  let [youngBytes, heapBytes] = [0, 0];
  for (let turn = 0; turn < 600; turn++) {
    for (let i = 0; i < 10_000; i++) live[(turn * 10_000 + i) % 150_000] = { turn, some: [i], text: `${turn}/${i}` };
    await setImmediate();
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!;
    youngBytes = Math.max(youngBytes, young.space_size);
    heapBytes = Math.max(heapBytes, getHeapStatistics().total_heap_size);
  }
  // V8 alone would take 128 MiB; it may double its room once or twice before it is told.
  assert.ok(youngBytes <= 64 * MIB, `${youngBytes / MIB} MiB for new objects`);
  assert.ok(heapBytes <= 160 * MIB, `${heapBytes / MIB} MiB in all`);
});

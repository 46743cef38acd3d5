import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stopwatch } from '../../src/cli/stopwatch.ts';

test('S11 what is left counts from the first signal, and before one nothing is used up', () => {
  let now = 1_000;
  const stopwatch = new Stopwatch(500, () => now);
  now = 2_000;
  assert.deepEqual([stopwatch.isRunning, stopwatch.leftMs()], [false, 500]);
  stopwatch.start();
  now = 2_100;
  stopwatch.start();
  assert.deepEqual([stopwatch.isRunning, stopwatch.leftMs()], [true, 400]);
  now = 3_000;
  assert.equal(stopwatch.leftMs(), 0);
});

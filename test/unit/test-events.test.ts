import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { joinRuns, type Tally } from '../../scripts/test-events.ts';

/** The events of a run in which the named tests of one file passed or, with a '!', failed. */
async function* runOf(names: string[], file = resolve('test/unit/x.test.ts')): AsyncGenerator<TestEvent, void> {
  for (const [index, name] of names.entries()) {
    const type = name.startsWith('!') ? 'test:fail' : 'test:pass';
    const data = { name, file, nesting: 0, testNumber: index + 1, details: { duration_ms: 1 } };
    yield { type, data } as unknown as TestEvent;
  }
  yield { type: 'test:plan', data: { nesting: 0, count: names.length } };
  for (const message of [`tests ${names.length}`, `pass ${names.length}`, 'duration_ms 1.5', 'seed 7']) {
    yield { type: 'test:diagnostic', data: { nesting: 0, message, level: 'info' } };
  }
  yield {
    type: 'test:summary',
    data: { success: !names.some((name) => name.startsWith('!')) },
  } as unknown as TestEvent;
}

async function joined(...runs: string[][]): Promise<{ events: TestEvent[]; tally: Tally }> {
  const tally: Tally = { ran: 0, failed: 0, emptyFiles: [] };
  const starts = runs.map((names) => () => runOf(names));
  const events: TestEvent[] = [];
  for await (const event of joinRuns(starts, tally)) events.push(event);
  return { events, tally };
}

test('two runs end in one summary, with the totals of both', async () => {
  const { events } = await joined(['a', 'b'], ['c']);
  const tail = events.slice(events.findIndex(({ type }) => type === 'test:plan'));
  assert.deepEqual(
    tail.map(({ type, data }) => (type === 'test:diagnostic' ? data.message : type)),
    ['test:plan', 'tests 3', 'pass 3', 'duration_ms 3', 'test:summary'],
  );
});

test('results are numbered through, other diagnostics pass', async () => {
  const { events } = await joined(['a', 'b'], ['c']);
  const numbers = events.flatMap((event) => (event.type === 'test:pass' ? [event.data.testNumber] : []));
  assert.deepEqual(numbers, [1, 2, 3]);
  assert.equal(events.filter(({ type, data }) => type === 'test:diagnostic' && data.message === 'seed 7').length, 2);
});

test('a failure in the first run is in the one summary', async () => {
  const { events, tally } = await joined(['!a'], ['b']);
  const summary = events.at(-1);
  assert.ok(summary?.type === 'test:summary' && !summary.data.success);
  assert.deepEqual(tally, { ran: 2, failed: 1, emptyFiles: [] });
});

test('a file without tests, which Node counts as a passed test, is told apart', async () => {
  const { tally } = await joined(['test/unit/x.test.ts']);
  assert.deepEqual(tally, { ran: 0, failed: 0, emptyFiles: ['test/unit/x.test.ts'] });
});

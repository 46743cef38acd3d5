// Joins several runs of Node's test runner into one report with one summary.
import { resolve } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

/** The totals Node reports at the end of a run, as diagnostics that belong to no file. */
const TOTAL = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

/** What came out of a run. */
export interface Tally {
  /** Tests that ran. */
  ran: number;
  failed: number;
  /** Files that were run and held no test that ran: Node counts each as a passed test. */
  readonly emptyFiles: string[];
}

/** Runs one after the other and passes their events on as those of a single run, counting into `tally`. */
export async function* joinRuns(
  starts: Iterable<() => AsyncIterable<TestEvent>>,
  tally: Tally,
): AsyncGenerator<TestEvent, void> {
  const totals = new Map<string, number>();
  let planned = 0;
  let summary: TestEvent | undefined;
  for (const start of starts) {
    const before = planned;
    for await (const event of start()) {
      if (event.type === 'test:pass' || event.type === 'test:fail') {
        const { name, file, nesting } = event.data;
        if (event.type === 'test:pass' && resolve(name) === file) tally.emptyFiles.push(name);
        else tally.ran += 1;
        if (event.type === 'test:fail') tally.failed += 1;
        yield nesting > 0 ? event : renumbered(event, before);
      } else if (event.type === 'test:plan' && event.data.file === undefined) {
        planned += event.data.count;
      } else if (event.type === 'test:diagnostic' && event.data.file === undefined && TOTAL.test(event.data.message)) {
        const [name, value] = event.data.message.split(' ') as [string, string];
        totals.set(name, (totals.get(name) ?? 0) + Number(value));
      } else if (event.type === 'test:summary' && event.data.file === undefined) {
        if (summary === undefined || !event.data.success) summary = event;
      } else {
        yield event;
      }
    }
  }
  yield { type: 'test:plan', data: { nesting: 0, count: planned } };
  for (const [name, total] of totals) {
    yield { type: 'test:diagnostic', data: { nesting: 0, message: `${name} ${total}`, level: 'info' } };
  }
  if (summary !== undefined) yield summary;
}

/** A top-level result with its number continued from the `before` results of earlier runs. */
function renumbered<E extends TestEvent & { type: 'test:pass' | 'test:fail' }>(event: E, before: number): E {
  return { ...event, data: { ...event.data, testNumber: event.data.testNumber + before } };
}

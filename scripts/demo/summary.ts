// What the demo has shown, in numbers.
import { showBytes, showMs } from '../../src/ops/units.ts';
import type { Tally } from './programs.ts';
import { fact, heading, showCount, verdict } from './screen.ts';
import { differences, type Snapshot } from './tree.ts';

const SHOWN_DIFFERENCES = 10;

/** What `awssyncer restore --json` prints, as far as it is told here. */
export interface RestoreReport {
  readonly downloaded: number;
  readonly bytes: number;
  readonly ms: number;
}

/** What happened. */
export interface Outcome {
  readonly tally: Tally;
  /** Of changes of one object each. */
  readonly latenciesMs: readonly number[];
  readonly restore: RestoreReport;
  /** The tree before it was lost, and as it was restored. */
  readonly before: Snapshot;
  readonly after: Snapshot;
}

/** Prints the summary. @returns whether the restored tree is the one that was lost */
export function summarise({ tally, latenciesMs, restore, before, after }: Outcome): boolean {
  const { downloaded, bytes, ms } = restore;
  const objects = Object.entries(tally).filter(([, count]) => count > 0);
  const different = differences(before, after);
  const same = different.length === 0;
  heading('Summary');
  fact('objects', objects.map(([how, count]) => `${showCount(count)} ${how}`).join(', '));
  fact('latency', `p50 ${showMs(median(latenciesMs))}, max ${showMs(Math.max(...latenciesMs))} (single objects)`);
  fact('restored', `${showCount(downloaded)} objects, ${showBytes(bytes)} in ${showMs(ms)}`);
  fact('', `${showCount(Math.round((downloaded * 1000) / ms))} objects/s, ${showBytes((bytes * 1000) / ms)}/s`);
  fact('compared', `${showCount(before.paths.size)} paths, ${showCount(before.files)} of them files`);
  fact('', 'content, mode, owner, mtime, symbolic links, empty directories');
  for (const difference of different.slice(0, SHOWN_DIFFERENCES)) fact('different', difference);
  verdict(same, same ? 'identical' : `${showCount(different.length)} paths differ`);
  return same;
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

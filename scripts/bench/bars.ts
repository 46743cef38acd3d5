// Pure. What we want to reach, and whether we did.
import type { Run, Series, Verdict } from './results.ts';
import { median } from './statistics.ts';
import type { ToolName } from './tools.ts';

const METRICS = {
  wall: ({ wallMs }: Run) => wallMs,
  CPU: ({ cpuMs }: Run) => cpuMs,
  'peak RSS': ({ peakRssBytes }: Run) => peakRssBytes,
};

export type Metric = keyof typeof METRICS;

/** Programs that are no peers but yardsticks. */
const YARDSTICKS: readonly ToolName[] = ['find', 'node'];

export function medianOf({ runs }: Series, metric: Metric): number {
  return median(runs.map(METRICS[metric]));
}

export function isPeer({ tool, runs }: Series): boolean {
  return tool !== 'awssyncer' && !YARDSTICKS.includes(tool) && runs.length > 0;
}

/** The peer whose median is lowest; undefined without one. */
export function bestPeer(series: readonly Series[], metric: Metric): Series | undefined {
  return series.filter(isPeer).sort((a, b) => medianOf(a, metric) - medianOf(b, metric))[0];
}

/** Our median is at most so many times that of the peer that is best at it, or of the one that is named. */
export function againstBest(
  series: readonly Series[],
  { metric, atMost, peer }: { readonly metric: Metric; readonly atMost: number; readonly peer?: ToolName },
): Verdict {
  const ours = series.find(({ tool }) => tool === 'awssyncer')!;
  const best = bestPeer(peer === undefined ? series : series.filter(({ tool }) => tool === peer), metric);
  if (best === undefined) return notJudged(`${metric} <= ${atMost} x ${peer ?? 'the best peer'}`, peer ?? 'any peer');
  const ratio = medianOf(ours, metric) / medianOf(best, metric);
  return { bar: `${metric} <= ${atMost} x ${best.tool}`, found: `${ratio.toFixed(2)} x`, passed: ratio <= atMost };
}

/** A bar that nobody can tell anything about without these peers. */
export function notJudged(bar: string, peers: string): Verdict {
  return { bar, found: `without ${peers}`, passed: undefined };
}

/** The word for a verdict. */
export function wordFor({ passed }: Verdict): 'PASS' | 'MISS' | 'NOT JUDGED' {
  if (passed === undefined) return 'NOT JUDGED';
  return passed ? 'PASS' : 'MISS';
}

/** A value in some unit is at most this. */
export function atMost(
  what: string,
  { value, limit, unit, digits = 0 }: { value: number; limit: number; unit: string; digits?: number },
): Verdict {
  const shown = (number: number): string => [number.toFixed(digits), unit].filter(Boolean).join(' ');
  return { bar: `${what} <= ${shown(limit)}`, found: shown(value), passed: value <= limit };
}

/** Every one of these runs sent that many requests, of the named operation or of all. */
export function requestsAre(
  runs: readonly Run[],
  { count, operation }: { readonly count: number; readonly operation?: string },
): Verdict {
  const found = runs.map(({ requests }) => {
    const { [operation ?? '']: named = 0 } = requests;
    return operation === undefined ? Object.values(requests).reduce((sum, each) => sum + each, 0) : named;
  });
  const what = operation ?? 'requests of any kind';
  return {
    bar: `${what}: ${count.toLocaleString('en')}`,
    found: [...new Set(found)].map((each) => each.toLocaleString('en')).join(', '),
    passed: found.every((each) => each === count),
  };
}

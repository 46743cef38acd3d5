// Pure. What we want to reach, as ratios to the best peer of the same run.
import type { Run, Series, Verdict } from './results.ts';
import { median } from './statistics.ts';

type Metric = 'wall' | 'cpu' | 'rss';

/** Our median is at most so many times that of the peer that is best at it. */
export interface Bar {
  readonly metric: Metric;
  readonly atMost: number;
}

const READ: Readonly<Record<Metric, (run: Run) => number>> = {
  wall: ({ wallMs }) => wallMs,
  cpu: ({ cpuMs }) => cpuMs,
  rss: ({ peakRssBytes }) => peakRssBytes,
};

export function medianOf({ runs }: Series, metric: Metric): number {
  return median(runs.map(READ[metric]));
}

/** The peer whose median is lowest; undefined without one. */
export function bestPeer(series: readonly Series[], metric: Metric): Series | undefined {
  return series
    .filter(({ tool, runs }) => tool !== 'awssyncer' && runs.length > 0)
    .sort((a, b) => medianOf(a, metric) - medianOf(b, metric))[0];
}

export function judge(series: readonly Series[], bars: readonly Bar[]): Verdict[] {
  const ours = series.find(({ tool }) => tool === 'awssyncer');
  return bars.flatMap(({ metric, atMost }): Verdict[] => {
    const best = bestPeer(series, metric);
    if (ours === undefined || best === undefined) return [];
    const ratio = medianOf(ours, metric) / medianOf(best, metric);
    return [{ bar: `${metric} <= ${atMost} x ${best.tool}`, found: `${ratio.toFixed(2)} x`, passed: ratio <= atMost }];
  });
}

// Pure. The plots of a report, by the names of their files.
import { medianOf } from '../bars.ts';
import type { Series, WorkResult } from '../results.ts';
import { spread } from '../statistics.ts';
import { type BarGroup, barChart } from './bars.ts';
import { COLORS, INK, linearAxis, logAxis } from './chart.ts';
import { type Curve, curveChart } from './curves.ts';

const thousands = (value: number): string => value.toLocaleString('en');

function colorOf({ tool, way }: Series): string {
  return (way === 'with s5cmd' ? COLORS['s5cmd'] : COLORS[tool]) ?? INK;
}

/** A plot of every kind that the results are there for. */
export function plots(works: readonly WorkResult[]): ReadonlyMap<string, string> {
  const find = (name: string): WorkResult | undefined => works.find((work) => work.name === name);
  const [up, down, latency, memory] = ['upload', 'restore', 'latency', 'memory'].map(find);
  const all = new Map<string, string>();
  if (up !== undefined && down !== undefined) all.set('throughput', throughput({ up, down }));
  if (latency !== undefined) all.set('latency', latencies(latency.series));
  if (memory !== undefined) all.set('memory', memories(memory.series));
  return all;
}

function throughput({ up, down }: { readonly up: WorkResult; readonly down: WorkResult }): string {
  const group = (name: string, { series }: WorkResult): BarGroup => ({
    name,
    bars: series.map((each) => {
      const value = spread(each.runs.map(({ wallMs }) => each.files / (wallMs / 1000)));
      return { name: each.tool, color: colorOf(each), value };
    }),
  });
  const groups = [
    group(`Upload: ${thousands(up.series[0]!.files)} files of 4 KiB`, up),
    group('Restore of the same', down),
  ];
  const largest = Math.max(...groups.flatMap(({ bars }) => bars.map(({ value }) => value.max)));
  const x = linearAxis('files per second (median; the line spans all runs)', largest, thousands);
  return barChart('Throughput of small files', { x, groups });
}

function latencies(series: readonly Series[]): string {
  const curves = series.map((each): Curve => {
    const sorted = [...(each.latenciesMs ?? [])].sort((a, b) => a - b);
    const steps = sorted.flatMap((x, at) => [at, at + 1].map((below) => ({ x, y: (below / sorted.length) * 100 })));
    const way = each.way === undefined ? '' : ` ${each.way}`;
    return { name: `${each.tool}${way}`, color: colorOf(each), points: steps };
  });
  const values = curves.flatMap(({ points }) => points.map(({ x }) => x));
  const x = logAxis(
    'milliseconds from close(2) to the readable object (logarithmic)',
    [Math.min(...values), Math.max(...values)],
    thousands,
  );
  const y = linearAxis('share of files that have arrived', 92, (value) => `${value} %`);
  return curveChart('Latency of single small files', { x, y, curves });
}

function memories(series: readonly Series[]): string {
  const tools = [...new Set(series.map(({ tool }) => tool))];
  const curves = tools.map((tool): Curve => {
    const points = series
      .filter((each) => each.tool === tool)
      .map((each) => ({ x: each.files, y: medianOf(each, 'peak RSS') / 1e6 }));
    return { name: tool, color: COLORS[tool] ?? INK, points, isDotted: true };
  });
  const points = curves.flatMap((curve) => curve.points);
  const files = points.map(({ x }) => x);
  const x = logAxis('files in the tree (logarithmic)', [Math.min(...files), Math.max(...files)], thousands);
  const y = linearAxis('peak RSS, MB', Math.max(...points.map((point) => point.y), 220), thousands);
  const limit = { value: 220, name: 'bar: 220 MB' };
  return curveChart('Memory of a first upload', { x, y, curves, limit });
}

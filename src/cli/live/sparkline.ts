// Pure. The last minutes as one row of bars.
import type { Sample } from '../../ops/activity.ts';

/** The stretch of time of one bar: that of a sample. */
export const BAR_SECONDS = 15;

const BARS = '▁▂▃▄▅▆▇█';

export interface Sparkline {
  /** As many characters as there are bars. */
  readonly bars: string;
  /** The latest value; 0 where nothing has been done since. */
  readonly latest: number;
  readonly peak: number;
}

export interface SparklineOptions {
  readonly bars: number;
  readonly nowMs: number;
  /** What is shown of a sample. */
  readonly of: (sample: Sample) => number;
}

/** The oldest to the left. What is not nothing is seen to be something. */
export function sparkline(history: readonly Sample[], { bars, nowMs, of }: SparklineOptions): Sparkline {
  const values = Array.from({ length: bars }, () => 0);
  for (const sample of history) {
    const age = Math.max(0, nowMs - Date.parse(sample.at));
    const bar = bars - 1 - Math.floor(age / (BAR_SECONDS * 1000));
    if (bar >= 0) values[bar] = Math.max(values[bar]!, of(sample));
  }
  const peak = Math.max(...values);
  const levelOf = (value: number): number => (value > 0 ? Math.max(1, Math.round((value / peak) * 7)) : 0);
  return { bars: values.map((value) => BARS[levelOf(value)]).join(''), latest: values.at(-1) ?? 0, peak };
}

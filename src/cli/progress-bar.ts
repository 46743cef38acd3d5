// Progress as a bar, for people at a terminal.
import { SingleBar } from 'cli-progress';
import { clock } from '../agent/clock.ts';
import { type Edges, type Estimate, type Meter, showEstimate } from './progress.ts';

const INTERVAL_MS = 200;

/** Appears when it is known that there is something to do, and how much. @returns the way to end it */
export function progressBar({ screen }: Pick<Edges, 'screen'>, meter: Meter): () => void {
  const bar = new SingleBar({
    format: '{bar} {percentage} % | {text}',
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    fps: 1_000 / INTERVAL_MS,
  });
  const show = (estimate: Estimate): void => {
    const text = showEstimate(estimate);
    // By time, as far as it can be told: a large file is as long as it takes.
    const { files, bytes, total } = estimate;
    if (total === undefined || total.files === 0) return;
    const [value, all] = total.bytes > 0 ? [bytes, total.bytes] : [files, total.files];
    if (!screen.barIsShown) bar.start(all, value, { text });
    screen.barIsShown = true;
    bar.setTotal(all);
    bar.update(Math.min(value, all), { text });
  };
  const next = (): (() => void) =>
    clock.timer(() => {
      const estimate = meter.look();
      if (estimate !== undefined) show(estimate);
      cancel = next();
    }, INTERVAL_MS);
  let cancel = next();
  return () => {
    cancel();
    bar.stop();
    screen.barIsShown = false;
  };
}

// The progress of a restore as a bar, for people at a terminal.
import { SingleBar } from 'cli-progress';
import { showBytes } from '../ops/units.ts';
import type { Edges, RestoreProgressView } from './progress.ts';

const FORMAT = '{bar} {percentage} % | {value}/{total} files | {size} | {eta_formatted} left';

/** Appears with the first progress. */
export function progressBar({ screen }: Pick<Edges, 'screen'>): RestoreProgressView {
  const bar = new SingleBar({
    format: FORMAT,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    fps: 5,
  });
  return {
    update: ({ files, totalFiles, bytes, totalBytes }) => {
      const size = `${showBytes(bytes)} of ${showBytes(totalBytes)}`;
      if (!screen.barIsShown) bar.start(totalFiles, files, { size });
      screen.barIsShown = true;
      bar.update(files, { size });
    },
    stop: () => {
      bar.stop();
      screen.barIsShown = false;
    },
  };
}

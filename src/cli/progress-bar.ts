// A progress bar on a terminal, nothing elsewhere.
import { SingleBar } from 'cli-progress';
import { showBytes } from '../ops/units.ts';
import type { RestoreProgress } from '../restore/options.ts';
import type { CommandContext } from './context.ts';

export interface ProgressBar {
  readonly update: (progress: RestoreProgress) => void;
  stop(): void;
}

const FORMAT = '{bar} {percentage} % | {value}/{total} files | {size} | {eta_formatted} left';

/** Shown only for people at a terminal, once there is something to show. */
export function progressBar(
  { interactive }: Pick<CommandContext, 'interactive'>,
  logFormat: 'human' | 'json',
): ProgressBar {
  if (!interactive || logFormat === 'json') return { update: () => {}, stop: () => {} };
  const bar = new SingleBar({
    format: FORMAT,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    fps: 5,
  });
  let started = false;
  return {
    update: ({ files, totalFiles, bytes, totalBytes }) => {
      const size = `${showBytes(bytes)} of ${showBytes(totalBytes)}`;
      if (!started) bar.start(totalFiles, files, { size });
      started = true;
      bar.update(files, { size });
    },
    stop: () => bar.stop(),
  };
}

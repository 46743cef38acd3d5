// How far a long command has come: a bar for people at a terminal, a line every ten seconds elsewhere.
import { SingleBar } from 'cli-progress';
import { clock } from '../agent/clock.ts';
import type { LogFields } from '../ops/log.ts';
import { showBytes } from '../ops/units.ts';
import type { RestoreProgress } from '../restore/options.ts';
import type { CommandContext } from './context.ts';

const INTERVAL_MS = 10_000;
const FORMAT = '{bar} {percentage} % | {value}/{total} files | {size} | {eta_formatted} left';

type Edges = Pick<CommandContext, 'interactive' | 'screen' | 'log'>;

/** Says every ten seconds what `tell` has to say. @returns the way to end it */
export function progressLines({ log }: Pick<Edges, 'log'>, tell: () => LogFields, timer = clock.timer): () => void {
  const next = (): (() => void) =>
    timer(() => {
      log.info('working', tell());
      cancel = next();
    }, INTERVAL_MS);
  let cancel = next();
  return () => cancel();
}

/** The progress of a restore. */
export interface RestoreProgressView {
  readonly update: (progress: RestoreProgress) => void;
  stop(): void;
}

/** A bar once there is something to show, or lines. */
export function showRestore(edges: Edges, logFormat: 'human' | 'json'): RestoreProgressView {
  return edges.interactive && logFormat === 'human' ? progressBar(edges) : restoreLines(edges);
}

function restoreLines(edges: Edges): RestoreProgressView {
  let fields: LogFields = { stage: 'listing' };
  const stop = progressLines(edges, () => fields);
  return {
    update: ({ files, totalFiles, bytes, totalBytes }) => {
      fields = { files, totalFiles, bytes, totalBytes };
    },
    stop,
  };
}

function progressBar({ screen }: Edges): RestoreProgressView {
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

// How far a long command has come: a bar for people at a terminal, a line every ten seconds elsewhere.
import { clock } from '../agent/clock.ts';
import type { LogFields } from '../ops/log.ts';
import type { RestoreProgress } from '../restore/options.ts';
import type { CommandContext } from './context.ts';

const INTERVAL_MS = 10_000;

export type Edges = Pick<CommandContext, 'interactive' | 'screen' | 'log'>;

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
export async function showRestore(edges: Edges, logFormat: 'human' | 'json'): Promise<RestoreProgressView> {
  if (!edges.interactive || logFormat !== 'human') return restoreLines(edges);
  const { progressBar } = await import('./progress-bar.ts');
  return progressBar(edges);
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

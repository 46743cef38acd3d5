// The progress of a restore.
import type { RestoreProgress } from '../restore/options.ts';
import { type Edges, type Progress, type ShowOptions, showProgress } from './progress.ts';

export interface RestoreProgressView {
  readonly update: (progress: RestoreProgress) => void;
  readonly stop: () => void;
}

/** Shown as soon as the listing has told how much there is. */
export async function showRestore(edges: Edges, options: ShowOptions): Promise<RestoreProgressView> {
  let latest: Progress | undefined;
  const stop = await showProgress(edges, () => latest, options);
  return {
    update: ({ files, bytes, totalFiles, totalBytes }) => {
      latest = { files, bytes, total: { files: totalFiles, bytes: totalBytes } };
    },
    stop,
  };
}

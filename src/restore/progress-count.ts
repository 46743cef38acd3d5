// How far a restore has come.
import type { RestoreProgress } from './options.ts';

/** Counts, and tells of it as soon as there is a total. */
export class ProgressCount {
  readonly #tell: (progress: RestoreProgress) => void;
  #totals: Pick<RestoreProgress, 'totalFiles' | 'totalBytes'> | undefined;
  #files = 0;
  #bytes = 0;

  constructor(tell: (progress: RestoreProgress) => void = () => {}) {
    this.#tell = tell;
  }

  begin(totals: Pick<RestoreProgress, 'totalFiles' | 'totalBytes'>): void {
    this.#totals = totals;
    this.#report();
  }

  /** Content has arrived: of a large object bit by bit, so that it is seen to move. */
  arrived(bytes: number): void {
    this.#bytes += bytes;
    this.#report();
  }

  /** One more path is as it should be, or has been given up. */
  settled(): void {
    this.#files++;
    this.#report();
  }

  /** What arrives twice, or was found to be needed later, is not more than there is. */
  #report(): void {
    if (this.#totals === undefined) return;
    const { totalFiles, totalBytes } = this.#totals;
    this.#tell({ files: this.#files, totalFiles, bytes: Math.min(this.#bytes, totalBytes), totalBytes });
  }
}

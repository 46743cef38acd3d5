// What is measured of an agent while it runs, besides what it did (counters.ts).
import type { RestoreState } from '../ops/activity.ts';
import { Histogram } from '../ops/histogram.ts';
import type { RequestCount } from '../ops/measurements.ts';
import { Pace } from '../ops/pace.ts';
import type { RestoreProgress } from '../restore/options.ts';
import type { Reaction } from '../store/errors.ts';
import { clock } from './clock.ts';
import type { Sampling } from './sampling.ts';
import { type Done, Transfers } from './transfers.ts';

/** From the coalescing pause to what an operator would call broken, in seconds. */
const LATENCY_BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

/** A server may call its errors whatever it likes; each code is a time series. */
const MAX_CODES = 50;
const CODE = /^\w{1,64}$/;

export class Meters {
  /** Seconds from the first event of a change to the acknowledgement of its object. */
  readonly eventToObject = new Histogram(LATENCY_BOUNDS);
  /** Of directories with all that is beneath. */
  scans = 0;
  /** When the last scan of everything ended, ms since 1970; undefined: none has. */
  fullScanMs: number | undefined;
  /** Content of uploaded objects. */
  uploadedBytes = 0;
  /** Work that failed and was put off. */
  retries = 0;
  readonly transfers = new Transfers(clock.wallNow);
  /** Of an agent; a one-shot command has none. */
  sampling: Sampling | undefined;
  #restore: RestoreProgress | undefined;
  #pace: Pace | undefined;
  /** By operation, how many succeeded: nearly all, and each is counted. */
  readonly #succeeded = new Map<string, number>();
  readonly #failed = new Map<string, { operation: string; result: string; code: string; count: number }>();
  readonly #codes = new Set<string>();

  /** Something was stored or deleted in S3. */
  done(done: Done): void {
    if (done.action !== 'deleted') this.eventToObject.observe(done.ageMs / 1000);
    if (done.action === 'uploaded') this.uploadedBytes += done.bytes;
    this.sampling?.stored(done.ageMs);
    this.transfers.done(done);
  }

  /** Of the last restore; undefined: there was none, or it only lists yet. */
  get restore(): RestoreProgress | undefined {
    return this.#restore;
  }

  /** A restore has come so far. */
  restored(progress: RestoreProgress): void {
    this.#pace ??= new Pace(clock.now(), progress);
    this.#pace.look(clock.now(), progress);
    this.#restore = progress;
  }

  /** The same, and how long the rest takes. */
  restoreState(): RestoreState | null {
    if (this.#restore === undefined || this.#pace === undefined) return null;
    const { files, totalFiles, bytes, totalBytes } = this.#restore;
    this.#pace.look(clock.now(), this.#restore);
    const leftMs = this.#pace.leftMs({ files: totalFiles - files, bytes: totalBytes - bytes });
    return { ...this.#restore, secondsLeft: leftMs === undefined ? null : Math.round(leftMs / 1000) };
  }

  /** A request was answered, or failed. */
  answered(operation: string, failure: { readonly reaction: Reaction; readonly code: string } | undefined): void {
    if (failure === undefined) {
      this.#succeeded.set(operation, (this.#succeeded.get(operation) ?? 0) + 1);
      return;
    }
    const { reaction: result } = failure;
    const code = this.#limited(failure.code);
    const name = `${operation} ${result} ${code}`;
    const known = this.#failed.get(name);
    if (known === undefined) this.#failed.set(name, { operation, result, code, count: 1 });
    else known.count++;
  }

  requests(): readonly RequestCount[] {
    const succeeded = [...this.#succeeded].map(([operation, count]) => ({
      operation,
      result: 'ok',
      code: 'ok',
      count,
    }));
    return [...succeeded, ...this.#failed.values()];
  }

  #limited(code: string): string {
    if (!CODE.test(code) || (this.#codes.size >= MAX_CODES && !this.#codes.has(code))) return 'Other';
    this.#codes.add(code);
    return code;
  }
}

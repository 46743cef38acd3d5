// What was done in the last hour, a sample every 15 s: as long as there is something to do. An agent at rest takes none.
import type { Sample } from '../ops/activity.ts';
import { Ring } from '../ops/ring.ts';
import type { Timer } from './pump.ts';

/** Counts that only grow. */
export interface Totals {
  readonly objects: number;
  readonly bytes: number;
}

export interface SamplingOptions {
  /** What has been done so far. */
  readonly totals: () => Totals;
  /** For how long what waits longest has waited, ms; 0: nothing does. */
  readonly waitingMs: () => number;
  /** Nothing is to be done: no sample is due until `wake`. */
  readonly isResting: () => boolean;
  /** Does not keep the process alive. */
  readonly timer: Timer;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

const STEP_MS = 15_000;
/** A stretch that has only begun tells nothing of a rate. */
const SHORTEST_MS = 1_000;
const HOUR_MS = 3_600_000;

export class Sampling {
  readonly #o: SamplingOptions;
  readonly #samples = new Ring<Sample>(HOUR_MS / STEP_MS);
  #cancel: (() => void) | undefined;
  #fromMs = 0;
  #before: Totals = { objects: 0, bytes: 0 };
  #longestMs = 0;

  constructor(options: SamplingOptions) {
    this.#o = options;
  }

  /** There is something to do. */
  wake(): void {
    if (this.#cancel !== undefined) return;
    this.#fromMs = this.#o.now();
    this.#before = this.#o.totals();
    this.#cancel = this.#o.timer(() => {
      this.cut();
      if (!this.#o.isResting()) this.wake();
    }, STEP_MS);
  }

  /** Something was stored so long after it had changed. */
  stored(ageMs: number): void {
    this.#longestMs = Math.max(this.#longestMs, ageMs);
  }

  /** Ends the present stretch, if there is one: what is counted from now on is counted otherwise, or its time is up. */
  cut(): void {
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#samples.push(this.#sample());
    this.#longestMs = 0;
  }

  /** Of the last hour, with the stretch that has not ended yet. */
  history(): Sample[] {
    const since = this.#o.wallNow() - HOUR_MS;
    const ended = this.#samples.oldestFirst().filter(({ at }) => Date.parse(at) > since);
    return this.#cancel !== undefined && this.#o.now() - this.#fromMs >= SHORTEST_MS
      ? [...ended, this.#sample()]
      : ended;
  }

  #sample(): Sample {
    const { now, wallNow, totals, waitingMs } = this.#o;
    const { objects, bytes } = totals();
    return {
      at: new Date(wallNow()).toISOString(),
      seconds: rounded((now() - this.#fromMs) / 1_000),
      bytes: bytes - this.#before.bytes,
      objects: objects - this.#before.objects,
      lagSeconds: rounded(Math.max(this.#longestMs, waitingMs()) / 1_000),
    };
  }
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1_000) / 1_000;
}

// How much content may be sent and fetched in a second: requests wait for their turn before they are made.
export interface BandwidthOptions {
  readonly bytesPerSecond: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Rejects when the signal is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/**
 * A limit that holds over any time but that of one request, whose content goes as fast as the line does: its share of
 * the limit is what the next one waits for. Who waits does so before a request, so no timeout of one passes meanwhile.
 */
export class Bandwidth {
  readonly #o: BandwidthOptions;
  readonly #lifted = new AbortController();
  /** When what has been let through would have gone at this pace. */
  #freeMs = Number.NEGATIVE_INFINITY;
  /** Whoever waits does so behind this. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: BandwidthOptions) {
    this.#o = options;
  }

  /** From now on there is none, also for who waits. */
  lift(): void {
    this.#lifted.abort();
  }

  /** Resolves in the order of the calls: to true when so many bytes may go, to false where the signal came first. */
  take(bytes: number, signal?: AbortSignal): Promise<boolean> {
    const turn = this.#last.then(() => this.#wait(bytes, signal));
    this.#last = turn;
    return turn;
  }

  async #wait(bytes: number, signal?: AbortSignal): Promise<boolean> {
    const { now, sleep, bytesPerSecond } = this.#o;
    const lifted = this.#lifted.signal;
    const inMs = this.#freeMs - now();
    if (inMs > 0 && !lifted.aborted && !signal?.aborted) {
      await sleep(inMs, signal === undefined ? lifted : AbortSignal.any([signal, lifted])).catch(() => undefined);
    }
    if (signal?.aborted) return false;
    this.#freeMs = Math.max(this.#freeMs, now()) + (bytes / bytesPerSecond) * 1_000;
    return true;
  }
}

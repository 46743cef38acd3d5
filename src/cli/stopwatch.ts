// What is left of --shutdown-timeout.

/** --shutdown-timeout counts from the signal, or else from when the flush begins. */
export class Stopwatch {
  readonly #timeoutMs: number;
  readonly #now: () => number;
  #startedMs: number | undefined;

  /** @param now milliseconds of a clock */
  constructor(timeoutMs: number, now: () => number) {
    this.#timeoutMs = timeoutMs;
    this.#now = now;
  }

  get isRunning(): boolean {
    return this.#startedMs !== undefined;
  }

  /** Counts from now on; only the first call does anything. */
  start(): void {
    this.#startedMs ??= this.#now();
  }

  leftMs(): number {
    return Math.max(0, this.#timeoutMs - (this.#now() - (this.#startedMs ?? this.#now())));
  }
}

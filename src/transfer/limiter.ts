// Pure. The one adaptive limit on requests: additive increase, multiplicative decrease, and a pause when nothing works.
import { backoffMs, type Random } from './backoff.ts';

export interface LimiterOptions {
  /** The most that may ever be in flight. */
  readonly ceiling: number;
  /** Default 16, or the ceiling if that is lower. */
  readonly start?: number;
  readonly random: Random;
}

/** Failures within this time of a decrease belong to the same congestion: their requests were sent before it. */
const WINDOW_MS = 100;

/**
 * AIMD, as TCP does it: each full window of successes adds one, a throttled or failed request halves the limit, once
 * per window. While the endpoint as a whole fails, a pause with full jitter keeps everybody from trying.
 */
export class Limiter {
  readonly #ceiling: number;
  readonly #random: Random;
  #limit: number;
  #decreasedMs = Number.NEGATIVE_INFINITY;
  #failuresInRow = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: LimiterOptions) {
    this.#ceiling = Math.max(1, options.ceiling);
    this.#limit = Math.min(options.start ?? 16, this.#ceiling);
    this.#random = options.random;
  }

  /** How many requests may be in flight now; at least 1. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Until when nothing new may start; in the past when there is no pause. */
  get pausedUntilMs(): number {
    return this.#pausedUntilMs;
  }

  /** The server answered, be it with a refusal of this one request. */
  succeeded(): void {
    this.#failuresInRow = 0;
    this.#pausedUntilMs = Number.NEGATIVE_INFINITY;
    this.#limit = Math.min(this.#ceiling, this.#limit + 1 / this.#limit);
  }

  /** The server asked for less, or did not answer: 503, 429, 5xx, timeouts, connection failures. */
  failed(nowMs: number, retryAfterMs = 0): void {
    if (nowMs - this.#decreasedMs >= WINDOW_MS) {
      this.#decreasedMs = nowMs;
      this.#limit = Math.max(1, this.#limit / 2);
      this.#failuresInRow++;
    }
    const pauseMs = this.#failuresInRow > 1 ? backoffMs(this.#failuresInRow - 1, this.#random) : 0;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, nowMs + Math.max(pauseMs, retryAfterMs));
  }
}

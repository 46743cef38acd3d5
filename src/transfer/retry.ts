// Retrying in place: for listings, parts and downloads, which have no dirty path to come back to.
import { StoreError } from '../store/errors.ts';
import { backoffMs, type Random } from './backoff.ts';

/** Runs an attempt until it succeeds, fails for good, or the horizon has passed. */
export type Retry = <T>(attempt: () => Promise<T>, options?: { readonly signal?: AbortSignal }) => Promise<T>;

export interface RetryOptions {
  /** How long after the first failure to go on; Infinity for agents. */
  readonly horizonMs: number;
  readonly random: Random;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Rejects when the signal is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Told of each failure that will be tried again. */
  readonly onRetry?: (error: StoreError, inMs: number) => void;
}

/** Whether the same request may succeed later. */
export function isRetryable(error: unknown): error is StoreError {
  return (
    error instanceof StoreError &&
    (error.reaction === 'throttled' || error.reaction === 'transient' || error.reaction === 'credentials')
  );
}

/** A Retry with full jitter that honours Retry-After. */
export function createRetry(options: RetryOptions): Retry {
  return async (attempt, { signal } = {}) => {
    let firstFailureMs: number | undefined;
    for (let failures = 1; ; failures++) {
      try {
        return await attempt();
      } catch (error) {
        if (!isRetryable(error) || signal?.aborted) throw error;
        firstFailureMs ??= options.now();
        const inMs = Math.max(backoffMs(failures, options.random), error.retryAfterMs ?? 0);
        if (options.now() + inMs > firstFailureMs + options.horizonMs) throw error;
        options.onRetry?.(error, inMs);
        await options.sleep(inMs, signal);
      }
    }
  };
}

// Pure. How long each kind of command goes on trying.
import type { Mark } from '../dirt/dirty-set.ts';

export interface Attempt {
  /** The same request may succeed later: throttled, transient, credentials. */
  readonly retryable: boolean;
  readonly nowMs: number;
  /** The agent is ending: what cannot succeed is not waited for. */
  readonly draining: boolean;
}

export interface Patience {
  /** Whether this failure of `mark` was the last attempt. */
  givesUp(mark: Mark, attempt: Attempt): boolean;
  /** The pause after so many failures that a repetition alone will not cure: denied, unreadable. */
  pauseMs(attempts: number): number;
  /** When to scan again what could not be seen; undefined: never. */
  readonly rescanMs: number | undefined;
  /** Whether a failure that no path can escape (the bucket is gone) ends the command. An agent goes on trying. */
  readonly endsOnFatal: boolean;
}

/** An agent never gives up while it runs; when it ends, it waits only for what may still succeed. */
export function agentPatience(rescanMs: number): Patience {
  return {
    givesUp: (_mark, { draining, retryable }) => draining && !retryable,
    pauseMs: (attempts) => Math.min(60_000, 1000 * 2 ** Math.min(attempts, 6)),
    rescanMs,
    endsOnFatal: false,
  };
}

/** A one-shot command retries what may succeed for `horizonMs`, and everything else twice. */
export function oneShotPatience(horizonMs: number): Patience {
  return {
    givesUp: (mark, { retryable, nowMs }) =>
      retryable ? nowMs - (mark.failingSinceMs ?? nowMs) > horizonMs : mark.attempts >= 2,
    pauseMs: (attempts) => 100 * attempts,
    rescanMs: undefined,
    endsOnFatal: true,
  };
}

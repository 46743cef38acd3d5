// Pure. When is a dirty path due? Two speeds, and a bound on both.
import type { Change } from '../watch/changes.ts';

/** The pauses of DESIGN "Settling", in ms. */
export interface SettleTimes {
  /** After the first finished write; later ones do not extend it. */
  readonly coalesceMs: number;
  /** Of quiet, while a path is still being written. */
  readonly settleMs: number;
  /** Since the first unpublished change, however busy the path is. */
  readonly maxWaitMs: number;
}

/** What is remembered of a dirty path. Monotonic milliseconds. */
export interface Dirt {
  /** The oldest unpublished change: the start of maxWaitMs and of the staleness that is reported. */
  firstAtMs: number;
  /** The newest change. */
  lastAtMs: number;
  /** The first change after which the writer was done; undefined while it may go on. */
  finishedAtMs: number | undefined;
  /** Not before this: backoff after a failure, the interval of a hot path, a timestamp still too young. */
  notBeforeMs: number;
}

/** Dirt of one change. */
export function freshDirt(speed: Change['speed'], nowMs: number): Dirt {
  return {
    firstAtMs: nowMs,
    lastAtMs: nowMs,
    finishedAtMs: speed === 'finished' ? nowMs : undefined,
    notBeforeMs: Number.NEGATIVE_INFINITY,
  };
}

/**
 * Adds another change to `dirt`, in place.
 *
 * A new write after a finished one does not undo the finish: the first finished state is due soon, and the path is
 * dirtied again by whatever follows.
 */
export function addDirt(dirt: Dirt, other: Dirt): void {
  dirt.firstAtMs = Math.min(dirt.firstAtMs, other.firstAtMs);
  dirt.lastAtMs = Math.max(dirt.lastAtMs, other.lastAtMs);
  dirt.notBeforeMs = Math.max(dirt.notBeforeMs, other.notBeforeMs);
  if (other.finishedAtMs !== undefined) {
    dirt.finishedAtMs = Math.min(dirt.finishedAtMs ?? other.finishedAtMs, other.finishedAtMs);
  }
}

/**
 * When `dirt` is due.
 *
 * | writer | due |
 * |---|---|
 * | finished | coalesceMs after the first finish |
 * | still writing | settleMs after the last change, at the latest maxWaitMs after the first |
 * | either | never before notBeforeMs |
 */
export function dueAtMs(dirt: Dirt, times: SettleTimes): number {
  const quiet = Math.min(dirt.lastAtMs + times.settleMs, dirt.firstAtMs + times.maxWaitMs);
  const settled = dirt.finishedAtMs === undefined ? quiet : Math.min(dirt.finishedAtMs + times.coalesceMs, quiet);
  return Math.max(settled, dirt.notBeforeMs);
}

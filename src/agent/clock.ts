// Real time and chance, in the shapes the stages take them.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Timer } from './pump.ts';

const timer: Timer = (callback, ms) => {
  if (ms <= 0) {
    // A timer of Node waits for a millisecond at least, in which a request could have been sent.
    const handle = setImmediate(callback);
    return () => clearImmediate(handle);
  }
  const handle = setTimeout(callback, ms);
  return () => clearTimeout(handle);
};

/** The same, for what nothing waits for: it does not keep the process alive. */
const backgroundTimer: Timer = (callback, ms) => {
  const handle = setTimeout(callback, ms).unref();
  return () => clearTimeout(handle);
};

/** The machine's clocks and its source of chance. */
export const clock = {
  /** Monotonic milliseconds. */
  now: (): number => performance.now(),
  /** Milliseconds since 1970. */
  wallNow: (): number => Date.now(),
  /** The same, but for steps of the clock since the start. */
  steadyNow: (): number => Math.round(performance.timeOrigin + performance.now()),
  random: (): number => Math.random(),
  timer,
  backgroundTimer,
  sleep: async (ms: number, signal?: AbortSignal): Promise<void> => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  },
};

/** 16 hexadecimal ones, 64 random bits; of random numbers these are the cheapest, for many are made at once. */
export function randomDigits(): string {
  const uuid = randomUUID();
  return uuid.slice(0, 8) + uuid.slice(-8);
}

/** Commits are at least so far apart: what a busy time brings meanwhile shares one, and a lone change waits for nothing. */
const COMMIT_PAUSE_MS = 2;

/** When a journal commits. */
export function commitSchedule(): (commit: () => void) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (commit) => {
    const run = (): void => {
      lastMs = performance.now();
      commit();
    };
    const inMs = lastMs + COMMIT_PAUSE_MS - performance.now();
    if (inMs > 0) setTimeout(run, inMs);
    else setImmediate(run);
  };
}

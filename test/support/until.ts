// Waiting for something to come true.
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a condition may take; far beyond what it takes, so that a slow machine fails no test. */
const DEADLINE_MS = 20_000;

/** Resolves when `condition` holds. @throws Error naming `what` if it does not in time */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`Waited ${DEADLINE_MS} ms in vain: ${what}`);
    await sleep(2);
  }
}

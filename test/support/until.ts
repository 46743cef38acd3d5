// Waiting for something to become true, never for time to pass.
import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** 20 s by default: far beyond what a loaded machine needs, so that only a wrong program meets it. */
  readonly deadlineMs?: number;
  /** Between two looks; more where one costs something. Default: 5 ms. */
  readonly pauseMs?: number;
  /** What to add to the failure. */
  readonly detail?: () => string;
}

/** Resolves when the condition holds; it is looked at again and again. @throws after the deadline */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { deadlineMs = 20_000, pauseMs = 5, detail = () => '' }: Patience = {},
): Promise<void> {
  const late = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > late) throw new Error(`not within ${deadlineMs} ms: ${what}\n${detail()}`);
    await sleep(pauseMs);
  }
}

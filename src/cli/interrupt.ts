// Ctrl-C of a one-shot command: the first signal ends it in order, the second at once.
import { constants } from 'node:os';
import type { CommandContext } from './context.ts';

export interface Interrupt {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** 128 + n once a signal came. */
  readonly exitCode: number | undefined;
  release(): void;
}

export function interruptOn(context: CommandContext): Interrupt {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const release = context.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => {
    if (exitCode !== undefined) context.dieOf(signal);
    exitCode = 128 + constants.signals[signal];
    context.log.warn('interrupted, ending; a second signal ends at once', { signal });
    controller.abort();
  });
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    release,
  };
}

// Pure. What was found out about one thing, and what to do about it.
import { EXIT, type ExitCode } from '../model/errors.ts';

/**
 * - `ok`: as it should be.
 * - `warn`: everything works, but not as well as it could, or not all that some option asks for.
 * - `fail`: something will not work.
 * - `skip`: it could not be asked.
 */
export type State = 'ok' | 'warn' | 'fail' | 'skip';

/** What a check answers. */
export interface Answer {
  readonly state: State;
  /** What is so; one line. */
  readonly text: string;
  /** What to do about it. */
  readonly remedy?: string;
  /** For machines; names end in their units. */
  readonly numbers?: Readonly<Record<string, number>>;
}

/** The same with the name of what was looked at. */
export interface Verdict extends Answer {
  readonly check: string;
}

export function ok(text: string, numbers?: Readonly<Record<string, number>>): Answer {
  return { state: 'ok', text, ...(numbers === undefined ? {} : { numbers }) };
}

export function warn(text: string, remedy: string, numbers?: Readonly<Record<string, number>>): Answer {
  return { state: 'warn', text, remedy, ...(numbers === undefined ? {} : { numbers }) };
}

export function fail(text: string, remedy?: string): Answer {
  return { state: 'fail', text, ...(remedy === undefined ? {} : { remedy }) };
}

export function skip(text: string): Answer {
  return { state: 'skip', text };
}

/** Warnings, and what could not be asked, are no failure. */
export function exitCodeOf(verdicts: readonly Verdict[]): ExitCode {
  return verdicts.some(({ state }) => state === 'fail') ? EXIT.fatal : EXIT.ok;
}

const STATE_WIDTH = 4;
const CHECK_WIDTH = 12;

/** One line for people. */
export function showVerdict({ check, state, text, remedy }: Verdict): string {
  const advice = remedy === undefined ? '' : `. Remedy: ${remedy}`;
  const line = `${state.padEnd(STATE_WIDTH)}  ${check.padEnd(CHECK_WIDTH)}  ${text.replace(/\.$/, '')}${advice}`;
  return `${line.replace(/\s*\n\s*/g, ' ')}\n`;
}

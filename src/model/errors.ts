// Pure. Errors that end a command, each with the exit code it means and a hint for the operator.

/** Exit codes, in order of precedence where several apply: usage, fatal, refused, partial, different. */
export const EXIT = { ok: 0, fatal: 1, usage: 2, partial: 3, refused: 4, different: 5 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const PRECEDENCE: readonly ExitCode[] = [EXIT.usage, EXIT.fatal, EXIT.refused, EXIT.partial, EXIT.different, EXIT.ok];

/** The exit code that wins when a command has several reasons to end with one. */
export function worstExit(...codes: ExitCode[]): ExitCode {
  return PRECEDENCE.find((code) => codes.includes(code)) ?? EXIT.ok;
}

/** What was thrown, in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error for the person at the terminal: one line, an exit code, and what to do about it. */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError';
  readonly exitCode: ExitCode;
  /** What the operator can do; one sentence or none. */
  readonly hint: string | undefined;

  constructor(message: string, options: { exitCode: ExitCode; hint?: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode;
    this.hint = options.hint;
  }
}

/** A flag, argument or environment variable that cannot be used: exit 2. */
export class UsageError extends OperatorError {
  override readonly name = 'UsageError';

  constructor(message: string, hint?: string) {
    super(message, hint === undefined ? { exitCode: EXIT.usage } : { exitCode: EXIT.usage, hint });
  }
}

/** Nothing was done because doing it could destroy data: exit 4. */
export class RefusedError extends OperatorError {
  override readonly name = 'RefusedError';

  constructor(message: string, hint?: string) {
    super(message, hint === undefined ? { exitCode: EXIT.refused } : { exitCode: EXIT.refused, hint });
  }
}

// Checks, one after the other: none depends on another by accident, none takes longer than its limit.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, OperatorError } from '../model/errors.ts';
import { StoreError } from '../store/errors.ts';
import { type Answer, fail, skip, type Verdict } from './verdict.ts';

/** How long a check may take. */
const LIMIT_MS = 15_000;

const ENDING_MS = 5_000;

export interface CheckOptions {
  /** Default: 15 s. */
  readonly limitMs?: number;
  /** How long it is waited for when it was told to end: what it began in S3 it ends in order. Default: 5 s. */
  readonly endingMs?: number;
  /** Run it even if nothing more is to be looked at. Default: false. */
  readonly always?: boolean;
  /** What a failed request means. Default, and for undefined: what it says. */
  readonly explain?: (error: StoreError) => Answer | undefined;
}

/** What was found out so far. */
export class Report {
  readonly verdicts: Verdict[] = [];
  readonly #onVerdict: (verdict: Verdict) => void;
  readonly #signal: AbortSignal;

  /** @param signal raised when nothing more is to be looked at */
  constructor(onVerdict: (verdict: Verdict) => void, signal: AbortSignal) {
    this.#onVerdict = onVerdict;
    this.#signal = signal;
  }

  /**
   * Runs a check. Never rejects: what it throws is what was found out.
   * @returns whether others can build on it
   */
  async check(
    name: string,
    run: (signal: AbortSignal) => Promise<Answer>,
    options: CheckOptions = {},
  ): Promise<boolean> {
    const { limitMs = LIMIT_MS, endingMs = ENDING_MS, always = false, explain } = options;
    if (this.#signal.aborted && !always) return false;
    const limit = AbortSignal.timeout(limitMs);
    const signal = always ? limit : AbortSignal.any([limit, this.#signal]);
    const answer = await answerOf(run, { signal, endingMs }).catch((error: unknown) => {
      const explained = error instanceof StoreError ? explain?.(error) : undefined;
      if (!limit.aborted) return explained ?? told(error);
      // What always runs leaves something behind that its explanation names.
      return always && explained !== undefined ? explained : late(limitMs);
    });
    // Whoever ended it knows why.
    if (this.#signal.aborted && !always) return false;
    this.#add({ check: name, ...answer });
    return answer.state === 'ok' || answer.state === 'warn';
  }

  /** Several that cannot be asked. @param because the check that is in their way */
  cannotAsk(names: readonly string[], because: string): void {
    if (this.#signal.aborted) return;
    for (const check of names) this.#add({ check, ...skip(`not asked: it needs ${because}`) });
  }

  #add(verdict: Verdict): void {
    this.verdicts.push(verdict);
    this.#onVerdict(verdict);
  }
}

/** What `run` answers, or the reason of the signal if it does not end soon after that. */
async function answerOf(
  run: (signal: AbortSignal) => Promise<Answer>,
  { signal, endingMs }: { readonly signal: AbortSignal; readonly endingMs: number },
): Promise<Answer> {
  const answered = new AbortController();
  const { promise: isOver, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => {
    sleep(endingMs, undefined, { signal: answered.signal }).then(
      () => reject(signal.reason),
      () => {},
    );
  };
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([run(signal), isOver]);
  } finally {
    signal.removeEventListener('abort', giveUp);
    answered.abort();
  }
}

function late(limitMs: number): Answer {
  return fail(`there was no answer for ${limitMs / 1_000} s`, 'look at what is between here and there');
}

function told(error: unknown): Answer {
  if (error instanceof OperatorError || error instanceof StoreError) return fail(error.message, error.hint);
  return fail(messageOf(error));
}

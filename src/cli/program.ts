// COMMAND of `run -- COMMAND`: started after the restore, told of every signal, waited for.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutServiceManager } from '../ops/service-manager.ts';
import type { CommandContext } from './context.ts';

/** Exit codes of a shell for a program that cannot be run. */
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

export interface Program {
  /** Its exit code; 128 + n if signal n ended it; 126 or 127 if it could not be run. */
  readonly ended: Promise<number>;
  signal(name: NodeJS.Signals): void;
  /** Tells it to end, and after the grace makes it. */
  end(graceMs: number): Promise<void>;
}

/** Starts the program with our standard streams. */
export function startProgram(
  [file, ...args]: readonly string[],
  { env, log }: Pick<CommandContext, 'env' | 'log'>,
): Program {
  const child = spawn(file!, args, { stdio: 'inherit', env: withoutServiceManager(env) });
  child.once('error', ({ message }) => log.error('cannot run the program', { program: file, reason: message }));
  // However we end, it is not left running with nobody who stores what it writes.
  process.once('exit', () => child.kill('SIGTERM'));
  const ended = codeOf(child);
  const end = async (graceMs: number): Promise<void> => {
    child.kill('SIGTERM');
    const timeUp = new AbortController();
    await Promise.race([ended, sleep(graceMs, undefined, { signal: timeUp.signal }).catch(() => undefined)]);
    timeUp.abort();
    child.kill('SIGKILL');
  };
  return { ended, end, signal: (name) => void child.kill(name) };
}

function codeOf(child: ChildProcess): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  child.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE));
  child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  return promise;
}

// The built CLI as a process: dist/main.js under the checkout's Node.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The kernel ends the process when we end, however we end. */
const DIE_WITH_US = ['setpriv', '--pdeathsig', 'KILL', '--'];

export interface StartOptions {
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Another build than that of this checkout. */
  readonly main?: string;
  /** What runs it, by default the checkout's Node and the build: a program, and what comes before the arguments. */
  readonly program?: readonly string[];
  readonly cwd?: string;
  /** A program and its arguments that start the CLI, such as unshare. */
  readonly within?: readonly string[];
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running CLI. */
export interface Cli {
  readonly pid: number;
  /** Lines so far. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Resolves when it has ended and everything it printed has been read. */
  readonly exited: Promise<Exit>;
  /** The first line of either output that matches, now or later. Rejects if it ends or the deadline passes without. */
  waitForLine(pattern: RegExp, deadlineMs?: number): Promise<string>;
  /** Resolves when the condition holds. Rejects if it ends or the deadline passes before. */
  until(what: string, condition: () => boolean): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Everything printed so far, for messages. */
  output(): string;
}

/** A CLI that has ended. */
export interface Finished extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the CLI; it ends with the test. */
export function start(
  t: TestContext,
  args: readonly string[],
  { env, cwd, main = MAIN, program = [NODE, main], within = [] }: StartOptions,
): Cli {
  const [file, ...rest] = [...DIE_WITH_US, ...within, ...program, ...args];
  const child = spawn(file!, rest, {
    env,
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  t.after(() => killGroup(child.pid!));
  const stdout = linesOf(child.stdout);
  const stderr = linesOf(child.stderr);
  let end: Exit | undefined;
  const exited = exitOf(child).then((exit) => {
    end = exit;
    return exit;
  });
  const output = () => [...stdout, ...stderr].join('\n');
  /** Looks at `condition`, which will not come true any more once the process has ended. */
  const stillPossible = (what: string, condition: () => boolean) => (): boolean => {
    if (condition()) return true;
    if (end !== undefined) throw new Error(`ended with ${end.code ?? end.signal} before ${what}:\n${output()}`);
    return false;
  };
  const find = (pattern: RegExp) =>
    stderr.find((line) => pattern.test(line)) ?? stdout.find((line) => pattern.test(line));
  return {
    pid: child.pid!,
    stdout,
    stderr,
    exited,
    output,
    signal: (name) => void child.kill(name),
    async waitForLine(pattern, deadlineMs = 20_000) {
      const what = `it printed ${pattern}`;
      await until(
        what,
        stillPossible(what, () => find(pattern) !== undefined),
        { deadlineMs, detail: output },
      );
      return find(pattern)!;
    },
    until: (what, condition) => until(what, stillPossible(what, condition), { detail: output }),
  };
}

/** Runs the CLI to its end. */
export async function runCli(t: TestContext, args: readonly string[], options: StartOptions): Promise<Finished> {
  const cli = start(t, args, options);
  const exit = await cli.exited;
  const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
  return { ...exit, stdout: text(cli.stdout), stderr: text(cli.stderr) };
}

/** The CLI and what it started: they share a process group. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function linesOf(stream: Readable): string[] {
  const lines: string[] = [];
  createInterface({ input: stream }).on('line', (line) => lines.push(line));
  return lines;
}

async function exitOf(child: ChildProcess): Promise<Exit> {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal };
}

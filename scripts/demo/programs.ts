// The processes of the demo: the S3 server, and the built command line.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ServerReady } from './s3-server.ts';

const SERVER = fileURLToPath(new URL('s3-server.ts', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

const KEPT_LINES = 10;

/** The operator's own settings must not reach the demo, nor the demo the operator's account. */
const FOREIGN_SETTING = /^(AWS_|S3_|LOCAL_PATH$|FILTER_REGEX$|SYNC_EXCLUDES$|AWSSYNCER_)|_PROXY$/i;
const NO_PROFILES = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' };

/** Ends the demo with one clear line. */
export class DemoFailure extends Error {}

/** An S3 server. */
export interface Server extends AsyncDisposable {
  readonly endpoint: string;
  /** The variables by which a program reaches it. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Starts the server. Like every process here it has its own group: Ctrl-C must reach the demo alone, which ends them. */
export async function startServer(): Promise<Server> {
  const child = fork(SERVER, { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ended = once(child, 'exit').then(([code]) => {
    throw new DemoFailure(`the S3 server ended with ${code} before it listened`);
  });
  const [{ endpoint }] = (await Promise.race([once(child, 'message'), ended])) as [ServerReady];
  ended.catch(() => {});
  return {
    endpoint,
    variables: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'demo',
      AWS_SECRET_ACCESS_KEY: 'demo',
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}

/** How many objects the agent says that it wrote and removed. */
export interface Tally {
  uploaded: number;
  copied: number;
  deleted: number;
}

export interface CliOptions {
  readonly variables: Server['variables'];
  /** Standard error: read by us as JSON lines, or shown to the user as it comes. */
  readonly log: 'read' | 'shown';
}

/** The built `awssyncer` as a process. */
export class Cli implements AsyncDisposable {
  readonly tally: Tally = { uploaded: 0, copied: 0, deleted: 0 };
  /** The exit code, or 128 + the number of the signal that ended it. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #watching = Promise.withResolvers<void>();
  #stdout = '';
  #wasTold = false;

  /** @throws DemoFailure if nothing was built */
  constructor(args: readonly string[], { variables, log }: CliOptions) {
    if (!existsSync(MAIN)) throw new DemoFailure('dist/main.js is missing: run `npm run build`');
    const own = Object.entries(process.env).filter(([name]) => !FOREIGN_SETTING.test(name));
    this.#child = spawn(process.execPath, [MAIN, ...args, '--log-format', log === 'read' ? 'json' : 'human'], {
      detached: true,
      env: { ...Object.fromEntries(own), ...NO_PROFILES, ...variables },
      stdio: ['ignore', 'pipe', log === 'read' ? 'pipe' : 'inherit'],
    });
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      return code ?? 128 + constants.signals[signal as NodeJS.Signals];
    });
    this.#child.stdout!.on('data', (chunk: Buffer) => (this.#stdout += chunk));
    if (this.#child.stderr !== null) createInterface(this.#child.stderr).on('line', (line) => this.#heard(line));
  }

  /** When it watches LOCAL; never if its log is not read. */
  get watching(): Promise<void> {
    return this.#watching.promise;
  }

  /** Whether it was asked to end, or made to. */
  get wasTold(): boolean {
    return this.#wasTold;
  }

  /** The last lines of its log, for people. */
  get lastLines(): string {
    return this.#lines.map((line) => `\n  ${line}`).join('');
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<number> {
    this.#wasTold = true;
    this.#child.kill('SIGTERM');
    return this.ended;
  }

  /** @throws DemoFailure if it ended with another code than 0, or printed something else than JSON */
  async result<T>(): Promise<T> {
    const code = await this.ended;
    if (code !== 0) throw new DemoFailure(`${this.#child.spawnargs[2]} ended with ${code}:${this.lastLines}`);
    return JSON.parse(this.#stdout) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wasTold = true;
    await end(this.#child);
  }

  #heard(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    const message = messageOf(line);
    if (message === 'watching') this.#watching.resolve();
    if (message === 'uploaded' || message === 'copied' || message === 'deleted') this.tally[message]++;
  }
}

/** What a line of the log says; what is not one says nothing. */
function messageOf(line: string): unknown {
  try {
    return JSON.parse(line).message;
  } catch {
    return undefined;
  }
}

/** Nothing of the demo outlives it: whoever still runs when its scope is left is killed. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

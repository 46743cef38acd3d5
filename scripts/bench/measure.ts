// Commands as processes, measured from outside.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** A command line and all of its environment. */
export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What a command took, with all its descendants. */
export interface Usage {
  /** When it was started, by the clock since boot. */
  readonly startMs: number;
  readonly wallMs: number;
  readonly userMs: number;
  readonly systemMs: number;
  /** Of the largest process. */
  readonly peakRssBytes: number;
}

const SOURCE = fileURLToPath(new URL('measure.c', import.meta.url));
const SHOWN_CHARACTERS = 2000;

/** Runs commands through a small program that is compiled into `directory`. */
export class Meter {
  readonly #program: string;
  readonly #running = new Set<Running>();

  /** @throws if there is no C compiler */
  constructor(directory: string) {
    this.#program = join(directory, 'measure');
    const compiler = process.env['CC'] ?? 'cc';
    const { status } = spawnSync(compiler, ['-O2', '-o', this.#program, SOURCE], { stdio: 'inherit' });
    if (status !== 0) throw new Error(`Cannot compile ${SOURCE} with ${compiler}`);
  }

  /** Starts it without waiting. What it prints is kept for the error, should it fail. */
  start({ argv, env }: Command): Running {
    const child = spawn(this.#program, argv, { env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    const running = new Running(child, argv);
    this.#running.add(running);
    running.ended.catch(() => {}).then(() => this.#running.delete(running));
    return running;
  }

  /** Ends what still runs. */
  killAll(): void {
    for (const running of this.#running) running.kill();
  }

  /** @throws if it ends with another code than 0 */
  async run(command: Command): Promise<Usage> {
    return this.start(command).ended;
  }
}

/** A command that runs. */
export class Running {
  readonly #child: ChildProcess;
  /** What it took. Rejects if it ends with another code than 0. */
  readonly ended: Promise<Usage>;

  constructor(child: ChildProcess, argv: readonly string[]) {
    this.#child = child;
    this.ended = finish(child, argv);
    this.ended.catch(() => {});
  }

  /** With it dies the command. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<Usage> {
    this.#child.kill('SIGTERM');
    return this.ended;
  }
}

async function finish(child: ChildProcess, argv: readonly string[]): Promise<Usage> {
  const [stdout, stderr, report] = [1, 2, 3].map((fd) => text(child.stdio[fd] as NodeJS.ReadableStream));
  await once(child, 'close');
  const said = await report!;
  if (said === '') throw new Error(`Cannot measure ${argv.join(' ')}`);
  const { exitCode, ...usage } = JSON.parse(said) as Usage & { exitCode: number };
  if (exitCode !== 0) {
    const output = `${await stdout}${await stderr}`.slice(-SHOWN_CHARACTERS);
    throw new Error(`${argv.join(' ')} ended with ${exitCode}:\n${output}`);
  }
  return usage;
}

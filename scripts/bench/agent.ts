// `awssyncer watch` as a process, for the kinds of work that change a tree under its eyes.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { AgentStatus } from '../../src/ops/control.ts';
import type { Bench } from './bench.ts';
import type { Running, Usage } from './measure.ts';
import { OURS, type Sides } from './tools.ts';

const START_TIMEOUT_MS = 300_000;
const TICKS_PER_SECOND = 100;

export class Agent {
  readonly #bench: Bench;
  readonly #sides: Sides;
  readonly #running: Running;
  /** The command line, for people. */
  readonly shown: string;

  private constructor(bench: Bench, sides: Sides) {
    this.#bench = bench;
    this.#sides = sides;
    const [, local, url, ...always] = OURS.upload(sides);
    const argv = ['watch', local!, url!, ...always];
    this.shown = bench.shown(OURS.name, argv);
    this.#running = bench.meter.start(bench.command(OURS.name, argv));
  }

  /** Starts it and waits until it watches the whole tree and S3 is known to hold all of it. */
  static async start(bench: Bench, sides: Sides): Promise<Agent> {
    const agent = new Agent(bench, sides);
    const deadline = Date.now() + START_TIMEOUT_MS;
    const ended = agent.#running.ended.then(() => Promise.reject(new Error('The agent ended')));
    ended.catch(() => {});
    for (;;) {
      const status = await Promise.race([agent.status().catch(() => undefined), ended]);
      if (status?.state === 'watching' && status.inSync) return agent;
      if (Date.now() > deadline) throw new Error(`The agent does not get in sync: ${JSON.stringify(status)}`);
      await pause(100);
    }
  }

  async status(): Promise<AgentStatus> {
    return JSON.parse(await this.#ask('status', '--json')) as AgentStatus;
  }

  /** Returns when S3 holds all that was written before. */
  async flush(): Promise<void> {
    await this.#ask('flush', '--timeout', '10m');
  }

  async stop(): Promise<Usage> {
    return this.#running.stop();
  }

  async #ask(...words: readonly string[]): Promise<string> {
    const { local, scratch } = this.#sides;
    const { argv, env } = this.#bench.command(OURS.name, [...words, local, '--state-dir', scratch]);
    const [program = '', ...rest] = argv;
    return (await promisify(execFile)(program, rest, { env })).stdout;
  }
}

/** What a process has used so far, with the children it has waited for, and what it occupies now. */
export function processNow(pid: number): { readonly cpuMs: number; readonly rssBytes: number } {
  // Behind the name, which may hold anything: state is field 3 of proc(5), utime to cstime are 14 to 17.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
    .slice(11, 15);
  const ticks = fields.reduce((sum, each) => sum + Number(each), 0);
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return { cpuMs: (ticks / TICKS_PER_SECOND) * 1000, rssBytes: Number(kibibytes) * 1024 };
}

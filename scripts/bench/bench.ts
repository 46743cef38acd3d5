// What every kind of work needs: the server, the tools that are installed, places on disk, and measured runs.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from './find-program.ts';
import { type Command, Meter } from './measure.ts';
import type { Run, Series } from './results.ts';
import { S3 } from './s3.ts';
import { environment, OURS, PEERS, settingsFiles, type Tool, type ToolName } from './tools.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface BenchOptions {
  /** An empty directory for everything. */
  readonly directory: string;
  /** How often each tool does each work; slow ones once. */
  readonly runs: number;
  /** Small data: to see that everything works, not to measure. */
  readonly isQuick: boolean;
  /** Where programs are looked for, as in PATH. */
  readonly path: string;
  /** Only these peers; all that are installed if undefined. */
  readonly peers: readonly string[] | undefined;
  /** Told what is going on. */
  readonly say: (line: string) => void;
}

/** One tool doing one kind of work. */
export interface Contender {
  readonly tool: Tool;
  readonly way?: string;
  /** At most so many runs. */
  readonly maxRuns?: number;
  /** Brings everything into the state before the work; not measured. */
  prepare(): Promise<{
    readonly argv: readonly string[];
    /** Throws unless the work was done right, and clears away. */
    finish(): Promise<void>;
  }>;
}

export class Bench {
  readonly options: BenchOptions;
  readonly s3: S3;
  readonly meter: Meter;
  readonly env: Readonly<Record<string, string>>;
  readonly #programs: ReadonlyMap<ToolName, readonly string[]>;
  #placesMade = 0;

  private constructor(options: BenchOptions, s3: S3) {
    this.options = options;
    this.s3 = s3;
    this.meter = new Meter(options.directory);
    const home = join(options.directory, 'home');
    for (const [name, text] of Object.entries(settingsFiles(s3.endpoint))) {
      mkdirSync(dirname(join(home, name)), { recursive: true });
      writeFileSync(join(home, name), text);
    }
    this.env = { ...environment(s3.endpoint, home), PATH: options.path };
    const programs = new Map<ToolName, readonly string[]>([[OURS.name, [process.execPath, MAIN]]]);
    for (const { name } of PEERS) {
      const program = findProgram(name, options.path);
      if (program === undefined) options.say(`${name}: not installed`);
      else if (options.peers?.includes(name) !== false) programs.set(name, [program]);
    }
    this.#programs = programs;
  }

  static async start(options: BenchOptions): Promise<Bench> {
    return new Bench(options, await S3.start());
  }

  stop(): void {
    this.s3.stop();
  }

  /** We and the peers that take part. */
  get tools(): readonly Tool[] {
    return [OURS, ...PEERS].filter(({ name }) => this.#programs.has(name));
  }

  /** A name in the benchmark's directory that nothing has. */
  place(): string {
    return join(this.options.directory, `place-${++this.#placesMade}`);
  }

  command(tool: Tool, argv: readonly string[]): Command {
    return { argv: [...this.#programs.get(tool.name)!, ...argv], env: this.env };
  }

  /** Lets all do the work by turns, the same number of times, so that what the machine is busy with meets all alike. */
  async compare(contenders: readonly Contender[]): Promise<Series[]> {
    const series = contenders.map(({ tool, way }) => ({
      ...{ tool: tool.name, command: '', runs: [] as Run[] },
      ...(way === undefined ? {} : { way }),
    }));
    for (let round = 0; round < this.options.runs; round++) {
      for (const [at, contender] of contenders.entries()) {
        if (round >= (contender.maxRuns ?? (contender.tool.isSlow ? 1 : Number.POSITIVE_INFINITY))) continue;
        const { argv, finish } = await contender.prepare();
        series[at]!.command = this.#shown(contender.tool, argv);
        const run = await this.measure(this.command(contender.tool, argv));
        await finish();
        series[at]!.runs.push(run);
        this.options.say(describe(contender, run));
      }
    }
    return series;
  }

  /** Runs a command to its end. */
  async measure(command: Command): Promise<Run> {
    // What earlier runs wrote is not to be written to disk during this one.
    spawnSync('sync');
    await this.s3.reset();
    const usage = await this.meter.run(command);
    const { requests, receivedBytes, sentBytes, cpuMs } = await this.s3.counters();
    const { wallMs, userMs, systemMs, peakRssBytes } = usage;
    return { wallMs, cpuMs: userMs + systemMs, peakRssBytes, serverCpuMs: cpuMs, requests, receivedBytes, sentBytes };
  }

  remove(place: string): void {
    rmSync(place, { recursive: true, force: true });
  }

  #shown({ name }: Tool, argv: readonly string[]): string {
    const { directory } = this.options;
    return [name, ...argv].map((word) => word.replaceAll(`${directory}/`, '')).join(' ');
  }
}

function describe({ tool, way }: Contender, run: Run): string {
  const name = way === undefined ? tool.name : `${tool.name} (${way})`;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  const requests = Object.entries(run.requests).map(([operation, count]) => `${count} ${operation}`);
  return (
    `  ${name}: ${seconds(run.wallMs)}, CPU ${seconds(run.cpuMs)}, ${(run.peakRssBytes / 2 ** 20).toFixed(0)} MiB, ` +
    `server CPU ${seconds(run.serverCpuMs)}, ${requests.join(', ') || 'no requests'}`
  );
}

// What every kind of work needs: the server, the tools that are installed, places on disk, and measured runs.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from './find-program.ts';
import { type Command, Meter, type Usage } from './measure.ts';
import type { Run, Series } from './results.ts';
import { S3 } from './s3.ts';
import { describeRun } from './say.ts';
import { environment, OURS, PEERS, settingsFiles, type Tool, type ToolName } from './tools.ts';
import { makeTree, type Tree, type TreeShape } from './trees.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** What the first tool of all uploads must not be slower for being the first. */
const WARM_MIB = 2048;

export interface BenchOptions {
  /** An empty directory for everything. */
  readonly directory: string;
  /** How often each tool does each work; those that need long do it less often. */
  readonly runs: number;
  /** Small data: to see that everything works, not to measure. */
  readonly isQuick: boolean;
  /** Minutes over which a program at rest is watched. */
  readonly idleMinutes: number;
  /** Where programs are looked for, as in PATH. */
  readonly path: string;
  /** Only these peers; all that are installed if undefined. */
  readonly peers: readonly string[] | undefined;
  /** Told what is going on. */
  readonly say: (line: string) => void;
}

/** One tool doing one kind of work. */
export interface Contender {
  readonly tool: ToolName;
  readonly way?: string;
  readonly files: number;
  /** At most so many runs. */
  readonly maxRuns?: number;
  /** Brings everything into the state before the work; not measured. */
  prepare(): Promise<{
    readonly argv: readonly string[];
    /** Throws unless the work was done right, and clears away. */
    finish?(run: Run): Promise<void>;
  }>;
}

export class Bench {
  readonly options: BenchOptions;
  readonly s3: S3;
  readonly meter: Meter;
  /** Of every tool. */
  readonly env: Readonly<Record<string, string>>;
  /** Programs that are not installed. */
  readonly missing: ToolName[] = [];
  readonly #programs = new Map<ToolName, readonly string[]>();
  readonly #trees = new Map<string, Tree>();
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
    this.#programs.set('awssyncer', [process.execPath, MAIN]);
    this.#programs.set('node', [process.execPath]);
    for (const name of [...PEERS.map((tool) => tool.name), 'lsyncd', 'find'] as const) {
      const program = findProgram(name, options.path);
      if (program === undefined) {
        this.missing.push(name);
        options.say(`${name}: not installed`);
      } else if (options.peers?.includes(name) !== false || name === 'find') this.#programs.set(name, [program]);
    }
  }

  static async start(options: BenchOptions): Promise<Bench> {
    return new Bench(options, await S3.start({ warmMib: options.isQuick ? 0 : WARM_MIB }));
  }

  stop(): void {
    this.meter.killAll();
    this.s3.stop();
  }

  /** We and the peers that take part. */
  get tools(): readonly Tool[] {
    return [OURS, ...PEERS].filter(({ name }) => this.has(name));
  }

  has(name: ToolName): boolean {
    return this.#programs.has(name);
  }

  /** A name in the benchmark's directory that nothing has. */
  place(): string {
    return join(this.options.directory, `place-${++this.#placesMade}`);
  }

  remove(...places: readonly string[]): void {
    for (const place of places) rmSync(place, { recursive: true, force: true });
  }

  /** A tree of this shape that everybody only reads. */
  tree(shape: TreeShape): Tree {
    const name = `tree-${shape.files}-${shape.fileBytes}-${shape.filesPerDirectory}`;
    const tree = this.#trees.get(name) ?? makeTree(join(this.options.directory, name), shape);
    this.#trees.set(name, tree);
    return tree;
  }

  /** Removes a tree that nobody will ask for again. */
  dropTree({ root }: Tree): void {
    for (const [name, tree] of this.#trees) if (tree.root === root) this.#trees.delete(name);
    this.remove(root);
  }

  command(tool: ToolName, argv: readonly string[]): Command {
    const program = this.#programs.get(tool);
    if (program === undefined) throw new Error(`${tool} is not installed`);
    // The settings files are the peers': in a container there are none.
    const env = tool === 'awssyncer' ? { ...this.env, HOME: this.options.directory } : this.env;
    return { argv: [...program, ...argv], env };
  }

  /** A command as people read it. */
  shown(tool: ToolName, argv: readonly string[]): string {
    return [tool, ...argv].map((word) => word.replaceAll(`${this.options.directory}/`, '')).join(' ');
  }

  /** Lets all do the work by turns, the same number of times, so that what the machine is busy with meets all alike. */
  async compare(contenders: readonly Contender[]): Promise<Series[]> {
    const series = contenders.map(({ tool, way, files }) => {
      return { tool, ...(way === undefined ? {} : { way }), files, command: '', runs: [] as Run[] };
    });
    for (let round = 0; round < this.options.runs; round++) {
      for (const [at, { tool, way, prepare, maxRuns = Number.POSITIVE_INFINITY }] of contenders.entries()) {
        if (round >= maxRuns) continue;
        const { argv, finish } = await prepare();
        series[at]!.command = this.shown(tool, argv);
        const run = await this.measure(this.command(tool, argv));
        this.options.say(describeRun(way === undefined ? tool : `${tool} (${way})`, run));
        await finish?.(run);
        series[at]!.runs.push(run);
      }
    }
    return series;
  }

  /** Runs a command to its end. */
  async measure(command: Command): Promise<Run> {
    await this.beginRun();
    return this.runOf(await this.meter.run(command));
  }

  /** What was written before is not to be written to disk during what comes, nor to be counted. */
  async beginRun(): Promise<void> {
    spawnSync('sync');
    await this.s3.reset();
  }

  /** What the client took, with what the server counted. */
  async runOf(usage: Pick<Usage, 'wallMs' | 'userMs' | 'systemMs' | 'peakRssBytes'>): Promise<Run> {
    const { requests, putBytes, cpuMs } = await this.s3.counters();
    const { wallMs, userMs, systemMs, peakRssBytes } = usage;
    return { wallMs, cpuMs: userMs + systemMs, peakRssBytes, serverCpuMs: cpuMs, requests, putBytes };
  }
}

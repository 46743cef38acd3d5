// An agent on a strict S3 server of its own, and the words its tests are written in.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { EVERYTHING } from '../../src/agent/engine.ts';
import type { ProblemKind } from '../../src/agent/problems.ts';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import { fileKey } from '../../src/model/key.ts';
import { displayPath, pathFromText } from '../../src/model/path.ts';
import { type OpenInotify, openInotify } from '../../src/watch/inotify.ts';
import type { BucketView } from '../strict-s3/inspect.ts';
import type { Operation } from '../strict-s3/operations.ts';
import { type StrictS3, type StrictS3Options, startStrictS3 } from '../strict-s3/server.ts';
import { type AgentConfig, BUCKET, startAgent, type TestAgent } from './agent.ts';
import { type Mounted, type MountOptions, mountOn } from './mounts.ts';
import { assertMirrored, expectedObjects, storedObjects } from './reference.ts';
import { tempDir } from './temp-dir.ts';
import { until } from './until.ts';

export interface GroundOptions {
  readonly config?: Partial<AgentConfig>;
  readonly server?: StrictS3Options;
  /** Files that are there before the agent starts, by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Keep the ledger on disk, for restarts. */
  readonly durable?: boolean;
  /** By default the kernel's. */
  readonly openInotify?: OpenInotify;
  /** LOCAL; by default a directory of its own. */
  readonly root?: string;
  /** Where that lies; by default where temporary files do. */
  readonly under?: string;
}

/** A server, a directory with these files in it, and no agent yet. */
export async function makeGround(t: TestContext, options: GroundOptions = {}): Promise<Ground> {
  const server = await startStrictS3({ buckets: [BUCKET], ...options.server });
  // Before the directory goes, which would be news to a running agent.
  t.after(() => ground?.end());
  const base = tempDir(t, options.under === undefined ? {} : { under: options.under });
  const ground = new Ground(t, server, { base, options });
  mkdirSync(ground.root, { recursive: true });
  for (const [path, content] of Object.entries(options.files ?? {})) ground.write(path, content);
  return ground;
}

/** The same with an agent that has brought everything to S3. */
export async function settledGround(t: TestContext, options: GroundOptions = {}): Promise<Ground> {
  const ground = await makeGround(t, options);
  await ground.start();
  await ground.settle();
  ground.server.clearRequests();
  return ground;
}

export class Ground {
  readonly server: StrictS3;
  readonly root: string;
  /** Holds the root and whatever a test keeps beside it. */
  readonly base: string;
  readonly config: Partial<AgentConfig>;
  /** What the next agent watches with. */
  openInotify: OpenInotify;
  readonly #t: TestContext;
  readonly #mounts: Mounted[] = [];
  #agent: TestAgent | undefined;

  constructor(t: TestContext, server: StrictS3, { base, options }: { base: string; options: GroundOptions }) {
    this.#t = t;
    this.openInotify = options.openInotify ?? openInotify;
    this.server = server;
    this.base = base;
    this.root = options.root ?? join(base, 'data');
    const stateDir = options.durable === true ? join(base, 'state') : 'none';
    this.config = { stateDir, ...options.config };
  }

  get agent(): TestAgent {
    return this.#agent!;
  }

  get bucket(): BucketView {
    return this.server.bucket(BUCKET);
  }

  /** Starts an agent, the next one if there was one. */
  async start(config: Partial<AgentConfig> = {}): Promise<void> {
    await this.#agent?.stop();
    const { root, openInotify } = this;
    this.#agent = await startAgent(this.#t, this.server, { root, config: { ...this.config, ...config }, openInotify });
  }

  /** Ends the agent and the server, takes off the mounts. */
  async end(): Promise<void> {
    await this.#agent?.stop();
    for (const mounted of this.#mounts.reverse()) mounted.unmount({ lazily: true });
    await this.server.close();
  }

  /**
   * Puts an empty file system, or the directory `bind`, on `dir`. Undefined, and a line that says so, if this user
   * cannot mount.
   */
  mount(dir: string, options: MountOptions = {}): Mounted | undefined {
    const mounted = mountOn(dir, options);
    if (mounted === undefined) console.log(`${this.#t.name}: not run, this user cannot mount`);
    else this.#mounts.push(mounted);
    return mounted;
  }

  /** Everything done before the call is in S3 afterwards. */
  settle(): Promise<void> {
    return this.agent.settle();
  }

  /** What an audit does. */
  async audit(): Promise<void> {
    this.agent.watching.engine.pipeline.change(EVERYTHING);
    await this.settle();
  }

  at(path: string): string {
    return join(this.root, path);
  }

  write(path: string, content: string | Buffer): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), content);
  }

  /** The text of a path's object. */
  stored(path: string): string | undefined {
    return this.bucket.text(`p/${path}`);
  }

  row(path: string): LedgerRow | undefined {
    return this.agent.workspace.journal.ledger.get(fileKey(pathFromText(path)));
  }

  /** The paths that have a problem of this kind. */
  problems(kind: ProblemKind): string[] {
    const all = this.agent.watching.engine.problems.all();
    return all.filter(([, problem]) => problem.kind === kind).map(([path]) => displayPath(path));
  }

  /** Requests since the last `clearRequests`, as 'operation key'. */
  requests(): string[] {
    return this.server.requests.map(({ operation, key }) => `${operation} ${key}`.trim());
  }

  /** How many requests of this operation came for a path. */
  count(operation: Operation, path: string): number {
    return this.requests().filter((request) => request === `${operation} p/${path}`).length;
  }

  /** The paths that bulk deletes have named. */
  deleted(): string[] {
    return this.server.requests.flatMap(({ keys }) => keys.map((key) => key.slice('p/'.length)));
  }

  /**
   * A file comes and goes, and so does its object: what was asked for before and is not done then is being held back,
   * not merely late.
   */
  async roundTrip(path = 'sentinel'): Promise<void> {
    writeFileSync(this.at(path), path);
    await until(`${path} is stored`, () => this.stored(path) === path);
    rmSync(this.at(path));
    await until(`${path} is deleted`, () => this.stored(path) === undefined);
  }

  /** Whether it is so by now. */
  isEqual(): boolean {
    return isDeepStrictEqual(storedObjects(this.server), expectedObjects(this.root));
  }

  /** S2: the prefix equals the tree. */
  assertEqual(message?: string): void {
    assertMirrored(this.server, this.root, message === undefined ? {} : { message });
  }
}

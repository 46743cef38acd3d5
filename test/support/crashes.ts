// A tree, a prefix and a program that is killed at a step of its work; started again it must come to rest.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EVERYTHING } from '../../src/agent/engine.ts';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import type { RelKey } from '../../src/model/key.ts';
import { encodeMetadata } from '../../src/model/metadata.ts';
import type { BucketView } from '../strict-s3/inspect.ts';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';
import { type AgentConfig, BUCKET, startAgent, type TestAgent, useCredentials } from './agent.ts';
import { type Cli, type Exit, start } from './cli.ts';
import { assertMirrored, placeOf } from './reference.ts';
import { awsEnvironment, type S3Target } from './s3-targets.ts';
import { cleanEnvironment } from './stage.ts';
import { tempDir } from './temp-dir.ts';

const PART_BYTES = 5 * 2 ** 20;
/** A file of this size goes in two parts. */
export const LARGE_BYTES = PART_BYTES + 1;

/** A proof is due so long after its request: little, and more than a machine under load needs for an answer. */
const REQUEST_TIMEOUT_MS = 2_000;

const CONFIG = {
  requestTimeoutMs: REQUEST_TIMEOUT_MS,
  partSizeBytes: PART_BYTES,
  multipartThresholdBytes: PART_BYTES,
} satisfies Partial<AgentConfig>;

/** The same for a process. */
const ENVIRONMENT = {
  AWSSYNCER_REQUEST_TIMEOUT: `${REQUEST_TIMEOUT_MS}ms`,
  AWSSYNCER_PART_SIZE: '5MiB',
  AWSSYNCER_MULTIPART_THRESHOLD: '5MiB',
  AWSSYNCER_COALESCE: '5ms',
  AWSSYNCER_SETTLE: '30ms',
  // As the agents in this process, which would have to wait for its end.
  AWSSYNCER_LEASE: 'off',
};

/** By default some crashes; all that can be enumerated, and this many at random instants, if it is given. */
export const CRASHES = process.env['AWSSYNCER_TEST_CRASHES'];

/** How a program that was to be killed ended. */
export interface Death {
  /** Whether it was killed; else it came to its end before that step. */
  readonly killed: boolean;
  /** Its steps, the one it died at included. */
  readonly steps: readonly string[];
}

/** What the tests of a file share. */
export interface CrashTools {
  readonly server: StrictS3;
  /** Preloaded, it counts a program's steps and kills it at one of them; only `crash` needs it. */
  readonly library?: string;
}

/** Starts the server and compiles the library; both last as long as the context. */
export async function crashTools(t: TestContext): Promise<CrashTools> {
  const library = join(tempDir(t), 'crash-points.so');
  const source = fileURLToPath(new URL('crash-points.c', import.meta.url));
  execFileSync(process.env['CC'] ?? 'cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
  return { library, server: await crashServer(t) };
}

/** A server that lasts as long as the context. */
export async function crashServer(t: TestContext): Promise<StrictS3> {
  const server = await startStrictS3({ buckets: [BUCKET] });
  t.after(() => server.close());
  return server;
}

/**
 * The steps to die at: from `first` on, each one until the program survives; or two anywhere before `last`.
 * `crashAt` resolves to whether the program was killed.
 */
export async function forEachStep(
  { first = 1, last }: { first?: number; last: number },
  crashAt: (at: number) => Promise<boolean>,
): Promise<void> {
  if (CRASHES === undefined) {
    for (let n = 0; n < 2; n++) await crashAt(first + Math.floor(Math.random() * (last - first)));
  } else {
    for (let at = 1; await crashAt(at); at++);
  }
}

/** All of them where everything is enumerated, else the n-th. */
export function sample<T>(all: readonly T[], n: number): readonly T[] {
  return CRASHES === undefined ? [all[n % all.length]!] : all;
}

let prefixes = 0;

export class CrashGround {
  readonly server: StrictS3;
  readonly prefix = `c${prefixes++}/`;
  /** Beside it a test may keep what it moves away. */
  readonly root: string;
  readonly state: string;
  /** Keys and uploads that are somebody else's: beneath the prefix, one upload on a key of ours. */
  readonly foreign: readonly string[];
  readonly #foreignUploads: readonly string[];
  /** What every process and agent has said. */
  readonly #lines: (readonly string[])[] = [];
  readonly #base: string;
  readonly #library: string | undefined;
  readonly #t: TestContext;

  /** @param others whether somebody else has objects and uploads there too */
  constructor(t: TestContext, { server, library, others = true }: CrashTools & { others?: boolean }) {
    // What directories get by default must be what a restore gives them: then none needs a marker.
    process.umask(0o022);
    useCredentials(server);
    this.#t = t;
    this.#library = library;
    this.server = server;
    this.#base = tempDir(t);
    this.root = join(this.#base, 'data');
    this.state = join(this.#base, 'state');
    for (const directory of [this.root, join(this.#base, 'away'), join(this.#base, 'home')]) mkdirSync(directory);
    this.foreign = others ? [`${this.prefix}not ours`] : [];
    for (const key of this.foreign) this.bucket.put(key, 'not ours');
    this.#foreignUploads = ['f', 'not ours'].map((path) => this.bucket.beginUpload(this.prefix + path));
  }

  get bucket(): BucketView {
    return this.server.bucket(BUCKET);
  }

  at(path: string): string {
    return join(this.root, path);
  }

  write(path: string, content: string | Buffer = path): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), content);
  }

  remove(path: string): void {
    rmSync(this.at(path), { recursive: true, force: true });
  }

  /** Takes a file out of the tree as it is. */
  takeAway(path: string): void {
    renameSync(this.at(path), join(this.#base, 'away', path.replaceAll('/', ' ')));
  }

  bringBack(path: string): void {
    this.remove(path);
    renameSync(join(this.#base, 'away', path.replaceAll('/', ' ')), this.at(path));
  }

  /** The text of a path's object. */
  stored(path: string): string | undefined {
    return this.bucket.text(this.prefix + path);
  }

  /** An agent in this process. */
  async agent(config: Partial<AgentConfig> = {}): Promise<TestAgent> {
    const { root, prefix, state } = this;
    const agent = await startAgent(this.#t, this.server, {
      ...{ root, prefix },
      config: { stateDir: state, ...CONFIG, ...config },
    });
    this.#lines.push(agent.lines);
    return agent;
  }

  /** An agent starts, brings everything to S3, looks at it all once more without finding anything to do, and ends. */
  async settle(): Promise<void> {
    const agent = await this.agent();
    await agent.settle();
    this.assertTrue(agent);
    const { counters } = agent.workspace;
    const { requests } = counters;
    agent.watching.engine.pipeline.change(EVERYTHING);
    await agent.settle();
    assert.equal(counters.requests - requests, 0, 'S8 what is in S3 is not sent again');
    await agent.stop();
  }

  /** The command line in a process of its own. */
  start(
    command: 'watch' | 'sync' | 'restore',
    options: { flags?: readonly string[]; env?: Record<string, string> } = {},
  ): Cli {
    const url = `s3://${BUCKET}/${this.prefix}`;
    const places = command === 'restore' ? [url, this.root] : [this.root, url];
    const env = {
      ...cleanEnvironment(join(this.#base, 'home')),
      ...awsEnvironment(this.server as unknown as S3Target),
      ...ENVIRONMENT,
      AWSSYNCER_STATE_DIR: this.state,
      AWSSYNCER_HTTP: 'off',
      ...options.env,
    };
    return start(this.#t, [command, ...places, ...(options.flags ?? [])], { env });
  }

  /** Resolves when it has ended. */
  async ended(cli: Cli): Promise<Exit> {
    const exit = await cli.exited;
    this.#lines.push(cli.stderr);
    return exit;
  }

  /** Starts it and kills it at that step; 0 is none. An agent is told to end as soon as it watches. */
  async crash(command: 'watch' | 'sync' | 'restore', at: number, flags: readonly string[] = []): Promise<Death> {
    const trace = join(this.#base, 'trace');
    rmSync(trace, { force: true });
    const env = { LD_PRELOAD: this.#library!, CRASH_AT: String(at), CRASH_TRACE: trace };
    const cli = this.start(command, { env, flags });
    if (command === 'watch') {
      cli.waitForLine(/ watching /).then(
        () => cli.signal('SIGTERM'),
        () => undefined,
      );
    }
    const { signal, code } = await this.ended(cli);
    const killed = signal === 'SIGKILL';
    if (!killed) assert.equal(code, 0, cli.output());
    const steps = existsSync(trace) ? readFileSync(trace, 'utf8').trimEnd().split('\n') : [];
    return { killed, steps };
  }

  /** S2 as it is, and S2 as the ledger has it: nothing lost, nothing left, nobody else's touched, no row that lies. */
  assertTrue({ workspace }: TestAgent): void {
    const { server, root, prefix, foreign, bucket } = this;
    assertMirrored(server, root, { prefix, others: foreign });
    for (const key of foreign) assert.equal(bucket.text(key), 'not ours', key);
    this.#assertUploads();
    const rows = new Map<string, LedgerRow>();
    for (const row of workspace.journal.ledger.range('' as RelKey)) {
      rows.set(placeOf(prefix + Buffer.from(row.key, 'latin1').toString(), prefix), row);
    }
    const objects = bucket.keys(prefix).filter((key) => !/\/\.h\/.*\.name$/.test(key));
    assert.deepEqual([...rows.keys()].sort(), objects.sort(), 'a row for every object and none besides');
    for (const [key, row] of rows) this.#assertRow(key, row);
  }

  /** Those of others, and of ours at most one whose id never came, which then is told. */
  #assertUploads(): void {
    const uploads = this.bucket.uploads().filter(({ key }) => key.startsWith(this.prefix));
    const ids = uploads.map(({ uploadId }) => uploadId);
    for (const id of this.#foreignUploads) assert.ok(ids.includes(id), 'the upload of somebody else is still open');
    const left = uploads.filter(({ uploadId }) => !this.#foreignUploads.includes(uploadId));
    const told = this.#lines.flat().filter((line) => line.includes('may have left an upload without parts')).length;
    assert.ok(left.length <= told, `${left.length} uploads were left open, ${told} were told of`);
    for (const { parts } of left) assert.equal(parts.size, 0);
  }

  #assertRow(key: string, row: LedgerRow): void {
    const isForeign = this.foreign.includes(key);
    const object = this.bucket.object(key)!;
    assert.deepEqual(
      { key, state: row.state, etag: row.etag, bytes: row.sizeBytes, uploadId: row.uploadId },
      { key, state: isForeign ? 'foreign' : 'known', etag: object.etag, bytes: object.bytes.length, uploadId: null },
    );
    if (isForeign) return;
    const { mtime, ...others } = object.metadata;
    // A directory's own times never make it dirty.
    const stored = row.kind === 'directory' ? others : { mtime, ...others };
    assert.deepEqual({ ...encodeMetadata(row), ...stored }, encodeMetadata(row), key);
  }
}

// A running agent in this process: real inotify, a real directory, an S3 server.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { listRemote } from '../../src/agent/list-remote.ts';
import type { RestoreConfig } from '../../src/agent/restore-into.ts';
import { Watching, type WatchingConfig } from '../../src/agent/watching.ts';
import {
  openWorkspace,
  type Workspace,
  type WorkspaceConfig,
  type WorkspaceOptions,
} from '../../src/agent/workspace.ts';
import { createLog, type Log } from '../../src/ops/log.ts';
import type { OpenInotify } from '../../src/watch/inotify.ts';
import type { StrictS3 } from '../strict-s3/server.ts';
import { tempDir } from './temp-dir.ts';

/** Short pauses, no audits: what is stored was told by events or a scan that a test asked for. */
export const QUICK: WatchingConfig & RestoreConfig & Omit<WorkspaceConfig, 'local' | 'remote'> = {
  coalesceMs: 5,
  settleMs: 30,
  maxWaitMs: 300,
  checkpointIntervalMs: 0,
  auditIntervalMs: 0,
  pollIntervalMs: 60_000,
  concurrency: 16,
  partSizeBytes: 5 * 1024 * 1024,
  multipartThresholdBytes: 16 * 1024 * 1024,
  requestTimeoutMs: 5000,
  crossMounts: false,
  dirTimes: false,
  xattrs: false,
  hardLinks: false,
  snapshotHooks: [],
  snapshotTimeoutMs: 60_000,
  sparse: false,
  maxDelete: { count: 1000, percent: 50 },
  deleteForeign: false,
  filterRegex: undefined,
  syncExcludes: [],
  rules: [],
  stateDir: 'none',
  endpointUrl: undefined,
  region: 'us-east-1',
  profile: undefined,
  maxBandwidthBytes: undefined,
  forcePathStyle: undefined,
};

export type AgentConfig = typeof QUICK;

export interface TestAgent {
  readonly root: string;
  readonly workspace: Workspace;
  readonly watching: Watching;
  readonly lines: readonly string[];
  /** Barrier, then idle, until nothing is pending: what was done before the call is in S3 afterwards. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

export const BUCKET = 'test-bucket';

/** The SDK takes credentials from the environment, as it does for a user. */
export function useCredentials({ credentials }: Pick<StrictS3, 'credentials'>): void {
  process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey;
}

/** A log that keeps its lines. */
export async function keptLog(lines: string[]): Promise<Log> {
  return createLog({
    format: 'human',
    level: 'debug',
    write: (line) => void lines.push(line),
    now: Date.now,
    redact: (text) => text,
  });
}

/** How to reach a server: the strict one, or a proxy before any. */
export type Reach = Pick<StrictS3, 'endpoint' | 'credentials'>;

/** Opens a workspace on a directory and the server's bucket. */
export async function openTestWorkspace(
  server: Reach,
  root: string,
  options: { config?: Partial<AgentConfig>; prefix?: string; lines?: string[]; how?: Partial<WorkspaceOptions> } = {},
): Promise<Workspace> {
  useCredentials(server);
  const config: WorkspaceConfig = {
    ...QUICK,
    ...options.config,
    local: root,
    remote: { bucket: BUCKET, prefix: options.prefix ?? 'p/' },
    endpointUrl: server.endpoint,
  };
  const surroundings = {
    env: process.env,
    log: await keptLog(options.lines ?? []),
    version: '0',
    uid: process.geteuid!(),
    cwd: process.cwd(),
  };
  return openWorkspace(config, surroundings, {
    createLocal: false,
    useState: true,
    retryHorizonMs: 10_000,
    otherRoot: 'distrust',
    ...options.how,
  });
}

/** Starts an agent on `root`, by default a new directory beside which tests may keep things. */
export async function startAgent(
  t: TestContext,
  server: Reach,
  options: { root?: string; config?: Partial<AgentConfig>; prefix?: string; openInotify?: OpenInotify } = {},
): Promise<TestAgent> {
  let { root } = options;
  if (root === undefined) {
    root = join(tempDir(t), 'data');
    mkdirSync(root);
  }
  const lines: string[] = [];
  const config = { ...QUICK, ...options.config };
  const workspace = await openTestWorkspace(server, root, { ...options, lines });
  if (!workspace.ledger.meta().listed) await listRemote(workspace, new AbortController().signal);
  const watching = new Watching(workspace, config, options.openInotify);
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    await watching.stop();
    workspace.close();
  };
  t.after(stop);
  return { root, workspace, watching, lines, stop, settle: () => settle({ watching, lines }) };
}

/** A pipeline that has work and has done none of it for so long is stuck, however loaded the machine. */
const STUCK_MS = 20_000;

async function settle({ watching, lines }: { watching: Watching; lines: readonly string[] }): Promise<void> {
  const { pipeline } = watching.engine;
  const stuck = Promise.withResolvers<never>();
  let before = '';
  const timer = setInterval(() => {
    const now = `${lines.length} ${pipeline.pending().size}`;
    if (now === before) {
      stuck.reject(new Error(`stuck on ${[...pipeline.pending()].slice(0, 50)}\n${lines.slice(-50).join('\n')}`));
    }
    before = now;
  }, STUCK_MS);
  try {
    do {
      await Promise.race([settleOnce(watching), stuck.promise]);
    } while (pipeline.pending().size > 0);
  } finally {
    clearInterval(timer);
  }
}

async function settleOnce(watching: Watching): Promise<void> {
  await watching.barrier();
  await watching.idle();
  await watching.barrier();
}

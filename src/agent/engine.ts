// The one place where the stages of disk -> S3 are wired together.
import { join } from 'node:path';
import type { SettleTimes } from '../dirt/settle.ts';
import type { SnapshotHook } from '../filter/path-filter.ts';
import { HashThreads } from '../hash/hash-threads.ts';
import { ROOT } from '../model/path.ts';
import { loadAddon } from '../native/addon.ts';
import type { DeleteBudget } from '../plan/delete-budget.ts';
import { DEFAULT_DIRECTORY_MODE, type DirectoryDefaults } from '../plan/marker.ts';
import { Clones } from '../transfer/clones.ts';
import { ContentMemory } from '../transfer/content-memory.ts';
import type { TransferContext } from '../transfer/context.ts';
import { CopyOrder } from '../transfer/copy-order.ts';
import { Limiter } from '../transfer/limiter.ts';
import { MetadataWriter } from '../transfer/metadata-writer.ts';
import { NO_SNAPSHOTS, type Snapshots } from '../transfer/snapshots.ts';
import { isCovered, Mounts } from '../tree/mounts.ts';
import type { Change, Watch } from '../watch/changes.ts';
import { Adopter } from './adopter.ts';
import { clock } from './clock.ts';
import { Looker } from './look.ts';
import { affordableConcurrency } from './open-files.ts';
import type { Patience } from './patience.ts';
import { Pipeline } from './pipeline.ts';
import { Problems } from './problems.ts';
import { Scanner } from './scanner.ts';
import { sweepSnapshots } from './snapshot-command.ts';
import { SnapshotHooks } from './snapshot-hooks.ts';
import { UnreadWrites } from './unread-writes.ts';
import type { Workspace } from './workspace.ts';

export interface EngineConfig {
  readonly concurrency: number;
  readonly partSizeBytes: number;
  readonly multipartThresholdBytes: number;
  readonly requestTimeoutMs: number;
  readonly crossMounts: boolean;
  readonly dirTimes: boolean;
  /** `--metadata`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly maxDelete: DeleteBudget;
  readonly snapshotHooks: readonly SnapshotHook[];
  readonly snapshotTimeoutMs: number;
  readonly dryRun?: boolean;
}

export interface EngineOptions {
  readonly times: SettleTimes;
  readonly patience: Patience;
  /** 'none': what is gone locally is kept in S3; 'ours': deleted if it is ours; 'all': foreign keys too. */
  readonly deletes: 'none' | 'ours' | 'all';
  /** How held deletes are let go, for people. */
  readonly release: string;
}

/** The running stages, and what the commands steer them by. */
export interface Engine {
  readonly pipeline: Pipeline;
  readonly problems: Problems;
  /** Scans arm this watch; there is none in a one-shot command. */
  watch: Watch | undefined;
  /** Rejects when nothing can go on: a broken ledger, a defect. Never resolves. */
  readonly fatal: Promise<never>;
}

/** The hint that everything must be looked at: a start, an overflow, an audit. */
export const EVERYTHING: Change = { path: ROOT, scope: 'subtree', speed: 'finished', witnessed: false };

/** What a restore run by this user gives a directory that has no marker. */
export function directoryDefaults({ dirTimes }: { readonly dirTimes: boolean }): DirectoryDefaults {
  return { mode: DEFAULT_DIRECTORY_MODE, uid: process.geteuid!(), gid: process.getegid!(), times: dirTimes };
}

/** Hooks run in a private directory of the state directory. A dry run changes nothing, and who knows what a command does. */
function snapshotsOf(workspace: Workspace, config: EngineConfig): Snapshots {
  const { stateDir, snapshotRules: rules, tree, env } = workspace;
  if (config.snapshotHooks.length === 0 || config.dryRun === true) return NO_SNAPSHOTS;
  const directory = join(stateDir!.path!, 'snapshots');
  sweepSnapshots(directory);
  const { snapshotTimeoutMs: timeoutMs } = config;
  return new SnapshotHooks({ rules, tree, directory, timeoutMs, env, wallNow: clock.wallNow });
}

export function createEngine(workspace: Workspace, config: EngineConfig, options: EngineOptions): Engine {
  const { tree, directories, guard, filter, journal, store, prefix, log, counters, meters } = workspace;
  const { promise: fatal, reject: onFatal } = Promise.withResolvers<never>();
  fatal.catch(() => undefined); // whoever waits for it will see it
  // The ledger can no longer be trusted to say what a crash would leave behind.
  journal.failed.catch(onFatal);
  const problems = new Problems(log);
  const concurrency = affordableConcurrency(config.concurrency, log);
  const defaults = directoryDefaults(config);
  const snapshots = snapshotsOf(workspace, config);
  const context: TransferContext = {
    tree,
    store,
    prefix,
    journal,
    metadata: new MetadataWriter({ store, prefix, others: config.metadata ?? {} }),
    copies: new CopyOrder(),
    clones: new Clones(loadAddon().cloneFile),
    snapshots,
    partSizeBytes: config.partSizeBytes,
    multipartThresholdBytes: config.multipartThresholdBytes,
    hashes: HashThreads.ofProcess(),
    memory: new ContentMemory(CONTENT_MEMORY_BYTES),
    partConcurrency: Math.min(PART_CONCURRENCY, concurrency),
    requestTimeoutMs: config.requestTimeoutMs,
    wallNow: clock.wallNow,
    steadyNow: clock.steadyNow,
  };
  const mounts = new Mounts(tree.root, { cross: config.crossMounts });
  const unreadWrites = new UnreadWrites();
  const scanner = new Scanner({
    tree,
    directories,
    filter,
    journal,
    adopter: new Adopter({ tree, journal, hashFiles: loadAddon().hashFiles, wallNow: clock.wallNow }),
    watch: () => engine.watch,
    budget: config.maxDelete,
    snapshots,
    hidden: () => mounts.hidden(),
    directoryDefaults: defaults,
    deletes: options.deletes,
  });
  const pipeline = new Pipeline({
    ...clock,
    context,
    looker: new Looker({
      tree,
      ledger: journal.ledger,
      filter,
      directoryDefaults: defaults,
      deleteForeign: options.deletes === 'all',
      unreadWrites,
      snapshots,
    }),
    unreadWrites,
    limiter: new Limiter({ ceiling: concurrency, random: clock.random }),
    problems,
    counters,
    meters,
    log,
    times: options.times,
    patience: options.patience,
    release: options.release,
    keepDeleted: options.deletes === 'none',
    rootBroken: () => guard.check(),
    isRootBroken: () => guard.isBroken,
    covered: () => {
      const hidden = mounts.hidden();
      return (path) => isCovered(path, hidden);
    },
    scan: (mark, sink, signal) => scanner.scan(mark, { sink, signal }),
    onFatal,
  });
  const engine: Engine = { pipeline, problems, watch: undefined, fatal };
  return engine;
}

/** Parts of one large file in flight at once. */
const PART_CONCURRENCY = 4;
/** For the parts of all large files. */
const CONTENT_MEMORY_BYTES = 64 * 1024 ** 2;

// What every command works with: both sides, the ledger, the filter, the limits. Opened once, closed once.
import type { LegacyFilters } from '../config/legacy.ts';
import { showS3Url } from '../config/location.ts';
import { createFilter } from '../filter/filter.ts';
import { createOrder } from '../filter/order.ts';
import type { FilterRule, PathFilter, PathOrder, SnapshotHook, SnapshotRules } from '../filter/path-filter.ts';
import { createSnapshotRules } from '../filter/snapshot-rules.ts';
import type { LeaseMode } from '../lease/document.ts';
import { fencedStore } from '../lease/fenced-store.ts';
import type { Lease } from '../lease/lease.ts';
import { Journal } from '../ledger/journal.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { openStateDir, type StateDir } from '../ledger/state-dir.ts';
import type { Keeps } from '../model/extras.ts';
import { objectKey, type RelKey } from '../model/key.ts';
import { loadAddon } from '../native/addon.ts';
import type { Log } from '../ops/log.ts';
import { longKeyStore } from '../store/long-keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { Bandwidth } from '../transfer/bandwidth.ts';
import type { Retry } from '../transfer/retry.ts';
import { DirectoryReader } from '../tree/directory-reader.ts';
import { LocalTree } from '../tree/local-tree.ts';
import { RootGuard } from '../tree/root-guard.ts';
import { checkedStore } from './checked-store.ts';
import { clock, commitSchedule } from './clock.ts';
import { type Counters, newCounters } from './counters.ts';
import { pretendLog, pretendStore } from './dry-run.ts';
import { boundHeap } from './heap-bounds.ts';
import { createLease, fencedTimeoutMs, type LeaseConfig, type LeaseSetting, leaseSetting } from './leasing.ts';
import { limitedStore } from './limited-store.ts';
import { Meters } from './meters.ts';
import { openLocal } from './open-local.ts';
import { type OtherRoot, openOwnLedger } from './own-ledger.ts';
import { resolvePlaces } from './places.ts';
import { type BucketConfig, bucketStore, checkBucket, retryFor, START_PATIENCE_MS, serverOf } from './reach-bucket.ts';
import type { Surroundings } from './surroundings.ts';

/** What all commands' configs have in common. */
export interface WorkspaceConfig extends LegacyFilters, LeaseConfig, BucketConfig, Keeps {
  readonly local: string;
  readonly rules: readonly FilterRule[];
  readonly first?: readonly string[] | undefined;
  readonly stateDir: string | undefined;
  readonly requestTimeoutMs: number;
  readonly maxBandwidthBytes: number | undefined;
  readonly readyFile?: string | undefined;
  readonly snapshotHooks?: readonly SnapshotHook[];
}

export interface WorkspaceOptions {
  /** Make LOCAL if it is missing (restore, run). */
  readonly createLocal: boolean;
  /** Open the state directory; without it the ledger is in memory. */
  readonly useState: boolean;
  /** How long listings, parts and downloads are retried; Infinity for agents. */
  readonly retryHorizonMs: number;
  /** What to do if the ledger is of another directory at this path. */
  readonly otherRoot: OtherRoot;
  /** Change neither S3 nor the ledger, only say what would be done. Default: false. */
  readonly dryRun?: boolean;
  /** The bucket is checked before the first request there is, if there is any. Default: false, at once. */
  readonly checksLate?: boolean;
  /** Believe S3 alone about the names of hashed keys, not the ledger. Default: false. */
  readonly namesFromS3?: boolean;
  /** What `--lease=auto` means; a command without it has no lease. */
  readonly autoLease?: LeaseMode;
}

export interface Workspace {
  /** The absolute, resolved path of LOCAL. */
  readonly root: string;
  /** --ready-file, absolute. */
  readonly readyFile: string | undefined;
  readonly tree: LocalTree;
  readonly directories: DirectoryReader;
  readonly guard: RootGuard;
  readonly filter: PathFilter;
  /** The filter of a restore: the original's SYNC_EXCLUDES did not apply to it. */
  readonly restoreFilter: PathFilter;
  /** What a restore brings first. */
  readonly restoreOrder: PathOrder;
  /** Which files are stored as a command makes them. */
  readonly snapshotRules: SnapshotRules;
  /** The environment of this process. */
  readonly env: Surroundings['env'];
  readonly stateDir: StateDir | undefined;
  readonly ledger: Ledger;
  readonly journal: Journal;
  /** With a lease it writes only while the lease permits it. */
  readonly store: ObjectStore;
  /** What content keeps to; undefined: it may go as it can. */
  readonly bandwidth: Bandwidth | undefined;
  /** The same, also where `store` is what it once was. */
  readonly present: ObjectStore;
  /** Not taken yet when the workspace opens: takeLeaseOf. */
  readonly lease: Lease | undefined;
  readonly leaseSetting: LeaseSetting | undefined;
  /** '' or text ending in '/'. */
  readonly prefix: string;
  /** The S3 side for people. */
  readonly url: string;
  /** The endpoint that is set; undefined: AWS's own. */
  readonly server: string | undefined;
  readonly retry: Retry;
  readonly log: Log;
  readonly counters: Counters;
  readonly meters: Meters;
  close(): void;
}

/**
 * Opens everything and checks that the bucket answers.
 * @throws OperatorError, UsageError or StoreError, ready to be shown
 */
export async function openWorkspace(
  config: WorkspaceConfig,
  context: Surroundings,
  options: WorkspaceOptions,
): Promise<Workspace> {
  const places = resolvePlaces(config, context.cwd);
  const { localAsGiven } = places;
  const root = openLocal(localAsGiven, options.createLocal);
  const { log } = context;
  const counters = newCounters();
  const meters = new Meters();
  const url = showS3Url(config.remote);
  const setting = options.dryRun ? undefined : leaseSetting(config, options.autoLease);
  const requestTimeoutMs = fencedTimeoutMs(config.requestTimeoutMs, setting);
  let lease: Lease | undefined;
  const s3 = bucketStore(config, context, {
    requestTimeoutMs,
    retryHorizonMs: options.retryHorizonMs,
    onRequest: () => counters.requests++,
    onAnswer: (operation, failure) => meters.answered(operation, failure),
    beforeWrite: (key) => lease?.check(key),
  });
  const state = options.useState ? openState(config, context, { root, url }) : undefined;
  let opened: Ledger | undefined;
  // Also of what fails to open: whoever tries again in this process finds it locked otherwise.
  const close = (): void => {
    opened?.close();
    state?.release();
    s3.close();
  };
  try {
    if (setting !== undefined) {
      const { prefix } = config.remote;
      const retry = retryFor(options.retryHorizonMs, log);
      const { version } = context;
      lease = createLease(setting, {
        store: s3,
        prefix,
        stateDir: state?.path ?? null,
        version,
        requestTimeoutMs,
        retry,
        log,
      });
    }
    const { prefix } = config.remote;
    const reached = options.dryRun ? pretendStore(s3) : lease === undefined ? s3 : fencedStore(s3, lease);
    const { maxBandwidthBytes: bytesPerSecond } = config;
    const bandwidth = bytesPerSecond === undefined ? undefined : new Bandwidth({ ...clock, bytesPerSecond });
    const paced = bandwidth === undefined ? reached : limitedStore(reached, bandwidth);
    const named = longKeyStore(paced, {
      prefix,
      retry: retryFor(options.retryHorizonMs, log),
      known: () => (options.namesFromS3 ? [] : wholeKeys(ledger, prefix)),
    });
    // Outermost: no lease is asked for in a bucket that is not there.
    const store = checkedStore(named, () => checkBucket(s3, config.remote, log));
    const guard = new RootGuard(localAsGiven, root, {
      onBroken: (reason) =>
        log.error('LOCAL cannot be trusted as the source: nothing is deleted in S3 until a restart', {
          local: root,
          reason,
          remedy:
            'see to it that the right directory is there with all its files (awssyncer restore gets them), then restart',
        }),
      fileSystemId: loadAddon().fileSystemId,
    });
    const { otherRoot, dryRun = false } = options;
    const file = state?.ledgerFile ?? ':memory:';
    const retry = retryFor(START_PATIENCE_MS, log);
    const server = await serverOf(config, context);
    const ledger = await openOwnLedger({ file, dryRun, otherRoot, guard, store, retry, prefix, url, server, log });
    opened = ledger;
    // Whoever has never listed the bucket is about to, and an active lease is taken at once.
    const mayWait = options.checksLate && ledger.meta().listed && setting?.mode !== 'active';
    if (!mayWait) await store.check();
    // Not before: what it loads would make the first request wait.
    boundHeap();
    const snapshotRules = createSnapshotRules(config.snapshotHooks ?? []);
    const rules = {
      rules: config.rules,
      filterRegex: config.filterRegex,
      rootForRegex: localAsGiven,
      readyFile: places.readyPath,
      snapshots: snapshotRules,
    };
    const tree = new LocalTree(Buffer.from(root), config);
    return {
      root,
      readyFile: places.readyFile,
      tree,
      directories: new DirectoryReader(tree, loadAddon().readDirectory),
      guard,
      filter: createFilter({ ...rules, syncExcludes: config.syncExcludes }),
      restoreFilter: createFilter(rules),
      restoreOrder: createOrder(config.first ?? []),
      snapshotRules,
      env: context.env,
      stateDir: state,
      ledger,
      journal: new Journal(ledger, commitSchedule()),
      store,
      present: store,
      bandwidth,
      lease,
      leaseSetting: setting,
      prefix,
      url,
      server,
      retry: retryFor(options.retryHorizonMs, log),
      log: options.dryRun ? pretendLog(log) : log,
      counters,
      meters,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function* wholeKeys(ledger: Ledger, prefix: string): Generator<string> {
  for (const { key } of ledger.outlines('' as RelKey)) yield objectKey(prefix, key);
}

function openState(
  config: WorkspaceConfig,
  context: Surroundings,
  { root, url }: { root: string; url: string },
): StateDir {
  const state = openStateDir({ local: root, url, stateDir: config.stateDir, env: context.env, uid: context.uid });
  for (const reason of state.warnings) context.log.warn('the state directory is doubtful', { reason }, reason);
  return state;
}

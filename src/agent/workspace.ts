// What every command works with: both sides, the ledger, the filter, the limits. Opened once, closed once.
import { mkdirSync, realpathSync, statSync } from 'node:fs';
import type { LegacyFilters } from '../config/legacy.ts';
import { type S3Location, showS3Url } from '../config/location.ts';
import { createFilter } from '../filter/filter.ts';
import type { FilterRule, PathFilter } from '../filter/path-filter.ts';
import { Journal } from '../ledger/journal.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { openLedger } from '../ledger/sqlite-ledger.ts';
import { openStateDir, type StateDir } from '../ledger/state-dir.ts';
import { EXIT, OperatorError } from '../model/errors.ts';
import { objectKey } from '../model/key.ts';
import type { Log } from '../ops/log.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { createS3Store } from '../store/s3-store.ts';
import { createRetry, type Retry } from '../transfer/retry.ts';
import { LocalTree } from '../tree/local-tree.ts';
import { RootGuard, sameRoot } from '../tree/root-guard.ts';
import { clock } from './clock.ts';
import { type Counters, newCounters } from './counters.ts';
import { resolvePlaces } from './places.ts';

/** What a workspace takes from the process. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Of this program. */
  readonly version: string;
  /** The effective user. */
  readonly uid: number;
  /** The working directory. */
  readonly cwd: string;
}

/** What all commands' configs have in common. */
export interface WorkspaceConfig extends LegacyFilters {
  readonly local: string;
  readonly remote: S3Location;
  readonly rules: readonly FilterRule[];
  readonly stateDir: string | undefined;
  readonly endpointUrl: string | undefined;
  readonly region: string | undefined;
  readonly forcePathStyle: boolean | undefined;
  readonly requestTimeoutMs: number;
  readonly readyFile?: string | undefined;
}

export interface WorkspaceOptions {
  /** Make LOCAL if it is missing (restore, run). */
  readonly createLocal: boolean;
  /** Open the state directory; without it the ledger is in memory. */
  readonly useState: boolean;
  /** How long listings, parts and downloads are retried; Infinity for agents. */
  readonly retryHorizonMs: number;
}

export interface Workspace {
  /** The absolute, resolved path of LOCAL. */
  readonly root: string;
  /** --ready-file, absolute. */
  readonly readyFile: string | undefined;
  readonly tree: LocalTree;
  readonly guard: RootGuard;
  readonly filter: PathFilter;
  /** The filter of a restore: the original's SYNC_EXCLUDES did not apply to it. */
  readonly restoreFilter: PathFilter;
  readonly stateDir: StateDir | undefined;
  readonly ledger: Ledger;
  readonly journal: Journal;
  readonly store: ObjectStore;
  /** '' or text ending in '/'. */
  readonly prefix: string;
  /** The S3 side for people. */
  readonly url: string;
  readonly retry: Retry;
  readonly log: Log;
  readonly counters: Counters;
  close(): void;
}

/** How long a start waits for an endpoint that does not answer. */
const START_PATIENCE_MS = 3_000;

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
  const url = showS3Url(config.remote);
  const store = createS3Store({
    ...definedOnly({ region: config.region, endpointUrl: config.endpointUrl, forcePathStyle: config.forcePathStyle }),
    bucket: config.remote.bucket,
    checkPrefix: config.remote.prefix,
    requestTimeoutMs: config.requestTimeoutMs,
    version: context.version,
    retry: retryFor(options.retryHorizonMs, log),
    onRequest: () => counters.requests++,
  });
  const state = options.useState ? openState(config, context, { root, url }) : undefined;
  try {
    await retryFor(START_PATIENCE_MS, log)(() => store.check());
    const opened = openLedger({ file: state?.ledgerFile ?? ':memory:' });
    if (opened.setAside !== undefined)
      log.warn('the ledger was corrupt, a new one is built', { setAside: opened.setAside });
    const guard = new RootGuard(localAsGiven, root, {
      onBroken: (reason) =>
        log.error('LOCAL cannot be trusted as the source: nothing is deleted in S3 until a restart', {
          local: root,
          reason,
        }),
    });
    await sweepUploads(opened.ledger, { store, prefix: config.remote.prefix, log });
    bindToRoot(opened.ledger, guard, log);
    const rules = {
      rules: config.rules,
      filterRegex: config.filterRegex,
      rootForRegex: localAsGiven,
      readyFile: places.readyPath,
    };
    return {
      root,
      readyFile: places.readyFile,
      tree: new LocalTree(Buffer.from(root)),
      guard,
      filter: createFilter({ ...rules, syncExcludes: config.syncExcludes }),
      restoreFilter: createFilter(rules),
      stateDir: state,
      ledger: opened.ledger,
      journal: new Journal(opened.ledger, setImmediate),
      store,
      prefix: config.remote.prefix,
      url,
      retry: retryFor(options.retryHorizonMs, log),
      log,
      counters,
      close: () => {
        opened.ledger.close();
        state?.release();
        store.close();
      },
    };
  } catch (error) {
    state?.release();
    store.close();
    throw error;
  }
}

/** LOCAL, resolved. */
function openLocal(given: string, create: boolean): string {
  try {
    if (create) mkdirSync(given, { recursive: true });
    const root = realpathSync(given);
    if (statSync(root).isDirectory()) return root;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTDIR') throw notADirectory(given);
    const rule = code === 'ENOENT' ? 'there is no such directory' : `it cannot be read (${code})`;
    const hint =
      code === 'ENOENT' ? 'Check the path; if a volume should be mounted there, it is not.' : 'Check its permissions.';
    throw new OperatorError(`Cannot use LOCAL ${given}: ${rule}`, { exitCode: EXIT.fatal, hint, cause: error });
  }
  throw notADirectory(given);
}

function notADirectory(given: string): OperatorError {
  return new OperatorError(`Cannot use LOCAL ${given}: it is not a directory`, {
    exitCode: EXIT.fatal,
    hint: 'LOCAL is the directory to synchronise; single files cannot be.',
  });
}

function openState(
  config: WorkspaceConfig,
  context: Surroundings,
  { root, url }: { root: string; url: string },
): StateDir {
  const state = openStateDir({ local: root, url, stateDir: config.stateDir, env: context.env, uid: context.uid });
  for (const warning of state.warnings) context.log.warn(warning);
  return state;
}

/** Aborts multipart uploads that a crash left open: our own, known from the ledger, and nobody else's. */
async function sweepUploads(
  ledger: Ledger,
  { store, prefix, log }: { store: ObjectStore; prefix: string; log: Log },
): Promise<void> {
  for (const row of ledger.openUploads()) {
    const key = objectKey(prefix, row.key);
    if (typeof key !== 'string' || row.uploadId === null) continue;
    try {
      await store.abortMultipart(key, row.uploadId);
      ledger.write([{ ...row, uploadId: null }]);
    } catch (error) {
      log.warn('cannot abort an unfinished upload of an earlier run', { path: row.key, reason: String(error) });
    }
  }
}

/**
 * A ledger tells of one root. Another root (a new volume, an empty directory in its place) makes it worthless as
 * evidence: it is emptied, and everything is compared anew, as without a ledger.
 */
function bindToRoot(ledger: Ledger, guard: RootGuard, log: Log): void {
  const bound = ledger.meta().root;
  if (bound !== null && !sameRoot(guard.identity, bound)) {
    log.warn(
      'LOCAL is another directory than the one the ledger describes: everything is compared anew, nothing is deleted',
    );
    ledger.clear();
  }
  ledger.setMeta({ root: guard.identity });
}

function retryFor(horizonMs: number, log: Log): Retry {
  return createRetry({
    ...clock,
    horizonMs,
    onRetry: (error, inMs) => log.debug('trying again', { reason: error.message, inMs }),
  });
}

function definedOnly<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

// What is looked at on this machine. Nothing is written.
import { accessSync, constants, readFileSync, statfsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { release } from 'node:os';
import { openLocal } from '../agent/open-local.ts';
import { resolvePlaces } from '../agent/places.ts';
import type { Surroundings } from '../agent/surroundings.ts';
import type { LegacyFilters } from '../config/legacy.ts';
import { type S3Location, showS3Url } from '../config/location.ts';
import { createFilter } from '../filter/filter.ts';
import type { FilterRule, PathFilter } from '../filter/path-filter.ts';
import { examineStateDir } from '../ledger/state-dir.ts';
import { remoteFileSystem } from '../model/file-system.ts';
import { displayPath, type RelPath, ROOT } from '../model/path.ts';
import { loadAddon } from '../native/addon.ts';
import { DirectoryReader } from '../tree/directory-reader.ts';
import { LocalTree } from '../tree/local-tree.ts';
import { Mounts, mountOf, mountsBeneath } from '../tree/mounts.ts';
import { walk } from '../tree/walk.ts';
import { InotifyError } from '../watch/inotify.ts';
import { tellsOfOpening } from '../watch/probe.ts';
import { inotifyLimit, watchLimitRemedy } from '../watch/watch-limit.ts';
import * as judge from './judge-machine.ts';
import type { Report } from './report.ts';
import { type Answer, fail, ok, warn } from './verdict.ts';

export interface MachineConfig extends LegacyFilters {
  readonly local: string;
  readonly remote: S3Location;
  readonly rules: readonly FilterRule[];
  readonly crossMounts: boolean;
  readonly stateDir: string | undefined;
}

/** How long directories are counted. */
const COUNT_MS = 8_000;
/** How many paths that cannot be read are remembered by name. */
const NAMED = 4;

/** Looks at everything, one thing after the other. */
export async function examineMachine(config: MachineConfig, context: Surroundings, report: Report): Promise<void> {
  const { env, uid, cwd } = context;
  await report.check('system', async () => {
    loadAddon();
    return ok(`Linux ${release()}, Node ${process.versions.node}`);
  });
  let root: string | undefined;
  await report.check('LOCAL', async () => {
    const { localAsGiven } = resolvePlaces(config, cwd);
    // In another thread, so that this one still ends in time where a network file system does not answer.
    await stat(localAsGiven).catch(() => undefined);
    root = openLocal(localAsGiven, false);
    return judgeLocal(root);
  });
  if (root === undefined) report.cannotAsk(['file system', 'mounts', 'tree', 'watches', 'events'], 'LOCAL');
  else await examineTree(root, { config, cwd, report });
  await report.check('event queue', async () => {
    const instances = inotifyLimit('instances');
    return judge.judgeQueue({ queuedEvents: inotifyLimit('queuedEvents'), instances });
  });
  await report.check('state', async () => {
    const { remote, stateDir } = config;
    const { local } = resolvePlaces(config, cwd);
    return judge.judgeState(examineStateDir({ local, url: showS3Url(remote), stateDir, env, uid }));
  });
}

function judgeLocal(root: string): Answer {
  try {
    accessSync(root, constants.W_OK);
    return ok(`${root} can be read and written`);
  } catch {
    return warn(
      `${root} can be read, not written`,
      'make it writable for run and restore; watch and sync only read it',
    );
  }
}

interface Examined {
  readonly config: MachineConfig;
  readonly cwd: string;
  readonly report: Report;
}

async function examineTree(root: string, { config, cwd, report }: Examined): Promise<void> {
  const bytes = Buffer.from(root).toString('latin1');
  const mountinfo = (): string => readFileSync('/proc/self/mountinfo', 'latin1');
  await report.check('file system', async () => {
    const { point = '/', type = 'unknown' } = mountOf(bytes, mountinfo()) ?? {};
    const remote = remoteFileSystem(statfsSync(root, { bigint: true }).type);
    return judge.judgeFileSystem({ type, point: displayPath(point as RelPath), isOwn: point === bytes, remote });
  });
  const filter = filterOf(config, cwd);
  await report.check('mounts', async () => {
    const beneath = [...mountsBeneath(bytes, mountinfo())].filter((point) => filter.includes(point, true));
    return judge.judgeMounts(beneath.map(displayPath), config);
  });
  let tree: judge.TreeFacts | undefined;
  await report.check('tree', async (signal) => {
    tree = await lookThrough(root, { ...config, filter, signal });
    return judge.judgeTree(tree);
  });
  const directories = tree?.directories ?? 1;
  const watches = inotifyLimit('watches');
  if (tree === undefined) report.cannotAsk(['watches'], 'tree');
  else {
    const counted = tree;
    await report.check('watches', async () =>
      judge.judgeWatches(counted, { watches, remedy: watchLimitRemedy(directories) }),
    );
  }
  await report.check('events', () => judgeEvents(root, watchLimitRemedy(Math.max(directories, watches ?? 0))));
}

function filterOf(config: MachineConfig, cwd: string): PathFilter {
  const { rules, filterRegex, syncExcludes } = config;
  const { localAsGiven: rootForRegex } = resolvePlaces(config, cwd);
  return createFilter({ rules, filterRegex, rootForRegex, syncExcludes });
}

/** @param remedy what to do if all watches are taken */
async function judgeEvents(root: string, remedy: string): Promise<Answer> {
  try {
    if (await tellsOfOpening(root)) return ok('inotify tells of what happens in LOCAL');
    const text = 'inotify tells nothing of what happens in LOCAL: changes wait for the next full scan';
    return fail(text, 'keep LOCAL on another file system, or use sync at intervals');
  } catch (error) {
    if (!(error instanceof InotifyError && error.code === 'ENOSPC')) throw error;
    return warn('all inotify watches are taken: LOCAL is scanned every --poll-interval', remedy);
  }
}

interface LookOptions {
  readonly filter: PathFilter;
  readonly crossMounts: boolean;
  readonly signal: AbortSignal;
}

/** Every directory that an agent would watch, as far as there is time. */
async function lookThrough(root: string, { filter, crossMounts, signal }: LookOptions): Promise<judge.TreeFacts> {
  const tree = new LocalTree(Buffer.from(root));
  const directories = new DirectoryReader(tree, loadAddon().readDirectory);
  const hidden = new Mounts(tree.root, { cross: crossMounts }).hidden();
  const unreadable: string[] = [];
  let [count, unreadableCount, isWhole] = [0, 0, true];
  const endMs = performance.now() + COUNT_MS;
  const walked = walk({ tree, directories }, ROOT, {
    filter,
    hidden,
    enter: (dir) => {
      if (filter.watches(dir, true)) count++;
      return true;
    },
    unknown: (path) => {
      // Mounts are told of by themselves.
      if (hidden.has(path)) return;
      unreadableCount++;
      if (unreadable.length < NAMED) unreadable.push(displayPath(path));
    },
    again: () => {},
  });
  for await (const _ of walked) {
    isWhole = performance.now() < endMs && !signal.aborted;
    if (!isWhole) break;
  }
  return { directories: count, isWhole, unreadable, unreadableCount };
}

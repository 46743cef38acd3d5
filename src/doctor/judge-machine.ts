// Pure. What facts about this machine mean for an agent.
import { showBytes } from '../ops/units.ts';
import { type Answer, fail, ok, warn } from './verdict.ts';

/** Where LOCAL lies. */
export interface FileSystemFacts {
  /** As the mount table has it, such as ext4 or fuse.sshfs. */
  readonly type: string;
  /** Where it is mounted. */
  readonly point: string;
  /** Whether that is LOCAL itself. */
  readonly isOwn: boolean;
  /** The name of the network file system that it is. */
  readonly remote: string | undefined;
}

export function judgeFileSystem({ type, point, isOwn, remote }: FileSystemFacts): Answer {
  const where = isOwn ? `${type}, a mount of its own` : `${type}, mounted at ${point}`;
  if (remote !== undefined) {
    const text = `${where}: what other machines do on ${remote} is seen by the next full scan only, not by inotify`;
    return warn(text, 'use a local disk, or lower --audit-interval');
  }
  if (type === 'overlay') {
    const text = `${where}, the container's own layer: what is not uploaded yet goes with the container`;
    return warn(text, 'mount a volume there');
  }
  return ok(where);
}

/** @param points what is mounted beneath LOCAL and takes part, for people */
export function judgeMounts(points: readonly string[], { crossMounts }: { readonly crossMounts: boolean }): Answer {
  if (points.length === 0) return ok('nothing is mounted beneath LOCAL');
  const named = firstOf(points, points.length);
  if (crossMounts) return ok(`${points.length} beneath LOCAL belong to it: ${named}`);
  return warn(
    `${points.length} beneath LOCAL are left alone and reported: ${named}`,
    'give --cross-mounts, or --exclude them',
  );
}

/** What a walk of LOCAL found. */
export interface TreeFacts {
  /** Those that are to be watched. */
  readonly directories: number;
  /** Whether the walk came to its end in time. */
  readonly isWhole: boolean;
  /** The first of the paths that cannot be read, mounts aside. */
  readonly unreadable: readonly string[];
  /** How many there are. */
  readonly unreadableCount: number;
}

export function judgeTree({ isWhole, unreadable, unreadableCount }: TreeFacts): Answer {
  if (unreadableCount > 0) {
    const text = `${unreadableCount} directories cannot be read: ${firstOf(unreadable, unreadableCount)}`;
    return fail(text, 'change their mode or owner, run as their owner, or --exclude them');
  }
  return ok(isWhole ? 'every directory can be read' : 'every directory that was looked at in time can be read');
}

/** A limit that the kernel grants; null: it does not tell. */
type Limit = number | null;

/** @param remedy what to do about too few watches */
export function judgeWatches(
  { directories, isWhole }: TreeFacts,
  { watches, remedy }: { readonly watches: Limit; readonly remedy: string },
): Answer {
  const needed = `${isWhole ? '' : 'at least '}${directories} ${directories === 1 ? 'directory' : 'directories'} to watch`;
  if (watches === null) return ok(`${needed}; the kernel does not tell its limit`, { directories });
  const text = `${needed}, ${watches} inotify watches are granted`;
  if (directories <= watches) return ok(text, { directories, watches });
  return warn(`${text}: the others are scanned every --poll-interval`, remedy, { directories, watches });
}

/** The kernel's own default. */
const QUEUED_EVENTS = 16_384;

export function judgeQueue({
  queuedEvents,
  instances,
}: {
  readonly queuedEvents: Limit;
  readonly instances: Limit;
}): Answer {
  if (queuedEvents === null) return ok('the kernel does not tell its limits');
  const numbers = { queuedEvents, ...(instances === null ? {} : { instances }) };
  const text = `holds ${queuedEvents} events${instances === null ? '' : `, of ${instances} inotify instances for a user`}`;
  if (queuedEvents >= QUEUED_EVENTS) return ok(text, numbers);
  const remedy = `sysctl fs.inotify.max_queued_events=${QUEUED_EVENTS}`;
  return warn(`${text}: a burst of changes overflows it, which costs a full scan`, remedy, numbers);
}

/** As `examineStateDir` tells. */
export interface StateFacts {
  readonly path: string | null;
  readonly exists: boolean;
  readonly freeBytes: number;
  readonly warnings: readonly string[];
  readonly holder: string | undefined;
}

/** Less is soon used up by a ledger that is written anew, or by what loses a conflict. */
const LITTLE_BYTES = 100 * 1024 ** 2;

export function judgeState({ path, exists, freeBytes, warnings, holder }: StateFacts): Answer {
  if (path === null) {
    const text = 'nothing is remembered (--state-dir none): every start lists S3 and reads all files';
    return warn(text, 'name a directory on a volume with --state-dir');
  }
  const numbers = { freeBytes };
  if (holder !== undefined) {
    const remedy = 'leave it if that is the agent you mean; else stop it, for a second one does not start';
    return warn(`${path} is in use by ${holder}`, remedy, numbers);
  }
  const [warning] = warnings;
  if (warning !== undefined)
    return warn(warning.replace(/\.$/, ''), 'name a directory on a local disk with --state-dir', numbers);
  const free = `${showBytes(freeBytes)} free`;
  if (freeBytes < LITTLE_BYTES)
    return warn(`${path} has only ${free}`, 'make room, or name another place with --state-dir', numbers);
  return ok(`${path} can be ${exists ? 'used' : 'made'}, ${free}`, numbers);
}

/** How many are named. */
const NAMED = 3;

function firstOf(names: readonly string[], count: number): string {
  return `${names.slice(0, NAMED).join(', ')}${count > NAMED ? ' and more' : ''}`;
}

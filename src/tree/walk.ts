// A walk of the tree in the byte order of keys, which is the order of the ledger and of S3's listings.
import type { PathFilter } from '../filter/path-filter.ts';
import type { Stat } from '../model/entry.ts';
import { fileKey, markerKey, type RelKey } from '../model/key.ts';
import { joinPath, type RelPath, ROOT } from '../model/path.ts';
import { codeOf, isAbsence } from './error-code.ts';
import type { DirectoryName, LocalTree } from './local-tree.ts';
import { coverOf, type Hidden } from './mounts.ts';

/** One included path. A directory comes under its marker's key, before what it holds. */
export interface WalkEntry {
  readonly key: RelKey;
  readonly path: RelPath;
  readonly stat: Stat;
  /** A directory without any included name; false for everything else. */
  readonly isEmpty: boolean;
}

export interface WalkOptions {
  readonly filter: PathFilter;
  /** Directories that are reported unknown and not entered. */
  readonly hidden: Hidden;
  /** Called before a directory is read (watch first, then read). False: it is gone or another one. */
  readonly enter?: (dir: RelPath) => boolean;
  /** Called after a directory was read, with the names of its child directories that take part. */
  readonly listed?: (dir: RelPath, childDirectories: ReadonlySet<string>) => void;
  /** Nothing is known of this path and what is beneath it: unreadable, covered by a mount. */
  readonly unknown: (path: RelPath, reason: string) => void;
  /** This path changed while it was looked at: it is left out and must be looked at again. */
  readonly again: (path: RelPath) => void;
}

/** Whether this name of a directory takes part: included itself, or a directory that may hold something included. */
export function takesPart(dir: RelPath, entry: DirectoryName, filter: PathFilter): boolean {
  const path = joinPath(dir, entry.name);
  return filter.includes(path, entry.isDirectory) || (entry.isDirectory && filter.descends(path));
}

/** Whether this name becomes an object, so that a restore makes its directory too: such a directory is not empty. */
export function becomesObject(dir: RelPath, entry: DirectoryName, filter: PathFilter): boolean {
  return !entry.isSpecial && filter.includes(joinPath(dir, entry.name), entry.isDirectory);
}

/**
 * Everything included beneath directory `start`, and `start` itself unless it is the root. Synchronous: the caller
 * decides when to yield to the event loop.
 */
export function* walk(tree: LocalTree, start: RelPath, options: WalkOptions): Generator<WalkEntry> {
  const stat = statOrUnknown(() => tree.lstat(start), start, options);
  if (stat?.kind === 'directory') yield* walkDirectory(tree, start, stat, options);
  else if (stat !== undefined && options.filter.includes(start, false)) {
    yield { key: fileKey(start), path: start, stat, isEmpty: false };
  }
}

function* walkDirectory(tree: LocalTree, dir: RelPath, stat: Stat, options: WalkOptions): Generator<WalkEntry> {
  const { filter } = options;
  const cover = coverOf(dir, options.hidden);
  if (cover !== undefined) return options.unknown(dir, options.hidden.get(cover)!);
  if (options.enter?.(dir) === false) return options.again(dir);
  const names = namesOrUnknown(tree, dir, options);
  if (names === undefined) return;
  const included = names.filter((entry) => takesPart(dir, entry, filter)).sort(byKey);
  options.listed?.(dir, new Set(included.filter((d) => d.isDirectory).map((d) => d.name)));
  if (dir !== ROOT && filter.includes(dir, true)) {
    yield { key: markerKey(dir), path: dir, stat, isEmpty: !names.some((entry) => becomesObject(dir, entry, filter)) };
  }
  for (const entry of included) {
    const path = joinPath(dir, entry.name);
    const child = statOrUnknown(() => tree.lstatBelow(path), path, options);
    if (child === undefined) continue;
    // Another kind than readdir said: its key would be out of order here.
    if ((child.kind === 'directory') !== entry.isDirectory) options.again(path);
    else if (child.kind === 'directory') yield* walkDirectory(tree, path, child, options);
    else yield { key: fileKey(path), path, stat: child, isEmpty: false };
  }
}

/** Siblings in the order of their keys: a directory `a` sorts as `a/`, so after `a-` and before `a0`. */
function byKey(a: DirectoryName, b: DirectoryName): number {
  const left = a.isDirectory ? `${a.name}/` : a.name;
  const right = b.isDirectory ? `${b.name}/` : b.name;
  return left < right ? -1 : left > right ? 1 : 0;
}

function statOrUnknown(lstat: () => Stat | undefined, path: RelPath, options: WalkOptions): Stat | undefined {
  try {
    return lstat();
  } catch (error) {
    options.unknown(path, `it cannot be read (${codeOf(error)})`);
    return undefined;
  }
}

function namesOrUnknown(tree: LocalTree, dir: RelPath, options: WalkOptions): DirectoryName[] | undefined {
  try {
    return tree.readdir(dir);
  } catch (error) {
    if (!isAbsence(error)) options.unknown(dir, `it cannot be read (${codeOf(error)})`);
    return undefined;
  }
}

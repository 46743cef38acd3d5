// A walk of the tree in the byte order of keys, which is the order of the ledger and of S3's listings.
import type { PathFilter } from '../filter/path-filter.ts';
import type { Stat } from '../model/entry.ts';
import { fileKey, markerKey, type RelKey } from '../model/key.ts';
import { joinPath, type RelPath, ROOT } from '../model/path.ts';
import type { Child, DirectoryReader, ReadDirectory } from './directory-reader.ts';
import { codeOf } from './error-code.ts';
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
export function takesPart(dir: RelPath, entry: Omit<DirectoryName, 'isSpecial'>, filter: PathFilter): boolean {
  const path = joinPath(dir, entry.name);
  return filter.includes(path, entry.isDirectory) || (entry.isDirectory && filter.descends(path));
}

/** Whether this name becomes an object, so that a restore makes its directory too: such a directory is not empty. */
export function becomesObject(dir: RelPath, entry: DirectoryName, filter: PathFilter): boolean {
  return !entry.isSpecial && filter.includes(joinPath(dir, entry.name), entry.isDirectory);
}

/** How many entries are given at a time, or a few less. */
const BATCH = 256;

/**
 * How many directories are read ahead, together with how many names: handing them to other threads one at a time, and
 * waiting for each, takes longer than reading them. Where directories are large, it is one.
 */
const DIRECTORIES_AHEAD = 16;
const NAMES_AHEAD = 1024;

/** EISDIR: a name that was none has become a directory. The others: what was a directory is none any more. */
const CHANGED_KIND: ReadonlySet<string> = new Set(['EISDIR', 'ENOTDIR', 'ELOOP']);

/**
 * Everything included beneath directory `start`, and `start` itself unless it is the root, in batches. While the caller
 * looks at one, the next directories are read: an entry was seen after the walk began, and before it is given.
 */
export async function* walk(
  { tree, directories }: { readonly tree: LocalTree; readonly directories: Pick<DirectoryReader, 'read'> },
  start: RelPath,
  options: WalkOptions,
): AsyncGenerator<readonly WalkEntry[]> {
  const walker = new Walker(directories, options);
  const stat = statOrUnknown(tree, start, options);
  if (stat?.kind === 'directory') yield* walker.directory(start);
  else if (stat !== undefined && options.filter.includes(start, false)) walker.add(fileKey(start), start, stat);
  yield walker.rest();
}

function statOrUnknown(tree: LocalTree, path: RelPath, { unknown }: WalkOptions): Stat | undefined {
  try {
    return tree.lstat(path);
  } catch (error) {
    unknown(path, `it cannot be read (${codeOf(error)})`);
    return undefined;
  }
}

class Walker {
  readonly #directories: Pick<DirectoryReader, 'read'>;
  readonly #o: WalkOptions;
  #batch: WalkEntry[] = [];
  /** Directories whose turn has not come. */
  readonly #ahead = new Map<RelPath, Promise<ReadDirectory | undefined>>();
  /** How many names the last directory had, and the next ones probably have. */
  #expected = NAMES_AHEAD;

  constructor(directories: Pick<DirectoryReader, 'read'>, options: WalkOptions) {
    this.#directories = directories;
    this.#o = options;
  }

  add(key: RelKey, path: RelPath, stat: Stat, isEmpty = false): void {
    this.#batch.push({ key, path, stat, isEmpty });
  }

  /** What has not been given yet. */
  rest(): readonly WalkEntry[] {
    const batch = this.#batch;
    this.#batch = [];
    return batch;
  }

  /** @param following the directory that comes next after everything in this one, as far as known */
  async *directory(dir: RelPath, following?: RelPath): AsyncGenerator<readonly WalkEntry[]> {
    const { filter, listed } = this.#o;
    const read = await this.#read(dir);
    if (read === undefined) return;
    listed?.(dir, new Set(read.directories().filter((name) => takesPart(dir, { name, isDirectory: true }, filter))));
    let children = await this.#firstOf(dir, read);
    if (dir !== ROOT && filter.includes(dir, true)) {
      const isEmpty = !children.some((child) => becomesObject(dir, nameOf(child), filter));
      this.add(markerKey(dir), dir, read.stat, isEmpty);
    }
    for (; children.length > 0; children = await this.#nextOf(dir, read)) {
      yield* this.#children(
        dir,
        children.filter((child) => takesPart(dir, nameOf(child), filter)),
        following,
      );
    }
  }

  async *#children(
    dir: RelPath,
    children: readonly Child[],
    following: RelPath | undefined,
  ): AsyncGenerator<readonly WalkEntry[]> {
    const directories = children.filter(isDirectory).map(({ name }) => joinPath(dir, name));
    let entered = 0;
    this.#expected = children.length;
    this.#readAhead(directories, { from: 0, following });
    for (const child of children) {
      const path = joinPath(dir, child.name);
      if (typeof child.stat === 'object') this.add(fileKey(path), path, child.stat);
      else if (typeof child.stat === 'number') this.#failed(path, child.stat);
      else {
        entered++;
        this.#readAhead(directories, { from: entered, following });
        yield* this.directory(path, directories[entered] ?? following);
      }
      if (this.#batch.length >= BATCH) yield this.rest();
    }
  }

  /** The first children: so many that one of them makes the directory need no marker for being empty, or all. */
  async #firstOf(dir: RelPath, read: ReadDirectory): Promise<readonly Child[]> {
    const { filter } = this.#o;
    const first: Child[] = [];
    for (;;) {
      const children = await this.#nextOf(dir, read);
      first.push(...children);
      if (children.length === 0 || children.some((child) => becomesObject(dir, nameOf(child), filter))) return first;
    }
  }

  async #nextOf(dir: RelPath, read: ReadDirectory): Promise<readonly Child[]> {
    const children = await read.next();
    if (typeof children !== 'number') return children;
    this.#failed(dir, children);
    return [];
  }

  /** Begins to read what comes next, several at a time. */
  #readAhead(
    siblings: readonly RelPath[],
    { from, following }: { from: number; following: RelPath | undefined },
  ): void {
    const room = Math.min(DIRECTORIES_AHEAD, Math.max(1, Math.floor(NAMES_AHEAD / (this.#expected + 1))));
    if (this.#ahead.size > room / 2) return;
    for (const dir of [...siblings.slice(from, from + room), following]) {
      if (dir === undefined || this.#ahead.has(dir) || this.#ahead.size >= room) continue;
      const read = this.#begin(dir);
      read.catch(() => undefined); // whoever comes to the directory will see it
      this.#ahead.set(dir, read);
    }
  }

  #read(dir: RelPath): Promise<ReadDirectory | undefined> {
    const ahead = this.#ahead.get(dir);
    this.#ahead.delete(dir);
    return ahead ?? this.#begin(dir);
  }

  async #begin(dir: RelPath): Promise<ReadDirectory | undefined> {
    const { hidden, enter, again, unknown } = this.#o;
    const cover = coverOf(dir, hidden);
    if (cover !== undefined) return void unknown(dir, hidden.get(cover)!);
    if (enter?.(dir) === false) return void again(dir);
    const read = await this.#directories.read(dir);
    if (typeof read !== 'number') return read;
    return void this.#failed(dir, read);
  }

  #failed(path: RelPath, errno: number): void {
    const code = codeOf({ errno });
    if (code === 'ENOENT') return;
    if (CHANGED_KIND.has(code)) this.#o.again(path);
    else this.#o.unknown(path, `it cannot be read (${code})`);
  }
}

function isDirectory({ stat }: Child): boolean {
  return stat === undefined;
}

function nameOf({ name, stat }: Child): DirectoryName {
  return { name, isDirectory: stat === undefined, isSpecial: typeof stat === 'object' && stat.kind === 'other' };
}

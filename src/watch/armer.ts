// Putting watches on directories and taking them off: the tree's effects on the kernel.
//
// inotify_add_watch(2) goes by path, and any name on that path may change meanwhile. So the directory is looked at
// before and after, and what the tree believed gives way to the descriptor the kernel answers with. Whatever is believed
// wrongly for a moment is put right by an event still queued: every appearance of a directory arms it and has it scanned.
import { lstatSync } from 'node:fs';
import type { PathFilter } from '../filter/path-filter.ts';
import { nameOf, parentOf, type RelPath, ROOT } from '../model/path.ts';
import type { ArmResult } from './changes.ts';
import {
  IN_ATTRIB,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_DONT_FOLLOW,
  IN_EXCL_UNLINK,
  IN_MODIFY,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_ONLYDIR,
  type Inotify,
} from './inotify.ts';
import type { WatchNode, WatchTree } from './watch-tree.ts';

const ENTRY_EVENTS = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
const MASK = ENTRY_EVENTS | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;
const ROOT_MASK = MASK | IN_MOVE_SELF | IN_DELETE_SELF;

/** Two renames in a row across one add_watch are rare, a third is a storm whose events will bring us back. */
const ATTEMPTS = 3;

/** What lstat(2) says of a path, as far as watching cares. */
export interface Seen {
  readonly kind: 'directory' | 'file' | 'other';
  readonly ino: bigint;
  readonly dev: bigint;
  readonly links: bigint;
}

export interface ArmerOptions {
  readonly tree: WatchTree;
  readonly inotify: Inotify;
  readonly filter: PathFilter;
  /** Called when events beneath a directory may have been missed by its watch coming late. */
  readonly onMissed: (dir: RelPath) => void;
  /** Called when a directory loses or does not get a watch because of this error; not again while it has none. */
  readonly onRefused: (dir: RelPath, code: string) => void;
}

/** Arms directories and keeps kernel and tree in step. */
export class Armer {
  readonly #rootPath: Buffer;
  readonly #options: ArmerOptions;
  readonly #tree: WatchTree;
  readonly #inotify: Inotify;
  readonly #filter: PathFilter;

  constructor(rootPath: Buffer, options: ArmerOptions) {
    this.#rootPath = rootPath;
    this.#options = options;
    this.#tree = options.tree;
    this.#inotify = options.inotify;
    this.#filter = options.filter;
  }

  /** See Watch.arm. A directory the filter does not want watched is 'unwatched' and not to be polled. */
  arm(dir: RelPath): ArmResult {
    if (!this.#isWanted(dir)) return 'unwatched';
    const parent = this.#armedParent(dir);
    if (typeof parent === 'string') return parent;
    // Beneath an unwatched directory no watch is tried: the polled subtree starts there, and renames above would be missed.
    if (parent !== undefined && parent.wd === undefined) return this.#linkBare(parent, dir);
    try {
      return this.#armByPath(dir, parent);
    } catch (error) {
      const code = codeOf(error);
      const before = this.#tree.at(dir);
      const isNews = before === undefined || before.wd !== undefined || before.ino === 0n;
      this.#linkBare(parent, dir);
      if (isNews) this.#options.onRefused(dir, code);
      return 'unwatched';
    }
  }

  /** One lstat(2); undefined if nothing is there. @throws the system error if that cannot be known. */
  look(path: RelPath): Seen | undefined {
    try {
      const stats = lstatSync(this.#absolute(path), { bigint: true });
      const kind = stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'other';
      return { kind, ino: stats.ino, dev: stats.dev, links: stats.nlink };
    } catch (error) {
      if (isAbsence(codeOf(error))) return undefined;
      throw error;
    }
  }

  /** The same, a path that cannot be looked at counting as absent: for where guessing wrong costs time only. */
  lookIfPossible(path: RelPath): Seen | undefined {
    try {
      return this.look(path);
    } catch {
      return undefined;
    }
  }

  /** Whether a directory is at `path`; a path that cannot be looked at counts as none. */
  isDirectory(path: RelPath): boolean {
    return this.lookIfPossible(path)?.kind === 'directory';
  }

  /** See Watch.retain. A directory that appeared after `names` were read is still there, and keeps its watch. */
  retain(dir: RelPath, names: ReadonlySet<string>): void {
    const node = this.#tree.at(dir);
    if (node === undefined) return;
    for (const child of [...node.children.values()]) {
      const path = this.#tree.pathOf(child);
      if (names.has(child.name) || path === undefined) continue;
      const seen = this.lookIfPossible(path);
      if (seen?.kind === 'directory' && seen.ino === child.ino && this.#isWanted(path)) continue;
      this.drop(child);
    }
  }

  /** Takes the watches off a subtree and forgets it. */
  drop(node: WatchNode | undefined): void {
    if (node !== undefined) this.removeWatches(this.#tree.drop(node));
  }

  /** Removes the watches that the tree gave up. */
  removeWatches(wds: readonly number[]): void {
    for (const wd of wds) this.#inotify.rmWatch(wd);
  }

  /** The parent's node, undefined for the root; a result where the parent decides. */
  #armedParent(dir: RelPath): WatchNode | undefined | ArmResult {
    if (dir === ROOT) return undefined;
    const above = parentOf(dir);
    const known = this.#tree.at(above);
    if (known !== undefined) return known;
    const result = this.arm(above);
    if (result === 'armed') this.#options.onMissed(above);
    return this.#tree.at(above) ?? (result === 'armed' ? 'vanished' : result);
  }

  #armByPath(dir: RelPath, parent: WatchNode | undefined): ArmResult {
    const path = this.#absolute(dir);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = this.look(dir);
      if (before?.kind !== 'directory') return 'vanished';
      const wd = this.#addWatch(path, dir === ROOT ? ROOT_MASK : MASK);
      if (wd === undefined) continue;
      const after = this.look(dir);
      if (after?.ino === before.ino && after.dev === before.dev) return this.#link(parent, dir, { wd, ino: after.ino });
      if (this.#tree.holder(wd) === undefined) {
        this.#tree.release(wd);
        this.#inotify.rmWatch(wd);
      }
    }
    return 'vanished';
  }

  /** The descriptor; undefined if no directory is there any more. */
  #addWatch(path: Buffer, mask: number): number | undefined {
    try {
      return this.#inotify.addWatch(path, mask);
    } catch (error) {
      if (isAbsence(codeOf(error))) return undefined;
      throw error;
    }
  }

  #link(parent: WatchNode | undefined, dir: RelPath, found: { wd: number; ino: bigint }): ArmResult {
    const holder = this.#tree.holder(found.wd);
    if (holder !== undefined && holder !== this.#tree.at(dir) && this.#leadsThroughLink(dir)) return 'vanished';
    const given = this.#tree.link(parent, nameOf(dir), found);
    if (given !== 'cycle') {
      this.removeWatches(given);
      return 'armed';
    }
    // The tree holds this very directory above `dir`: renames happened whose events we have yet to see, or never shall.
    const stale = holder && this.#tree.pathOf(holder);
    if (stale !== undefined && stale !== ROOT) {
      this.drop(holder);
      this.#options.onMissed(stale);
    }
    return 'vanished';
  }

  /** Whether a directory above has become a symbolic link: what is found then is elsewhere and keeps its node. */
  #leadsThroughLink(dir: RelPath): boolean {
    for (let above = parentOf(dir); above !== ROOT; above = parentOf(above)) {
      if (!this.isDirectory(above)) return true;
    }
    return false;
  }

  #linkBare(parent: WatchNode | undefined, dir: RelPath): ArmResult {
    const ino = this.lookIfPossible(dir)?.ino ?? 0n;
    const given = this.#tree.link(parent, nameOf(dir), { wd: undefined, ino });
    if (given !== 'cycle') this.removeWatches(given);
    return 'unwatched';
  }

  #isWanted(dir: RelPath): boolean {
    return dir === ROOT || (this.#filter.watches(dir, true) && this.#filter.descends(dir));
  }

  #absolute(path: RelPath): Buffer {
    if (path === ROOT) return this.#rootPath;
    return Buffer.concat([this.#rootPath, Buffer.from(`/${path}`, 'latin1')]);
  }
}

/** The code of a system error. Anything without one is a mistake of ours and goes on up. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') throw error;
  return code;
}

function isAbsence(code: string): boolean {
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP';
}

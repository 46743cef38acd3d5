// The recursive watch: kernel events in, hints out. A hint says where to look, never what to do.
import type { PathFilter, SnapshotRules } from '../filter/path-filter.ts';
import { EXIT, OperatorError } from '../model/errors.ts';
import { displayPath, joinPath, type RelPath, ROOT } from '../model/path.ts';
import { Armer } from './armer.ts';
import type { ArmResult, ChangeSink, RootBreak, Watch, WatchCounts } from './changes.ts';
import { Hinter } from './hints.ts';
import type { Inotify, InotifyEvent, OpenInotify } from './inotify.ts';
import * as kernel from './inotify.ts';
import { watchLimitWarning } from './watch-limit.ts';
import { type WatchNode, WatchTree } from './watch-tree.ts';

export interface WatchOptions {
  /** The absolute, resolved path of the root. */
  readonly root: Buffer | string;
  readonly filter: PathFilter;
  /** A change of what belongs to a file is one of the file. */
  readonly snapshots?: Pick<SnapshotRules, 'ownerOf'>;
  readonly sink: ChangeSink;
  /** Called once, when the root proves not to be the root any more. All watches are gone then. */
  readonly onRootBreak: (reason: RootBreak) => void;
  /** Called for each overflow, after the root has been hinted. */
  readonly onOverflow?: () => void;
  /**
   * Called for a directory that becomes unwatched at the top of its subtree, not again while it stays so; `code` is
   * ENOSPC at the watch limit, EACCES if it is unreadable, or another one of inotify_add_watch(2).
   */
  readonly onUnwatched?: (dir: RelPath, code: string) => void;
  /** Takes a line for the operator. */
  readonly warn?: (message: string) => void;
  /** Calls back once after a delay. Default: a timer that does not keep the event loop alive. */
  readonly schedule?: (delayMs: number, callback: () => void) => void;
  /** Default: the kernel. */
  readonly openInotify?: OpenInotify;
}

/** The halves of a rename are queued together; a subtree whose second half has not come after this long has left. */
const LIMBO_MS = 500;

const APPEARED = kernel.IN_CREATE | kernel.IN_MOVED_TO;
const GONE = kernel.IN_DELETE | kernel.IN_MOVED_FROM;

/**
 * Watches the root at once and every directory that appears in a watched one; the others are armed by whoever scans
 * them. Whenever a directory appears its subtree is hinted: what it held before it was watched brought no event.
 *
 * @throws OperatorError if the root is no directory, the system grants no inotify instance, or the addon is missing
 */
export function createWatch(options: WatchOptions): Watch {
  return new Watcher(options);
}

class Watcher implements Watch {
  readonly #options: WatchOptions;
  readonly #hinter: Hinter;
  readonly #tree = new WatchTree();
  readonly #inotify: Inotify;
  readonly #armer: Armer;
  readonly #rootIdentity: string;
  #rootIsBroken = false;
  #closed = false;
  #overflows = 0;
  /** What the last warning about the watch limit said is needed. */
  #warnedNeed = 0;
  /** Directories whose emptiness has been hinted in the current batch. */
  #emptinessHinted = new Set<WatchNode>();

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#hinter = new Hinter(options.filter, options.sink, options.snapshots);
    this.#inotify = (options.openInotify ?? kernel.openInotify)((events) => this.#onEvents(events));
    this.#armer = new Armer(Buffer.from(options.root as string), {
      tree: this.#tree,
      inotify: this.#inotify,
      filter: options.filter,
      onMissed: (dir) => this.#hinter.missed(dir),
      onRefused: (dir, code) => this.#onRefused(dir, code),
    });
    try {
      this.#rootIdentity = this.#identifyRoot();
      this.#armer.arm(ROOT);
    } catch (error) {
      this.#inotify.close();
      throw error;
    }
  }

  arm(dir: RelPath): ArmResult {
    if (this.#closed) return 'unwatched';
    if (dir === ROOT) this.#checkRoot();
    return this.#armer.arm(dir);
  }

  retain(dir: RelPath, names: ReadonlySet<string>): void {
    if (!this.#closed) this.#armer.retain(dir, names);
  }

  barrier(): Promise<void> {
    return this.#inotify.barrier();
  }

  unwatched(): readonly RelPath[] {
    return this.#tree.unwatched();
  }

  counts(): WatchCounts {
    return { watches: this.#tree.watches, overflows: this.#overflows, unwatched: this.#tree.bare };
  }

  close(): void {
    this.#closed = true;
    this.#inotify.close();
  }

  #onEvents(events: readonly InotifyEvent[]): void {
    this.#emptinessHinted.clear();
    for (const event of events) {
      if (this.#closed) return;
      if (event.mask & kernel.IN_Q_OVERFLOW) this.#onOverflow();
      else if (event.mask & kernel.IN_IGNORED) this.#onIgnored(event.wd);
      else this.#onDirectoryEvent(event);
    }
  }

  /** In limbo a directory has no path; if it comes back into the tree, all of it is scanned. */
  #onDirectoryEvent(event: InotifyEvent): void {
    const node = this.#tree.nodeOfEvent(event.wd);
    const dir = node && this.#tree.pathOf(node);
    if (node === undefined || dir === undefined) return;
    if (event.name === '') this.#onSelfEvent(dir, event.mask);
    else if (event.mask & kernel.IN_ISDIR) this.#onChildDirectory(node, joinPath(dir, event.name), event);
    else this.#onFile(joinPath(dir, event.name), event.mask);
    if (event.mask & (APPEARED | GONE)) this.#hintEmptiness(node, dir);
  }

  #onSelfEvent(dir: RelPath, mask: number): void {
    if (mask & kernel.IN_ATTRIB) this.#hinter.entry(dir, true, { speed: 'finished' });
    if (dir === ROOT) {
      if (mask & kernel.IN_UNMOUNT) this.#breakRoot('unmounted');
      else if (mask & kernel.IN_MOVE_SELF) this.#breakRoot('moved');
      else if (mask & kernel.IN_DELETE_SELF) this.#breakRoot('deleted');
    } else if (mask & kernel.IN_UNMOUNT) this.#hinter.missed(dir);
  }

  #onFile(path: RelPath, mask: number): void {
    if (mask & kernel.IN_MODIFY) this.#hinter.entry(path, false, { speed: 'writing', written: true });
    else if (mask & kernel.IN_CLOSE_WRITE) this.#hinter.entry(path, false, { speed: 'finished', written: true });
    else if (mask & kernel.IN_CREATE) this.#hinter.entry(path, false, { speed: this.#speedOfNew(path) });
    else if (mask & kernel.IN_MOVED_TO) this.#hinter.entry(path, false, { speed: 'finished', moved: true });
    else this.#hinter.entry(path, false, { speed: 'finished' });
  }

  /** Symbolic links, hard links and special files are complete when they are created; a regular file gets its writes now. */
  #speedOfNew(path: RelPath): 'finished' | 'writing' {
    const seen = this.#armer.lookIfPossible(path);
    return seen?.kind === 'file' && seen.links === 1n ? 'writing' : 'finished';
  }

  #onChildDirectory(parent: WatchNode, path: RelPath, event: InotifyEvent): void {
    if (event.mask & APPEARED) this.#onAppeared(path, (event.mask & kernel.IN_MOVED_TO) !== 0);
    else if (event.mask & GONE) this.#onGone(parent, path, event);
    else this.#hinter.entry(path, true, { speed: 'finished' });
  }

  /** Arming finds out whether this is a subtree from limbo: it has the descriptor. Cookies could only confirm that. */
  #onAppeared(path: RelPath, moved: boolean): void {
    this.#armer.arm(path);
    this.#hinter.appeared(path, { moved });
  }

  #onGone(parent: WatchNode, path: RelPath, { mask, cookie, name }: InotifyEvent): void {
    const node = parent.children.get(name);
    if (node !== undefined && mask & kernel.IN_MOVED_FROM) this.#sendToLimbo(node, cookie);
    else this.#armer.drop(node);
    // The path may be a directory again: an exchange, or a successor whose watch we put on before this event.
    if (this.#armer.isDirectory(path)) this.#onAppeared(path, false);
    else this.#hinter.gone(path);
  }

  #sendToLimbo(node: WatchNode, cookie: number): void {
    this.#armer.removeWatches(this.#tree.toLimbo(node, cookie));
    const schedule = this.#options.schedule ?? ((delayMs, callback) => setTimeout(callback, delayMs).unref());
    schedule(LIMBO_MS, () => {
      if (!this.#closed) this.#armer.removeWatches(this.#tree.dropLimbo(cookie));
    });
  }

  /** A directory needs its marker only while it is empty. Once a batch is enough: nobody looks before it is through. */
  #hintEmptiness(node: WatchNode, dir: RelPath): void {
    if (this.#emptinessHinted.has(node)) return;
    this.#emptinessHinted.add(node);
    this.#hinter.entry(dir, true, { speed: 'finished' });
  }

  /** The watches stay: the scan of the whole tree arms every directory again and so corrects what was missed. */
  #onOverflow(): void {
    this.#overflows++;
    this.#emptinessHinted.clear();
    this.#armer.removeWatches(this.#tree.eventsLost());
    this.#hinter.missed(ROOT);
    this.#options.onOverflow?.();
  }

  /** The kernel took a watch away: the directory was deleted, as its parent's events say too, or unmounted. */
  #onIgnored(wd: number): void {
    const node = this.#tree.ignored(wd);
    const dir = node && this.#tree.pathOf(node);
    if (dir === ROOT) this.#breakRoot('watch-lost');
    else if (dir !== undefined && this.#armer.isDirectory(dir)) {
      this.#armer.arm(dir);
      this.#hinter.missed(dir);
    }
  }

  #onRefused(dir: RelPath, code: string): void {
    this.#options.onUnwatched?.(dir, code);
    const { watches, bare } = this.#tree;
    if (code !== 'ENOSPC') {
      this.#options.warn?.(`Cannot watch ${displayPath(dir)} (${code}): it is polled instead`);
    } else if (watches + bare >= 2 * this.#warnedNeed) {
      this.#warnedNeed = watches + bare;
      this.#options.warn?.(watchLimitWarning(watches, this.#warnedNeed));
    }
  }

  /** @throws OperatorError if there is no such directory. */
  #identifyRoot(): string {
    const seen = this.#armer.look(ROOT);
    if (seen?.kind === 'directory') return `${seen.dev}:${seen.ino}`;
    const message = `Cannot watch ${this.#options.root}: it must be a directory, it is ${seen?.kind ?? 'not there'}`;
    throw new OperatorError(message, { exitCode: EXIT.fatal });
  }

  #checkRoot(): void {
    const seen = this.#armer.lookIfPossible(ROOT);
    if (seen !== undefined && `${seen.dev}:${seen.ino}` !== this.#rootIdentity) this.#breakRoot('moved');
  }

  #breakRoot(reason: RootBreak): void {
    if (this.#rootIsBroken) return;
    this.#rootIsBroken = true;
    this.#hinter.rootBroke();
    this.#armer.drop(this.#tree.root);
    this.#options.onRootBreak(reason);
  }
}

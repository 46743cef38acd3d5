// What watching tells the rest: paths that may have changed, never what to do about them.
import type { RelPath } from '../model/path.ts';

/** One hint. Hints may be lost on overflow, repeated or late; only lstat against the ledger decides. */
export interface Change {
  readonly path: RelPath;
  /** 'self': this path alone; 'subtree': it and everything beneath must be scanned. */
  readonly scope: 'self' | 'subtree';
  /** 'finished': the writer is done (CLOSE_WRITE, MOVED_TO, delete, symlink, mkdir); 'writing': it may go on. */
  readonly speed: 'finished' | 'writing';
  /**
   * An event told of a write: content may differ though every stat field is equal. The kernel sets the times when a
   * write(2) begins, and for a mapping at its first store; MODIFY and CLOSE_WRITE come when the bytes are there.
   */
  readonly written?: boolean;
  /** The path came by a rename: its old name must not be deleted before this one is known to be stored. */
  readonly moved?: boolean;
  /** An event under an unbroken root told of this very path: its absence is not a surprise. Scans and polls say false. */
  readonly witnessed: boolean;
}

/** Receives hints synchronously, in the order of the kernel's events. */
export type ChangeSink = (change: Change) => void;

/** Why the root can no longer be trusted as the root we started with. */
export type RootBreak = 'unmounted' | 'moved' | 'deleted' | 'watch-lost';

export interface WatchCounts {
  readonly watches: number;
  readonly overflows: number;
  /** Directories that could not be watched and are polled instead. */
  readonly unwatched: number;
}

/** 'vanished': no such directory any more, or another one took its place while we looked. */
export type ArmResult = 'armed' | 'unwatched' | 'vanished';

/** The recursive watch. Directories are armed by whoever scans them, always before they are read. */
export interface Watch {
  /** Watches this directory (or re-links the watch it has) and records which inode is watched. */
  arm(dir: RelPath): ArmResult;
  /** After a scan of `dir`: child directories that are not in `names` lose their watches. */
  retain(dir: RelPath, names: ReadonlySet<string>): void;
  /** Resolves when every event the kernel had queued at the time of the call has been passed to the sink. */
  barrier(): Promise<void>;
  /** The topmost directories that are not watched, to be polled by marking them 'subtree'. */
  unwatched(): readonly RelPath[];
  counts(): WatchCounts;
  close(): void;
}

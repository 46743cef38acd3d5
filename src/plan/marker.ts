// Pure. Which directories need an object of their own?
import type { Stat } from '../model/entry.ts';
import type { Xattrs } from '../model/xattrs.ts';

/** What a restore gives a directory that has no marker. */
export interface DirectoryDefaults {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Directories have their times: no default can tell those (`--dir-times`). */
  readonly times: boolean;
}

/** Permission bits of a directory that a restore makes by itself. */
export const DEFAULT_DIRECTORY_MODE = 0o040755;

/** What of a directory its stat does not tell. */
export interface DirectoryContent {
  readonly isEmpty: boolean;
  /** null: they are not kept. */
  readonly xattrs: Xattrs | null;
}

/**
 * A marker exists if the directory is empty, or its mode, owner, time or extended attributes differ from what a restore
 * would give it.
 */
export function needsMarker(stat: Stat, { isEmpty, xattrs }: DirectoryContent, defaults: DirectoryDefaults): boolean {
  return (
    isEmpty ||
    defaults.times ||
    (xattrs?.digest ?? '') !== '' ||
    stat.mode !== defaults.mode ||
    stat.uid !== defaults.uid ||
    stat.gid !== defaults.gid
  );
}

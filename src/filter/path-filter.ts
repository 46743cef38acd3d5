// The contract of the one path filter: watching, scanning, uploading, deleting, restoring and verifying ask it alike.
import type { RelPath } from '../model/path.ts';

/** Rules on relative paths. Excluded is not deleted: what is excluded does not exist for any command. */
export interface PathFilter {
  /** Whether this path is synchronised. Reserved names (the agent's own, the legacy ready marker) never are. */
  includes(path: RelPath, isDirectory: boolean): boolean;
  /** Whether anything beneath this directory could be included: false prunes the walk. */
  descends(dir: RelPath): boolean;
  /**
   * Whether events of this path are wanted (the original's FILTER_REGEX); scans ignore this. The expression sees
   * directories with a final '/', so ask with `isDirectory` before arming one; left out it means false.
   */
  watches(path: RelPath, isDirectory?: boolean): boolean;
}

/** One --include or --exclude. */
export interface FilterRule {
  readonly include: boolean;
  readonly glob: string;
}

/** Turns: what is of an earlier one comes before everything of the later ones. */
export interface PathOrder {
  /** How many there are, the last one included, which is that of all paths nobody asked for. */
  readonly turns: number;
  /** From 0: that of the first glob that matches the file or a directory above it. */
  turnOf(path: RelPath): number;
}

/** One --snapshot-hook. */
export interface SnapshotHook {
  readonly glob: string;
  /** For /bin/sh. */
  readonly command: string;
}

/** Which files are stored as a command makes them. */
export interface SnapshotRules {
  /** The command of this file; undefined if it is stored as it is. The last hook that matches wins. */
  commandFor(path: RelPath): string | undefined;
  /** The file of which this one is a companion (model/companions.ts): it is not stored itself. */
  ownerOf(path: RelPath): RelPath | undefined;
}

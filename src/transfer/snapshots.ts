// The contract of files that are stored as a command makes them (--snapshot-hook): see agent/snapshot-hooks.ts.
import type { Stat } from '../model/entry.ts';
import type { RelPath } from '../model/path.ts';

/** What a file and its logs were before a snapshot of them was made. */
export interface SeenState {
  /** Equal if all that their stats show is equal. */
  readonly signature: string;
  /** See youngMs of model/entry.ts: of the youngest of them. */
  readonly youngMs: number;
}

/** What a command made. */
export interface MadeFile {
  /** Nobody else has it, and it has no name any more; to be closed. */
  readonly fd: number;
  readonly sizeBytes: number;
}

/** The command made no snapshot. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

export interface Snapshots {
  /** Whether this file is stored as a command makes it. */
  isMade(path: RelPath): boolean;
  /** @throws the system error if a log cannot be looked at */
  look(path: RelPath, stat: Stat): SeenState;
  /** Whether S3 got, since the start, what was made of this very state. */
  isStored(path: RelPath, stat: Stat): boolean;
  stored(path: RelPath, seen: SeenState): void;
  /** Whether S3 has been asked, since the start, for files that must not be restored beside the snapshot. */
  isAlone(path: RelPath): boolean;
  alone(path: RelPath): void;
  /** How many commands run. */
  readonly running: number;
  /** Is called whenever that changes. */
  onRunning(listener: () => void): void;
  /**
   * Runs the command.
   * @returns undefined if enough of them run already
   * @throws {SnapshotError} the signal's reason
   */
  make(path: RelPath, signal: AbortSignal): Promise<MadeFile | undefined>;
}

/** No file is stored like that. */
export const NO_SNAPSHOTS: Snapshots = {
  isMade: () => false,
  look: (_path, stat) => ({ signature: `${stat.ctimeNs}`, youngMs: 0 }),
  isStored: () => false,
  stored: () => {},
  isAlone: () => true,
  alone: () => {},
  running: 0,
  onRunning: () => {},
  make: async () => undefined,
};

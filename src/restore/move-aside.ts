// What is on disk gives way to what S3 holds, and is kept.
import { unlinkSync } from 'node:fs';
import type { Stat } from '../model/entry.ts';
import { nameOf, type RelPath } from '../model/path.ts';
import type { ConflictStore } from './conflict-store.ts';
import type { OpenDirectory } from './real-tree.ts';
import { finding, type Restoring } from './work.ts';

export interface Aside {
  readonly conflicts: ConflictStore;
  readonly directory: OpenDirectory;
  readonly path: RelPath;
  readonly local: Stat;
  /** For people. */
  readonly reason: string;
}

/** Kept first, then removed, and reported. */
export function moveAside(
  { tally }: Pick<Restoring, 'tally'>,
  { conflicts, directory, path, local, reason }: Aside,
): void {
  const keptAs = conflicts.keep(directory, { path, local });
  unlinkSync(directory.entry(nameOf(path)));
  tally.conflicts.push({ ...finding(path, reason), winner: 's3', keptAs });
}

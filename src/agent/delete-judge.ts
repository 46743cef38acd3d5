// The second look before a delete: is the evidence still there, and is what replaces the object stored?
import type { KeyKind } from '../model/action.ts';
import type { RelKey } from '../model/key.ts';
import type { RelPath } from '../model/path.ts';
import type { DeleteJob, Verdict } from './delete-queue.ts';
import type { InodeHolds } from './inode-holds.ts';
import type { Looker } from './look.ts';

export interface DeleteJudgeOptions {
  readonly looker: Looker;
  readonly holds: InodeHolds;
  /** A copy reads the key, or is about to. */
  readonly isRead: (key: RelKey) => boolean;
  /** Where something went that was gone before this, has been looked at; monotonic ms. */
  readonly heardUntilMs: () => number;
  /** The path was dirtied after the delete was planned. */
  readonly isMarked: (path: RelPath) => boolean;
  /** Why no delete may happen now; looks at the disk. */
  readonly rootBroken: () => string | undefined;
  /** Reads the mount table and tells which paths lie under another mount. */
  readonly covered: () => (path: RelPath) => boolean;
  readonly wallNow: () => number;
}

/**
 * | what is seen | verdict |
 * |---|---|
 * | the root is broken, a mount covers the path, the path cannot be seen | blind |
 * | the path is dirty again, or the plan no longer asks for this delete | stale |
 * | an older rename has not been looked at, its inode is on its way, it is being copied, its replacement is not stored | early |
 * | otherwise | delete |
 */
export function judgeDeletes(jobs: readonly DeleteJob[], options: DeleteJudgeOptions): Verdict[] {
  if (options.rootBroken() !== undefined) return jobs.map(() => 'blind');
  const covered = options.covered();
  const heardUntilMs = options.heardUntilMs();
  return jobs.map((job) => {
    if (covered(job.path)) return 'blind';
    try {
      return judgeOne(job, heardUntilMs, options);
    } catch (error) {
      if (error instanceof Error && 'syscall' in error) return 'blind';
      throw error;
    }
  });
}

function judgeOne({ path, target, mark }: DeleteJob, heardUntilMs: number, options: DeleteJudgeOptions): Verdict {
  const { looker, holds } = options;
  const storedOrEarly = () => (looker.isReplacementStored(path, target, state) ? 'delete' : 'early');
  const { state, actions } = looker.look(path, { written: false, nowMs: options.wallNow() });
  if (!asksFor(actions, target)) return 'stale';
  // The needless marker of a directory that is there is no half of a rename, and names come and go in it all the time.
  if (target === 'marker' && state.stat?.kind === 'directory') return storedOrEarly();
  if (options.isMarked(path)) return 'stale';
  if (mark.lastAtMs >= heardUntilMs) return 'early';
  const row = target === 'file' ? state.fileRow : state.markerRow;
  if (row !== undefined && options.isRead(row.key)) return 'early';
  if (row !== undefined && holds.isHeldElsewhere(row.ino, path, { heardUntilMs })) return 'early';
  return storedOrEarly();
}

function asksFor(actions: ReturnType<Looker['look']>['actions'], target: KeyKind): boolean {
  return actions.some((action) => action.do === 'delete' && action.target === target);
}

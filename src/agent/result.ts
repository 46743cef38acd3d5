// How a command ended, in one code and in a list.
import { EXIT, type ExitCode, worstExit } from '../model/errors.ts';
import type { RelPath } from '../model/path.ts';
import type { Engine } from './engine.ts';

export interface EndState {
  /** Paths that were still to be stored. */
  readonly pending: ReadonlySet<RelPath>;
  /** Why the root cannot be trusted any more. */
  readonly rootBroken: string | undefined;
  /** Another agent writes now. */
  readonly isLeaseLost: boolean;
}

/** 4: deletes were refused or held, or the lease was lost; 3: something is not in S3 as it is on disk; 0: everything is. */
export function exitCodeOf({ pipeline, problems }: Engine, { pending, rootBroken, isLeaseLost }: EndState): ExitCode {
  const refused = isLeaseLost || rootBroken !== undefined || pipeline.heldDeletes !== undefined;
  const partial = pending.size > 0 || problems.failures().length > 0;
  return worstExit(refused ? EXIT.refused : EXIT.ok, partial ? EXIT.partial : EXIT.ok);
}

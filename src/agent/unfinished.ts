// What a flush did not bring to S3, and why, in the words of its report.
import { displayPath, type RelPath, ROOT } from '../model/path.ts';
import type { PathProblem } from '../ops/control.ts';
import { type HeldDeletes, HOLD_REASONS } from './held-deletes.ts';
import type { Unpublished } from './pipeline.ts';
import type { Problems } from './problems.ts';

export interface AgentFaults {
  readonly problems: Problems;
  readonly held: HeldDeletes | undefined;
  readonly rootBroken: string | undefined;
}

/**
 * | path | listed as |
 * |---|---|
 * | still to be published | pending, with its problem if it has one |
 * | given up for now | its problem; one that has been cured meanwhile is not listed |
 * | its delete is held | held |
 * | LOCAL, if it cannot be trusted | held: nothing is deleted |
 */
export function unfinished({ left, missed }: Unpublished, { problems, held, rootBroken }: AgentFaults): PathProblem[] {
  const byPath = new Map<RelPath, Omit<PathProblem, 'path'>>();
  const known = new Map(problems.failures());
  for (const path of left) byPath.set(path, { kind: 'pending', reason: known.get(path)?.reason ?? 'not stored yet' });
  for (const path of missed) {
    const problem = known.get(path);
    if (problem !== undefined && !byPath.has(path)) byPath.set(path, problem);
  }
  for (const path of held?.paths ?? []) byPath.set(path, { kind: 'held', reason: HOLD_REASONS[held!.reason] });
  if (rootBroken !== undefined) byPath.set(ROOT, { kind: 'held', reason: `nothing is deleted: ${rootBroken}` });
  return [...byPath].map(([path, problem]) => ({ path: displayPath(path), ...problem }));
}

/** Time was up before everything that was written had been heard of. */
export function unheard(): PathProblem {
  return { path: displayPath(ROOT), kind: 'pending', reason: 'time was up before all changes were heard of' };
}

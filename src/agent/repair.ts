// What differs is put right, from disk to S3: the ledger forgets what it believed of it, a sync does the rest.
import { rowFor } from '../ledger/row.ts';
import { EXIT, type ExitCode, worstExit } from '../model/errors.ts';
import type { RelPath } from '../model/path.ts';
import type { Difference } from './compare.ts';
import type { Engine } from './engine.ts';
import { HOLD_REASONS } from './held-deletes.ts';
import { type SyncConfig, syncOnce } from './sync-once.ts';
import { type VerifyOptions, type VerifyResult, verify } from './verify.ts';
import type { Workspace } from './workspace.ts';

/** What became of one difference. */
export interface Repair {
  readonly difference: Difference;
  /** Why it is still there; undefined: it is not. */
  readonly left: string | undefined;
}

export interface RepairResult extends VerifyResult {
  /** The sync's if it could not do everything, else whether all is equal now. */
  readonly exitCode: ExitCode;
  readonly repairs: readonly Repair[];
}

/**
 * Compares both sides, brings S3 to what is on disk as `syncOnce` does, with all its guards, and compares what differed
 * once more.
 * @throws RefusedError as `syncOnce`
 */
export async function repair(
  workspace: Workspace,
  config: SyncConfig,
  options: Omit<VerifyOptions, 'only' | 'onDifference'>,
): Promise<RepairResult> {
  const found: Difference[] = [];
  const result = await verify(workspace, { ...options, onDifference: (difference) => found.push(difference) });
  if (found.length === 0) return { ...result, exitCode: EXIT.ok, repairs: [] };
  workspace.log.info('repairing', { differences: found.length });
  distrust(workspace, found);
  const { exitCode, engine } = await syncOnce(workspace, config, options.signal);
  const left = new Map<RelPath, Difference>();
  const { differences } = await verify(workspace, {
    ...options,
    only: new Set(found.map(({ path }) => path)),
    onDifference: (difference) => left.set(difference.path, difference),
  });
  const reasons = reasonsOf(engine);
  const whyLeft = ({ path, entry, detail }: Difference): string =>
    reasons.get(path) ?? (entry === undefined && !config.delete ? 'only --delete takes it away' : detail);
  return {
    ...result,
    exitCode: worstExit(exitCode, differences > 0 ? EXIT.different : EXIT.ok),
    repairs: found.map((difference) => {
      const still = left.get(difference.path);
      return { difference, left: still && whyLeft(still) };
    }),
  };
}

/**
 * What is on disk and not so in S3 counts as about to be sent, and an ETag as unknown: no listing and no HEAD lets it be
 * believed again. What is in S3 alone keeps its row, which says whose it is.
 */
function distrust({ ledger }: Workspace, differences: readonly Difference[]): void {
  for (const { entry } of differences) {
    if (entry === undefined) continue;
    const { key, stat } = entry;
    const { uploadId = null, proveAfterMs = null } = ledger.get(key) ?? {};
    ledger.stage(key, rowFor(key, stat, { state: 'intent', checksum: null, uploadId, proveAfterMs }));
  }
  ledger.commit();
}

/** Why the sync did not do what it should have, by path. */
function reasonsOf({ problems, pipeline }: Engine): ReadonlyMap<RelPath, string> {
  const reasons = new Map(problems.failures().map(([path, { reason }]) => [path, reason]));
  const held = pipeline.heldDeletes;
  for (const path of held?.paths ?? []) reasons.set(path, HOLD_REASONS[held!.reason]);
  return reasons;
}

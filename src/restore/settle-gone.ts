// What the ledger knows and S3 no longer holds.
import { rmdirSync, unlinkSync } from 'node:fs';
import type { LedgerRow } from '../ledger/ledger.ts';
import { logsOf } from '../model/companions.ts';
import { type Stat, sameContentStat } from '../model/entry.ts';
import { fileKey, isMarker, markerKey, pathOfKey } from '../model/key.ts';
import { nameOf, parentOf, type RelPath, ROOT } from '../model/path.ts';
import { exceedsBudget } from '../plan/delete-budget.ts';
import { planMarkerRestore, planRestore, type RestoreAnswers } from '../plan/restore-plan.ts';
import type { Each } from './each.ts';
import { Inquiry } from './inquiry.ts';
import { isRemovedInPretence, type Restoring, removed } from './work.ts';

/** A local path to be removed, as it was when that was decided. */
export interface Removal {
  readonly row: LedgerRow;
  readonly local: Stat;
}

/** Decides about one row; returns the removal it asks for. @throws whatever hides the truth about this path. */
export async function settleGone(work: Restoring, row: LedgerRow): Promise<Removal | undefined> {
  const path = pathOfKey(row.key);
  const local = work.tree.lstat(path);
  const decision = await decide(work, row, local);
  switch (decision.do) {
    case 'remove':
      return { row, local: local! };
    case 'forget':
      await work.rows.forget(row.key);
      return undefined;
    case 'hand-over':
      if (decision.forget) await work.rows.forget(row.key);
      work.tally.dirty.push(path);
      return undefined;
    default:
      throw new Error(`a key that S3 lost cannot be decided '${decision.do}'`);
  }
}

async function decide(work: Restoring, row: LedgerRow, local: Stat | undefined) {
  const state = { base: row, local, remote: undefined, absenceIsEvidence: work.absenceIsEvidence };
  if (isMarker(row.key)) return planMarkerRestore(state);
  let answers: RestoreAnswers = {};
  for (;;) {
    const decision = planRestore({ ...state, answers });
    if (decision.do === 'remove' && hasUnknownLog(work, pathOfKey(row.key))) return CHANGED_IN_LOG;
    if (decision.do !== 'ask') return decision;
    const inquiry = new Inquiry(work, { key: row.key, remote: undefined, local: local!, base: row });
    answers = { ...answers, ...(await inquiry.answer(decision.question)) };
  }
}

const CHANGED_IN_LOG = { do: 'hand-over', forget: true } as const;

/** Whether a log lies beside it that S3 never had: what was committed to a database may be in that alone. */
function hasUnknownLog({ tree, options: { ledger } }: Restoring, path: RelPath): boolean {
  return logsOf(path).some((log) => {
    const local = ledger.get(fileKey(log)) === undefined ? tree.lstat(log) : undefined;
    return local?.kind === 'file' && local.sizeBytes > 0;
  });
}

/** Removes what S3 lost, unless that is more than the budget allows: then nothing is removed. */
export async function removeLocally(
  work: Restoring,
  { removals, each }: { removals: readonly Removal[]; each: Each },
): Promise<void> {
  const { ledger, deleteBudget } = work.options;
  if (exceedsBudget(removals.length, () => ledger.count().ours, deleteBudget)) {
    for (const { row } of removals) work.tally.heldRemovals.push(pathOfKey(row.key));
    return;
  }
  // Backwards: what is beneath a directory goes before it.
  const ordered = removals.toSorted((a, b) => (a.row.key < b.row.key ? 1 : -1));
  await each(ordered, {
    key: ({ row }) => row.key,
    async settle({ row, local }) {
      const path = pathOfKey(row.key);
      if (isRemovedInPretence(work, path)) return;
      if (!remove(work, { path, local })) {
        work.tally.dirty.push(path);
        return;
      }
      removed(work, path);
      removeEmptied(work, parentOf(path));
      await work.rows.forget(row.key);
    },
  });
}

/** Whether it is gone now; a path that changed since the decision, or a directory that still holds something, stays. */
function remove(work: Restoring, { path, local }: { path: RelPath; local: Stat }): boolean {
  const directory = work.tree.open(parentOf(path));
  if (directory === undefined) return true;
  try {
    const now = directory.lstat(nameOf(path));
    if (now === undefined) return true;
    if (local.kind === 'directory') return removeEmptyDirectory(directory.entry(nameOf(path)));
    if (!sameContentStat(now, local)) return false;
    unlinkSync(directory.entry(nameOf(path)));
    return true;
  } finally {
    directory.close();
  }
}

/** A directory without a marker exists by what is in it: a restore elsewhere would not make it any more. */
function removeEmptied(work: Restoring, dir: RelPath): void {
  for (let path = dir; path !== ROOT; path = parentOf(path)) {
    if (work.options.ledger.get(markerKey(path)) !== undefined) return;
    const parent = work.tree.open(parentOf(path));
    try {
      if (parent !== undefined && !removeEmptyDirectory(parent.entry(nameOf(path)))) return;
    } finally {
      parent?.close();
    }
  }
}

/** Whether it is gone now. @throws the system error if that has another reason than what is in it */
export function removeEmptyDirectory(directory: Buffer): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    // EBUSY: something is mounted there.
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR' || code === 'EBUSY') return false;
    throw error;
  }
}

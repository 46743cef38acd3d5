// S3 -> disk for a workspace: wires the restore stage, shows progress, says what it found.
import type { FilterRule } from '../filter/path-filter.ts';
import { EXIT, type ExitCode, worstExit } from '../model/errors.ts';
import type { Keeps } from '../model/extras.ts';
import { loadAddon } from '../native/addon.ts';
import type { DeleteBudget } from '../plan/delete-budget.ts';
import type { Overwrite } from '../plan/restore-plan.ts';
import type { Pretended, RestoreProgress, RestoreReport } from '../restore/options.ts';
import { restore } from '../restore/restore.ts';
import { clock, randomDigits } from './clock.ts';
import { affordableConcurrency } from './open-files.ts';
import type { Workspace } from './workspace.ts';

export interface RestoreConfig extends Keeps {
  readonly concurrency: number;
  readonly rules: readonly FilterRule[];
  readonly maxDelete: DeleteBudget;
  readonly dirTimes: boolean;
  readonly sparse: boolean;
  readonly overwrite?: Overwrite;
  readonly crossMounts: boolean;
  readonly dryRun?: boolean;
  /** Remove what S3 does not hold. */
  readonly delete?: boolean;
}

export interface RestoreEdges {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: RestoreProgress) => void;
}

/** Restores everything the filter includes. @throws OperatorError, RefusedError; the signal's reason when aborted */
export async function restoreInto(
  workspace: Workspace,
  config: RestoreConfig,
  edges: RestoreEdges,
): Promise<RestoreReport> {
  const { tree, prefix, store, present, ledger, filter, restoreFilter, restoreOrder, directories } = workspace;
  const { stateDir, retry, counters } = workspace;
  const report = await restore({
    root: tree.absolute('' as never),
    prefix,
    store,
    present,
    ledger,
    filter: restoreFilter,
    selection: selectionOf(config),
    stateDir: stateDir?.path ?? null,
    concurrency: affordableConcurrency(config.concurrency, workspace.log),
    retry,
    deleteBudget: config.maxDelete,
    calls: loadAddon(),
    dirTimes: config.dirTimes,
    sparse: config.sparse,
    order: restoreOrder,
    pretend: config.dryRun ? (pretended) => tellPretended(workspace, pretended) : undefined,
    overwrite: config.overwrite,
    // SYNC_EXCLUDES keeps files from S3: they are not too much here.
    extra: config.delete ? { filter, directories, crossMounts: config.crossMounts } : undefined,
    xattrs: config.xattrs,
    hardLinks: config.hardLinks,
    owners: process.geteuid?.() === 0,
    nowMs: clock.wallNow,
    randomName: randomDigits,
    ...edges,
    onDone: ({ what, path, bytes }) => workspace.log.info(what, { path, bytes }),
    onProgress: (progress) => {
      workspace.meters.restored(progress);
      edges.onProgress?.(progress);
    },
  });
  counters.bytes += report.downloadedBytes;
  tell(workspace, report);
  return report;
}

/** Whether LOCAL got all of this selection when it was restored last; what S3 got since is the lease's to know. */
export function wasRestored({ ledger }: Workspace, config: Pick<RestoreConfig, 'rules'>): boolean {
  const { listed, restored } = ledger.meta();
  return listed && restored === selectionOf(config);
}

function selectionOf({ rules }: Pick<RestoreConfig, 'rules'>): string {
  return JSON.stringify(rules.map(({ include, glob }) => [include, glob]));
}

/** 4: removals were held; 3: something is missing or could not be a file; 0: the disk is what S3 holds. */
export function restoreExitCode({ heldRemovals, failures, refused, partial }: RestoreReport): ExitCode {
  return worstExit(
    heldRemovals.length > 0 ? EXIT.refused : EXIT.ok,
    failures.length + refused.length + partial.length > 0 ? EXIT.partial : EXIT.ok,
  );
}

const PRETENDED = {
  restore: 'would restore',
  replace: 'would keep aside and replace',
  'keep-remote': 'would keep aside what S3 has of',
  remove: 'would remove',
  apply: 'would set mode and owner of',
} as const satisfies Readonly<Record<Pretended['what'], string>>;

function tellPretended({ log }: Workspace, { what, path, sizeBytes }: Pretended): void {
  log.info(PRETENDED[what], { path, sizeBytes });
}

function tell({ log }: Workspace, report: RestoreReport): void {
  for (const { path, reason } of report.failures) log.error('cannot restore', { path, reason });
  for (const { path, reason } of report.refused) log.warn('left alone in S3', { path, reason });
  for (const { path, reason } of report.partial) log.warn('restored in part', { path, reason });
  for (const { path, winner, keptAs, reason } of report.conflicts)
    log.warn('one version is kept aside', { path, winner, keptAs, reason });
  for (const { path, reason } of report.kept) log.warn('not overwritten: S3 has another version', { path, reason });
  if (report.heldRemovals.length > 0) {
    log.error('local files that S3 does not hold are kept: they are more than --max-delete', {
      files: report.heldRemovals.length,
    });
  }
  if (report.extraLeft) log.error('nothing is removed that S3 does not hold: the restore went wrong');
  const { downloaded, downloadedBytes, adopted, unchanged, removed, kept, failures } = report;
  log.info('restored', {
    downloaded,
    downloadedBytes,
    adopted,
    unchanged,
    removed,
    ...(kept.length > 0 && { kept: kept.length }),
    failed: failures.length,
  });
}

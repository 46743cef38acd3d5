// `awssyncer restore`: S3 -> disk, once.
import { clock } from '../agent/clock.ts';
import { besideLease } from '../agent/leasing.ts';
import { oneObject } from '../agent/one-object.ts';
import { inPast, type Wanted } from '../agent/past.ts';
import { restoreExitCode, restoreInto } from '../agent/restore-into.ts';
import { openWorkspace } from '../agent/workspace.ts';
import type { CommandConfig } from '../config/config.ts';
import { UsageError } from '../model/errors.ts';
import type { RestoreReport } from '../restore/options.ts';
import type { CommandContext } from './context.ts';
import { interruptOn } from './interrupt.ts';
import { listVersions } from './list-versions.ts';
import { ReadyFile } from './ready-file.ts';
import { showRestore } from './restore-progress.ts';

export async function restore(config: CommandConfig<'restore'>, context: CommandContext): Promise<number> {
  const started = context.now();
  if (config.listVersions !== undefined) return await listVersions(config, config.listVersions, context);
  const wanted = wantedPast(config);
  let workspace = await openWorkspace(config, context, {
    createLocal: !config.dryRun,
    useState: true,
    retryHorizonMs: config.retryHorizonMs,
    otherRoot: 'accept',
    dryRun: config.dryRun,
  });
  const ready = new ReadyFile(config.dryRun ? undefined : workspace.readyFile);
  const interrupt = interruptOn(context);
  const progress = await showRestore(context, config);
  try {
    if (wanted !== undefined) workspace = await inPast(workspace, wanted, interrupt.signal);
    ready.remove();
    const { signal } = interrupt;
    const { names, dryRun } = config;
    const object = await oneObject(workspace, { names, isPast: wanted !== undefined, dryRun, signal });
    workspace = object ?? workspace;
    const restoreAll = () => restoreInto(workspace, config, { signal, onProgress: progress.update });
    // Nobody writes to the past, and whose prefix an object is beneath is not known.
    const hasLease = wanted === undefined && object === undefined;
    const report = await (hasLease ? besideLease(workspace, restoreAll, signal) : restoreAll());
    // The first `run` finds nothing; who asks for a restore expects something, and may have mistyped the prefix.
    if (report.listed === 0) context.log.warn('there is nothing in S3 under this URL', { remote: workspace.url });
    const exitCode = restoreExitCode(report);
    if (report.complete) ready.create();
    if (config.json)
      context.stdout(
        jsonReport(report, {
          ...{ exitCode, dryRun: config.dryRun },
          ...{ requests: workspace.counters.requests, ms: context.now() - started },
        }),
      );
    return exitCode;
  } catch (error) {
    if (interrupt.exitCode !== undefined) return interrupt.exitCode;
    throw error;
  } finally {
    progress.stop();
    interrupt.release();
    workspace.close();
  }
}

/** undefined: the present. */
function wantedPast({ at, checkpoint, exactVersions }: CommandConfig<'restore'>): Wanted | undefined {
  if (checkpoint !== undefined) return { checkpoint };
  if (at === undefined) return undefined;
  const nowMs = clock.wallNow();
  const atMs = 'atMs' in at ? at.atMs : nowMs - at.agoMs;
  if (atMs <= nowMs) return { atMs, isExact: exactVersions };
  throw new UsageError(
    `Cannot use --at: it must not be in the future, current value is ${new Date(atMs).toISOString()}`,
    'Without --at a restore brings what S3 holds now.',
  );
}

function jsonReport(
  report: RestoreReport,
  end: { exitCode: number; dryRun: boolean; requests: number; ms: number },
): string {
  const { listed, downloaded, adopted, unchanged, removed, downloadedBytes, unverified } = report;
  const { conflicts, kept, refused, failures } = report;
  const result = {
    command: 'restore',
    exitCode: end.exitCode,
    dryRun: end.dryRun,
    complete: report.complete,
    listed,
    downloaded,
    adopted,
    unchanged,
    removed,
    unverified,
    kept: kept.length,
    failed: failures.length,
    skipped: refused.length,
    held: report.heldRemovals.length,
    bytes: downloadedBytes,
    requests: end.requests,
    ms: Math.round(end.ms),
    conflicts,
    notOverwritten: kept,
    refused,
    partial: report.partial,
    failures,
  };
  return `${JSON.stringify(result)}\n`;
}

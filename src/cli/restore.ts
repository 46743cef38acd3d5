// `awssyncer restore`: S3 -> disk, once.
import { clock } from '../agent/clock.ts';
import { besideLease } from '../agent/leasing.ts';
import { restoreExitCode, restoreInto } from '../agent/restore-into.ts';
import { openWorkspace, type Workspace } from '../agent/workspace.ts';
import type { CommandConfig } from '../config/config.ts';
import type { Moment } from '../config/kinds.ts';
import { openLedger } from '../ledger/sqlite-ledger.ts';
import { EXIT, OperatorError, RefusedError, UsageError } from '../model/errors.ts';
import { displayPath, ROOT } from '../model/path.ts';
import type { RestoreReport } from '../restore/options.ts';
import { takesPart } from '../tree/walk.ts';
import type { CommandContext } from './context.ts';
import { interruptOn } from './interrupt.ts';
import { showRestore } from './progress.ts';
import { ReadyFile } from './ready-file.ts';

export async function restore(config: CommandConfig<'restore'>, context: CommandContext): Promise<number> {
  const started = context.now();
  const atMs = config.at === undefined ? undefined : momentMs(config.at);
  let workspace = await openWorkspace(config, context, {
    createLocal: true,
    useState: true,
    retryHorizonMs: config.retryHorizonMs,
    otherRoot: 'accept',
  });
  const ready = new ReadyFile(workspace.readyFile);
  const interrupt = interruptOn(context);
  const progress = await showRestore(context, config.logFormat);
  try {
    if (atMs !== undefined) workspace = await inPast(workspace, atMs, interrupt.signal);
    ready.remove();
    if (config.object !== undefined && atMs === undefined) await requireObject(workspace, config.object);
    const { signal } = interrupt;
    const restoreAll = () => restoreInto(workspace, config, { signal, onProgress: progress.update });
    // Nobody writes to the past.
    const report = await (atMs === undefined ? besideLease(workspace, restoreAll, signal) : restoreAll());
    // The first `run` finds nothing; who asks for a restore expects something, and may have mistyped the prefix.
    if (report.listed === 0) context.log.warn('there is nothing in S3 under this URL', { remote: workspace.url });
    const exitCode = restoreExitCode(report);
    if (report.complete) ready.create();
    if (config.json)
      context.stdout(
        jsonReport(report, { exitCode, requests: workspace.counters.requests, ms: context.now() - started }),
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

function momentMs(moment: Moment): number {
  const nowMs = clock.wallNow();
  const atMs = 'atMs' in moment ? moment.atMs : nowMs - moment.agoMs;
  if (atMs <= nowMs) return atMs;
  throw new UsageError(
    `Cannot use --at: it must not be in the future, current value is ${new Date(atMs).toISOString()}`,
    'Without --at a restore brings what S3 holds now.',
  );
}

/**
 * With what the bucket held then, and a ledger that nobody keeps: what S3 held once says nothing of what it holds.
 * @throws OperatorError, RefusedError, StoreError
 */
async function inPast(workspace: Workspace, atMs: number, signal: AbortSignal): Promise<Workspace> {
  const { tree, ledger, store, retry, restoreFilter } = workspace;
  const url = `${workspace.url} as of ${new Date(atMs).toISOString()}`;
  const isEmpty = !tree.hasName(ROOT, (entry) => takesPart(ROOT, entry, restoreFilter));
  const { ours, foreign } = ledger.count();
  // What is missing in a directory that was synchronised counts as deleted: so would what is not restored yet.
  if (!isEmpty || ours + foreign > 0 || ledger.meta().restoring) {
    const rule = isEmpty ? 'was synchronised with it before' : 'is not empty';
    throw new RefusedError(
      `Cannot restore ${url}: ${displayPath(tree.root)} ${rule}`,
      'Restore into a new directory, look at it, and take from it what you want.',
    );
  }
  const past = store.asOf(atMs);
  await retry(() => past.check({ signal }), { signal });
  const { ledger: unkept } = openLedger({ file: ':memory:' });
  const close = (): void => {
    unkept.close();
    workspace.close();
  };
  return { ...workspace, store: past, url, ledger: unkept, stateDir: undefined, close };
}

async function requireObject({ store, prefix, retry, url }: Workspace, object: string): Promise<void> {
  if ((await retry(() => store.head(prefix + object))) !== undefined) return;
  throw new OperatorError(`Cannot restore ${url}${object}: there is no such object`, {
    exitCode: EXIT.fatal,
    hint: 'Check S3_BUCKET and S3_OBJECT.',
  });
}

function jsonReport(report: RestoreReport, end: { exitCode: number; requests: number; ms: number }): string {
  const { listed, downloaded, adopted, unchanged, removed, downloadedBytes, unverified, conflicts, refused, failures } =
    report;
  const result = {
    command: 'restore',
    exitCode: end.exitCode,
    complete: report.complete,
    listed,
    downloaded,
    adopted,
    unchanged,
    removed,
    unverified,
    failed: failures.length,
    skipped: refused.length,
    held: report.heldRemovals.length,
    bytes: downloadedBytes,
    requests: end.requests,
    ms: Math.round(end.ms),
    conflicts,
    refused,
    failures,
  };
  return `${JSON.stringify(result)}\n`;
}

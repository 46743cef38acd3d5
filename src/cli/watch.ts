// `awssyncer watch`: disk -> S3 until told to end.
import { setTimeout as sleep } from 'node:timers/promises';
import { endWatching } from '../agent/ending.ts';
import { lostOf, noteGeneration, releaseLease, takeLeaseOf } from '../agent/leasing.ts';
import { listRemote } from '../agent/list-remote.ts';
import { requireVersions } from '../agent/require-versions.ts';
import { Watching } from '../agent/watching.ts';
import { openWorkspace } from '../agent/workspace.ts';
import type { CommandConfig } from '../config/config.ts';
import type { CommandContext } from './context.ts';
import { type AgentSurroundings, controlled } from './control.ts';
import { interruptOn } from './interrupt.ts';
import { Stopwatch } from './stopwatch.ts';
import { showFirstSync } from './sync-progress.ts';

export async function watch(config: CommandConfig<'watch'>, context: CommandContext): Promise<number> {
  const workspace = await openWorkspace(config, context, {
    createLocal: false,
    useState: true,
    retryHorizonMs: Number.POSITIVE_INFINITY,
    otherRoot: 'distrust',
    autoLease: 'active',
  });
  try {
    if (config.checkpointIntervalMs > 0) await requireVersions(workspace);
    const all = { workspace, config, context };
    return await controlled(all, async (tellStarted) => {
      return (await prepare(all)) ?? (await watchUntilSignal(all, tellStarted));
    });
  } finally {
    await releaseLease(workspace);
    workspace.close();
  }
}

/** Takes the lease and fills a new ledger. @returns the exit code if a signal came meanwhile */
async function prepare({ workspace, context }: AgentSurroundings): Promise<number | undefined> {
  const { ledger, lease } = workspace;
  const interrupt = interruptOn(context);
  const { signal } = interrupt;
  try {
    await takeLeaseOf(workspace, { impatient: false, refuseIfBehind: true, signal });
    // A ledger without a generation cannot tell whether others have written since.
    const isUnknown = lease?.generation !== undefined && ledger.meta().generation === null;
    if (isUnknown || !ledger.meta().listed) {
      await listRemote(workspace, signal);
      noteGeneration(workspace);
    }
    return interrupt.exitCode;
  } catch (error) {
    if (interrupt.exitCode !== undefined) return interrupt.exitCode;
    throw error;
  } finally {
    interrupt.release();
  }
}

/** Watches until SIGTERM or SIGINT, lingers, flushes; a second signal ends at once. */
export async function watchUntilSignal(
  { workspace, config, context }: AgentSurroundings,
  onStarted: (watching: Watching) => void,
): Promise<number> {
  const { promise: told, resolve } = Promise.withResolvers<void>();
  const stopwatch = new Stopwatch(config.shutdownTimeoutMs, context.now);
  const release = context.onSignal(['SIGTERM', 'SIGINT', 'SIGHUP'], (signal) => {
    if (stopwatch.isRunning) context.dieOf(signal);
    stopwatch.start();
    context.log.info('told to end, flushing', { signal });
    resolve();
  });
  const watching = new Watching(workspace, config);
  let endProgress = (): void => {};
  try {
    onStarted(watching);
    context.log.info('watching', { local: workspace.root, remote: workspace.url });
    endProgress = await showFirstSync({ workspace, config, context }, watching);
    await Promise.race([told, watching.engine.fatal, ...lostOf(workspace)]);
    endProgress();
    watching.tellToEnd();
    if (config.lingerMs > 0 && stopwatch.isRunning) await sleep(config.lingerMs);
    return await endWatching(workspace, watching, { shutdownTimeoutMs: stopwatch.leftMs() });
  } finally {
    endProgress();
    await watching.stop();
    release();
  }
}

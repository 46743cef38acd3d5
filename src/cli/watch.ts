// `awssyncer watch`: disk -> S3 until told to end.
import { setTimeout as sleep } from 'node:timers/promises';
import { endWatching } from '../agent/ending.ts';
import { listRemote } from '../agent/list-remote.ts';
import { Watching } from '../agent/watching.ts';
import { openWorkspace } from '../agent/workspace.ts';
import type { CommandConfig } from '../config/config.ts';
import type { CommandContext } from './context.ts';
import { type AgentSurroundings, controlled } from './control.ts';
import { Stopwatch } from './stopwatch.ts';

export async function watch(config: CommandConfig<'watch'>, context: CommandContext): Promise<number> {
  const workspace = await openWorkspace(config, context, {
    createLocal: false,
    useState: true,
    retryHorizonMs: Number.POSITIVE_INFINITY,
    otherRoot: 'distrust',
  });
  try {
    return await controlled({ workspace, config, context }, async (control) => {
      if (!workspace.ledger.meta().listed) await listRemote(workspace, new AbortController().signal);
      return watchUntilSignal({ workspace, config, context }, (watching) => control.started(watching));
    });
  } finally {
    workspace.close();
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
  try {
    onStarted(watching);
    context.log.info('watching', { local: workspace.root, remote: workspace.url });
    await Promise.race([told, watching.engine.fatal]);
    if (config.lingerMs > 0) await sleep(config.lingerMs);
    return await endWatching(workspace, watching, { shutdownTimeoutMs: stopwatch.leftMs() });
  } finally {
    await watching.stop();
    release();
  }
}

// `awssyncer run`: restore, say ready, watch; with COMMAND, run it in between, flush when it has ended, exit with its code.
import { setTimeout as sleep } from 'node:timers/promises';
import { endWatching } from '../agent/ending.ts';
import { noteGeneration, releaseLease, takeLeaseOf } from '../agent/leasing.ts';
import { requireVersions } from '../agent/require-versions.ts';
import { restoreExitCode, restoreInto, wasRestored } from '../agent/restore-into.ts';
import { untrustedSource } from '../agent/source.ts';
import { Watching } from '../agent/watching.ts';
import { openWorkspace } from '../agent/workspace.ts';
import type { CommandConfig } from '../config/config.ts';
import { EXIT } from '../model/errors.ts';
import type { CommandContext } from './context.ts';
import { type AgentSurroundings, controlled } from './control.ts';
import { interruptOn } from './interrupt.ts';
import { type Program, startProgram } from './program.ts';
import { ReadyFile } from './ready-file.ts';
import { showRestore } from './restore-progress.ts';
import { Stopwatch } from './stopwatch.ts';
import { showFirstSync } from './sync-progress.ts';
import { watchUntilSignal } from './watch.ts';

type RunConfig = CommandConfig<'run'>;
type RunSurroundings = AgentSurroundings<RunConfig>;

export async function run(config: RunConfig, context: CommandContext): Promise<number> {
  const workspace = await openWorkspace(config, context, {
    createLocal: true,
    useState: true,
    retryHorizonMs: Number.POSITIVE_INFINITY,
    otherRoot: 'accept',
    autoLease: 'active',
  });
  const ready = new ReadyFile(workspace.readyFile);
  try {
    if (config.checkpointIntervalMs > 0) await requireVersions(workspace);
    ready.remove();
    const all = { workspace, config, context };
    return await controlled(all, async (tellStarted) => {
      const failed = await restoreFirst(all);
      if (failed !== undefined) return failed;
      const onStarted = (watching: Watching): void => {
        ready.create();
        tellStarted(watching);
      };
      return config.program === undefined
        ? watchUntilSignal(all, onStarted)
        : runProgram(config.program, { ...all, onStarted });
    });
  } finally {
    await releaseLease(workspace);
    workspace.close();
  }
}

/**
 * Takes the lease, and restores unless S3 is known to hold what this directory left there.
 *
 * @returns the exit code if the restore is not complete: there is no going on from there.
 */
async function restoreFirst({ workspace, config, context }: RunSurroundings): Promise<number | undefined> {
  const interrupt = interruptOn(context);
  const progress = await showRestore(context, config);
  try {
    const isCurrent = await takeLeaseOf(workspace, {
      impatient: false,
      refuseIfBehind: false,
      signal: interrupt.signal,
    });
    if (isCurrent && wasRestored(workspace, config) && untrustedSource(workspace) === undefined) {
      context.log.info('nothing to restore: nobody else has written since', { remote: workspace.url });
      return interrupt.exitCode;
    }
    const report = await restoreInto(workspace, config, { signal: interrupt.signal, onProgress: progress.update });
    if (report.complete) noteGeneration(workspace);
    // A signal that came too late to stop the restore still means: do not start.
    return interrupt.exitCode ?? (report.complete ? undefined : restoreExitCode(report));
  } catch (error) {
    if (interrupt.exitCode !== undefined) return interrupt.exitCode;
    throw error;
  } finally {
    progress.stop();
    interrupt.release();
  }
}

interface ProgramRun extends RunSurroundings {
  readonly onStarted: (watching: Watching) => void;
}

/** Signals that are the program's to react to; those that end it start our own clock as well. */
const FORWARDED: readonly NodeJS.Signals[] = [
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGCONT',
];
const ENDING: ReadonlySet<string> = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']);

/** Why the program is told to end. */
const ENDS = ['told to end, and so is the program', 'the lease is lost: the program is told to end'] as const;

async function runProgram(
  program: readonly string[],
  { workspace, config, context, onStarted }: ProgramRun,
): Promise<number> {
  const watching = new Watching(workspace, config);
  const stopwatch = new Stopwatch(config.shutdownTimeoutMs, context.now);
  let child: Program | undefined;
  let endProgress = (): void => {};
  const end = (why: (typeof ENDS)[number], signal: NodeJS.Signals): void => {
    stopwatch.start();
    watching.tellToEnd();
    context.log.info(why, { signal });
    void sleep(config.commandGraceMs, undefined, { ref: false }).then(() => child?.signal('SIGKILL'));
    child?.signal(signal);
  };
  const release = context.onSignal(FORWARDED, (signal) => {
    if (!ENDING.has(signal)) return child?.signal(signal);
    if (stopwatch.isRunning) {
      child?.signal('SIGKILL');
      context.dieOf(signal);
    }
    end('told to end, and so is the program', signal);
  });
  void workspace.lease?.lost.then(() => {
    if (!stopwatch.isRunning) end('the lease is lost: the program is told to end', 'SIGTERM');
  });
  try {
    onStarted(watching);
    // What the program writes to the terminal is its own: no bar.
    endProgress = await showFirstSync({ workspace, config, context: { ...context, interactive: false } }, watching);
    child = startProgram(program, context);
    const code = await Promise.race([child.ended, watching.engine.fatal]);
    child = undefined;
    endProgress();
    context.log.info('the program has ended, flushing', { code });
    const flushed = await endWatching(workspace, watching, { shutdownTimeoutMs: stopwatch.leftMs() });
    return flushed === EXIT.ok ? code : flushed;
  } catch (error) {
    if (child !== undefined) {
      context.log.error('cannot go on, the program is told to end');
      await child.end(config.commandGraceMs);
    }
    throw error;
  } finally {
    endProgress();
    await watching.stop();
    release();
  }
}

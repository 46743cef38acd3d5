// The end of an agent: linger, flush within the time that is left, say what did not arrive.
import type { ExitCode } from '../model/errors.ts';
import { displayPath } from '../model/path.ts';
import type { Log } from '../ops/log.ts';
import { lostOf, tellLoss } from './leasing.ts';
import { exitCodeOf } from './result.ts';
import type { Watching } from './watching.ts';
import type { Workspace } from './workspace.ts';

/** How many paths that did not arrive are named one by one. */
const LISTED_PATHS = 100;

export interface EndingOptions {
  readonly shutdownTimeoutMs: number;
}

/** Flushes and stops. @returns 0 only if everything is in S3 */
export async function endWatching(workspace: Workspace, watching: Watching, options: EndingOptions): Promise<ExitCode> {
  const { log, guard, lease } = workspace;
  const timeUp = AbortSignal.timeout(options.shutdownTimeoutMs);
  if (lease?.loss === undefined) await Promise.race([watching.drain(timeUp), ...lostOf(workspace)]);
  const { engine } = watching;
  if (lease?.loss !== undefined) {
    tellLoss(workspace, lease.loss);
    await watching.barrier(); // nothing is sent any more, but what the kernel has queued is unsent as well
  }
  const pending = engine.pipeline.pending();
  const exitCode = exitCodeOf(engine, { pending, rootBroken: guard.check(), isLeaseLost: lease?.loss !== undefined });
  const lost = new Set([...pending, ...engine.problems.failures().map(([path]) => path)]);
  // Before anything is waited for again: whoever waits for us may have less patience than we have.
  if (lost.size > 0) listUnsent(log, [...lost].map(displayPath));
  await watching.stop();
  log.info('ended', { uploaded: workspace.counters.uploaded, deleted: workspace.counters.deleted, unsent: lost.size });
  return exitCode;
}

/** Names what did not arrive, up to a hundred paths. */
export function listUnsent(log: Log, paths: readonly string[]): void {
  log.error('not in S3 as they are on disk', { paths: paths.length });
  for (const path of paths.slice(0, LISTED_PATHS)) log.error('unsent', { path });
}

// The one-shot: mark everything, wait until nothing is left to do.
import { type ExitCode, RefusedError } from '../model/errors.ts';
import { displayPath } from '../model/path.ts';
import { aborted } from './aborted.ts';
import { clock } from './clock.ts';
import { listUnsent } from './ending.ts';
import { createEngine, type Engine, type EngineConfig, EVERYTHING } from './engine.ts';
import { lostOf, noteGeneration, takeLeaseOf, takeLeaseWhenWanted, tellLoss } from './leasing.ts';
import { listRemote, type RemoteCounts } from './list-remote.ts';
import { oneShotPatience } from './patience.ts';
import { exitCodeOf } from './result.ts';
import { untrustedSource } from './source.ts';
import type { Workspace } from './workspace.ts';

export interface SyncConfig extends EngineConfig {
  readonly delete: boolean;
  readonly retryHorizonMs: number;
}

export interface SyncResult {
  readonly exitCode: ExitCode;
  readonly engine: Engine;
  readonly remote: RemoteCounts | undefined;
}

/** No pauses: whatever is on disk counts. */
const AT_ONCE = { coalesceMs: 0, settleMs: 0, maxWaitMs: 30_000 };

/**
 * Brings S3 to what is on disk. With `delete` the remote side is listed anew, so that keys of others go too.
 * @throws RefusedError if the directory cannot be trusted to be the source
 */
export async function syncOnce(workspace: Workspace, config: SyncConfig, signal: AbortSignal): Promise<SyncResult> {
  const remote = await listIfNeeded(workspace, { anyway: config.delete, signal });
  const reason = untrustedSource(workspace);
  if (reason !== undefined) {
    throw new RefusedError(
      `Cannot synchronise ${displayPath(workspace.tree.root)}: ${reason}`,
      'Nothing was changed. Check that the right volume is mounted; restore it with awssyncer restore, or empty the prefix yourself.',
    );
  }
  sayWhatMayBeWaitedFor(workspace, config.requestTimeoutMs);
  const engine = createEngine(workspace, config, {
    times: AT_ONCE,
    patience: oneShotPatience(config.retryHorizonMs),
    deletes: config.delete ? 'all' : 'none',
    release: 'once more with a higher --max-delete',
  });
  engine.pipeline.change(EVERYTHING);
  const { lease, log, guard } = workspace;
  await Promise.race([engine.pipeline.idle(), engine.fatal, aborted(signal), ...lostOf(workspace)]);
  const pending = engine.pipeline.pending();
  await engine.pipeline.stop();
  const loss = lease?.loss;
  if (loss !== undefined) {
    tellLoss(workspace, loss);
    listUnsent(log, [...pending].map(displayPath));
  }
  const exitCode = exitCodeOf(engine, { pending, rootBroken: guard.check(), isLeaseLost: loss !== undefined });
  return { exitCode, engine, remote };
}

/** A ledger that is to be filled, and kept, is filled under the lease; otherwise the first write takes it. */
async function listIfNeeded(
  workspace: Workspace,
  { anyway, signal }: { anyway: boolean; signal: AbortSignal },
): Promise<RemoteCounts | undefined> {
  const { leaseSetting, ledger, stateDir } = workspace;
  const leasing = { impatient: true, refuseIfBehind: true, signal };
  const isUnknown = !ledger.meta().listed;
  const isKept = stateDir !== undefined && stateDir.path !== null;
  if ((isUnknown && isKept) || leaseSetting?.mode === 'active') await takeLeaseOf(workspace, leasing);
  else takeLeaseWhenWanted(workspace, leasing);
  if (!isUnknown && !anyway) return undefined;
  const remote = await listRemote(workspace, signal);
  if (isUnknown && isKept) noteGeneration(workspace);
  return remote;
}

/** Proofs come when a request of an earlier run can no longer execute (S6), which may be long after all else is done. */
function sayWhatMayBeWaitedFor({ ledger, log }: Workspace, requestTimeoutMs: number): void {
  const nowMs = clock.steadyNow();
  const owed = ledger.owedProofs(nowMs);
  if (owed === undefined) return;
  const waitS = Math.ceil(Math.min(owed.untilMs - nowMs, requestTimeoutMs) / 1000);
  log.info('an earlier run was cut off and what it sent may yet arrive: waiting', { paths: owed.keys, waitS });
}

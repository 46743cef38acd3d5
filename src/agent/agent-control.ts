// What a running agent answers to those who ask or steer it.
import { displayPath } from '../model/path.ts';
import type { Activity, LeaseState, Trouble } from '../ops/activity.ts';
import {
  type AgentIdentity,
  type AgentStatus,
  type Approval,
  type ControlledAgent,
  type FlushReport,
  some,
  UnavailableError,
} from '../ops/control.ts';
import type { Measurements, ProcessMeasurements } from '../ops/measurements.ts';
import type { Ring } from '../ops/ring.ts';
import { inotifyLimit } from '../watch/watch-limit.ts';
import { clock } from './clock.ts';
import { EVERYTHING } from './engine.ts';
import { HOLD_REASONS } from './held-deletes.ts';
import { NO_PROBLEMS } from './problems.ts';
import { measureProcess } from './process-measurements.ts';
import type { Timer } from './pump.ts';
import { Sampling, type Totals } from './sampling.ts';
import type { Watching } from './watching.ts';
import type { Workspace } from './workspace.ts';

export interface AgentFacts extends Pick<AgentIdentity, 'pid' | 'version' | 'commit' | 'since'> {
  /** The last warnings and errors of the log. */
  readonly troubles: Ring<Trouble>;
  /** For samples. Default: real time, without keeping the process alive. */
  readonly timer?: Timer;
}

/** An agent from its start; until it watches it can only be asked how it is. */
export class AgentControl implements ControlledAgent {
  readonly #workspace: Workspace;
  readonly #identity: AgentIdentity;
  readonly #troubles: Ring<Trouble>;
  readonly #sampling: Sampling;
  #watching: Watching | undefined;

  constructor(workspace: Workspace, { troubles, timer = clock.backgroundTimer, ...process }: AgentFacts) {
    this.#workspace = workspace;
    this.#identity = { local: workspace.root, remote: workspace.url, ...process };
    this.#troubles = troubles;
    this.#sampling = new Sampling({
      totals: () => this.#totals(),
      waitingMs: () => this.#watching?.engine.pipeline.oldestMs() ?? 0,
      isResting: () => this.#watching?.engine.pipeline.restingSinceMs !== undefined,
      now: clock.now,
      wallNow: clock.wallNow,
      timer,
    });
    workspace.meters.sampling = this.#sampling;
    this.#sampling.wake();
  }

  /** The restore is over. */
  started(watching: Watching): void {
    this.#sampling.cut();
    this.#watching = watching;
    this.#sampling.wake();
  }

  status(): AgentStatus {
    const { guard, counters } = this.#workspace;
    const watching = this.#watching;
    const problems = watching?.engine.problems.all() ?? [];
    const held = watching?.engine.pipeline.heldDeletes;
    const dirty = watching?.engine.pipeline.pending().size ?? 0;
    const oldestMs = watching?.engine.pipeline.oldestMs();
    const requests = watching?.engine.pipeline.requests();
    const rootBroken = guard.check() ?? null;
    return {
      ...this.#identity,
      state: watching === undefined ? 'starting' : watching.isEnding ? 'ending' : 'watching',
      inSync: watching?.isInSync() ?? false,
      dirty,
      awaitingProof: requests?.proofs ?? 0,
      inFlight: requests?.inFlight ?? 0,
      oldestDirtySeconds: oldestMs === undefined ? null : Math.round(oldestMs) / 1000,
      counters: { ...counters },
      problems: some(problems.map(([path, problem]) => ({ path: displayPath(path), ...problem }))),
      heldDeletes: {
        ...some((held?.paths ?? []).map(displayPath)),
        reason: held === undefined ? null : HOLD_REASONS[held.reason],
      },
      rootBroken,
      unwatched: some((watching?.unwatched() ?? []).map(displayPath)),
      overflows: watching?.overflows ?? 0,
      checkpoint: watching?.checkpoint() ?? null,
    };
  }

  activity(): Activity {
    const { meters } = this.#workspace;
    const status = this.status();
    const watching = this.#watching;
    const nowMs = clock.wallNow();
    const ago = (ms: number) => new Date(nowMs - ms).toISOString();
    const { inSync, oldestDirtySeconds } = status;
    const restingSinceMs = watching?.engine.pipeline.restingSinceMs;
    return {
      at: ago(0),
      status,
      inSyncSince: inSync && restingSinceMs !== undefined ? ago(clock.now() - restingSinceMs) : null,
      behindSince: oldestDirtySeconds === null ? null : ago(oldestDirtySeconds * 1000),
      restore: watching === undefined ? meters.restoreState() : null,
      transfers: some(meters.transfers.underWay()),
      concurrencyLimit: watching?.engine.pipeline.requests().limit ?? 0,
      recent: meters.transfers.recent(),
      troubles: this.#troubles.newestFirst(),
      history: this.#sampling.history(),
      watches: { used: watching?.watches ?? 0, limit: inotifyLimit('watches') },
      lease: this.#lease(),
      approveCommand: status.heldDeletes.count === 0 ? null : this.#approveCommand(),
    };
  }

  measurements(): Measurements {
    const { meters, ledger } = this.#workspace;
    const status = this.status();
    const { oldestDirtySeconds } = status;
    const watching = this.#watching;
    const nowMs = clock.wallNow();
    return {
      status,
      requests: meters.requests(),
      eventToObject: meters.eventToObject.counts(),
      concurrencyLimit: watching?.engine.pipeline.requests().limit ?? null,
      uploadedBytes: meters.uploadedBytes,
      retries: meters.retries,
      scans: meters.scans,
      fullScanMs: meters.fullScanMs ?? null,
      problems: watching?.engine.problems.counts() ?? NO_PROBLEMS,
      watches: watching?.watches ?? 0,
      watchLimit: inotifyLimit('watches'),
      ledger: ledger.count(),
      restore: meters.restore ?? null,
      lease: this.#lease(),
      checkpointIntervalMs: watching?.checkpointIntervalMs ?? null,
      syncedUntilMs: watching === undefined ? null : nowMs - (oldestDirtySeconds ?? 0) * 1000,
    };
  }

  process(): ProcessMeasurements {
    return measureProcess(this.#identity);
  }

  sync(): void {
    this.#running().engine.pipeline.change(EVERYTHING);
  }

  flush(signal: AbortSignal): Promise<FlushReport> {
    return this.#running().flush(signal);
  }

  approveDeletes(): Approval {
    const { pipeline } = this.#running().engine;
    const rootBroken = this.#workspace.guard.check();
    if (rootBroken !== undefined) return { refused: `LOCAL cannot be trusted as the source: ${rootBroken}` };
    return { approved: pipeline.approveDeletes() };
  }

  /** Until something is watched it is the restore that does something. */
  #totals(): Totals {
    const { meters, counters } = this.#workspace;
    if (this.#watching === undefined) return { objects: meters.restore?.files ?? 0, bytes: meters.restore?.bytes ?? 0 };
    return { objects: counters.uploaded + counters.copied + counters.deleted, bytes: counters.bytes };
  }

  #lease(): LeaseState | null {
    const { lease } = this.#workspace;
    if (lease === undefined || lease.isOpen) return null;
    return { isHeld: lease.isHeld, generation: lease.generation ?? null };
  }

  /** An agent without a state directory cannot be told. */
  #approveCommand(): string | null {
    const directory = this.#workspace.stateDir?.path;
    return directory ? `awssyncer approve-deletes --state-dir ${quoted(directory)}` : null;
  }

  #running(): Watching {
    if (this.#watching === undefined) throw new UnavailableError('it has only started: nothing is watched yet');
    return this.#watching;
  }
}

/** One word for a shell. */
function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

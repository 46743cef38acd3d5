// What a running agent answers to those who ask or steer it.
import { displayPath } from '../model/path.ts';
import {
  type AgentIdentity,
  type AgentStatus,
  type Approval,
  type ControlledAgent,
  type FlushReport,
  some,
  UnavailableError,
} from '../ops/control.ts';
import type { Measurements } from '../ops/measurements.ts';
import { inotifyLimit } from '../watch/watch-limit.ts';
import { clock } from './clock.ts';
import { EVERYTHING } from './engine.ts';
import { HOLD_REASONS } from './held-deletes.ts';
import type { Watching } from './watching.ts';
import type { Workspace } from './workspace.ts';

/** An agent from its start; until it watches it can only be asked how it is. */
export class AgentControl implements ControlledAgent {
  readonly #workspace: Workspace;
  readonly #identity: AgentIdentity;
  #watching: Watching | undefined;

  constructor(workspace: Workspace, process: Pick<AgentIdentity, 'pid' | 'version' | 'since'>) {
    this.#workspace = workspace;
    this.#identity = { local: workspace.root, remote: workspace.url, ...process };
  }

  /** The restore is over. */
  started(watching: Watching): void {
    this.#watching = watching;
  }

  status(): AgentStatus {
    const { guard, counters } = this.#workspace;
    const watching = this.#watching;
    const problems = watching?.engine.problems.all() ?? [];
    const held = watching?.engine.pipeline.heldDeletes;
    const dirty = watching?.engine.pipeline.pending().size ?? 0;
    const oldestMs = watching?.engine.pipeline.oldestMs();
    const rootBroken = guard.check() ?? null;
    return {
      ...this.#identity,
      state: watching === undefined ? 'starting' : watching.isEnding ? 'ending' : 'watching',
      inSync: watching?.isInSync() ?? false,
      dirty,
      inFlight: watching?.engine.pipeline.inFlight ?? 0,
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

  measurements(): Measurements {
    const { meters, ledger, lease } = this.#workspace;
    const status = this.status();
    const { oldestDirtySeconds } = status;
    const watching = this.#watching;
    const nowMs = clock.wallNow();
    const { user, system } = process.cpuUsage();
    return {
      status,
      requests: meters.requests(),
      eventToObject: meters.eventToObject.counts(),
      concurrencyLimit: watching?.engine.pipeline.concurrencyLimit ?? 0,
      retries: meters.retries,
      scans: meters.scans,
      watches: watching?.watches ?? 0,
      watchLimit: inotifyLimit('watches'),
      ledger: ledger.count(),
      restore: meters.restore ?? null,
      lease: lease === undefined ? null : { isHeld: lease.permits, generation: lease.generation ?? 0 },
      syncedUntilMs: watching === undefined ? null : nowMs - (oldestDirtySeconds ?? 0) * 1000,
      process: {
        cpuSeconds: (user + system) / 1e6,
        residentBytes: process.memoryUsage.rss(),
        startMs: performance.timeOrigin,
      },
    };
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

  #running(): Watching {
    if (this.#watching === undefined) throw new UnavailableError('it has only started: nothing is watched yet');
    return this.#watching;
  }
}

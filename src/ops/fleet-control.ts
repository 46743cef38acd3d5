// Pure. What an agent of several directories can be asked, and its answers.
import type { AgentIdentity, AgentStatus, ControlledAgent, FlushReport } from './control.ts';
import type { ProcessMeasurements } from './measurements.ts';
import type { NotifiedStatus } from './service-manager.ts';

/** Why a directory is not kept at the moment. */
export interface Failure {
  readonly reason: string;
  /** When it failed, ISO 8601. */
  readonly at: string;
}

/** One directory, as it is now. */
export interface FleetDirectory {
  readonly name: string;
  readonly local: string;
  readonly remote: string;
  /** undefined: it is being opened, or waits after a failure. */
  readonly agent: ControlledAgent | undefined;
  /** Its last; null: it works, or has not failed yet. */
  readonly failure: Failure | null;
  /** How often it failed. */
  readonly failures: number;
  /** It was told to end, or has. */
  readonly isEnding: boolean;
}

/** All of them, as a control server sees them. */
export interface ControlledFleet {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly identity: Pick<AgentIdentity, 'pid' | 'version' | 'commit' | 'since'>;
  /** It was told to end. */
  readonly isEnding: boolean;
  process(): ProcessMeasurements;
  /** In the order of the file. */
  directories(): readonly FleetDirectory[];
}

/** How one directory is. */
export interface DirectoryStatus extends Omit<FleetDirectory, 'agent' | 'isEnding'> {
  /** failed: it waits to be tried again. */
  readonly state: AgentStatus['state'] | 'failed';
  /** null: it is being opened, has failed, or has ended. */
  readonly status: AgentStatus | null;
}

/** How an agent of several directories is: its `GET /status`. */
export interface FleetStatus extends Pick<AgentIdentity, 'pid' | 'version' | 'commit' | 'since'> {
  /** The agent's clock now, ISO 8601. */
  readonly at: string;
  /** starting: some directory is, or has failed. */
  readonly state: AgentStatus['state'];
  /** All of them are. */
  readonly inSync: boolean;
  readonly directories: readonly DirectoryStatus[];
}

/** How the flush of all directories ended. */
export interface FleetFlushReport {
  readonly complete: boolean;
  readonly directories: Readonly<Record<string, FlushReport | { readonly error: string }>>;
}

/** How it is, at this moment. */
export function fleetStatus(fleet: ControlledFleet): FleetStatus {
  const directories = fleet.directories().map(({ agent, isEnding, ...directory }): DirectoryStatus => {
    const status = agent?.status() ?? null;
    const without = isEnding ? 'ending' : directory.failure === null ? 'starting' : 'failed';
    return { ...directory, state: status?.state ?? without, status };
  });
  const isBehind = directories.some(({ state }) => state === 'starting' || state === 'failed');
  return {
    at: new Date(fleet.now()).toISOString(),
    ...fleet.identity,
    state: fleet.isEnding ? 'ending' : isBehind ? 'starting' : 'watching',
    inSync: directories.every(({ status }) => status?.inSync === true),
    directories,
  };
}

/** The same as the status of one agent that keeps everything, for the service manager. */
export function notifiedStatus(fleet: ControlledFleet): NotifiedStatus {
  const { state, directories } = fleetStatus(fleet);
  const all = directories.flatMap(({ status }) => status ?? []);
  const sum = (of: (status: AgentStatus) => number) => all.reduce((total, status) => total + of(status), 0);
  const ages = all.map(({ oldestDirtySeconds }) => oldestDirtySeconds ?? 0);
  return {
    state,
    dirty: sum(({ dirty }) => dirty),
    oldestDirtySeconds: Math.max(0, ...ages),
    problems: { count: sum(({ problems }) => problems.count) },
    heldDeletes: { count: sum(({ heldDeletes }) => heldDeletes.count) },
    rootBroken: all.find(({ rootBroken }) => rootBroken !== null)?.rootBroken ?? null,
  };
}

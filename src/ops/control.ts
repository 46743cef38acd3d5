// Pure. What a running agent can be asked, and its answers: the contract between agent, control server and client.
import type { Activity } from './activity.ts';
import type { Measurements, ProcessMeasurements } from './measurements.ts';

/** A path as it is shown, and what is wrong with it. */
export interface PathProblem {
  readonly path: string;
  /** failed, unreadable, special, fuzzy; in a flush also pending and held. */
  readonly kind: string;
  readonly reason: string;
}

/** How many there are, and some of them. */
export interface Some<T> {
  readonly count: number;
  readonly first: readonly T[];
}

/** How many paths an answer names one by one. */
export const NAMED_PATHS = 20;

/** The first of them. */
export function some<T>(all: readonly T[]): Some<T> {
  return { count: all.length, first: all.slice(0, NAMED_PATHS) };
}

/** Who is asked: a part of `GET /status`. */
export interface AgentIdentity {
  /** LOCAL, resolved. */
  readonly local: string;
  /** The S3 side, as a URL. */
  readonly remote: string;
  readonly pid: number;
  /** Of awssyncer. */
  readonly version: string;
  /** Of which it was built; null: that is not known. */
  readonly commit: string | null;
  /** When it started, ISO 8601. */
  readonly since: string;
}

/**
 * How an agent is: `GET /status`, `awssyncer status --json`. Paths are as displayPath shows them, for people. Fields may
 * be added; those that are here keep their meaning.
 */
export interface AgentStatus extends AgentIdentity {
  /** starting: restoring or listing, nothing is watched yet; ending: it was told to end and flushes. */
  readonly state: 'starting' | 'watching' | 'ending';
  /** Nothing is dirty, failed or held: as far as known S3 holds what is on disk. */
  readonly inSync: boolean;
  /** Paths that are dirty or being worked on. */
  readonly dirty: number;
  /** Of them, those that wait until a request that was cut off can no longer execute; then S3 is asked what came of it. */
  readonly awaitingProof: number;
  /** Transfers under way; a batch of deletes is one. */
  readonly inFlight: number;
  /** How long the oldest dirty path has been dirty; null: none is. */
  readonly oldestDirtySeconds: number | null;
  /** Since its start: uploaded, copied, adopted, deleted, unchanged (objects), bytes (content), requests. */
  readonly counters: Readonly<Record<string, number>>;
  /** Paths that could not be stored, read or watched as they should; what is skipped on purpose is among them. */
  readonly problems: Some<PathProblem>;
  /** Deletes that wait for approve-deletes; `reason` is null when there are none. */
  readonly heldDeletes: Some<string> & { readonly reason: string | null };
  /** Why nothing is deleted until a restart. */
  readonly rootBroken: string | null;
  /** Directories that are polled because they cannot be watched. */
  readonly unwatched: Some<string>;
  /** How often the kernel dropped events, and everything was scanned. */
  readonly overflows: number;
  /** null: the agent takes none. */
  readonly checkpoint: CheckpointStatus | null;
}

/** The last checkpoint. */
export interface CheckpointStatus {
  /** null: none was taken yet. */
  readonly id: string | null;
  /** For how long it has not been what is on disk, at most: 0 while nothing has changed since. */
  readonly ageSeconds: number | null;
}

/** How a flush ended. */
export interface FlushReport {
  /** Everything written before the call is in S3. */
  readonly complete: boolean;
  readonly ms: number;
  /** What is not, and why. */
  readonly missing: Some<PathProblem>;
  /** The checkpoint of the moment, of an agent that takes them; null: the tree did not rest. */
  readonly checkpoint?: string | null;
}

/** What came of the wish to let held deletes go. */
export type Approval = { readonly approved: number } | { readonly refused: string };

/** A running agent, as a control server sees it. */
export interface ControlledAgent {
  status(): AgentStatus;
  measurements(): Measurements;
  process(): ProcessMeasurements;
  activity(): Activity;
  /** Has everything looked at, as an audit does. @throws UnavailableError */
  sync(): void;
  /** Ends at the latest when the signal says so. @throws UnavailableError */
  flush(signal: AbortSignal): Promise<FlushReport>;
  /** Releases the deletes held at this moment. @throws UnavailableError */
  approveDeletes(): Approval;
}

/** Who shows an agent to the outside where it does not do so itself, being one of several in the process. */
export interface AgentHost {
  /** It can be asked from now on. */
  opened(agent: ControlledAgent): void;
  /** What it is doing is another thing than before: it is ready, or it ends. */
  changed(): void;
}

/** The agent cannot do it now; the message says why. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}

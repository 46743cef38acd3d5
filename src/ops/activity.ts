// Pure. `GET /activity`: what the status page shows of an agent, and who else wants to know what it is doing right now.
// Times are ISO 8601 by the agent's clock, ages are to be reckoned from `at`; paths are as displayPath shows them, for
// people. It holds names of files, no secrets. Fields may be added; those that are here keep their meaning.
import type { AgentStatus, Some } from './control.ts';

export interface Activity {
  /** The agent's clock now. */
  readonly at: string;
  /** What `/status` answers at this moment. */
  readonly status: AgentStatus;
  /** Since when S3 has held what is on disk, as far as known: its last work ended then. null: it is not in sync. */
  readonly inSyncSince: string | null;
  /** Since when the oldest dirty path has been dirty. null: none is. */
  readonly behindSince: string | null;
  /** How far a restore has come while `status.state` is starting. null: it lists, waits for the lease, or is over. */
  readonly restore: RestoreState | null;
  /** What is being sent or deleted, the longest under way first; a batch of deletes counts as one. */
  readonly transfers: Some<Transfer>;
  /** How many transfers may be under way at once now: S3's answers decide. 0: nothing is watched yet. */
  readonly concurrencyLimit: number;
  /** What was done last, the newest first; at most 50. */
  readonly recent: readonly Deed[];
  /** The last warnings and errors of the log, the newest first; at most 50. */
  readonly troubles: readonly Trouble[];
  /** The last hour, the oldest first. Nothing was done where there is no sample. */
  readonly history: readonly Sample[];
  readonly watches: {
    /** Directories that are watched. */
    readonly used: number;
    /** What the kernel lets all programs of this user watch together. null: not known. */
    readonly limit: number | null;
  };
  /** The right to write; null: this agent has none and needs none. */
  readonly lease: LeaseState | null;
  /** The command that lets the held deletes go, for a shell. null: none are held, or it cannot be told to. */
  readonly approveCommand: string | null;
}

export interface RestoreState {
  /** Dealt with so far. */
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
  readonly totalBytes: number;
  /** At the pace of the last seconds. null: too early to tell, or nothing moves. */
  readonly secondsLeft: number | null;
}

/** Something that is under way. */
export interface Transfer {
  /** prove: S3 is asked whether a request was executed whose answer was lost. */
  readonly action: 'upload' | 'copy' | 'delete' | 'prove';
  /** The first of them. */
  readonly path: string;
  /** How many paths; more than 1 in a batch of deletes only. */
  readonly count: number;
  /** Of the file as it was when its turn came. null: no content is sent. */
  readonly bytes: number | null;
  /** How much of it S3 has taken. null: that is only told of content that goes in parts, once the first has arrived. */
  readonly sentBytes: number | null;
  readonly since: string;
}

/** Something that was done. */
export interface Deed {
  readonly at: string;
  readonly action: 'uploaded' | 'copied' | 'deleted';
  readonly path: string;
  /** Content that was sent. */
  readonly bytes: number;
  /** From the first event of the change to the acknowledgement of S3. */
  readonly ageSeconds: number;
}

/** A warning or an error of the log. */
export interface Trouble {
  readonly at: string;
  readonly level: 'warn' | 'error';
  readonly message: string;
  /** What it is about, as the log names it: path, reason and others; secrets are blotted out. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface LeaseState {
  /** It permits to write now. */
  readonly isHeld: boolean;
  /** The term; null while it is not held. */
  readonly generation: number | null;
}

/** What was done in a stretch of time. */
export interface Sample {
  /** The end of the stretch. */
  readonly at: string;
  /** Its length. */
  readonly seconds: number;
  /** Content sent, or restored. */
  readonly bytes: number;
  /** Objects written or deleted, or files restored. */
  readonly objects: number;
  /** The longest that S3 was behind the disk in it: the age of what was stored, or still waits at its end. */
  readonly lagSeconds: number;
}

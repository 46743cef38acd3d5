// Pure. Everything /metrics tells, at one moment.
import type { LeaseState } from './activity.ts';
import type { AgentStatus } from './control.ts';
import type { HistogramCounts } from './histogram.ts';

/** How often requests of a kind ended in a way. */
export interface RequestCount {
  /** As S3 calls it, such as PutObject. */
  readonly operation: string;
  /** `ok`, or what the failure means (Reaction). */
  readonly result: string;
  /** `ok`, or the code of the error. */
  readonly code: string;
  readonly count: number;
}

/** Of one agent: of one directory, that is. */
export interface Measurements {
  readonly status: AgentStatus;
  readonly requests: readonly RequestCount[];
  /** Seconds from the first event of a change to the acknowledgement of its object. */
  readonly eventToObject: HistogramCounts;
  /** null: nothing is sent yet. */
  readonly concurrencyLimit: number | null;
  /** Content of uploaded objects. */
  readonly uploadedBytes: number;
  readonly retries: number;
  readonly scans: number;
  /** When the last scan of all of LOCAL ended, ms since 1970; null: none has. */
  readonly fullScanMs: number | null;
  /** How many paths have which kind of problem. */
  readonly problems: Readonly<Record<'failed' | 'unreadable' | 'fuzzy' | 'special', number>>;
  readonly watches: number;
  /** fs.inotify.max_user_watches; null: not known. */
  readonly watchLimit: number | null;
  readonly ledger: { readonly ours: number; readonly foreign: number };
  readonly restore: {
    readonly files: number;
    readonly totalFiles: number;
    readonly bytes: number;
    readonly totalBytes: number;
  } | null;
  /** Of the lease; null: there is none, or cannot be. */
  readonly lease: LeaseState | null;
  /** null: no checkpoints are taken. */
  readonly checkpointIntervalMs: number | null;
  /** Everything that was written before this moment is in S3 as far as known, ms since 1970. */
  readonly syncedUntilMs: number | null;
}

/** Of the process, however many directories it keeps. */
export interface ProcessMeasurements {
  /** Of awssyncer. */
  readonly version: string;
  /** It was built from; null: not known. */
  readonly commit: string | null;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly startMs: number;
  readonly openFiles: number;
  readonly maxOpenFiles: number;
}

/** Of one directory of `awssyncer agent`, whether it works or not. */
export interface DirectoryMeasurements {
  readonly name: string;
  /** How often it failed. */
  readonly failures: number;
}

// What the steps of one restore share.
import type { HashThreads } from '../hash/hash-threads.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import type { RelKey } from '../model/key.ts';
import { displayPath, type RelPath } from '../model/path.ts';
import type { ListedObject } from '../store/object-store.ts';
import type { ConflictStore } from './conflict-store.ts';
import type { NewFiles } from './new-files.ts';
import type { Finding, RestoreOptions, RestoreReport } from './options.ts';
import type { ProgressCount } from './progress-count.ts';
import type { RangeMemory } from './range-memory.ts';
import type { RealTree } from './real-tree.ts';
import type { RowBuffer } from './row-buffer.ts';
import type { RestoredXattrs } from './xattrs.ts';

/** One listed object that can be a path here. */
export interface Remote extends ListedObject {
  readonly relKey: RelKey;
  /** It is not under the key that awssyncer gives its path: what is restored from it is to be stored there. */
  readonly isAlias?: boolean;
}

/** A report while it grows. */
export type Tally = {
  -readonly [K in keyof RestoreReport]: RestoreReport[K] extends readonly (infer T)[] ? T[] : RestoreReport[K];
};

/** One restore. */
export interface Restoring {
  readonly options: RestoreOptions;
  readonly tree: RealTree;
  readonly rows: RowBuffer;
  readonly newFiles: NewFiles;
  /** Files that have several names, or are to have them. */
  readonly linked: Linked[];
  /** undefined: they are not kept. */
  readonly xattrs: RestoredXattrs | undefined;
  readonly rangeMemory: RangeMemory;
  readonly hashThreads: HashThreads;
  /** null: there is no place to keep the loser of a conflict. */
  readonly conflicts: ConflictStore | null;
  readonly tally: Tally;
  readonly progress: ProgressCount;
  /** Hashed keys in S3 that stand for paths nobody knows. */
  readonly nameless: Set<string>;
  /** Paths of objects that may be logs of a database (model/companions.ts). */
  readonly storedLogs: Set<RelPath>;
  /** What a dry run would have removed by now, and finds again. */
  readonly removedInPretence: Set<RelPath>;
  /** See RestoreState.absenceIsEvidence. */
  readonly absenceIsEvidence: boolean;
  /** Aborted by the caller, or when something failed that fails for all. */
  readonly signal: AbortSignal;
  /** Whether some object was proven to have an ETag that looks like an MD5 and is none (SSE-KMS, SSE-C). */
  readonly opaqueEtags: { seen: boolean };
}

/** Whether this is a dry run, which says what would be removed instead. */
export function isRemovedInPretence({ options, tally, removedInPretence }: Restoring, path: RelPath): boolean {
  if (options.pretend === undefined) return false;
  removedInPretence.add(path);
  tally.removed++;
  options.pretend({ what: 'remove', path });
  return true;
}

/** What S3 holds of the path is on disk now. */
export function brought({ tally, options }: Restoring, path: RelPath, bytes: number): void {
  tally.downloaded++;
  tally.downloadedBytes += bytes;
  options.onDone?.({ what: 'downloaded', path, bytes });
}

/** The path is gone from disk. */
export function removed({ tally, options }: Restoring, path: RelPath): void {
  tally.removed++;
  options.onDone?.({ what: 'removed', path });
}

/** One name of a file that has several. */
export interface Linked {
  readonly row: LedgerRow;
  /** The ledger has this very row. */
  readonly isKnown: boolean;
}

/** Disk, S3 and the ledger agree about this key. */
export function unchanged({ tally, linked, options }: Restoring, row: LedgerRow): void {
  tally.unchanged++;
  if (options.hardLinks && row.linkGroup !== null) linked.push({ row, isKnown: true });
}

/** A report of nothing. */
export function newTally(): Tally {
  return {
    complete: false,
    listed: 0,
    downloaded: 0,
    downloadedBytes: 0,
    adopted: 0,
    unchanged: 0,
    removed: 0,
    unverified: 0,
    dirty: [],
    conflicts: [],
    kept: [],
    refused: [],
    partial: [],
    failures: [],
    heldRemovals: [],
    extraLeft: false,
  };
}

/** A finding about a byte string. */
export function finding(path: RelPath | RelKey, reason: string): Finding {
  return { path: displayPath(path), reason };
}

// What a restore is given, and what it reports.
import type { PathFilter, PathOrder } from '../filter/path-filter.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Keeps } from '../model/extras.ts';
import type { RelPath } from '../model/path.ts';
import type { Addon } from '../native/addon.ts';
import type { DeleteBudget } from '../plan/delete-budget.ts';
import type { Overwrite } from '../plan/restore-plan.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { DirectoryReader } from '../tree/directory-reader.ts';

/** System calls Node lacks. A negative result is a negated errno. */
export type FileCalls = Pick<Addon, 'setModified' | 'setXattrs' | 'syncFileSystem' | 'placeFiles'>;

export interface RestoreOptions extends Keeps {
  /** LOCAL: absolute and resolved; it exists. */
  readonly root: Buffer;
  /** What every key begins with: '' or text ending in '/'. */
  readonly prefix: string;
  readonly store: ObjectStore;
  /** Where objects are that never change: as they are now, also if `store` is what it once was. */
  readonly present: Pick<ObjectStore, 'getBytes'>;
  /** Its rows describe this very root; rows of another root would be taken for deletions and edits. */
  readonly ledger: Ledger;
  readonly filter: PathFilter;
  /** What the filter selects, as a text that another filter has not. */
  readonly selection: string;
  /** Where losers of conflicts are kept; null: nowhere, and then neither version is touched. */
  readonly stateDir: string | null;
  /** How many objects may be in work at once. */
  readonly concurrency: number;
  /** Runs a request until it succeeds or fails for good. */
  readonly retry: <T>(attempt: () => Promise<T>, options?: { readonly signal?: AbortSignal }) => Promise<T>;
  /** What is in place before other files are begun. */
  readonly order?: PathOrder | undefined;
  /** What wins where disk and S3 differ. */
  readonly overwrite?: Overwrite;
  /** Remove what S3 does not hold; then there must be a `stateDir`. */
  readonly extra?: ExtraOptions | undefined;
  /** How many files may be removed locally because S3 lost them, or does not hold them. */
  readonly deleteBudget: DeleteBudget;
  readonly calls: FileCalls;
  /** Whether owners are restored: only root may. */
  readonly owners: boolean;
  /** Whether directories get their times. */
  readonly dirTimes: boolean;
  /** Whether large files get holes where their content is zeros. */
  readonly sparse: boolean;
  /** Wall clock, ms. */
  readonly nowMs: () => number;
  /** 16 random hexadecimal digits. */
  readonly randomName: () => string;
  readonly signal?: AbortSignal;
  /** A dry run: told what would be done to a path, instead of doing it. */
  readonly pretend?: ((pretended: Pretended) => void) | undefined;
  /** Told of each path that was brought, or removed. */
  readonly onDone?: (done: RestoreDone) => void;
  /** Told after every object. */
  readonly onProgress?: (progress: RestoreProgress) => void;
}

/** How local files are found that S3 does not hold. */
export interface ExtraOptions {
  readonly directories: Pick<DirectoryReader, 'read'>;
  /** What may be removed: never more than the restore's own filter includes. */
  readonly filter: PathFilter;
  /** What is mounted beneath LOCAL belongs to it. */
  readonly crossMounts: boolean;
}

export interface RestoreDone {
  readonly what: 'downloaded' | 'removed';
  readonly path: RelPath;
  /** Content that was fetched for it. */
  readonly bytes?: number;
}

export interface Pretended {
  readonly path: RelPath;
  /**
   * - `restore`: S3's version takes the path.
   * - `replace`: the same, and the local one is kept.
   * - `keep-remote`: S3's version is kept, the path stays as it is.
   * - `remove`: it goes.
   * - `apply`: the directory gets what its marker says.
   */
  readonly what: 'restore' | 'replace' | 'keep-remote' | 'remove' | 'apply';
  readonly sizeBytes?: number;
}

export interface RestoreProgress {
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
  readonly totalBytes: number;
}

/** A path or key that needs a person's attention, as people read it, and why. */
export interface Finding {
  readonly path: string;
  readonly reason: string;
}

/** Two versions, of which one took the path and the other was kept. */
export interface Conflict {
  readonly path: string;
  readonly winner: 'local' | 's3';
  /** Where the loser is. */
  readonly keptAs: string;
  readonly reason: string;
}

export interface RestoreReport {
  /** Everything S3 holds is on disk, `refused` aside: ready. */
  readonly complete: boolean;
  /** Keys listed beneath the prefix, excluded ones included. */
  readonly listed: number;
  readonly downloaded: number;
  readonly downloadedBytes: number;
  readonly adopted: number;
  readonly unchanged: number;
  readonly removed: number;
  /** Files whose content could not be compared with the ETag, only its length. */
  readonly unverified: number;
  /** Paths that differ from S3 by somebody's will: to be marked dirty. */
  readonly dirty: readonly RelPath[];
  readonly conflicts: readonly Conflict[];
  /** Files that S3 has other versions of, which were not to replace them: neither side was touched. */
  readonly kept: readonly Finding[];
  /** Keys that cannot be files here: exit 3, but no obstacle to being ready. */
  readonly refused: readonly Finding[];
  /** What came without some of its extended attributes or other names: exit 3, but no obstacle to being ready. */
  readonly partial: readonly Finding[];
  /** Objects that should be on disk and are not. */
  readonly failures: readonly Finding[];
  /** Local files that S3 lost or does not hold, more than the budget allows: nothing was removed. */
  readonly heldRemovals: readonly RelPath[];
  /** What S3 does not hold was to be removed, and was not even looked for: the restore had gone wrong. */
  readonly extraLeft: boolean;
}

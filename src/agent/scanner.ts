// A scan: walks what a subtree mark covers beside the ledger, and marks every path where the two differ.
import type { Mark } from '../dirt/dirty-set.ts';
import type { PathFilter } from '../filter/path-filter.ts';
import type { Journal } from '../ledger/journal.ts';
import type { LedgerOutline, LedgerRow } from '../ledger/ledger.ts';
import { isComplete, sameFile, sameMetadata, sameXattrs } from '../ledger/unchanged.ts';
import { fileKey, isMarker, markerKey, pathOfKey, type RelKey } from '../model/key.ts';
import { isWithin, type RelPath, ROOT } from '../model/path.ts';
import { type DeleteBudget, exceedsBudget } from '../plan/delete-budget.ts';
import { type DirectoryDefaults, needsMarker } from '../plan/marker.ts';
import { Merge, type Pair } from '../plan/merge.ts';
import type { Snapshots } from '../transfer/snapshots.ts';
import type { DirectoryReader } from '../tree/directory-reader.ts';
import type { LocalTree } from '../tree/local-tree.ts';
import { type Hidden, isCovered } from '../tree/mounts.ts';
import { type WalkEntry, walk } from '../tree/walk.ts';
import type { Watch } from '../watch/changes.ts';
import type { Adopter, Candidate } from './adopter.ts';
import type { HoldReason } from './held-deletes.ts';
import { keysBelow } from './look.ts';

/** How a path differs. */
export interface Finding {
  /** An event told of exactly this path. */
  readonly witnessed: boolean;
  /** The mark of this very path that the subtree's mark had absorbed. */
  readonly known?: Mark | undefined;
  /** Of the oldest change that it comes of. */
  readonly epoch: number;
  /** The inode of the file that must be stored. */
  readonly ino?: bigint | undefined;
  /** Nothing is there any more. */
  readonly gone?: boolean;
}

/** Where a scan's findings go. */
export interface ScanSink {
  /** This path differs from the ledger. */
  differs(path: RelPath, finding: Finding): void;
  /** Nothing can be known of this path and what is beneath it. */
  unknown(path: RelPath, reason: string, of: { readonly epoch: number }): void;
  /**
   * This subtree changed while it was scanned: scan it again, with what the marks at and beneath it knew. `witnessed`:
   * an event told of everything beneath a directory above.
   */
  again(
    path: RelPath,
    before: { readonly witnessed: boolean; readonly epoch: number; readonly known: readonly Mark[] },
  ): void;
  /** Whether the delete of this path was held by an earlier scan. */
  isHeld(path: RelPath): boolean;
  /** All that is held beneath `dir` after its scan; `reason` is undefined if only what was held before is. */
  held(dir: RelPath, paths: readonly RelPath[], options: { reason: HoldReason | undefined }): void;
  unchanged(): void;
  /** The content of this file is compared with that of a foreign object; `adopts` or `differs` tells what came of it. */
  compares(path: RelPath, ino: bigint): void;
  /** The object of this path is the file's, as this row says. */
  adopts(path: RelPath, row: LedgerRow, of: { readonly epoch: number }): void;
  /** Resolves when more findings are welcome. */
  room(): Promise<void>;
}

export interface ScannerOptions {
  readonly tree: LocalTree;
  readonly directories: Pick<DirectoryReader, 'read'>;
  readonly filter: PathFilter;
  readonly journal: Journal;
  readonly adopter: Pick<Adopter, 'isCandidate' | 'adopt'>;
  readonly snapshots: Pick<Snapshots, 'isMade' | 'isStored'>;
  /** What visited directories are armed with; undefined in a one-shot command. */
  readonly watch: () => Watch | undefined;
  readonly budget: DeleteBudget;
  /** Subtrees that cannot be seen now. */
  readonly hidden: () => Hidden;
  readonly directoryDefaults: DirectoryDefaults;
  /** 'none': absent paths are no finding (one-shot sync without --delete). */
  readonly deletes: 'none' | 'ours' | 'all';
}

/** What a scan says of the marks it was given. */
export interface ScannedMarks {
  /** Paths that are as the ledger says. */
  readonly settled: readonly RelPath[];
  /** Marks whose paths could not be seen; what they know, no later scan can find out. */
  readonly unseen: readonly Mark[];
}

/** How many entries are looked at before the event loop gets a turn. */
const SLICE = 256;
/** How many files are compared by one job of the thread pool. */
const BATCH = 64;

/** Scans subtrees; several may run at once. Constant memory, but for the deletes it finds. */
export class Scanner {
  readonly #o: ScannerOptions;

  constructor(options: ScannerOptions) {
    this.#o = options;
  }

  /**
   * Scans what the mark covers. Rejects only on a broken ledger.
   * @returns what became of the mark itself and those it absorbed
   */
  async scan(mark: Mark, { sink, signal }: { sink: ScanSink; signal: AbortSignal }): Promise<ScannedMarks> {
    const run = new Scan(this.#o, mark, { sink, signal });
    let count = 0;
    for await (const pairs of run.pairs()) {
      for (const pair of pairs) {
        run.look(pair);
        if (++count % SLICE !== 0) continue;
        await sink.room();
        await run.compare();
        await new Promise(setImmediate);
        if (signal.aborted) return { settled: [], unseen: [] };
      }
    }
    await run.compare();
    await run.compare(); // there is nothing more to begin: it ends what the one before has begun
    run.finish();
    return { settled: run.settled(), unseen: run.unseen() };
  }
}

type ScanPair = Pair<WalkEntry, LedgerOutline>;

class Scan {
  readonly #o: ScannerOptions;
  readonly #mark: Mark;
  readonly #sink: ScanSink;
  readonly #signal: AbortSignal;
  readonly #candidates: Candidate[] = [];
  #comparing: Promise<unknown> = Promise.resolve();
  /** Nothing is known of what lies there: it changed meanwhile, or cannot be seen. */
  readonly #unknown = new Set<RelPath>();
  /** Of these, the ones that cannot be seen. */
  readonly #unseen = new Set<RelPath>();
  readonly #gone: RelPath[] = [];
  /** Marked paths that differ. */
  readonly #differing = new Set<RelPath>();
  #entries = 0;

  constructor(options: ScannerOptions, mark: Mark, { sink, signal }: { sink: ScanSink; signal: AbortSignal }) {
    this.#o = options;
    this.#mark = mark;
    this.#sink = sink;
    this.#signal = signal;
  }

  /**
   * Rows are read a page at a time, and entries ahead: either may be older than the other. A difference that is none
   * any more costs a look. A difference that is not seen is one that came since: whoever changes a row holds its path
   * and looks again, and a file that changes after it was seen has an event, its directory being watched before it is
   * read.
   */
  async *pairs(): AsyncGenerator<Iterable<ScanPair>> {
    const { tree, directories, filter, journal } = this.#o;
    const watch = this.#o.watch();
    const start = this.#mark.path;
    const entries = walk({ tree, directories }, start, {
      filter,
      hidden: this.#o.hidden(),
      enter: (dir) => !filter.watches(dir, true) || watch?.arm(dir) !== 'vanished',
      listed: (dir, names) => watch?.retain(dir, names),
      unknown: (path, reason) => {
        this.#unknown.add(path);
        this.#unseen.add(path);
        this.#sink.unknown(path, reason, { epoch: this.#epochOf(path) });
      },
      again: (path) => {
        this.#unknown.add(path);
        const known = [this.#mark, ...this.#mark.absorbed.values()].filter((mark) => isWithin(mark.path, path));
        this.#sink.again(path, { witnessed: this.#isWitnessedAbove(path), epoch: this.#epochOf(path), known });
      },
    });
    const ledger = journal.ledger;
    const merge = new Merge<WalkEntry, LedgerOutline>(
      start === ROOT ? ledger.outlines('' as RelKey) : rowsOf(start, journal),
    );
    for await (const batch of entries) yield merge.with(batch);
    yield merge.rest();
  }

  look({ key, left, right }: ScanPair): void {
    if (left !== undefined) this.#present(left, right);
    else this.#absent(key, right!);
  }

  /** Begins to compare the candidates of this slice, and ends when those of the slice before have been compared. */
  async compare(): Promise<void> {
    const before = this.#comparing;
    const batches: Promise<void>[] = [];
    while (this.#candidates.length > 0) batches.push(this.#adopt(this.#candidates.splice(0, BATCH)));
    this.#comparing = Promise.all(batches);
    this.#comparing.catch(() => {}); // it is waited for at the next slice
    await before;
  }

  async #adopt(candidates: readonly Candidate[]): Promise<void> {
    const rows = await this.#o.adopter.adopt(candidates);
    if (this.#signal.aborted) return;
    for (const [index, { path, stat }] of candidates.entries()) {
      const row = rows[index];
      if (row === undefined) this.#differs(path, { witnessed: false, ino: stat.ino });
      else this.#sink.adopts(path, row, { epoch: this.#epochOf(path) });
    }
  }

  /** The deletes come last: puts before deletes, and the budget is about their number. */
  finish(): void {
    const surprising: RelPath[] = [];
    for (const path of this.#gone) {
      if (this.#isWitnessed(path)) this.#differs(path, { witnessed: true, gone: true });
      else surprising.push(path);
    }
    const reason = this.#reasonToHold(surprising.length);
    const isHeld = (path: RelPath): boolean => reason !== undefined || this.#sink.isHeld(path);
    this.#sink.held(this.#mark.path, surprising.filter(isHeld), { reason });
    for (const path of surprising) if (!isHeld(path)) this.#differs(path, { witnessed: false, gone: true });
  }

  #reasonToHold(deletes: number): HoldReason | undefined {
    const { journal, budget } = this.#o;
    if (deletes === 0) return undefined;
    if (this.#mark.path === ROOT && this.#entries === 0) return 'empty';
    return exceedsBudget(deletes, () => journal.ledger.count().ours, budget) ? 'budget' : undefined;
  }

  #present(entry: WalkEntry, row: LedgerOutline | undefined): void {
    this.#entries++;
    const known = this.#known(entry.path);
    if (known?.written !== true && this.#isSettled(entry, row)) {
      if (row !== undefined) this.#sink.unchanged(); // a directory that needs no marker is nothing in S3
      return;
    }
    const isMade = this.#o.snapshots.isMade(entry.path);
    if (known === undefined && !isMade && this.#o.adopter.isCandidate(entry, row)) {
      this.#sink.compares(entry.path, entry.stat.ino);
      this.#candidates.push(entry);
      return;
    }
    const ino = entry.stat.kind === 'file' ? entry.stat.ino : undefined;
    this.#differs(entry.path, { witnessed: known?.witnessed ?? false, ino });
  }

  unseen(): Mark[] {
    return [this.#mark, ...this.#mark.absorbed.values()].filter(({ path }) => isCovered(path, this.#unseen));
  }

  settled(): RelPath[] {
    const marked = [this.#mark.path, ...this.#mark.absorbed.keys()];
    return marked.filter((path) => !this.#differing.has(path) && !isCovered(path, this.#unknown));
  }

  /** Reports a path, with what its own mark knew. */
  #differs(path: RelPath, finding: Omit<Finding, 'known' | 'epoch'>): void {
    const known = this.#known(path);
    if (known !== undefined) this.#differing.add(path);
    this.#sink.differs(path, { ...finding, known, epoch: this.#epochOf(path) });
  }

  #known(path: RelPath): Mark | undefined {
    return path === this.#mark.path ? this.#mark : this.#mark.absorbed.get(path);
  }

  #isSettled({ stat, path, isEmpty }: WalkEntry, row: LedgerOutline | undefined): boolean {
    const { tree, directoryDefaults, deletes, snapshots } = this.#o;
    if (stat.kind !== 'directory') {
      const isMade = stat.kind === 'file' && snapshots.isMade(path);
      if (row?.state !== 'known' || !(isMade ? snapshots.isStored(path, stat) : sameFile(row, stat))) return false;
      return stat.kind === 'file' ? isComplete(row, stat, tree.keeps) : sameMetadata(row, stat);
    }
    const xattrs = tree.keeps.xattrs ? tree.xattrsIfReadable(path) : null;
    if (xattrs === undefined) return false;
    if (!needsMarker(stat, { isEmpty, xattrs }, directoryDefaults))
      return row === undefined || (row.state === 'foreign' && deletes !== 'all');
    const isTimely = !directoryDefaults.times || row?.mtimeNs === stat.mtimeNs;
    return row?.state === 'known' && sameMetadata(row, stat) && sameXattrs(row, xattrs) && isTimely;
  }

  #absent(key: RelKey, row: LedgerOutline): void {
    const { deletes, filter } = this.#o;
    const path = pathOfKey(key);
    if (deletes === 'none' || (row.state === 'foreign' && deletes !== 'all')) return;
    if (!filter.includes(path, isMarker(key)) || isCovered(path, this.#unknown)) return;
    this.#gone.push(path);
  }

  /** An event told of this path, of a directory above it that the mark absorbed, or of the whole subtree. */
  #isWitnessed(path: RelPath): boolean {
    return this.#known(path)?.witnessed === true || this.#isWitnessedAbove(path);
  }

  #isWitnessedAbove(path: RelPath): boolean {
    return this.#above(path).some(({ witnessedBelow }) => witnessedBelow);
  }

  /** The oldest mark that asked for this path to be looked at. */
  #epochOf(path: RelPath): number {
    const subtrees = this.#above(path).filter(({ scope }) => scope === 'subtree');
    return Math.min(this.#known(path)?.epoch ?? Number.POSITIVE_INFINITY, ...subtrees.map(({ epoch }) => epoch));
  }

  /** The scan's own mark and those it absorbed on the way down to the path. */
  #above(path: RelPath): Mark[] {
    const marks = [this.#mark];
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const mark = this.#mark.absorbed.get(path.slice(0, end) as RelPath);
      if (mark !== undefined) marks.push(mark);
    }
    return marks;
  }
}

/** The rows of the path's own keys and everything beneath, in byte order. */
function* rowsOf(path: RelPath, journal: Journal): Generator<LedgerOutline> {
  const file = journal.ledger.get(fileKey(path));
  if (file !== undefined) yield file;
  const marker = journal.ledger.get(markerKey(path));
  if (marker !== undefined) yield marker;
  yield* journal.ledger.outlines(...keysBelow(path));
}

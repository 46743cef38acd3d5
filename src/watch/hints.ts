// Pure. The wording of hints, and which of them the filter lets through.
import type { PathFilter, SnapshotRules } from '../filter/path-filter.ts';
import { type RelPath, ROOT } from '../model/path.ts';
import type { Change, ChangeSink } from './changes.ts';

/** What is said of a path besides where it is. */
export type Hint = Omit<Change, 'path'>;

/** Hands hints to the sink: of files that are included, of directories that are included or may hold what is. */
export class Hinter {
  readonly #filter: PathFilter;
  readonly #sink: ChangeSink;
  readonly #snapshots: Pick<SnapshotRules, 'ownerOf'> | undefined;
  #rootIsBroken = false;

  constructor(filter: PathFilter, sink: ChangeSink, snapshots?: Pick<SnapshotRules, 'ownerOf'>) {
    this.#filter = filter;
    this.#sink = sink;
    this.#snapshots = snapshots;
  }

  /** From now on no event proves anything: nothing is witnessed any more. */
  rootBroke(): void {
    this.#rootIsBroken = true;
  }

  /** An event told of this entry. */
  entry(path: RelPath, isDirectory: boolean, hint: Omit<Hint, 'scope' | 'witnessed'>): void {
    const owner = isDirectory ? undefined : this.#snapshots?.ownerOf(path);
    // What is true of a log is not true of its database: that it is gone, above all.
    if (owner !== undefined) this.#pass(owner, false, { scope: 'self', speed: hint.speed, witnessed: false });
    else this.#pass(path, isDirectory, { ...hint, scope: 'self', witnessed: !this.#rootIsBroken });
  }

  /** A directory appeared: what it holds may have been there before its watch. */
  appeared(dir: RelPath, { moved }: { moved: boolean }): void {
    const hint = { scope: 'subtree', speed: 'finished', witnessed: !this.#rootIsBroken } as const;
    this.#pass(dir, true, moved ? { ...hint, moved } : hint);
  }

  /** A directory went, and everything in it with it. */
  gone(dir: RelPath): void {
    this.#pass(dir, true, { scope: 'subtree', speed: 'finished', witnessed: !this.#rootIsBroken });
  }

  /** Events beneath this directory may have been missed. */
  missed(dir: RelPath): void {
    this.#pass(dir, true, { scope: 'subtree', speed: 'finished', witnessed: false });
  }

  #pass(path: RelPath, isDirectory: boolean, hint: Hint): void {
    if (path === ROOT) {
      // The root has no object of its own.
      if (hint.scope === 'subtree') this.#sink({ path, ...hint });
      return;
    }
    if (!this.#filter.watches(path, isDirectory)) return;
    const passes = this.#filter.includes(path, isDirectory) || (isDirectory && this.#filter.descends(path));
    if (passes) this.#sink({ path, ...hint });
  }
}

// Pure. Where something may have arrived by a rename that nobody has looked at yet: deletes wait for those older than
// themselves, because what is gone here may have gone there.
import { DueHeap } from '../dirt/heap.ts';
import { isWithin, type RelPath } from '../model/path.ts';

export class Arrivals {
  /** When the oldest arrival at or beneath a path came, monotonic ms. */
  readonly #atMs = new Map<RelPath, number>();
  /** The same by age; behind the oldest there are entries of paths that have been looked at since. */
  readonly #byAge = new DueHeap<RelPath>();

  /** Something may have arrived at `path`, or anywhere beneath it. */
  heard(path: RelPath, nowMs: number): void {
    if (!this.#atMs.has(path)) this.#set(path, nowMs);
  }

  /** The path has been looked at. */
  seen(path: RelPath): void {
    if (this.#atMs.delete(path)) this.#dropStale();
  }

  /**
   * Everything beneath `top` has been looked at after `startMs`; what is marked again may have arrived behind the scan's
   * back, but not before it began.
   */
  scanned(top: RelPath, { startMs, isMarked }: { startMs: number; isMarked: (path: RelPath) => boolean }): void {
    for (const [path, atMs] of this.#atMs) {
      if (!isWithin(path, top)) continue;
      if (!isMarked(path)) this.#atMs.delete(path);
      else if (atMs < startMs) this.#set(path, startMs);
    }
    this.#dropStale();
  }

  get isEmpty(): boolean {
    return this.#atMs.size === 0;
  }

  /** Infinity if there is none. Asked at every look: it must not go through all of them. */
  oldestMs(): number {
    return this.#byAge.peek()?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** The oldest entry is always a true one, so that none is kept for longer than the oldest arrival. */
  #dropStale(): void {
    for (let oldest = this.#byAge.peek(); oldest !== undefined; oldest = this.#byAge.peek()) {
      if (this.#atMs.get(oldest.value) === oldest.dueMs) return;
      this.#byAge.pop();
    }
  }

  #set(path: RelPath, atMs: number): void {
    this.#atMs.set(path, atMs);
    this.#byAge.push(path, atMs);
  }
}

// Pure. Where something may have arrived by a rename that nobody has looked at yet: deletes wait for those older than
// themselves, because what is gone here may have gone there.
import { isWithin, type RelPath } from '../model/path.ts';

export class Arrivals {
  /** When the oldest arrival at or beneath a path came, monotonic ms. */
  readonly #atMs = new Map<RelPath, number>();

  /** Something may have arrived at `path`, or anywhere beneath it. */
  heard(path: RelPath, nowMs: number): void {
    if (!this.#atMs.has(path)) this.#atMs.set(path, nowMs);
  }

  /** The path has been looked at. */
  seen(path: RelPath): void {
    this.#atMs.delete(path);
  }

  /**
   * Everything beneath `top` has been looked at after `startMs`; what is marked again may have arrived behind the scan's
   * back, but not before it began.
   */
  scanned(top: RelPath, { startMs, isMarked }: { startMs: number; isMarked: (path: RelPath) => boolean }): void {
    for (const [path, atMs] of this.#atMs) {
      if (!isWithin(path, top)) continue;
      if (isMarked(path)) this.#atMs.set(path, Math.max(atMs, startMs));
      else this.#atMs.delete(path);
    }
  }

  get isEmpty(): boolean {
    return this.#atMs.size === 0;
  }

  /** Infinity if there is none. */
  oldestMs(): number {
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const atMs of this.#atMs.values()) oldestMs = Math.min(oldestMs, atMs);
    return oldestMs;
  }
}

// Pure. A path published again and again gets a growing pause, so that a hot file costs a bounded number of PUTs.
import type { RelPath } from '../model/path.ts';

/** With the default of 50 ms, one second. */
const QUIET_FIRST_PAUSES = 20;

/** More are not remembered: where so many others are published meanwhile, one path more or less is no load. */
const MAX_PATHS = 10_000;

interface Heat {
  readonly publishedAtMs: number;
  readonly pauseMs: number;
}

/**
 * After each publication the next one must wait `pauseMs`. The pause doubles when the path was dirtied again within
 * twice the previous pause, or twenty times the first one, up to the maximum wait, and is forgotten when the path has
 * been quiet for longer.
 */
export class HotPaths {
  readonly #heat = new Map<RelPath, Heat>();
  readonly #firstPauseMs: number;
  readonly #maxPauseMs: number;

  constructor(firstPauseMs: number, maxPauseMs: number) {
    this.#firstPauseMs = Math.max(1, firstPauseMs); // nothing would never double
    this.#maxPauseMs = maxPauseMs;
  }

  /** Records a publication of `path` that was prompted by a change at `dirtyAtMs`. */
  published(path: RelPath, dirtyAtMs: number, nowMs: number): void {
    const before = this.#heat.get(path);
    const hot = before !== undefined && dirtyAtMs <= before.publishedAtMs + this.#quietMs(before);
    const pauseMs = Math.min(hot ? before.pauseMs * 2 : this.#firstPauseMs, this.#maxPauseMs);
    this.#heat.delete(path); // to the end: the map is in order of publication
    this.#heat.set(path, { publishedAtMs: nowMs, pauseMs });
    this.#forget(nowMs);
  }

  /** Before when a new publication of `path` would be too soon. */
  notBeforeMs(path: RelPath): number {
    const heat = this.#heat.get(path);
    return heat === undefined ? Number.NEGATIVE_INFINITY : heat.publishedAtMs + heat.pauseMs;
  }

  /** How long a path must be left alone to count as quiet; a short pause says little about the writer. */
  #quietMs({ pauseMs }: Heat): number {
    return Math.max(2 * pauseMs, QUIET_FIRST_PAUSES * this.#firstPauseMs);
  }

  /** Drops what can no longer matter, oldest first. */
  #forget(nowMs: number): void {
    for (const [path, heat] of this.#heat) {
      if (this.#heat.size <= MAX_PATHS && heat.publishedAtMs + 2 * this.#maxPauseMs > nowMs) break;
      this.#heat.delete(path);
    }
  }
}

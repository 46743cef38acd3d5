// What is not as it should be, by path: said once when it appears, listed when a command ends.
import { isWithin, type RelPath } from '../model/path.ts';
import type { Log } from '../ops/log.ts';

/**
 * - `failed`: S3 refused or did not take it.
 * - `unreadable`: the disk did not give it, or it lies under another mount.
 * - `special`: a socket, FIFO or device; skipped, no failure.
 * - `fuzzy`: stored, but as a snapshot of a file that did not rest.
 */
export type ProblemKind = 'failed' | 'unreadable' | 'special' | 'fuzzy';

export interface Problem {
  readonly kind: ProblemKind;
  readonly reason: string;
}

const SAID = {
  failed: 'cannot store',
  unreadable: 'cannot read',
  special: 'skipped',
  fuzzy: 'stored while it was being written',
} as const satisfies Readonly<Record<ProblemKind, string>>;

/** Of each kind. */
export const NO_PROBLEMS: Readonly<Record<ProblemKind, number>> = { failed: 0, unreadable: 0, fuzzy: 0, special: 0 };

/** Current problems; a path has at most one. */
export class Problems {
  readonly #log: Log;
  readonly #byPath = new Map<RelPath, Problem>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Records the problem; logs it unless the path had the same one already. */
  add(path: RelPath, problem: Problem): void {
    const known = this.#byPath.get(path);
    this.#byPath.set(path, problem);
    if (known?.kind === problem.kind && known.reason === problem.reason) return;
    const fields = { path, reason: problem.reason };
    if (problem.kind === 'special') this.#log.info(SAID[problem.kind], fields);
    else this.#log.warn(SAID[problem.kind], fields);
  }

  /** The path is fine. */
  clear(path: RelPath): void {
    this.#byPath.delete(path);
  }

  /** What could not be read beneath `dir` is being looked at again. */
  clearUnreadable(dir: RelPath): void {
    for (const [path, { kind }] of this.#byPath)
      if (kind === 'unreadable' && isWithin(path, dir)) this.#byPath.delete(path);
  }

  /** Every problem, skipped special files among them. */
  all(): [RelPath, Problem][] {
    return [...this.#byPath];
  }

  /** How many paths have which kind. */
  counts(): Readonly<Record<ProblemKind, number>> {
    const counts = { ...NO_PROBLEMS };
    for (const { kind } of this.#byPath.values()) counts[kind]++;
    return counts;
  }

  /** Everything that keeps a command from ending with 0. */
  failures(): [RelPath, Problem][] {
    return this.all().filter(([, { kind }]) => kind !== 'special');
  }
}

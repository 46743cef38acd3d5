// Deletes that nobody witnessed and that were too many to be believed: they wait for somebody's word.
import { isWithin, type RelPath } from '../model/path.ts';
import { NAMED_PATHS } from '../ops/control.ts';
import type { Log } from '../ops/log.ts';

/** budget: more than --max-delete at once; empty: all of LOCAL. */
export type HoldReason = 'budget' | 'empty';

/** What is held now. */
export interface HeldDeletes {
  readonly paths: readonly RelPath[];
  readonly reason: HoldReason;
}

/** Paths whose deletes are held. What is held stays so, however few they become, until it is approved or not gone. */
export class DeleteHolds {
  readonly #reasons = new Map<RelPath, HoldReason>();

  /** undefined: nothing is held. */
  get all(): HeldDeletes | undefined {
    const [reason] = this.#reasons.values();
    return reason === undefined ? undefined : { paths: [...this.#reasons.keys()], reason };
  }

  has(path: RelPath): boolean {
    return this.#reasons.has(path);
  }

  /**
   * A scan of `dir` has ended: of what lies in it, `paths` are held and nothing else.
   *
   * @param reason why; undefined: they were held before
   * @returns whether any of them was not
   */
  scanned(dir: RelPath, paths: readonly RelPath[], { reason }: { reason: HoldReason | undefined }): boolean {
    const before = new Map<RelPath, HoldReason>();
    for (const [path, since] of this.#reasons) if (isWithin(path, dir)) before.set(path, since);
    for (const path of before.keys()) this.#reasons.delete(path);
    for (const path of paths) this.#reasons.set(path, before.get(path) ?? reason ?? 'budget');
    return paths.some((path) => !before.has(path));
  }

  /** The path is looked at by itself: what becomes of it is decided there. */
  forget(path: RelPath): void {
    this.#reasons.delete(path);
  }

  clear(): void {
    this.#reasons.clear();
  }
}

/** For people. */
export const HOLD_REASONS: Readonly<Record<HoldReason, string>> = {
  budget: 'nobody saw them happen and they are more than --max-delete',
  empty: 'LOCAL is empty',
};

/** Logs how many, why, what `release`s them, and the first of them. */
export function sayHeld(log: Log, { paths, reason }: HeldDeletes, release: string): void {
  log.error('deletes held back', { deletes: paths.length, reason: HOLD_REASONS[reason], release });
  for (const path of paths.slice(0, NAMED_PATHS)) log.error('held', { path });
}

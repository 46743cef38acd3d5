// Pure. Which inodes are on their way to S3: the old name of a renamed file must not go before the new one is stored.
import type { RelPath } from '../model/path.ts';

interface Hold {
  readonly ino: bigint;
  /** When the path was seen to be gone, with whatever it held. */
  departedMs: number | undefined;
}

/** Paths whose content is not stored yet, by inode. */
export class InodeHolds {
  readonly #holds = new Map<RelPath, Hold>();
  /** By inode, as a number: two whose numbers are equal are told apart by what they hold. */
  readonly #holders = new Map<number, Set<RelPath>>();
  /** Oldest first. */
  readonly #departed = new Set<RelPath>();

  /** `path` holds `ino` until it is released; a path holds one inode at a time. */
  hold(path: RelPath, ino: bigint): void {
    const held = this.#holds.get(path);
    if (held?.ino === ino) {
      held.departedMs = undefined;
      this.#departed.delete(path);
      return;
    }
    this.#release(path);
    this.#holds.set(path, { ino, departedMs: undefined });
    const holders = this.#holders.get(Number(ino));
    if (holders === undefined) this.#holders.set(Number(ino), new Set([path]));
    else holders.add(path);
  }

  /**
   * No file is at `path` any more. If it was renamed, its new name is heard of and holds the inode instead; until all
   * that was heard of has been looked at, this one does.
   */
  depart(path: RelPath, nowMs: number): void {
    const held = this.#holds.get(path);
    if (held === undefined || held.departedMs !== undefined) return;
    held.departedMs = nowMs;
    this.#departed.add(path);
  }

  /** Everything that departed before `heardUntilMs` has its new name looked at, if it has one. */
  forgetDeparted(heardUntilMs: () => number): void {
    if (this.#departed.size === 0) return;
    const untilMs = heardUntilMs();
    for (const path of this.#departed) {
      if (this.#holds.get(path)!.departedMs! >= untilMs) return;
      this.#release(path);
    }
  }

  /** S3 holds what is at `path`, or nothing is there to be held. */
  release(path: RelPath): void {
    if (!this.#departed.has(path)) this.#release(path);
  }

  #release(path: RelPath): void {
    const held = this.#holds.get(path);
    if (held === undefined) return;
    this.#holds.delete(path);
    this.#departed.delete(path);
    const holders = this.#holders.get(Number(held.ino))!;
    holders.delete(path);
    if (holders.size === 0) this.#holders.delete(Number(held.ino));
  }

  /**
   * Whether a path other than `path` holds this inode. What departed before `heardUntilMs` holds nothing any more: had
   * it been renamed, its new name would have been looked at. Without this, two paths that are gone and held each
   * other's inode would wait for each other.
   */
  isHeldElsewhere(ino: bigint, path: RelPath, { heardUntilMs }: { heardUntilMs: number }): boolean {
    for (const holder of this.#holders.get(Number(ino)) ?? []) {
      const { ino: held, departedMs = Number.POSITIVE_INFINITY } = this.#holds.get(holder)!;
      if (held === ino && holder !== path && departedMs >= heardUntilMs) return true;
    }
    return false;
  }
}

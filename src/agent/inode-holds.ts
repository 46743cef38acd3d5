// Pure. Which inodes are on their way to S3: the old name of a renamed file must not go before the new one is stored.
import type { RelPath } from '../model/path.ts';

/** Paths whose content is not stored yet, by inode. */
export class InodeHolds {
  readonly #inoOf = new Map<RelPath, bigint>();
  readonly #holders = new Map<bigint, Set<RelPath>>();

  /** `path` holds `ino` until it is released; a path holds one inode at a time. */
  hold(path: RelPath, ino: bigint): void {
    if (this.#inoOf.get(path) === ino) return;
    this.release(path);
    this.#inoOf.set(path, ino);
    const holders = this.#holders.get(ino);
    if (holders === undefined) this.#holders.set(ino, new Set([path]));
    else holders.add(path);
  }

  release(path: RelPath): void {
    const ino = this.#inoOf.get(path);
    if (ino === undefined) return;
    this.#inoOf.delete(path);
    const holders = this.#holders.get(ino)!;
    holders.delete(path);
    if (holders.size === 0) this.#holders.delete(ino);
  }

  /** Whether a path other than `path` holds this inode. */
  isHeldElsewhere(ino: bigint, path: RelPath): boolean {
    const holders = this.#holders.get(ino);
    return holders !== undefined && (holders.size > 1 || !holders.has(path));
  }
}

// What is under way between disk and S3, and what was done last.
import { displayPath, type RelPath } from '../model/path.ts';
import type { Deed, Transfer } from '../ops/activity.ts';
import { Ring } from '../ops/ring.ts';

/** Something that is about to be done. */
export interface Beginning {
  readonly action: Transfer['action'];
  readonly path: RelPath;
  /** Default: 1. */
  readonly count?: number;
  /** Default: no content is sent. */
  readonly bytes?: number | undefined;
}

interface UnderWay extends Beginning {
  readonly sinceMs: number;
  sentBytes: number | null;
}

/** Something that has been done. */
export interface Done {
  readonly action: Deed['action'];
  /** A byte string; of a directory's marker it ends in '/'. */
  readonly path: string;
  readonly bytes: number;
  readonly ageMs: number;
}

/** How many deeds are remembered. */
const DEEDS = 50;

export class Transfers {
  readonly #wallNow: () => number;
  readonly #underWay = new Set<UnderWay>();
  readonly #done = new Ring<Done & { readonly atMs: number }>(DEEDS);

  /** @param wallNow milliseconds since 1970 */
  constructor(wallNow: () => number) {
    this.#wallNow = wallNow;
  }

  /** It is under way until the work ends. `work` may tell how much of the content S3 has taken, bit by bit. */
  async during<T>(beginning: Beginning, work: (onSent: (bytes: number) => void) => Promise<T>): Promise<T> {
    const transfer: UnderWay = { ...beginning, sinceMs: this.#wallNow(), sentBytes: null };
    this.#underWay.add(transfer);
    try {
      return await work((bytes) => {
        transfer.sentBytes = (transfer.sentBytes ?? 0) + bytes;
      });
    } finally {
      this.#underWay.delete(transfer);
    }
  }

  done(done: Done): void {
    this.#done.push({ ...done, atMs: this.#wallNow() });
  }

  /** The longest under way first. */
  underWay(): Transfer[] {
    return [...this.#underWay].map(({ action, path, count = 1, bytes = null, sentBytes, sinceMs }) => {
      return { action, path: displayPath(path), count, bytes, sentBytes, since: iso(sinceMs) };
    });
  }

  /** The newest first. */
  recent(): Deed[] {
    return this.#done.newestFirst().map(({ action, path, bytes, ageMs, atMs }) => {
      return { at: iso(atMs), action, path: displayPath(path), bytes, ageSeconds: Math.round(ageMs) / 1_000 };
    });
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

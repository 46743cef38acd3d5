// Pure. How fast work goes, and how long the rest of it takes.

/** What has been done since the beginning, or is to be done. */
export interface Work {
  readonly files: number;
  readonly bytes: number;
}

/** What is so long ago counts half as much as what is done now. */
const HALF_LIFE_MS = 10_000;

/** A file without content takes about as long as so many bytes more of another. */
const FILE_BYTES = 64 * 1024;

/** An exponentially weighted rate: of the work and of the time it took, older parts fade alike. */
export class Pace {
  #lastMs: number;
  #last: Work;
  #ms = 0;
  #files = 0;
  #bytes = 0;

  /** @param nowMs of a monotonic clock; what is `done` by then tells nothing of the pace */
  constructor(nowMs: number, done: Work) {
    this.#lastMs = nowMs;
    this.#last = done;
  }

  /** Takes a look: `done` may be what it was, and then it goes slower than it seemed. */
  look(nowMs: number, done: Work): void {
    const ms = nowMs - this.#lastMs;
    if (ms <= 0) return;
    const fade = 2 ** (-ms / HALF_LIFE_MS);
    this.#ms = this.#ms * fade + ms;
    this.#files = this.#files * fade + (done.files - this.#last.files);
    this.#bytes = this.#bytes * fade + (done.bytes - this.#last.bytes);
    this.#lastMs = nowMs;
    this.#last = done;
  }

  /** undefined: too early to tell. */
  get perSecond(): Work | undefined {
    if (this.#ms === 0) return undefined;
    const seconds = this.#ms / 1_000;
    return { files: this.#files / seconds, bytes: this.#bytes / seconds };
  }

  /** How long `rest` takes at this pace; undefined: too early to tell, or nothing moves. */
  leftMs(rest: Work): number | undefined {
    const done = costOf({ files: this.#files, bytes: this.#bytes });
    return done > 0 ? (Math.max(0, costOf(rest)) / done) * this.#ms : undefined;
  }
}

function costOf({ files, bytes }: Work): number {
  return files * FILE_BYTES + bytes;
}

// Memory for the ranges of large objects: bounded for all of them together, and used again.

/** The longest range. */
export const RANGE_BYTES = 8 * 1024 * 1024;

const MAX_RANGES = 8;

/** Lends memory for one range at a time, in the order it is asked for. */
export class RangeMemory {
  readonly #spare: Buffer[] = [];
  readonly #waiting: ((bytes: Buffer) => void)[] = [];
  #made = 0;

  /** RANGE_BYTES, until they are given back. */
  take(): Promise<Buffer> {
    const spare = this.#spare.pop();
    if (spare !== undefined) return Promise.resolve(spare);
    if (this.#made === MAX_RANGES) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#made++;
    return Promise.resolve(Buffer.allocUnsafeSlow(RANGE_BYTES));
  }

  giveBack(bytes: Buffer): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#spare.push(bytes);
    else next(bytes);
  }
}

/** How many ranges can be in work at once. */
export const RANGES_AT_ONCE = MAX_RANGES;

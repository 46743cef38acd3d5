// Pure. How often values fell into which range.

/** Counts of values up to each bound, those of lower bounds included. */
export interface HistogramCounts {
  readonly bounds: readonly number[];
  readonly cumulative: readonly number[];
  readonly count: number;
  readonly sum: number;
}

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #count = 0;
  #sum = 0;

  /** @param bounds from the lowest to the highest */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#count++;
    this.#sum += value;
    const index = this.#bounds.findIndex((bound) => value <= bound);
    if (index >= 0) this.#counts[index]!++;
  }

  counts(): HistogramCounts {
    let below = 0;
    const cumulative = this.#counts.map((count) => {
      below += count;
      return below;
    });
    return { bounds: this.#bounds, cumulative, count: this.#count, sum: this.#sum };
  }
}

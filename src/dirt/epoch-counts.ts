// Pure. How much is left of what became dirty up to some moment.

/** A count for each epoch. There are few: one for each flush, while something older is left. */
export class EpochCounts {
  readonly #counts = new Map<number, number>();

  add(epoch: number): void {
    this.#counts.set(epoch, (this.#counts.get(epoch) ?? 0) + 1);
  }

  /** Takes back one that was added. */
  remove(epoch: number): void {
    const count = this.#counts.get(epoch)! - 1;
    if (count > 0) this.#counts.set(epoch, count);
    else this.#counts.delete(epoch);
  }

  /** How many there are of this epoch and of older ones. */
  upTo(epoch: number): number {
    let sum = 0;
    for (const [each, count] of this.#counts) if (each <= epoch) sum += count;
    return sum;
  }
}

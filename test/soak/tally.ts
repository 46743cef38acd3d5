/** What has happened so far. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(what: string, times = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + times);
  }

  /** 'crashes 12, stops 3'. */
  toString(): string {
    return [...this.#counts].map(([what, times]) => `${what} ${times}`).join(', ');
  }
}

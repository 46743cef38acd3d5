// What is measured of an agent while it runs, besides what it did (counters.ts).
import { Histogram } from '../ops/histogram.ts';
import type { RequestCount } from '../ops/measurements.ts';
import type { RestoreProgress } from '../restore/options.ts';

/** From the coalescing pause to what an operator would call broken, in seconds. */
const LATENCY_BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

export class Meters {
  /** Seconds from the first event of a change to the acknowledgement of its object. */
  readonly eventToObject = new Histogram(LATENCY_BOUNDS);
  /** Of directories with all that is beneath. */
  scans = 0;
  /** Work that failed and was put off. */
  retries = 0;
  /** Of the last restore; undefined: there was none. */
  restore: RestoreProgress | undefined;
  readonly #requests = new Map<string, { operation: string; code: string; count: number }>();

  /** A request was answered, or failed. */
  answered(operation: string, code: string): void {
    const name = `${operation} ${code}`;
    const known = this.#requests.get(name);
    if (known === undefined) this.#requests.set(name, { operation, code, count: 1 });
    else known.count++;
  }

  requests(): readonly RequestCount[] {
    return [...this.#requests.values()];
  }
}

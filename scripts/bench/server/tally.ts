// What the server has done since it was last asked to begin anew.

/** Counts since the last reset. Milliseconds since boot are those of CLOCK_MONOTONIC, one for all processes. */
export interface Counters {
  /** By the names of operations. */
  readonly requests: Readonly<Record<string, number>>;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** The bodies of what was put into objects and parts. */
  readonly putBytes: number;
  /** CPU time of this server, user and system. */
  readonly cpuMs: number;
  /** When the first request came, by the clock since boot; undefined without one. */
  readonly firstRequestMs: number | undefined;
}

/** An object that can be read from this moment on. */
export interface Arrival {
  readonly key: string;
  readonly atMs: number;
}

/** By the clock since boot. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** At most so many arrivals are noted: enough for a latency, nothing for a large upload. */
const ARRIVALS = 10_000;

export class Tally {
  #requests = new Map<string, number>();
  #receivedBytes = 0;
  #sentBytes = 0;
  #firstRequestMs: number | undefined;
  #putBytes = 0;
  #arrivals: Arrival[] = [];
  #cpuBefore = process.cpuUsage();

  request(name: string): void {
    this.#requests.set(name, (this.#requests.get(name) ?? 0) + 1);
    this.#firstRequestMs ??= monotonicMs();
  }

  traffic({ received, sent }: { readonly received: number; readonly sent: number }): void {
    this.#receivedBytes += received;
    this.#sentBytes += sent;
  }

  put(bytes: number): void {
    this.#putBytes += bytes;
  }

  arrival(key: string): void {
    if (this.#arrivals.length < ARRIVALS) this.#arrivals.push({ key, atMs: monotonicMs() });
  }

  /** In order. */
  get arrivals(): readonly Arrival[] {
    return this.#arrivals;
  }

  get counters(): Counters {
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    return {
      requests: Object.fromEntries(this.#requests),
      receivedBytes: this.#receivedBytes,
      sentBytes: this.#sentBytes,
      cpuMs: (user + system) / 1000,
      firstRequestMs: this.#firstRequestMs,
      putBytes: this.#putBytes,
    };
  }

  reset(): void {
    this.#requests.clear();
    this.#receivedBytes = 0;
    this.#sentBytes = 0;
    this.#firstRequestMs = undefined;
    this.#putBytes = 0;
    this.#arrivals = [];
    this.#cpuBefore = process.cpuUsage();
  }
}

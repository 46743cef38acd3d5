// The bench server in its own process, as the benchmark uses it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Summary } from './server/control.ts';
import type { Arrival, Counters } from './server/tally.ts';

const MAIN = fileURLToPath(new URL('server/main.ts', import.meta.url));

/** Much room for the young, because what is stored stays; a collection when it is asked for. */
const NODE_OPTIONS = ['--expose-gc', '--max-semi-space-size=64', '--max-old-space-size=8192'];

export class S3 {
  readonly endpoint: string;
  readonly #stop: () => void;
  #bucketsMade = 0;

  private constructor(endpoint: string, stop: () => void) {
    this.endpoint = endpoint;
    this.#stop = stop;
  }

  /** @param options.warmMib So much memory is at hand before the first request. */
  static async start({ warmMib }: { readonly warmMib: number }): Promise<S3> {
    const child = spawn(process.execPath, [...NODE_OPTIONS, MAIN, '--warm-mib', String(warmMib)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    return new S3(line, () => child.kill('SIGTERM'));
  }

  stop(): void {
    this.#stop();
  }

  /** Creates an empty bucket. */
  async makeBucket(): Promise<string> {
    const bucket = `bench-${++this.#bucketsMade}`;
    await this.#ask('PUT', bucket);
    return bucket;
  }

  /** Creates a bucket with the objects of another one, as if they had been stored so much later. */
  async cloneBucket(original: string, { laterMs }: { readonly laterMs: number }): Promise<string> {
    const bucket = `bench-${++this.#bucketsMade}`;
    await this.#ask('POST', `-/clone?from=${original}&to=${bucket}&later=${laterMs}`);
    return bucket;
  }

  /** Deletes a bucket and all it holds. */
  async dropBucket(bucket: string): Promise<void> {
    await this.#ask('DELETE', bucket);
  }

  /** Begins to count anew. */
  async reset(): Promise<void> {
    await this.#ask('POST', '-/reset');
  }

  async counters(): Promise<Counters> {
    return (await (await this.#ask('GET', '-/counters')).json()) as Counters;
  }

  /** The objects that were stored since the last reset, but the first `from`. */
  async arrivals(from: number): Promise<readonly Arrival[]> {
    return (await (await this.#ask('GET', `-/arrivals?from=${from}`)).json()) as Arrival[];
  }

  async summary(bucket: string): Promise<Summary> {
    return (await (await this.#ask('GET', `-/summary?bucket=${bucket}`)).json()) as Summary;
  }

  async #ask(method: string, path: string): Promise<Response> {
    const response = await fetch(`${this.endpoint}/${path}`, { method });
    if (!response.ok) throw new Error(`The bench server answers ${response.status} to ${method} ${path}`);
    return response;
  }
}

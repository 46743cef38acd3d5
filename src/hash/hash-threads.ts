// Hashes of large content, computed by other threads: the event loop stays free, and several cores take part.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Algorithm, type Done, hashThread, type Task } from './hash-thread.ts';

const MAX_THREADS = 4;
/** A thread costs some megabytes; starting one costs some 20 ms. */
const IDLE_MS = 5_000;

/** A thread ended before its work. */
export class HashThreadError extends Error {
  override readonly name = 'HashThreadError';
  readonly code = 'HASH_THREAD';
}

/** A hash that is fed piece by piece. */
export interface RunningHash {
  /** Takes the next bytes, which must stay as they are until it resolves. Need not be waited for before the next call. */
  update(bytes: Uint8Array): Promise<void>;
  /** In hex. Ends it. */
  digest(): Promise<string>;
  /** Ends it without a digest; nothing happens if it has ended. */
  discard(): void;
}

/** Memory that every thread sees: bytes elsewhere are copied on their way to a hash thread. */
export function sharedBytes(lengthBytes: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(lengthBytes));
}

/** Threads that hash, as many as there is work for, at most one for each core; they end when nothing is left to do. */
export class HashThreads {
  readonly #threads = new Set<HashThread>();
  readonly #max: number;
  readonly #idleMs: number;

  constructor(options: { readonly max?: number; readonly idleMs?: number } = {}) {
    this.#max = options.max ?? Math.min(MAX_THREADS, availableParallelism());
    this.#idleMs = options.idleMs ?? IDLE_MS;
  }

  /** The digest, in hex, of bytes that stay as they are until it resolves. @throws {HashThreadError} */
  async hash(algorithm: Algorithm, bytes: Uint8Array): Promise<string> {
    return this.#leastBusy().ask({ do: 'hash', algorithm, bytes });
  }

  /** Its promises reject with a HashThreadError once its thread has died. */
  start(algorithm: Algorithm): RunningHash {
    return this.#leastBusy().start(algorithm);
  }

  /** How many there are now. */
  get count(): number {
    return this.#threads.size;
  }

  #leastBusy(): HashThread {
    let chosen: HashThread | undefined;
    for (const thread of this.#threads) if (thread.load < (chosen?.load ?? Number.POSITIVE_INFINITY)) chosen = thread;
    if (chosen !== undefined && (chosen.load === 0 || this.#threads.size >= this.#max)) return chosen;
    const added = new HashThread({ idleMs: this.#idleMs, onEnd: () => this.#threads.delete(added) });
    this.#threads.add(added);
    return added;
  }
}

type Question = Task extends infer T ? (T extends Task ? Omit<T, 'id'> : never) : never;

class HashThread {
  readonly #worker: Worker;
  readonly #idleMs: number;
  readonly #onEnd: () => void;
  readonly #waiting = new Map<number, PromiseWithResolvers<string>>();
  #running = 0;
  #ids = 0;
  #ended: HashThreadError | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor({ idleMs, onEnd }: { idleMs: number; onEnd: () => void }) {
    this.#idleMs = idleMs;
    this.#onEnd = onEnd;
    const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 };
    this.#worker = new Worker(`(${hashThread})(require)`, { eval: true, execArgv: [], name: 'hash', resourceLimits });
    this.#worker.on('message', (done: Done) => this.#done(done));
    this.#worker.on('error', (cause) => this.#end(cause));
    this.#worker.on('exit', () => this.#end());
    this.#rest();
  }

  /** A running hash counts as a task: more of its content is about to come. */
  get load(): number {
    return this.#waiting.size + this.#running;
  }

  ask(question: Question): Promise<string> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    clearTimeout(this.#idle);
    this.#worker.ref(); // whoever waits for it must not be the last to keep the process alive
    const id = this.#ids++;
    const waiting = Promise.withResolvers<string>();
    this.#waiting.set(id, waiting);
    this.#worker.postMessage({ ...question, id });
    return waiting.promise;
  }

  start(algorithm: Algorithm): RunningHash {
    const running = this.#ids++;
    let isOpen = true;
    this.#running++;
    const end = (question: Question): Promise<string> => {
      isOpen = false;
      this.#running--;
      return this.ask(question);
    };
    const ignore = (): void => {};
    this.ask({ do: 'start', running, algorithm }).catch(ignore); // the next call rejects too
    return {
      update: async (bytes) => void (await this.ask({ do: 'update', running, bytes })),
      digest: () => end({ do: 'digest', running }),
      discard: () => {
        if (isOpen) end({ do: 'discard', running }).catch(ignore);
      },
    };
  }

  #done({ id, digest }: Done): void {
    this.#waiting.get(id)?.resolve(digest);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#rest();
  }

  /** Nothing to do: keeps nobody alive, and ends if it stays so. */
  #rest(): void {
    this.#worker.unref();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#running > 0) return this.#rest();
      this.#end();
      void this.#worker.terminate();
    }, this.#idleMs).unref();
  }

  #end(cause?: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = new HashThreadError('Cannot hash: the thread has ended', { cause });
    clearTimeout(this.#idle);
    this.#onEnd();
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

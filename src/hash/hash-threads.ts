// Hashes of large content, computed in the thread pool: the event loop stays free, and several cores take part.
import { availableParallelism } from 'node:os';
import { type Addon, loadAddon } from '../native/addon.ts';
import { Md5Lanes } from './md5-lanes.ts';

export type Algorithm = 'md5' | 'sha256';

/** What computes them. */
export type HashCalls = Pick<Addon, 'startHash' | 'updateHash' | 'endHash' | 'md5OfEach'>;

/** At most so many at once: of the pool's four threads one is always for files. */
const MAX_AT_ONCE = Math.min(3, availableParallelism());

/** A thread could not hash. */
export class HashThreadError extends Error {
  override readonly name = 'HashThreadError';
  readonly code = 'HASH_THREAD';
}

/** A hash that is fed piece by piece. */
export interface RunningHash {
  /** Takes the next bytes, which must stay as they are until it settles. Need not be waited for before the next call. */
  update(bytes: Uint8Array): Promise<void>;
  /** In hex. Ends it. */
  digest(): Promise<string>;
  /** Ends it without a digest: what waits to be read is not read any more. */
  discard(): void;
}

/** Threads that hash, in the order they are asked. */
export class HashThreads {
  static #ofProcess: HashThreads | undefined;

  readonly #calls: HashCalls;
  readonly #lanes: Md5Lanes;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Those of all agents in this process: they have one pool. */
  static ofProcess(): HashThreads {
    HashThreads.#ofProcess ??= new HashThreads();
    return HashThreads.#ofProcess;
  }

  constructor(calls: HashCalls = loadAddon()) {
    this.#calls = calls;
    this.#lanes = new Md5Lanes((strings) => this.#inTurn(() => calls.md5OfEach(strings)));
  }

  /** The digest, in hex, of bytes that stay as they are until it settles. @throws {HashThreadError} */
  async hash(algorithm: Algorithm, bytes: Uint8Array): Promise<string> {
    const running = this.start(algorithm);
    await running.update(bytes);
    return await running.digest();
  }

  /** The MD5, in hex, of bytes that arrive independently of it. Those of several are computed side by side. */
  md5(arriving: Promise<Uint8Array>): Promise<string> {
    return this.#lanes.md5(arriving);
  }

  /** Its promises reject with a HashThreadError if a thread could not hash. */
  start(algorithm: Algorithm): RunningHash {
    const hash = this.#calls.startHash(algorithm);
    let isDiscarded = false;
    let turn: Promise<void> = Promise.resolve();
    const update = async (bytes: Uint8Array): Promise<void> => {
      const error = isDiscarded ? 0 : await this.#inTurn(() => this.#calls.updateHash(hash, bytes));
      if (error !== 0) throw new HashThreadError(`Cannot hash: the thread failed with errno ${-error}`);
    };
    return {
      update: (bytes) => {
        turn = turn.then(() => update(bytes));
        turn.catch(() => {}); // told to the caller
        return turn;
      },
      digest: async () => {
        await turn;
        return this.#calls.endHash(hash).toString('hex');
      },
      discard: () => {
        isDiscarded = true;
      },
    };
  }

  async #inTurn<T>(job: () => Promise<T>): Promise<T> {
    if (this.#running < MAX_AT_ONCE) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

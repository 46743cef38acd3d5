// Hashes of an object whose ranges arrive in any order, computed by other threads.
import { createHash } from 'node:crypto';
import type { HashThreads, RunningHash } from '../hash/hash-threads.ts';
import type { Range } from './ranges.ts';

/** The SHA-256 of everything, and the MD5 of each part of the upload. */
export class RangeHash {
  readonly #threads: HashThreads;
  readonly #sha256: RunningHash;
  readonly #digests: Promise<string>[] = [];
  #md5: RunningHash | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(threads: HashThreads) {
    this.#threads = threads;
    this.#sha256 = threads.start('sha256');
  }

  /**
   * To be called in the order of the ranges, before their bytes arrive. Resolves when these have been read; rejects if
   * those of this range or of one before it never come.
   */
  async update(range: Range, arrived: Promise<Uint8Array>): Promise<void> {
    const { part, begins, ends } = range;
    // A part in one range needs nobody's turn.
    const alone = begins && ends ? this.#threads.md5(arrived) : undefined;
    const inTurn = Promise.all([arrived, this.#turn]).then(([bytes]) =>
      Promise.all([this.#sha256.update(bytes), alone === undefined ? this.#updatePart(range, bytes) : undefined]),
    );
    if (alone !== undefined) this.#digests[part] = alone;
    this.#turn = inTurn;
    await Promise.allSettled([alone, inTurn]);
    await Promise.all([alone, inTurn]);
  }

  async #updatePart({ part, begins, ends }: Range, bytes: Uint8Array): Promise<void> {
    if (begins) this.#md5 = this.#threads.start('md5');
    await this.#md5!.update(bytes);
    if (ends) this.#digests[part] = this.#md5!.digest();
  }

  /** When all have been read: the SHA-256 in hex, and the ETag of such an upload. Ends it. */
  async digest(isMultipart: boolean): Promise<{ readonly checksum: string; readonly etag: string }> {
    const [checksum, ...digests] = await Promise.all([this.#sha256.digest(), ...this.#digests]);
    if (!isMultipart) return { checksum, etag: digests[0]! };
    const whole = createHash('md5')
      .update(Buffer.from(digests.join(''), 'hex'))
      .digest('hex');
    return { checksum, etag: `${whole}-${digests.length}` };
  }

  /** Ends it without a digest. */
  discard(): void {
    this.#sha256.discard();
    this.#md5?.discard();
  }
}

// MD5s that are computed side by side: eight take no longer than one.

/** So many are worth a thread's time: it is half of what as many of OpenSSL take. More must be in memory for more. */
const ENOUGH = 4;
/** How many the addon takes. */
const MAX = 8;

const DIGEST_BYTES = 16;

interface Ready {
  readonly bytes: Uint8Array;
  readonly settling: PromiseWithResolvers<string>;
}

/** Gathers what has arrived until it is enough, or until nothing more is about to arrive. */
export class Md5Lanes {
  readonly #md5OfEach: (strings: Uint8Array[]) => Promise<Buffer>;
  #arriving = 0;
  readonly #ready: Ready[] = [];
  #isRunning = false;

  /** @param md5OfEach The digests of up to eight strings, one after the other. */
  constructor(md5OfEach: (strings: Uint8Array[]) => Promise<Buffer>) {
    this.#md5OfEach = md5OfEach;
  }

  /** In hex. The bytes arrive, or fail to, whatever becomes of others; they stay as they are until it settles. */
  async md5(arriving: Promise<Uint8Array>): Promise<string> {
    this.#arriving++;
    const settling = Promise.withResolvers<string>();
    try {
      this.#ready.push({ bytes: await arriving, settling });
    } finally {
      this.#arriving--;
      void this.#run();
    }
    return await settling.promise;
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#ready.length >= (this.#arriving === 0 ? 1 : ENOUGH)) await this.#runOnce(this.#ready.splice(0, MAX));
    this.#isRunning = false;
  }

  async #runOnce(lanes: readonly Ready[]): Promise<void> {
    try {
      const digests = await this.#md5OfEach(lanes.map(({ bytes }) => bytes));
      for (const [n, { settling }] of lanes.entries())
        settling.resolve(digests.toString('hex', n * DIGEST_BYTES, (n + 1) * DIGEST_BYTES));
    } catch (error) {
      for (const { settling } of lanes) settling.reject(error);
    }
  }
}

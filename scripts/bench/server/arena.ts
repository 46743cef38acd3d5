// Memory for what is stored: bytes live in large slabs that are used again. A buffer of its own for each object would
// cost more, in fresh pages and in garbage collection, than the rest of a request.

const SLAB_BYTES = 64 * 2 ** 20;

/** Slabs nobody uses. Their pages are there: the next user pays for none. */
const pool: Buffer[] = [];

/** Memory that is given back all at once. */
export class Arena {
  readonly #slabs: Buffer[] = [];
  #unused: Buffer = Buffer.alloc(0);
  #holders = 1;

  /** Room for so many bytes, of any content. */
  reserve(bytes: number): Buffer {
    // What would waste a slab, or fits in none, is a slab of its own.
    if (bytes > SLAB_BYTES / 4) {
      const own = pooled(bytes);
      this.#slabs.push(own);
      return own.subarray(0, bytes);
    }
    if (bytes > this.#unused.length) {
      this.#unused = pooled(SLAB_BYTES);
      this.#slabs.push(this.#unused);
    }
    const room = this.#unused.subarray(0, bytes);
    this.#unused = this.#unused.subarray(bytes);
    return room;
  }

  /** One more who calls `release` when done. */
  hold(): this {
    this.#holders++;
    return this;
  }

  /** Gives everything back with the last holder. */
  release(): void {
    if (--this.#holders === 0) pool.push(...this.#slabs.splice(0));
  }
}

/** Makes slabs beforehand, and touches their pages, so that no request has to wait for them. */
export function warmUp(bytes: number): void {
  while (pool.length * SLAB_BYTES < bytes) pool.push(Buffer.alloc(SLAB_BYTES, 1));
}

function pooled(bytes: number): Buffer {
  const at = pool.findIndex(({ length }) => length >= bytes);
  return at < 0 ? Buffer.allocUnsafeSlow(Math.max(bytes, SLAB_BYTES)) : pool.splice(at, 1)[0]!;
}

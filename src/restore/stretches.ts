// Pure. What of some content a file need not hold: zeros read alike where nothing was written.

/** What file systems can leave out. */
const BLOCK_BYTES = 4096;

const ZEROS = Buffer.alloc(BLOCK_BYTES);

/** Offsets in `bytes`. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** The longest stretches without a block of zeros, in order; blocks are counted from the first byte. */
export function* stretchesOf(bytes: Buffer): Generator<Stretch> {
  let start: number | undefined;
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const end = Math.min(at + BLOCK_BYTES, bytes.length);
    const isHole = bytes.compare(ZEROS, 0, end - at, at, end) === 0;
    if (isHole && start !== undefined) yield { start, end: at };
    start = isHole ? undefined : (start ?? at);
  }
  if (start !== undefined) yield { start, end: bytes.length };
}

// Pure. The digests that the addon computes of small byte strings: `struct digests` of digests.h, one after the other.
const SHA256_BYTES = 32;
const MD5_BYTES = 16;

const DIGESTS_BYTES = SHA256_BYTES + MD5_BYTES;

/** In hex. */
export interface Digests {
  readonly sha256: string;
  readonly md5: string;
}

export function digestsAt(bytes: Buffer, index: number): Digests {
  const at = index * DIGESTS_BYTES;
  return {
    sha256: bytes.toString('hex', at, at + SHA256_BYTES),
    md5: bytes.toString('hex', at + SHA256_BYTES, at + DIGESTS_BYTES),
  };
}

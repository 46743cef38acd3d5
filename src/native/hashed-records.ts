// Pure. What the addon tells of files that it has hashed: their stat records, and after all of them `struct digests` of
// digests.h, one after the other.
import { RECORD_BYTES, StatRecords } from './stat-record.ts';

const SHA256_BYTES = 32;
const MD5_BYTES = 16;

const DIGESTS_BYTES = SHA256_BYTES + MD5_BYTES;

/** In hex. */
export interface Digests {
  readonly sha256: string;
  readonly md5: string;
}

export class HashedRecords extends StatRecords {
  readonly #digests: Buffer;

  constructor(bytes: ArrayBuffer, count: number) {
    super(bytes, count);
    this.#digests = Buffer.from(bytes, count * RECORD_BYTES);
  }

  digests(index: number): Digests {
    const at = index * DIGESTS_BYTES;
    return {
      sha256: this.#digests.toString('hex', at, at + SHA256_BYTES),
      md5: this.#digests.toString('hex', at + SHA256_BYTES, at + DIGESTS_BYTES),
    };
  }
}

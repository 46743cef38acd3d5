// The ETag S3 would give to content, computed as it is read.
import { createHash, type Hash } from 'node:crypto';

/** Computes the ETag of the bytes it is fed: their MD5, or the multipart formula for one part size. */
export class EtagHasher {
  readonly #partSizeBytes: number | null;
  #part: Hash = createHash('md5');
  #partBytes = 0;
  readonly #digests: Buffer[] = [];

  /** @param partSizeBytes null for an object stored by one request. */
  constructor(partSizeBytes: number | null) {
    this.#partSizeBytes = partSizeBytes;
  }

  /** Takes the next bytes. */
  update(bytes: Uint8Array): void {
    let rest = bytes;
    while (this.#partSizeBytes !== null && this.#partBytes + rest.length > this.#partSizeBytes) {
      const room = this.#partSizeBytes - this.#partBytes;
      this.#part.update(rest.subarray(0, room));
      rest = rest.subarray(room);
      this.#endPart();
    }
    this.#part.update(rest);
    this.#partBytes += rest.length;
  }

  /** The ETag without quotes. Ends the hasher. */
  digest(): string {
    if (this.#partSizeBytes === null) return this.#part.digest('hex');
    this.#endPart();
    const whole = createHash('md5').update(Buffer.concat(this.#digests)).digest('hex');
    return `${whole}-${this.#digests.length}`;
  }

  #endPart(): void {
    this.#digests.push(this.#part.digest());
    this.#part = createHash('md5');
    this.#partBytes = 0;
  }
}

// Pure. What the addon tells of files: `struct record` of stat-record.h, one after the other.
import type { EntryKind, Stat } from '../model/entry.ts';

export const RECORD_BYTES = 64;

export class StatRecords {
  readonly #longs: BigInt64Array;
  readonly #words: Int32Array;

  constructor(bytes: ArrayBufferLike, count: number) {
    this.#longs = new BigInt64Array(bytes, 0, count * 8);
    this.#words = new Int32Array(bytes, 0, count * 16);
  }

  /** What else is told with the record, of an error too. */
  more(index: number): number {
    return this.#words[index * 16 + 15]! >>> 0;
  }

  /** What the record says, or a negated errno. */
  stat(index: number): Stat | number {
    const long = index * 8;
    const word = index * 16;
    const error = this.#words[word + 14]!;
    if (error !== 0) return error;
    const mode = this.#words[word + 10]! >>> 0;
    return {
      kind: kindOf(mode),
      sizeBytes: Number(this.#longs[long]),
      ino: this.#longs[long + 1]!,
      dev: this.#longs[long + 2]!,
      mtimeNs: this.#longs[long + 3]!,
      ctimeNs: this.#longs[long + 4]!,
      mode,
      uid: this.#words[word + 11]! >>> 0,
      gid: this.#words[word + 12]! >>> 0,
      nlink: this.#words[word + 13]! >>> 0,
    };
  }
}

/** What st_mode says of the kind. */
export function kindOf(mode: number): EntryKind {
  switch (mode & 0o170000) {
    case 0o100000:
      return 'file';
    case 0o040000:
      return 'directory';
    case 0o120000:
      return 'symlink';
    default:
      return 'other';
  }
}

// An open file as the parts of an object: each byte is read once, and hashed elsewhere.
import type { HashThreads, RunningHash } from '../hash/hash-threads.ts';
import type { CallOptions, Part, PartSource } from '../store/object-store.ts';
import type { ContentMemory, Loan } from './content-memory.ts';
import type { StableFile } from './stable-file.ts';

export interface FilePartsOptions {
  readonly hashes: HashThreads;
  readonly memory: ContentMemory;
  /** See PartSource. */
  readonly verify: () => void;
}

/** The bytes that are sent are those that are hashed, whatever becomes of the file meanwhile. */
export class FileParts implements PartSource {
  readonly sizeBytes: number;
  readonly #file: StableFile;
  readonly #options: FilePartsOptions;
  readonly #content: RunningHash;
  #checksum: string | undefined;
  #offset = 0;
  /** The part before has been read. One after the other, as the hash of the whole needs them and disks like it. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(file: StableFile, options: FilePartsOptions) {
    this.sizeBytes = file.sizeBytes;
    this.#file = file;
    this.#options = options;
    this.#content = options.hashes.start('sha256');
  }

  /** @throws RacedError if the file has become shorter, the system error, a HashThreadError, or the signal's reason */
  async next(lengthBytes: number, { signal }: CallOptions): Promise<Part> {
    const offset = this.#offset;
    this.#offset += lengthBytes;
    const turn = this.#turn.then(() => this.#read({ offset, lengthBytes, signal }));
    turn.catch(() => {}); // told to the caller below
    this.#turn = turn;
    const { loan, hashed } = await turn;
    try {
      const [sha256] = await hashed;
      return { bytes: loan.bytes, sha256, release: loan.giveBack };
    } catch (error) {
      loan.giveBack();
      throw error;
    }
  }

  async verify(): Promise<void> {
    this.#checksum = await this.#content.digest();
    this.#options.verify();
  }

  /** SHA-256 in hex of all that was given, once it has been verified. */
  get checksum(): string {
    if (this.#checksum === undefined) throw new Error('nobody has verified the source');
    return this.#checksum;
  }

  /** To be called when nothing more is asked for. */
  close(): void {
    this.#content.discard();
  }

  async #read({
    offset,
    lengthBytes,
    signal,
  }: Wanted): Promise<{ loan: Loan; hashed: Promise<readonly [string, unknown]> }> {
    const { memory, hashes } = this.#options;
    const loan = await memory.take(lengthBytes, signal);
    try {
      await this.#file.readInto(loan.bytes, offset);
      const hashed = Promise.all([hashes.hash('sha256', loan.bytes), this.#content.update(loan.bytes)]);
      return { loan, hashed };
    } catch (error) {
      loan.giveBack();
      throw error;
    }
  }
}

interface Wanted {
  readonly offset: number;
  readonly lengthBytes: number;
  readonly signal: AbortSignal | undefined;
}

// Reading a file so that what was read is one state of it: stat, read, stat (S3 No torn objects).
import { closeSync, fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { type Stat, sameContentStat, youngMs } from '../model/entry.ts';
import { parentOf, type RelPath } from '../model/path.ts';
import type { LocalTree, OpenedFile, OpenFile } from '../tree/local-tree.ts';
import type { Clones } from './clones.ts';
import type { MadeFile } from './snapshots.ts';

const readInPool = promisify(read);

/** The file changed, vanished or is no regular file any more. */
export class RacedError extends Error {
  override readonly name = 'RacedError';
}

/**
 * An open file and the stat its content is claimed to belong to. Opening, looking and reading what is in memory is one
 * call on what the caller's own look has just brought there, several times as quick as a detour through the thread pool.
 */
export class StableFile {
  #before: Stat;
  #sizeBytes: number;
  #opened: OpenedFile;
  readonly #tree: LocalTree;
  readonly #path: RelPath;
  /** Reads under way in the thread pool: the descriptor must not be anybody else's before they end. */
  #reads = 0;
  #closed = false;
  /** Once it is frozen: whether it had not moved until that instant. */
  #restedUntilFrozen: boolean | undefined;

  private constructor(opened: OpenedFile, tree: LocalTree, path: RelPath) {
    this.#before = opened.stat;
    this.#sizeBytes = opened.stat.sizeBytes;
    this.#opened = opened;
    this.#tree = tree;
    this.#path = path;
  }

  /**
   * @throws RacedError if there is no regular file of that name (any more)
   * @throws the system error if it cannot be opened
   */
  static open(tree: LocalTree, path: RelPath, openFile?: OpenFile): StableFile {
    let opened: OpenedFile;
    try {
      opened = tree.open(path, openFile);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // ELOOP: a symbolic link now; ENXIO: a socket or FIFO now.
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO') throw new RacedError(code);
      throw error;
    }
    if (opened.stat.kind === 'file') return new StableFile(opened, tree, path);
    closeSync(opened.fd);
    throw new RacedError('it is no regular file any more');
  }

  /** Of what is read. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The stat its content is claimed to belong to; of a frozen file the size is that of its content. */
  get before(): Stat {
    return this.#before;
  }

  /** As it was opened; of a frozen file what is read. */
  get opened(): OpenedFile {
    return this.#opened;
  }

  /** See youngMs of model/entry.ts. */
  youngMs(wallNowMs: number): number {
    return youngMs(this.before, wallNowMs);
  }

  /** Whether what is read is the file at one instant. */
  get isFrozen(): boolean {
    return this.#restedUntilFrozen !== undefined;
  }

  /**
   * From now on what is read is the file as it is at this instant, whatever becomes of it, where a clone can be made;
   * elsewhere nothing changes. To be called before anything is read.
   * @throws the system error if nothing can be known of its name
   */
  async freeze(clones: Pick<Clones, 'make'>): Promise<void> {
    const { fd: source } = this.#opened;
    const directory = this.#tree.absolute(parentOf(this.#path));
    const clone = await clones.make({ fd: source, dev: this.before.dev, directory });
    if (clone === undefined) return;
    this.#opened = { ...this.#opened, fd: clone.fd, content: Buffer.alloc(0) };
    try {
      const sizeBytes = fstatSync(clone.fd).size;
      const named = this.#tree.lstat(this.#path);
      const isNamed = named?.ino === this.before.ino && named.dev === this.before.dev;
      this.#restedUntilFrozen = isNamed && sameContentStat(this.before, clone.after);
      this.#before = { ...this.before, sizeBytes };
      this.#sizeBytes = sizeBytes;
    } finally {
      closeSync(source);
    }
  }

  /** From now on this is read, which a command made of the file after it had been opened. */
  substitute({ fd, sizeBytes }: MadeFile): void {
    closeSync(this.#opened.fd);
    this.#opened = { ...this.#opened, fd, content: Buffer.alloc(0) };
    this.#sizeBytes = sizeBytes;
    this.#restedUntilFrozen = true;
  }

  /** Exactly these bytes. @throws RacedError if the file has become shorter. */
  async read(offset: number, lengthBytes: number): Promise<Buffer> {
    const { content } = this.opened;
    if (offset + lengthBytes <= content.length) return content.subarray(offset, offset + lengthBytes);
    const buffer = Buffer.allocUnsafe(lengthBytes);
    await this.readInto(buffer, offset);
    return buffer;
  }

  /** Fills the buffer, from `offset` of the file on. @throws RacedError if the file has become shorter. */
  async readInto(buffer: Buffer, offset: number): Promise<void> {
    let done = 0;
    while (done < buffer.length) {
      const bytesRead = await this.#readInPool(done === 0 ? buffer : buffer.subarray(done), offset + done);
      if (bytesRead === 0) throw new RacedError('it was truncated while it was read');
      done += bytesRead;
    }
  }

  async #readInPool(buffer: Buffer, position: number): Promise<number> {
    this.#reads++;
    try {
      return (await readInPool(this.opened.fd, buffer, 0, buffer.length, position)).bytesRead;
    } finally {
      if (--this.#reads === 0 && this.#closed) closeSync(this.opened.fd);
    }
  }

  /**
   * Whether the name still shows the very state that was opened, or did when the file was frozen. It is the open file's
   * own: while that is open, nothing else has its inode.
   */
  isUnmoved(): boolean {
    if (this.#restedUntilFrozen !== undefined) return this.#restedUntilFrozen;
    const named = this.#tree.lstat(this.#path);
    return named !== undefined && sameContentStat(this.before, named);
  }

  /** To be called once; nothing may be asked for afterwards. */
  close(): void {
    this.#closed = true;
    if (this.#reads === 0) closeSync(this.opened.fd);
  }
}

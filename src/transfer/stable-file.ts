// Reading a file so that what was read is one state of it: stat, read, stat (S3 No torn objects).
import { closeSync, constants, fstatSync, openSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { type Stat, sameContentStat, youngMs } from '../model/entry.ts';
import type { RelPath } from '../model/path.ts';
import { type Addon, loadAddon } from '../native/addon.ts';
import { type LocalTree, statOf } from '../tree/local-tree.ts';

const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Fills the buffer from `position` as far as that needs no waiting for a disk; the count of bytes, 0 at the end of the
 * file, or a negated errno where it would have to wait or cannot tell: `readCached` of the addon.
 */
export type ReadCached = Addon['readCached'];

/** More than this is always read in the thread pool: copying it would keep everybody else waiting. */
const CACHED_READ_BYTES = 256 * 1024;

const readInPool = promisify(read);

/** The file changed, vanished or is no regular file any more. */
export class RacedError extends Error {
  override readonly name = 'RacedError';
}

/**
 * An open file and the stat its content is claimed to belong to. Opening and looking are system calls on what the
 * caller's own look has just brought into memory, five times as quick as a detour through the thread pool.
 */
export class StableFile {
  readonly before: Stat;
  readonly #fd: number;
  readonly #tree: LocalTree;
  readonly #path: RelPath;
  readonly #readCached: ReadCached;
  /** Reads under way in the thread pool: the descriptor must not be anybody else's before they end. */
  #reads = 0;
  #closed = false;

  private constructor(fd: number, before: Stat, place: { tree: LocalTree; path: RelPath; readCached: ReadCached }) {
    this.#fd = fd;
    this.before = before;
    this.#tree = place.tree;
    this.#path = place.path;
    this.#readCached = place.readCached;
  }

  /**
   * @throws RacedError if there is no regular file of that name (any more)
   * @throws the system error if it cannot be opened
   */
  static open(tree: LocalTree, path: RelPath, readCached: ReadCached = loadAddon().readCached): StableFile {
    let fd: number;
    try {
      fd = openSync(tree.absolute(path), READ_FLAGS);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // ELOOP: a symbolic link now; ENXIO: a socket or FIFO now.
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO') throw new RacedError(code);
      throw error;
    }
    try {
      const before = statOf(fstatSync(fd, { bigint: true }));
      if (before.kind !== 'file') throw new RacedError('it is no regular file any more');
      return new StableFile(fd, before, { tree, path, readCached });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** See youngMs of model/entry.ts. */
  youngMs(wallNowMs: number): number {
    return youngMs(this.before, wallNowMs);
  }

  /** Exactly these bytes. @throws RacedError if the file has become shorter. */
  async read(offset: number, lengthBytes: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(lengthBytes);
    await this.readInto(buffer, offset);
    return buffer;
  }

  /** Fills the buffer, from `offset` of the file on. @throws RacedError if the file has become shorter. */
  async readInto(buffer: Buffer, offset: number): Promise<void> {
    let done = 0;
    while (done < buffer.length) {
      const rest = done === 0 ? buffer : buffer.subarray(done);
      const cached = buffer.length <= CACHED_READ_BYTES ? this.#readCached(this.#fd, rest, offset + done) : -1;
      const bytesRead = cached >= 0 ? cached : await this.#readSlowly(rest, offset + done);
      if (bytesRead === 0) throw new RacedError('it was truncated while it was read');
      done += bytesRead;
    }
  }

  async #readSlowly(buffer: Buffer, position: number): Promise<number> {
    this.#reads++;
    try {
      return (await readInPool(this.#fd, buffer, 0, buffer.length, position)).bytesRead;
    } finally {
      if (--this.#reads === 0 && this.#closed) closeSync(this.#fd);
    }
  }

  /**
   * Whether the name still shows the very state that was opened. It is the open file's own: while that is open, nothing
   * else has its inode.
   */
  isUnmoved(): boolean {
    const named = this.#tree.lstat(this.#path);
    return named !== undefined && sameContentStat(this.before, named);
  }

  /** To be called once; nothing may be asked for afterwards. */
  close(): void {
    this.#closed = true;
    if (this.#reads === 0) closeSync(this.#fd);
  }
}

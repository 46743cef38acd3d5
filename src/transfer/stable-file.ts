// Reading a file so that what was read is one state of it: stat, read, stat (S3 No torn objects).
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Stat, sameContentStat, youngMs } from '../model/entry.ts';
import type { RelPath } from '../model/path.ts';
import { type LocalTree, statOf } from '../tree/local-tree.ts';

const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The file changed, vanished or is no regular file any more. */
export class RacedError extends Error {
  override readonly name = 'RacedError';
}

/** An open file and the stat its content is claimed to belong to. */
export class StableFile {
  readonly #handle: FileHandle;
  readonly #tree: LocalTree;
  readonly #path: RelPath;
  readonly before: Stat;

  private constructor(handle: FileHandle, before: Stat, place: { tree: LocalTree; path: RelPath }) {
    this.#handle = handle;
    this.before = before;
    this.#tree = place.tree;
    this.#path = place.path;
  }

  /**
   * @throws RacedError if there is no regular file of that name (any more)
   * @throws the system error if it cannot be opened
   */
  static async open(tree: LocalTree, path: RelPath): Promise<StableFile> {
    let handle: FileHandle;
    try {
      handle = await open(tree.absolute(path), READ_FLAGS);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // ELOOP: a symbolic link now; ENXIO: a socket or FIFO now.
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO') throw new RacedError(code);
      throw error;
    }
    try {
      const before = statOf(await handle.stat({ bigint: true }));
      if (before.kind !== 'file') throw new RacedError('it is no regular file any more');
      return new StableFile(handle, before, { tree, path });
    } catch (error) {
      await handle.close();
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
    let done = 0;
    while (done < lengthBytes) {
      const { bytesRead } = await this.#handle.read(buffer, done, lengthBytes - done, offset + done);
      if (bytesRead === 0) throw new RacedError('it was truncated while it was read');
      done += bytesRead;
    }
    return buffer;
  }

  /** Whether descriptor and name still show the very state that was opened. */
  async isUnmoved(): Promise<boolean> {
    const after = statOf(await this.#handle.stat({ bigint: true }));
    const named = this.#tree.lstat(this.#path);
    return sameContentStat(this.before, after) && named !== undefined && sameContentStat(this.before, named);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

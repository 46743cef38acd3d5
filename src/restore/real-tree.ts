// Directories held open and proven to be where their path says, so that nothing is ever written through a symbolic link.
import {
  closeSync,
  constants,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  unlinkSync,
} from 'node:fs';
import type { Stat } from '../model/entry.ts';
import { TEMPORARY_PREFIX } from '../model/key.ts';
import { displayPath, joinPath, nameOf, namesOf, parentOf, type RelPath, ROOT } from '../model/path.ts';
import { statOf } from '../tree/local-tree.ts';
import { BlockedError } from './errors.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

const DIRECTORY_PERMISSIONS = 0o755;

/** A directory held open: its names are reached through the descriptor, wherever its path leads by now. */
export class OpenDirectory {
  readonly fd: number;
  readonly #realPath: Buffer;

  constructor(fd: number, realPath: Buffer) {
    this.fd = fd;
    this.#realPath = realPath;
  }

  /** The path of a name in this very directory: what openat(2) would be given, which Node lacks. */
  entry(name: string): Buffer {
    return Buffer.from(`/proc/self/fd/${this.fd}/${name}`, 'latin1');
  }

  /** Whether the directory is still reached by its path, and by no symbolic link on the way. */
  isInPlace(): boolean {
    return realPathOf(this.fd).equals(this.#realPath);
  }

  /** undefined: there is no such name. @throws the system error if that cannot be told. */
  lstat(name: string): Stat | undefined {
    const stats = lstatSync(this.entry(name), { bigint: true, throwIfNoEntry: false });
    return stats && statOf(stats);
  }

  /** Removes what an interrupted restore left. */
  sweep(): void {
    for (const name of readdirSync(`/proc/self/fd/${this.fd}`, { encoding: 'latin1' })) {
      if (isTemporaryName(name)) unlinkSync(this.entry(name));
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** The tree beneath one directory, which is held open too. */
export class RealTree {
  readonly fd: number;
  readonly #root: Buffer;
  readonly #onMade: (fd: number) => void;
  #ensured: RelPath | undefined;

  /**
   * @param root absolute
   * @param options `onMade` is told of every directory that was made, before anything is in it
   * @throws the system error if it is not a readable directory.
   */
  constructor(root: Buffer, { onMade = () => {} }: { onMade?: (fd: number) => void } = {}) {
    this.#onMade = onMade;
    this.fd = openSync(root, O_RDONLY | O_DIRECTORY);
    this.#root = realPathOf(this.fd);
  }

  /**
   * Opens a directory; undefined if it does not exist.
   * @throws {BlockedError} if anything on the way is not a directory; the system error if nothing can be told.
   */
  open(dir: RelPath): OpenDirectory | undefined {
    const expected = this.absolute(dir);
    let fd: number;
    try {
      fd = openSync(expected, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' && this.#obstacle(dir) === undefined) return undefined;
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') throw this.#blocked(dir);
      throw error;
    }
    const directory = new OpenDirectory(fd, expected);
    // The kernel's own name of what was opened: it differs if a symbolic link was followed anywhere on the way.
    if (directory.isInPlace()) return directory;
    directory.close();
    throw this.#blocked(dir);
  }

  /** Opens a directory, making it and its parents if need be. @throws like `open`. */
  make(dir: RelPath): OpenDirectory {
    const existing = this.open(dir);
    if (existing !== undefined) return existing;
    const parent = this.make(parentOf(dir));
    try {
      mkdirSync(parent.entry(nameOf(dir)), DIRECTORY_PERMISSIONS);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      parent.close();
    }
    const made = this.open(dir);
    if (made === undefined) throw new BlockedError(`the directory ${displayPath(dir)} vanished as soon as it was made`);
    this.#onMade(made.fd);
    fchmodSync(made.fd, DIRECTORY_PERMISSIONS); // whatever the umask says
    return made;
  }

  /** Makes a directory unless it is there; not again for the neighbours that are to be written next. @throws like `open`. */
  ensure(dir: RelPath): void {
    if (dir === this.#ensured) return;
    this.make(dir).close();
    this.#ensured = dir;
  }

  /** What `ensure` made may be gone. */
  doubt(): void {
    this.#ensured = undefined;
  }

  /** The stat of a path that no symbolic link leads to; undefined if there is none. @throws the system error. */
  lstat(path: RelPath): Stat | undefined {
    let parent: OpenDirectory | undefined;
    try {
      parent = this.open(parentOf(path));
      return parent?.lstat(nameOf(path));
    } catch (error) {
      if (error instanceof BlockedError) return undefined;
      throw error;
    } finally {
      parent?.close();
    }
  }

  /** The absolute path of `path`. */
  absolute(path: RelPath): Buffer {
    const root = this.#root.toString('latin1');
    if (path === ROOT) return this.#root;
    return Buffer.from(root === '/' ? `/${path}` : `${root}/${path}`, 'latin1');
  }

  close(): void {
    closeSync(this.fd);
  }

  #blocked(dir: RelPath): BlockedError {
    const { path, kind } = this.#obstacle(dir) ?? { path: dir, kind: 'something that is not a directory' };
    return new BlockedError(`${kind} is in the way at ${displayPath(path)}`);
  }

  /** The first name on the way to `dir` that is there and no directory. */
  #obstacle(dir: RelPath): { path: RelPath; kind: string } | undefined {
    let path = ROOT;
    for (const name of namesOf(dir)) {
      path = joinPath(path, name);
      const stats = lstatSync(this.absolute(path), { bigint: true, throwIfNoEntry: false });
      const kind = stats && statOf(stats).kind;
      if (kind !== undefined && kind !== 'directory') return { path, kind: `a ${KIND_NAMES[kind]}` };
    }
    return undefined;
  }
}

const KIND_NAMES = { file: 'file', symlink: 'symbolic link', other: 'socket, FIFO or device' } as const;

/** A name for a file on its way; `random` is 16 hexadecimal digits. */
export function temporaryName(random: string): string {
  return TEMPORARY_PREFIX + random;
}

function isTemporaryName(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX) && /^[0-9a-f]{16}$/.test(name.slice(TEMPORARY_PREFIX.length));
}

function realPathOf(fd: number): Buffer {
  return readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' });
}

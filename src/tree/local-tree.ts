// The local tree, read only: stats, directory names and absolute paths by relative path.
import { type BigIntStats, type Dirent, lstatSync, opendirSync, readlinkSync } from 'node:fs';
import type { EntryKind, Stat } from '../model/entry.ts';
import { type RelPath, ROOT } from '../model/path.ts';

/** One name of a directory, as readdir(2) gives it: a byte string. */
export interface DirectoryName {
  readonly name: string;
  readonly isDirectory: boolean;
  /** A socket, FIFO or device. */
  readonly isSpecial: boolean;
}

/** Reads a tree whose root is an absolute, resolved path. Paths are byte strings; symbolic links are never followed. */
export class LocalTree {
  /** The root as a byte string. */
  readonly root: string;

  constructor(root: Buffer) {
    const bytes = root.toString('latin1');
    this.root = bytes.length > 1 ? bytes.replace(/\/+$/, '') : bytes;
  }

  /** The absolute path the kernel knows `path` by. */
  absolute(path: RelPath): Buffer {
    if (path === ROOT) return Buffer.from(this.root, 'latin1');
    return Buffer.from(this.root === '/' ? `/${path}` : `${this.root}/${path}`, 'latin1');
  }

  /**
   * What is at `path`; undefined means proven absent: ENOENT, ENOTDIR, or a parent that is no real directory. The
   * kernel would follow a symbolic link among the parents and answer for another file, so each of them is looked at.
   * @throws the system error for everything else (EACCES, EIO, ESTALE...): nothing is known then.
   */
  lstat(path: RelPath): Stat | undefined {
    for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) {
      if (this.lstatBelow(path.slice(0, end) as RelPath)?.kind !== 'directory') return undefined;
    }
    return this.lstatBelow(path);
  }

  /** The same for a path whose parents were directories just now: one lstat(2). */
  lstatBelow(path: RelPath): Stat | undefined {
    try {
      const stats = lstatSync(this.absolute(path), { bigint: true, throwIfNoEntry: false });
      return stats && statOf(stats);
    } catch (error) {
      // A parent has become a file, or a link to itself: beneath it there is nothing.
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOTDIR' || code === 'ELOOP') return undefined;
      throw error;
    }
  }

  /** Whether some name of `dir` satisfies `wanted`; reads no further than that. @throws the system error. */
  hasName(dir: RelPath, wanted: (entry: DirectoryName) => boolean): boolean {
    const handle = opendirSync(this.absolute(dir) as unknown as string, { encoding: 'latin1', bufferSize: 32 });
    try {
      for (let d = handle.readSync(); d !== null; d = handle.readSync()) {
        if (wanted(nameOf(d))) return true;
      }
      return false;
    } finally {
      handle.closeSync();
    }
  }

  /** The target of a symbolic link, as bytes. @throws the system error. */
  readlink(path: RelPath): Buffer {
    return readlinkSync(this.absolute(path), { encoding: 'buffer' });
  }
}

function nameOf(d: Dirent): DirectoryName {
  return {
    name: d.name,
    isDirectory: d.isDirectory(),
    isSpecial: !d.isDirectory() && !d.isFile() && !d.isSymbolicLink(),
  };
}

/** The deciding fields of Node's stat result. */
export function statOf(stats: BigIntStats): Stat {
  return {
    kind: kindOf(stats),
    sizeBytes: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    ino: stats.ino,
    dev: stats.dev,
    mode: Number(stats.mode),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    nlink: Number(stats.nlink),
  };
}

function kindOf(stats: BigIntStats): EntryKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
}

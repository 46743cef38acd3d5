// The local tree, read only: stats, directory names and absolute paths by relative path.
import { type BigIntStats, type Dirent, opendirSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';
import type { Stat } from '../model/entry.ts';
import { displayPath, type RelPath, ROOT } from '../model/path.ts';
import { loadAddon } from '../native/addon.ts';
import { kindOf, RECORD_BYTES, StatRecords } from '../native/stat-record.ts';
import { codeOf } from './error-code.ts';

const { ENOENT, ENOTDIR, ELOOP } = constants.errno;

/** What the last look saw: looks are synchronous, and read it at once. */
const SEEN = Buffer.alloc(RECORD_BYTES);
const SEEN_RECORD = new StatRecords(SEEN.buffer, 1);

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
    return Buffer.from(this.#absolute(path), 'latin1');
  }

  #absolute(path: RelPath): string {
    if (path === ROOT) return this.root;
    return this.root === '/' ? `/${path}` : `${this.root}/${path}`;
  }

  /**
   * What is at `path`; undefined means proven absent: ENOENT, ENOTDIR, or a parent that is no real directory. The
   * kernel would follow a symbolic link among the parents and answer for another file, so each of them is looked at.
   * @throws the system error for everything else (EACCES, EIO, ESTALE...): nothing is known then.
   */
  lstat(path: RelPath): Stat | undefined {
    return lookUp(this.#absolute(path), this.root.length);
  }

  /** The same for a path whose parents were directories just now: one lstat(2). */
  lstatBelow(path: RelPath): Stat | undefined {
    const absolute = this.#absolute(path);
    return lookUp(absolute, absolute.length);
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

function lookUp(absolute: string, trustedBytes: number): Stat | undefined {
  const status = loadAddon().lookUp(absolute, trustedBytes, SEEN);
  if (status === 0) return SEEN_RECORD.stat(0) as Stat;
  // ELOOP: a parent has become a link to itself, and beneath it there is nothing.
  if (status === -ENOENT || status === -ENOTDIR || status === -ELOOP) return undefined;
  const error = { errno: status, syscall: 'lstat' };
  throw Object.assign(new Error(`${getSystemErrorMessage(status)}, lstat '${displayPath(absolute)}'`), error, {
    code: codeOf(error),
  });
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
    kind: kindOf(Number(stats.mode)),
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

// The local tree, read only: stats, directory names and absolute paths by relative path.
import { type BigIntStats, type Dirent, lstatSync, opendirSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';
import type { Stat } from '../model/entry.ts';
import { type InodeIdentity, type Keeps, linkGroupOf } from '../model/extras.ts';
import { displayPath, type RelPath, ROOT } from '../model/path.ts';
import type { Xattrs } from '../model/xattrs.ts';
import { type Addon, loadAddon } from '../native/addon.ts';
import { kindOf, RECORD_BYTES, StatRecords } from '../native/stat-record.ts';
import { codeOf } from './error-code.ts';
import { readXattrs } from './xattrs.ts';

const { ENOENT, ENOTDIR, ELOOP } = constants.errno;

/** What the last look saw: looks are synchronous, and read it at once. */
const SEEN = Buffer.alloc(RECORD_BYTES);
const SEEN_RECORD = new StatRecords(SEEN.buffer, 1);

/** Files of up to this size are read when they are opened, if they are in memory; copying more would keep others waiting. */
const READ_AT_ONCE_BYTES = 256 * 1024;
/** Where that is put, for a moment. */
const CONTENT = Buffer.allocUnsafeSlow(READ_AT_ONCE_BYTES);

/** See open-file.c. */
export type OpenFile = Addon['openFile'];

/** A file that is open to be read; whoever opened it closes the descriptor. */
export interface OpenedFile {
  readonly fd: number;
  readonly stat: Stat;
  /** As much of its beginning as could be had at once. */
  readonly content: Buffer;
}

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
  readonly keeps: Keeps;
  /** Looked at when it is wanted. */
  #rootInode: InodeIdentity | undefined;

  /** @param keeps what is looked at besides content and stat; default: nothing */
  constructor(root: Buffer, { xattrs = false, hardLinks = false }: Partial<Keeps> = {}) {
    this.keeps = { xattrs, hardLinks };
    const bytes = root.toString('latin1');
    this.root = bytes.length > 1 ? bytes.replace(/\/+$/, '') : bytes;
  }

  /** The absolute path the kernel knows `path` by. */
  absolute(path: RelPath): Buffer {
    return Buffer.from(this.absoluteName(path), 'latin1');
  }

  /** The same, one character for each byte. */
  absoluteName(path: RelPath): string {
    if (path === ROOT) return this.root;
    return this.root === '/' ? `/${path}` : `${this.root}/${path}`;
  }

  /**
   * What is at `path`; undefined means proven absent: ENOENT, ENOTDIR, or a parent that is no real directory. The
   * kernel would follow a symbolic link among the parents and answer for another file, so each of them is looked at.
   * @throws the system error for everything else (EACCES, EIO, ESTALE...): nothing is known then.
   */
  lstat(path: RelPath): Stat | undefined {
    return lookUp(this.absoluteName(path), this.root.length);
  }

  /** The same for a path whose parents were directories just now: one lstat(2). */
  lstatBelow(path: RelPath): Stat | undefined {
    const absolute = this.absoluteName(path);
    return lookUp(absolute, absolute.length);
  }

  /**
   * Opens what is at `path`, a directory too; the last name is not followed.
   * @throws the system error, ELOOP for a symbolic link and ENXIO for a socket or a FIFO among them
   */
  open(path: RelPath, openFile: OpenFile = loadAddon().openFile): OpenedFile {
    const absolute = this.absoluteName(path);
    const fd = openFile(absolute, SEEN, CONTENT);
    if (fd < 0) throw systemError(fd, 'open', absolute);
    const content = Buffer.allocUnsafe(SEEN_RECORD.more(0));
    CONTENT.copy(content);
    return { fd, stat: SEEN_RECORD.stat(0) as Stat, content };
  }

  /**
   * The extended attributes of a file or directory that is open, or was there just now; null if they are not kept.
   * @throws the system error.
   */
  xattrs(of: RelPath | OpenedFile): Xattrs | null {
    if (!this.keeps.xattrs) return null;
    return readXattrs(typeof of === 'string' ? this.absolute(of) : of.fd);
  }

  /** The same of what may be gone by now; undefined if they cannot be read. */
  xattrsIfReadable(path: RelPath): Xattrs | null | undefined {
    try {
      return this.xattrs(path);
    } catch {
      return undefined;
    }
  }

  /** What all names of the inode at `path` have in common; undefined: there is none. @throws the system error. */
  linkGroup(path: RelPath): string | undefined {
    const file = lstatSync(this.absolute(path), { bigint: true, throwIfNoEntry: false });
    this.#rootInode ??= lstatSync(this.absolute(ROOT), { bigint: true });
    return file && linkGroupOf(this.#rootInode, file);
  }

  /** Whether this inode is at `path`; not so where that cannot be told. */
  holds(path: RelPath, ino: bigint): boolean {
    try {
      return this.lstat(path)?.ino === ino;
    } catch {
      return false;
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

function lookUp(absolute: string, trustedBytes: number): Stat | undefined {
  const status = loadAddon().lookUp(absolute, trustedBytes, SEEN);
  if (status === 0) return SEEN_RECORD.stat(0) as Stat;
  // ELOOP: a parent has become a link to itself, and beneath it there is nothing.
  if (status === -ENOENT || status === -ENOTDIR || status === -ELOOP) return undefined;
  throw systemError(status, 'lstat', absolute);
}

function systemError(errno: number, syscall: string, absolute: string): Error {
  const message = `${getSystemErrorMessage(errno)}, ${syscall} '${displayPath(absolute)}'`;
  return Object.assign(new Error(message), { errno, syscall, code: codeOf({ errno, syscall }) });
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

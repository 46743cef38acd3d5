// Where the losing version of a conflict is kept: STATE/conflicts/<time>/<path>.
import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Stat, sameContentStat } from '../model/entry.ts';
import { joinPath, nameOf, parentOf, type RelPath } from '../model/path.ts';
import { ChangedError } from './errors.ts';
import type { FileCalls } from './options.ts';
import { type OpenDirectory, RealTree } from './real-tree.ts';

/** One restore's conflicts; its directory is made when the first one comes. */
export class ConflictStore {
  readonly directory: string;
  readonly #calls: FileCalls;
  #tree: RealTree | undefined;

  constructor(stateDir: string, { startedMs, calls }: { startedMs: number; calls: FileCalls }) {
    this.directory = join(stateDir, 'conflicts', new Date(startedMs).toISOString().replaceAll(':', '-'));
    this.#calls = calls;
  }

  /** The tree in which losers lie under their own paths. */
  get tree(): RealTree {
    if (this.#tree === undefined) {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      this.#tree = new RealTree(Buffer.from(this.directory));
    }
    return this.#tree;
  }

  /** Keeps the file or symbolic link `path` of `directory`, which stays where it is; returns where it is kept. */
  keep(directory: OpenDirectory, { path, local }: { path: RelPath; local: Stat }): string {
    const parent = this.tree.make(parentOf(path));
    try {
      const name = freeName(parent, nameOf(path));
      const from = directory.entry(nameOf(path));
      if (!tryLink(from, parent.entry(name))) {
        this.#copy(from, { to: parent.entry(name), local });
        // Copying takes time: what was written meanwhile may be missing in the copy.
        const now = directory.lstat(nameOf(path));
        if (now === undefined || !sameContentStat(now, local)) throw new ChangedError('it changed while it was copied');
      }
      return this.tree.absolute(joinPath(parentOf(path), name)).toString();
    } finally {
      parent.close();
    }
  }

  #copy(from: Buffer, { to, local }: { to: Buffer; local: Stat }): void {
    if (local.kind === 'symlink') {
      symlinkSync(readlinkSync(from, { encoding: 'buffer' }), to);
      return;
    }
    copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    this.#calls.setModified(to, local.mtimeNs);
    const fd = openSync(to, constants.O_RDONLY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  close(): void {
    this.#tree?.close();
  }
}

/** A second name of the same inode: no copying, and a writer that has it open loses nothing. */
function tryLink(from: Buffer, to: Buffer): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EXDEV' || code === 'EPERM' || code === 'EMLINK' || code === 'EOPNOTSUPP') return false;
    throw error;
  }
}

function freeName(directory: OpenDirectory, name: string): string {
  let free = name;
  for (let n = 1; directory.lstat(free) !== undefined; n++) free = `${name}.${n}`;
  return free;
}

// Directories, read in the thread pool: names in the order of their keys, each with its stat.
import type { Stat } from '../model/entry.ts';
import type { RelPath } from '../model/path.ts';
import type { Looked, More, ReadDirectoryNatively } from '../native/addon.ts';
import { RECORD_BYTES, StatRecords } from '../native/stat-record.ts';
import type { LocalTree } from './local-tree.ts';

/** One name of a directory. */
export interface Child {
  readonly name: string;
  /** undefined: a directory, which is looked at when it is read itself. A number is a negated errno. */
  readonly stat: Stat | number | undefined;
}

/** A directory that was read. Nothing is held open. */
export interface ReadDirectory {
  /** Of the directory itself. */
  readonly stat: Stat;
  /** The names of all directories in it. */
  directories(): string[];
  /** The next children in the order of their keys, none at the end; or a negated errno. */
  next(): Promise<readonly Child[] | number>;
}

/** How many names are looked at in one go. Of a larger directory only the names are held as a whole, as bytes. */
const NAMES_AT_ONCE = 4096;

/** Reads the directories of a tree. */
export class DirectoryReader {
  readonly #tree: LocalTree;
  readonly #native: ReadDirectoryNatively;

  constructor(tree: LocalTree, native: ReadDirectoryNatively) {
    this.#tree = tree;
    this.#native = native;
  }

  /** Reads a directory that is no symbolic link, or tells a negated errno. Never rejects. */
  async read(dir: RelPath): Promise<ReadDirectory | number> {
    const path = this.#tree.absolute(dir);
    const looked = await this.#native(path, NAMES_AT_ONCE);
    if (typeof looked === 'number') return looked;
    return new Listing(looked, (...more) => this.#native(path, NAMES_AT_ONCE, ...more));
  }
}

/** The directory's own record, and how many names there are. */
const HEAD_BYTES = RECORD_BYTES + 8;
const DT_DIR = 4;

class Listing implements ReadDirectory {
  readonly stat: Stat;
  readonly #more: (...more: More) => Promise<Looked | number>;
  readonly #bytes: Buffer;
  /** The type of every name, as readdir(3) gives it. */
  readonly #types: Buffer;
  #looked: Looked | undefined;
  /** The child that comes next, and where its name begins. */
  #first = 0;
  #at: number;

  constructor(looked: Looked, more: (...more: More) => Promise<Looked | number>) {
    const [listing] = looked;
    this.#more = more;
    this.#looked = looked;
    this.#bytes = Buffer.from(listing);
    this.#at = HEAD_BYTES + new Uint32Array(listing, RECORD_BYTES, 1)[0]!;
    this.#types = this.#bytes.subarray(HEAD_BYTES, this.#at);
    this.stat = new StatRecords(listing, 1).stat(0) as Stat;
  }

  directories(): string[] {
    if (!this.#types.includes(DT_DIR)) return [];
    return this.#names(HEAD_BYTES + this.#types.length, this.#bytes.length).filter((_, i) => this.#types[i] === DT_DIR);
  }

  async next(): Promise<readonly Child[] | number> {
    if (this.#first === this.#types.length) return [];
    const looked = this.#looked ?? (await this.#more(this.#bytes.buffer as ArrayBuffer, this.#first, this.#at));
    this.#looked = undefined;
    if (typeof looked === 'number') return looked;
    const [, bytes, end] = looked;
    const names = this.#names(this.#at, end);
    const records = new StatRecords(bytes, names.length);
    const isDirectory = (i: number): boolean => this.#types[this.#first + i] === DT_DIR;
    const children = names.map((name, i) => ({ name, stat: isDirectory(i) ? undefined : records.stat(i) }));
    this.#first += names.length;
    this.#at = end;
    return children;
  }

  /** The names in these bytes, each of which ends in a NUL. */
  #names(from: number, to: number): string[] {
    return this.#bytes.toString('latin1', from, to - 1).split('\0');
  }
}

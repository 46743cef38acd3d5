// The native addon: where it lies and what it exports. Loaded on first use, for commands that never watch do without.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { EXIT, OperatorError } from '../model/errors.ts';
import { isEmbedded, loadEmbedded } from './embedded-addon.ts';
import { machineName } from './machine.ts';

/** An open inotify instance, opaque to JavaScript. */
export type Handle = { readonly __inotifyHandle: true };

/** A hash that is fed piece by piece, opaque to JavaScript. */
export type RunningDigest = { readonly __runningDigest: true };

/** The addon's exports; a negative result is a negated errno. See the .c files here. */
export interface Addon {
  init(onBatch: (events: ArrayBuffer, token: number) => void, limitBytes?: number): Handle | number;
  addWatch(handle: Handle, path: Buffer, mask: number): number;
  rmWatch(handle: Handle, wd: number): number;
  requestToken(handle: Handle): number;
  setRef(handle: Handle, keepsLoopAlive: boolean): void;
  close(handle: Handle): void;
  reapOrphans(known: Int32Array): number[];
  lookUp(path: string, trusted: number, record: Buffer): number;
  setModified(target: number | Buffer, mtimeNs: bigint): number;
  /** See xattrs.c: their encoding, or 0 if there are none. */
  readXattrs(target: number | Buffer): Buffer | number;
  /** Exactly these; of the first that cannot be had so, the errno. */
  setXattrs(fd: number, encoding: Buffer): number;
  openFile(path: string, record: Buffer, content: Buffer): number;
  /** See clone-file.c: a stat record, and a descriptor. */
  cloneFile(source: number, directory: Buffer): Promise<ArrayBuffer>;
  /** See hash-files.c: stat records, then digests. */
  hashFiles(paths: string, lengths: Uint32Array, trusted: number): Promise<ArrayBuffer>;
  bootTimeMs(): number;
  syncFileSystem(fd: number): Promise<number>;
  fileSystemId(fd: number): bigint;
  trimMemory(): void;
  /** To a socket of the file system, or '@' and the name of an abstract one; never waits (EAGAIN). */
  sendDatagram(socket: Buffer, message: Buffer): number;
  /**
   * Writes new files, gives them their attributes and then their names, each only if that is free (EEXIST) and its
   * directory is where its path says, reached by no symbolic link. A stat record answers for each: with an error, `more`
   * is the call; without, whether somebody else touched the file. After the records come the digests of each.
   */
  placeFiles(files: readonly NewFile[]): Promise<ArrayBuffer>;
  readDirectory: ReadDirectoryNatively;
  startHash(algorithm: string): RunningDigest;
  updateHash(hash: RunningDigest, bytes: Uint8Array): Promise<number>;
  endHash(hash: RunningDigest): Buffer;
  md5OfEach(strings: readonly Uint8Array[]): Promise<Buffer>;
}

/** What was looked at: the listing, a record for each of some names, and where the name after them begins. */
export type Looked = [listing: ArrayBuffer, records: ArrayBuffer, at: number];

/** Which names are to be looked at of a directory that was listed before. */
export type More = [listing: ArrayBuffer, first: number, at: number];

/** See directory.c; a number is a negated errno. */
export type ReadDirectoryNatively = (path: Buffer, limit: number, ...more: [] | More) => Promise<Looked | number>;

/**
 * A new file. Strings hold one character per byte, the directory is absolute; the MD5 is in hex, or '' if any content
 * will do (EBADMSG); an owner or group of -1 stays; `bare` takes from it the extended attributes it was born with.
 */
export type NewFile = readonly [
  ...[directory: string, temporary: string, name: string, bytes: Buffer, md5: string],
  ...[mode: number, uid: number, gid: number, mtimeNs: bigint, bare: boolean],
];

let loaded: Addon | undefined;

/** The addon. @throws OperatorError if it is missing or does not load on this system. */
export function loadAddon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  if (process.platform !== 'linux') {
    throw new OperatorError(`Cannot watch: inotify needs Linux, this is ${process.platform}`, { exitCode: EXIT.fatal });
  }
  return isEmbedded() ? fromInside() : from(findAddon());
}

/**
 * That which was built on this machine: beside the bundle, or in build/ for the sources. Else, in a package, the one for
 * machines like this: scripts/prebuild.mjs.
 */
function findAddon(): string {
  const inPlace = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const built = ['./awssyncer.node', '../../build/awssyncer.node'].map(inPlace).find((path) => existsSync(path));
  if (built !== undefined) return built;
  const machine = machineName();
  const prebuilt = inPlace(`./awssyncer.${machine}.node`);
  if (existsSync(prebuilt)) return prebuilt;
  throw new OperatorError(`Cannot start: this awssyncer has no inotify addon for ${machine}`, {
    exitCode: EXIT.fatal,
    hint: `Run \`npm run build\` in a checkout on such a machine, and copy its dist/awssyncer.node to ${inPlace('./awssyncer.node')}.`,
  });
}

const require = createRequire(import.meta.url);

function from(path: string): Addon {
  try {
    return require(path) as Addon;
  } catch (cause) {
    throw new OperatorError(`Cannot load the inotify addon ${path}: ${(cause as Error).message}`, {
      exitCode: EXIT.fatal,
      hint: 'It was built for another system: build it on this one.',
      cause,
    });
  }
}

function fromInside(): Addon {
  try {
    return loadEmbedded((path) => require(path) as Addon);
  } catch (cause) {
    throw new OperatorError(`Cannot load the inotify addon: ${(cause as Error).message}`, {
      exitCode: EXIT.fatal,
      hint: 'It has to be a file for a moment: set TMPDIR to a directory that can be written to and is not mounted noexec.',
      cause,
    });
  }
}

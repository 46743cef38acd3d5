// Trees on disk: copied from a real one, described, compared.
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import { cp } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Trees that a machine is likely to have; the last one is there for sure. */
const SOURCES = ['/usr/share/doc', fileURLToPath(new URL('../../node_modules', import.meta.url))];

const MAX_FILES = 2000;
const MAX_TOTAL_BYTES = 16 * 1024 * 1024;
const MAX_FILE_BYTES = 256 * 1024;

/** Where a real tree is found. */
export function realTree(): string {
  return SOURCES.find((path) => existsSync(path))!;
}

/** Copies the beginning of a tree: at most 2,000 files, 16 MiB, no large ones. */
export async function copyRealTree(from: string, to: string): Promise<void> {
  let [files, bytes] = [0, 0];
  const filter = (path: string): boolean => {
    const stat = readable(path);
    if (stat === undefined || files >= MAX_FILES || bytes >= MAX_TOTAL_BYTES) return false;
    if (stat.isDirectory()) return true;
    if (stat.size > MAX_FILE_BYTES) return false;
    files++;
    bytes += stat.size;
    return true;
  };
  await cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true, filter });
}

/** undefined for what we may not read, for special files, and for names that are not UTF-8. */
function readable(path: string): Stats | undefined {
  try {
    const stat = lstatSync(path);
    if (stat.isSymbolicLink()) return stat;
    accessSync(path, stat.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK);
    return stat.isFile() || stat.isDirectory() ? stat : undefined;
  } catch {
    return undefined;
  }
}

/** Everything beneath a directory, depth first. Node's own recursive readdir follows links to directories. */
function* walk(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    yield path;
    if (entry.isDirectory()) yield* walk(path);
  }
}

/** The files and links beneath a directory: path relative to `root` -> size of the object each has to become. */
export function filesBeneath(root: string, directory: string): Map<string, number> {
  const sizes = new Map<string, number>();
  if (!existsSync(join(root, directory))) return sizes;
  for (const path of walk(join(root, directory))) {
    const stat = lstatSync(path);
    if (!stat.isDirectory()) sizes.set(relative(root, path), stat.size);
  }
  return sizes;
}

/** What a tree is: path -> everything that a restore has to bring back. */
export interface Snapshot {
  readonly paths: ReadonlyMap<string, string>;
  readonly files: number;
  readonly bytes: number;
}

/** Reads a whole tree: content, mode, owner, mtime, links, directories. Times of directories and links are not kept. */
export function snapshot(root: string): Snapshot {
  const paths = new Map<string, string>();
  let files = 0;
  let bytes = 0;
  for (const path of walk(root)) {
    const name = relative(root, path);
    const { mode, mtimeNs, size, uid, gid } = lstatSync(path, { bigint: true });
    const common = `mode ${mode.toString(8)}, owner ${uid}:${gid}`;
    if ((mode & S_IFMT) === S_IFREG) {
      files++;
      bytes += Number(size);
      const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
      paths.set(name, `file, ${common}, mtime ${mtimeNs}, ${size} bytes, sha256 ${sha256}`);
    } else if ((mode & S_IFMT) === S_IFLNK) {
      paths.set(name, `link to ${readlinkSync(path)}, owner ${uid}:${gid}`);
    } else {
      paths.set(name, `directory, ${common}`);
    }
  }
  return { paths, files, bytes };
}

const S_IFMT = BigInt(constants.S_IFMT);
const S_IFREG = BigInt(constants.S_IFREG);
const S_IFLNK = BigInt(constants.S_IFLNK);

/** One line for each path that differs. */
export function differences(before: Snapshot, after: Snapshot): string[] {
  const names = new Set([...before.paths.keys(), ...after.paths.keys()]);
  return [...names].sort().flatMap((name) => {
    const [was, is] = [before.paths.get(name) ?? 'absent', after.paths.get(name) ?? 'absent'];
    return was === is ? [] : [`${name}: was ${was}; is ${is}`];
  });
}

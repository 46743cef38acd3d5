// The trees that are synchronised, and what is true of them.
import { createHash, hash } from 'node:crypto';
import { closeSync, globSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareKeys } from '../../src/store/key-order.ts';
import type { Summary } from './server/control.ts';

export interface TreeShape {
  readonly files: number;
  readonly fileBytes: number;
  readonly filesPerDirectory: number;
}

/** A tree on disk that nothing changes. */
export interface Tree extends TreeShape {
  readonly root: string;
  /** What a bucket says of itself if it holds this tree. */
  readonly summary: Summary;
}

/** Writes a tree whose files all differ. The same shape gives the same tree. */
export function makeTree(root: string, shape: TreeShape): Tree {
  const { files, fileBytes, filesPerDirectory } = shape;
  const bytes = Buffer.alloc(fileBytes);
  const digest = new TreeDigest();
  mkdirSync(root);
  let directory = '';
  // Names are in the order of their bytes.
  for (let file = 0; file < files; file++) {
    if (file % filesPerDirectory === 0) {
      directory = `d${String(file / filesPerDirectory).padStart(6, '0')}`;
      mkdirSync(join(root, directory));
    }
    const key = `${directory}/f${String(file).padStart(7, '0')}.dat`;
    scramble(bytes, file);
    writeFileSync(join(root, key), bytes);
    digest.add(key, { bytes: fileBytes, md5: hash('md5', bytes, 'hex') });
  }
  return { ...shape, root, summary: digest.summary };
}

/** Fills it with bytes that no compression shortens, others for another seed. */
export function scramble(bytes: Buffer, seed: number): void {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  for (let at = 0; at < bytes.length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    if (at + 4 <= bytes.length) bytes.writeInt32LE(state | 0, at);
    else bytes.fill(state & 0xff, at);
  }
}

/** The summary of all files beneath a directory. */
export function summarise(root: string): Summary {
  const digest = new TreeDigest();
  const keys = globSync('**', { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  for (const key of keys.sort(compareKeys)) digest.add(key, md5OfFile(join(root, key)));
  return digest.summary;
}

const CHUNK = Buffer.allocUnsafeSlow(2 ** 20);

function md5OfFile(path: string): { bytes: number; md5: string } {
  const hasher = createHash('md5');
  const fd = openSync(path, 'r');
  let bytes = 0;
  for (let read = readSync(fd, CHUNK); read > 0; read = readSync(fd, CHUNK)) {
    hasher.update(CHUNK.subarray(0, read));
    bytes += read;
  }
  closeSync(fd);
  return { bytes, md5: hasher.digest('hex') };
}

/** Files are added in the order of their keys, as the server does it. */
class TreeDigest {
  readonly #digest = createHash('sha256');
  #files = 0;
  #bytes = 0;

  add(key: string, { bytes, md5 }: { readonly bytes: number; readonly md5: string }): void {
    this.#digest.update(`${key}\0${bytes}\0${md5}\n`);
    this.#files++;
    this.#bytes += bytes;
  }

  get summary(): Summary {
    return { files: this.#files, bytes: this.#bytes, digest: this.#digest.copy().digest('hex') };
  }
}

/** @throws unless they are of the same files */
export function assertSame(found: Summary, expected: Summary, what: string): void {
  if (found.digest === expected.digest) return;
  const shown = ({ files, bytes }: Summary): string => `${files} files, ${bytes} bytes`;
  throw new Error(`${what} is not what it should be: ${shown(found)} instead of ${shown(expected)}`);
}

// The trees that are synchronised, and what is true of them.
import { createHash, hash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareKeys } from '../../src/store/key-order.ts';
import type { Summary } from './server/control.ts';

export interface TreeShape {
  readonly files: number;
  readonly fileBytes: number;
  readonly filesPerDirectory: number;
}

/** Writes a tree whose files all differ. The same shape gives the same tree. */
export function makeTree(root: string, { files, fileBytes, filesPerDirectory }: TreeShape): void {
  const bytes = Buffer.alloc(fileBytes);
  let directory = '';
  for (let file = 0; file < files; file++) {
    if (file % filesPerDirectory === 0) {
      directory = join(root, `d${String(file / filesPerDirectory).padStart(5, '0')}`);
      mkdirSync(directory, { recursive: true });
    }
    scramble(bytes, file);
    writeFileSync(join(directory, `f${String(file).padStart(7, '0')}.dat`), bytes);
  }
}

/** Fills it with bytes that no compression shortens, others for another seed. */
export function scramble(bytes: Buffer, seed: number): void {
  let state = (seed + 1) * 0x9e3779b1;
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state | 0, at);
  }
  for (let at = bytes.length & ~3; at < bytes.length; at++) bytes[at] = seed >>> (8 * (at & 3));
}

/** What a bucket says of itself if it holds this tree. */
export function summariseTree(root: string): Summary {
  const keys = globSync('**', { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort(compareKeys);
  const digest = createHash('sha256');
  let bytes = 0;
  for (const key of keys) {
    const content = readFileSync(join(root, key));
    digest.update(`${key}\0${content.length}\0${hash('md5', content, 'hex')}\n`);
    bytes += content.length;
  }
  return { files: keys.length, bytes, digest: digest.digest('hex') };
}

/** @throws if they are not of the same files */
export function assertSame(found: Summary, expected: Summary, what: string): void {
  if (found.digest === expected.digest) return;
  const shown = ({ files, bytes }: Summary): string => `${files} files, ${bytes} bytes`;
  throw new Error(`${what} is not what it should be: ${shown(found)} instead of ${shown(expected)}`);
}

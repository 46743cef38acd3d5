// Is a local file what a foreign object already holds? Told by its ETag, without downloading it.
import { createHash } from 'node:crypto';
import { comparableBy } from '../store/etag.ts';
import { EtagHasher } from '../store/etag-hasher.ts';
import type { StableFile } from './stable-file.ts';

const STEP_BYTES = 1024 * 1024;

/**
 * The SHA-256 of the file, in hex, if one of the ways this ETag can have been made gives it for the file's content;
 * undefined if none does, or none can be computed.
 * @throws RacedError if the file becomes shorter
 */
export async function checksumIfStored(file: StableFile, etag: string | null): Promise<string | undefined> {
  const { sizeBytes } = file.before;
  const hashers = (etag === null ? [] : comparableBy(etag, sizeBytes)).map((partSize) => new EtagHasher(partSize));
  if (hashers.length === 0) return undefined;
  const checksum = createHash('sha256');
  for (let at = 0; at < sizeBytes; at += STEP_BYTES) {
    const bytes = await file.read(at, Math.min(STEP_BYTES, sizeBytes - at));
    checksum.update(bytes);
    for (const hasher of hashers) hasher.update(bytes);
  }
  return hashers.some((hasher) => hasher.digest() === etag) ? checksum.digest('hex') : undefined;
}

// Temporary files and symbolic links in the directory of the path they are for.
import { closeSync, constants, openSync, symlinkSync, unlinkSync, writeSync } from 'node:fs';
import { kindOfObject, type StoredAttributes } from '../model/metadata.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { type OpenDirectory, temporaryName } from './real-tree.ts';
import type { Restoring } from './work.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/** What readlink(2) can give back: PATH_MAX without its NUL. */
const MAX_TARGET_BYTES = 4095;

/** What is known of content that was downloaded as a whole. */
export interface Download {
  readonly head: ObjectHead;
  readonly attributes: StoredAttributes;
  /** SHA-256 of the content in hex. */
  readonly checksum: string;
  /** Compared with the ETag; false: only the length was. */
  readonly verified: boolean;
}

/** A temporary file or symbolic link, complete and verified, not yet in its place. */
export interface Fetched extends Download {
  readonly name: string;
  /** Open for writing; null for a symbolic link. */
  readonly fd: number | null;
}

/** Makes an empty one, open for writing. @throws the system error */
export function createTemporary(directory: OpenDirectory, name: string): number {
  return openSync(directory.entry(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
}

/** Writes what is in memory to a temporary file or symbolic link. @throws the system error */
export function makeTemporary(
  work: Restoring,
  { directory, download }: { directory: OpenDirectory; download: Download & { readonly bytes: Buffer } },
): Fetched {
  const { bytes, ...rest } = download;
  const name = temporaryName(work.options.randomName());
  let fd: number | null = null;
  try {
    if (kindOfObject(rest.attributes) === 'symlink') {
      if (bytes.length === 0 || bytes.length > MAX_TARGET_BYTES) throw wrongTarget(bytes.length);
      symlinkSync(bytes, directory.entry(name));
    } else {
      fd = createTemporary(directory, name);
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    }
    return { ...rest, name, fd };
  } catch (error) {
    discard(directory, { name, fd });
    throw error;
  }
}

/** Closes and removes a temporary file that did not get its place. */
export function discard(directory: OpenDirectory, { name, fd }: Pick<Fetched, 'name' | 'fd'>): void {
  if (fd !== null) closeSync(fd);
  try {
    unlinkSync(directory.entry(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** An object that says it is a symbolic link and cannot be one. */
export function wrongTarget(bytes: number): Error {
  return new Error(`a symbolic link's target has 1 to ${MAX_TARGET_BYTES} bytes, this one has ${bytes}`);
}

// Is the content on disk that of the ledger's row, or that of the object?
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, read, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { type Stat, sameContentStat } from '../model/entry.ts';
import { nameOf, parentOf, type RelPath } from '../model/path.ts';
import type { Xattrs } from '../model/xattrs.ts';
import { comparableBy } from '../store/etag.ts';
import { EtagHasher } from '../store/etag-hasher.ts';
import { statOf } from '../tree/local-tree.ts';
import { readXattrs } from '../tree/xattrs.ts';
import { ChangedError } from './errors.ts';
import type { RealTree } from './real-tree.ts';

const CHUNK_BYTES = 1024 * 1024;

const readLater = promisify(read);

/** What hashing a local file or symbolic link tells. */
export interface LocalContent {
  /** SHA-256 in hex. */
  readonly checksum: string;
  /** Whether the object's ETag is that of this content by one of the known formulas. */
  readonly hasEtag: boolean;
  /** Of a file; null if they are not kept. */
  readonly xattrs: Xattrs | null;
}

/**
 * Hashes the file or symbolic link at `path`, for comparison with an ETag if one is given.
 * @throws {ChangedError} if it is not what `local` says, before and after
 */
export async function hashLocal(
  tree: RealTree,
  { path, local, etag, keepsXattrs }: { path: RelPath; local: Stat; etag?: string | undefined; keepsXattrs: boolean },
): Promise<LocalContent> {
  const sha256 = createHash('sha256');
  const hashers = etag === undefined ? [] : comparableBy(etag, local.sizeBytes).map((by) => new EtagHasher(by));
  const update = (bytes: Buffer): void => {
    sha256.update(bytes);
    for (const hasher of hashers) hasher.update(bytes);
  };
  let xattrs: Xattrs | null = null;
  const directory = tree.open(parentOf(path));
  if (directory === undefined) throw new ChangedError('its directory vanished');
  try {
    const entry = directory.entry(nameOf(path));
    if (local.kind === 'symlink') update(readlinkSync(entry, { encoding: 'buffer' }));
    else await readFile(entry, { local, update });
    if (keepsXattrs && local.kind === 'file') xattrs = readXattrs(entry);
    if (!isStill(directory.lstat(nameOf(path)), local)) throw new ChangedError('it changed while it was read');
  } finally {
    directory.close();
  }
  return { checksum: sha256.digest('hex'), hasEtag: hashers.some((hasher) => hasher.digest() === etag), xattrs };
}

async function readFile(
  entry: Buffer,
  { local, update }: { local: Stat; update: (bytes: Buffer) => void },
): Promise<void> {
  // Not blocking: the name may have become a FIFO.
  const fd = openSync(entry, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!isStill(statOf(fstatSync(fd, { bigint: true })), local))
      throw new ChangedError('it changed before it was read');
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, local.sizeBytes)));
    for (let offset = 0; offset < local.sizeBytes; ) {
      const { bytesRead } = await readLater(fd, buffer, 0, buffer.length, offset);
      if (bytesRead === 0) throw new ChangedError('it became shorter while it was read');
      update(buffer.subarray(0, bytesRead));
      offset += bytesRead;
    }
  } finally {
    closeSync(fd);
  }
}

function isStill(now: Stat | undefined, then: Stat): boolean {
  return now !== undefined && sameContentStat(now, then);
}

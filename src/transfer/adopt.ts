// Is a local file what a foreign object already holds? Told by its ETag, without downloading it.
import { createHash, hash } from 'node:crypto';
import type { LedgerRow } from '../ledger/ledger.ts';
import type { Stat } from '../model/entry.ts';
import { type Extras, storedLinkGroup } from '../model/extras.ts';
import { decodeMetadata, FUZZY, kindOfObject, SNAPSHOT } from '../model/metadata.ts';
import { storedXattrs } from '../model/xattrs.ts';
import { comparableBy } from '../store/etag.ts';
import { EtagHasher } from '../store/etag-hasher.ts';
import type { ObjectHead } from '../store/object-store.ts';
import type { StableFile } from './stable-file.ts';

const PERMISSIONS = 0o7777;

const STEP_BYTES = 1024 * 1024;

/** The clocks of S3 and of whoever wrote to it differ by less, or it would have refused (RequestTimeTooSkewed). */
const CLOCK_DIFFERENCE_NS = 15n * 60n * 1_000_000_000n;

/** Whether the file may have changed after the foreign object was written, be it in mode or owner alone. */
export function mayBeNewer(stat: Stat, row: Pick<LedgerRow, 'mtimeNs'>): boolean {
  return stat.ctimeNs + CLOCK_DIFFERENCE_NS > row.mtimeNs;
}

/**
 * What a foreign object with a file's content is to it.
 * - `same`: all it says of the file is true, though it may say nothing, but for its extended attributes and links.
 * - `other`: it says something else, or is marked as a snapshot.
 * - `none`: it is not there any more, or a symbolic link.
 */
export function likeness(
  stat: Stat,
  { xattrs, linkGroup }: Extras,
  { row, head }: { row: LedgerRow; head: ObjectHead | undefined },
): 'same' | 'other' | 'none' {
  if (head === undefined || head.etag !== row.etag) return 'none';
  const { metadata } = head.attributes;
  const stored = decodeMetadata(metadata);
  if (kindOfObject(stored) !== 'file') return 'none';
  const says = <T>(said: T | undefined, is: T): boolean => said === undefined || said === is;
  const permissions = stored.mode === undefined ? undefined : stored.mode & PERMISSIONS;
  const same =
    says(permissions, stat.mode & PERMISSIONS) &&
    says(stored.mtimeNs, stat.mtimeNs) &&
    says(stored.uid, stat.uid) &&
    says(stored.gid, stat.gid) &&
    (xattrs === null || storedXattrs(metadata).digest === xattrs.digest) &&
    (linkGroup === undefined || storedLinkGroup(metadata) === linkGroup);
  return same && metadata[FUZZY] === undefined && metadata[SNAPSHOT] === undefined ? 'same' : 'other';
}

/**
 * The SHA-256 of the file, in hex, if one of the ways this ETag can have been made gives it for the file's content;
 * undefined if none does, or none can be computed.
 * @throws RacedError if the file becomes shorter
 */
export async function checksumIfStored(file: StableFile, etag: string | null): Promise<string | undefined> {
  const { sizeBytes } = file;
  const partSizes = etag === null ? [] : comparableBy(etag, sizeBytes);
  if (partSizes.length === 0) return undefined;
  if (sizeBytes <= STEP_BYTES && partSizes[0] === null) {
    // Nearly every file. Hashes that are fed step by step cost more than hashing so little.
    const bytes = await file.read(0, sizeBytes);
    return hash('md5', bytes) === etag ? hash('sha256', bytes) : undefined;
  }
  const hashers = partSizes.map((partSize) => new EtagHasher(partSize));
  const checksum = createHash('sha256');
  for (let at = 0; at < sizeBytes; at += STEP_BYTES) {
    const bytes = await file.read(at, Math.min(STEP_BYTES, sizeBytes - at));
    checksum.update(bytes);
    for (const hasher of hashers) hasher.update(bytes);
  }
  return hashers.some((hasher) => hasher.digest() === etag) ? checksum.digest('hex') : undefined;
}

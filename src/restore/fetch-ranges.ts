// A large object from S3 by several ranges at once, each written to its place in a temporary file.
import { decodeMetadata, kindOfObject } from '../model/metadata.ts';
import { StoreError } from '../store/errors.ts';
import { comparableBy, etagKind } from '../store/etag.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { forEachConcurrently } from './concurrent.ts';
import { ChangedError } from './errors.ts';
import { RangeHash } from './range-hash.ts';
import { RANGE_BYTES, RANGES_AT_ONCE } from './range-memory.ts';
import { type Range, rangesOf } from './ranges.ts';
import { type OpenDirectory, temporaryName } from './real-tree.ts';
import { createTemporary, discard, type Fetched, wrongTarget } from './temporary.ts';
import type { Remote, Restoring } from './work.ts';
import { beginContent, type NewFile, writeContent } from './write-content.ts';

/** From this size on several ranges at once are worth their requests. */
export const RANGED_BYTES = 2 * RANGE_BYTES;

interface Fetching {
  readonly remote: Remote;
  readonly file: NewFile;
  readonly hash: RangeHash;
}

/** Whether the server answers no ranges, or not the ones it is asked for. */
export function isRangeRefused(error: unknown): boolean {
  return error instanceof StoreError && error.reaction === 'rejected' && error.code === 'InvalidRange';
}

/**
 * Downloads into `directory`, each range with retries of its own. All are of the object that was listed.
 * @throws {StoreError} {ChangedError}, or the system error
 */
export async function fetchRanges(
  work: Restoring,
  { remote, directory }: { remote: Remote; directory: OpenDirectory },
): Promise<Fetched> {
  const { etag, sizeBytes } = remote;
  const [partSizeBytes = null] = comparableBy(etag, sizeBytes);
  const name = temporaryName(work.options.randomName());
  const fd = createTemporary(directory, name);
  const hash = new RangeHash(work.hashThreads);
  let head: ObjectHead | undefined;
  try {
    const file = { fd, sizeBytes, isSparse: work.options.sparse };
    await beginContent(file);
    await forEachConcurrently(
      rangesOf(sizeBytes, { partSizeBytes: partSizeBytes ?? sizeBytes, rangeBytes: RANGE_BYTES }),
      {
        concurrency: RANGES_AT_ONCE,
        work: async (range) => {
          head = await fetchRange(work, range, { remote, file, hash });
        },
      },
    );
    const { checksum, etag: computed } = await hash.digest(etagKind(etag).kind === 'multipart');
    const attributes = decodeMetadata(head!.attributes.metadata);
    return { name, fd, head: head!, attributes, checksum, verified: computed === etag };
  } catch (error) {
    hash.discard();
    discard(directory, { name, fd });
    throw error;
  }
}

/** Memory is had in the order of the ranges: whoever is to be hashed first has it first, and nobody waits forever. */
async function fetchRange(work: Restoring, range: Range, { remote, file, hash }: Fetching): Promise<ObjectHead> {
  const memory = await work.rangeMemory.take();
  const arrived = Promise.withResolvers<Buffer>();
  const hashed = hash.update(range, arrived.promise);
  const written = getRange(work, range, { remote, memory }).then(async ({ bytes, ...head }) => {
    arrived.resolve(bytes);
    await writeContent(file, bytes, range.offset);
    work.progress.arrived(bytes.length);
    return head;
  });
  written.catch(arrived.reject);
  await Promise.allSettled([written, hashed]);
  work.rangeMemory.giveBack(memory);
  await hashed;
  return await written;
}

async function getRange(
  work: Restoring,
  { offset, lengthBytes }: Range,
  { remote, memory }: { remote: Remote; memory: Buffer },
): Promise<ObjectHead & { readonly bytes: Buffer }> {
  const { key, etag, sizeBytes } = remote;
  const { store, retry } = work.options;
  const { signal } = work;
  const range = { offset, lengthBytes };
  const wanted = { range, maxBytes: lengthBytes, into: memory, ifMatch: etag, signal };
  const answer = await retry(() => store.getBytes(key, wanted), { signal });
  // Not every server knows If-Match.
  if (answer.etag !== etag || answer.sizeBytes !== sizeBytes) throw new ChangedError('it changed in S3 meanwhile');
  if (kindOfObject(decodeMetadata(answer.attributes.metadata)) === 'symlink') throw wrongTarget(sizeBytes);
  return answer;
}

// One object from S3, verified: into a temporary file, or into memory if it is small.
import { createHash, hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { decodeMetadata, kindOfObject } from '../model/metadata.ts';
import { StoreError } from '../store/errors.ts';
import { comparableBy, etagKind } from '../store/etag.ts';
import { EtagHasher } from '../store/etag-hasher.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { fetchRanges, isRangeRefused, RANGED_BYTES } from './fetch-ranges.ts';
import { type OpenDirectory, temporaryName } from './real-tree.ts';
import { createTemporary, type Download, discard, type Fetched, wrongTarget } from './temporary.ts';
import type { Remote, Restoring } from './work.ts';
import { beginContent, type NewFile, writeContent } from './write-content.ts';

/** Objects up to this size are had in memory as a whole before anything is written. */
export const SMALL_BYTES = 256 * 1024;

/** A small object as it arrived. */
export type Small = Pick<Download, 'head' | 'attributes'> & { readonly bytes: Buffer };

/** Downloads a small object into memory, with retries. @throws {StoreError} a `conflict` if it is small no more */
export async function fetchSmall(work: Restoring, remote: Remote): Promise<Small> {
  return await work.options.retry(() => fetchSmallOnce(work, remote), { signal: work.signal });
}

async function fetchSmallOnce({ options, signal, progress }: Restoring, { key, sizeBytes }: Remote): Promise<Small> {
  const wanted = { maxBytes: SMALL_BYTES, expectedBytes: sizeBytes, signal };
  const { bytes, ...head } = await options.store.getBytes(key, wanted);
  progress.arrived(bytes.length);
  return { bytes, head, attributes: decodeMetadata(head.attributes.metadata) };
}

/** Verifies what arrived, and if it is not to be believed downloads it again, with retries. @throws {StoreError} */
export async function verifySmall(work: Restoring, remote: Remote, arrived: Small): Promise<Small & Download> {
  let first: Small | undefined = arrived;
  return await fetchBelieved(work, {
    remote,
    async attempt() {
      const small = first ?? (await fetchSmallOnce(work, remote));
      first = undefined;
      return { ...small, checksum: hash('sha256', small.bytes), verified: hasEtag(small.bytes, small.head) };
    },
    discard: () => {},
  });
}

/** Downloads into `directory`, with retries. @throws {StoreError}, or the system error. */
export async function fetchObject(
  work: Restoring,
  { remote, directory }: { remote: Remote; directory: OpenDirectory },
): Promise<Fetched> {
  // Ranges are tried again by themselves; so is the whole only if it is not to be believed.
  let first = await fetchInRanges(work, { remote, directory });
  return await fetchBelieved(work, {
    remote,
    async attempt() {
      const fetched = first ?? (await fetchOnce(work, { remote, directory }));
      first = undefined;
      return fetched;
    },
    discard: (fetched) => discard(directory, fetched),
  });
}

/** undefined if the object is too small for it, or the server answers no ranges. */
async function fetchInRanges(
  work: Restoring,
  { remote, directory }: { remote: Remote; directory: OpenDirectory },
): Promise<Fetched | undefined> {
  if (remote.sizeBytes < RANGED_BYTES) return undefined;
  try {
    return await fetchRanges(work, { remote, directory });
  } catch (error) {
    if (!isRangeRefused(error)) throw error;
    return undefined;
  }
}

/** Downloads until the content is what the ETag says, or until it is known that the ETag says nothing. */
async function fetchBelieved<T extends Download>(
  work: Restoring,
  { remote, attempt, discard }: { remote: Remote; attempt: () => Promise<T>; discard: (download: T) => void },
): Promise<T> {
  let mismatched: string | undefined;
  return await work.options.retry(
    async () => {
      const download = await attempt();
      const { verified, head, checksum } = download;
      if (verified || etagKind(head.etag).kind !== 'md5' || work.opaqueEtags.seen) return download;
      // With SSE-KMS or SSE-C the ETag looks like an MD5 and is none. Two downloads that agree with each other and
      // not with the ETag prove that: a damaged transfer would not be damaged alike.
      if (mismatched === checksum) {
        work.opaqueEtags.seen = true;
        return download;
      }
      mismatched = checksum;
      discard(download);
      throw new StoreError(`Cannot get ${remote.key}: its content does not have the MD5 of its ETag ${head.etag}`, {
        reaction: 'transient',
        code: 'BadDigest',
      });
    },
    { signal: work.signal },
  );
}

async function fetchOnce(
  work: Restoring,
  { remote, directory }: { remote: Remote; directory: OpenDirectory },
): Promise<Fetched> {
  const { body, ...head } = await work.options.store.get(remote.key, { signal: work.signal });
  const name = temporaryName(work.options.randomName());
  let fd: number | null = null;
  try {
    const attributes = decodeMetadata(head.attributes.metadata);
    if (kindOfObject(attributes) === 'symlink') throw wrongTarget(head.sizeBytes);
    const content = new ContentCheck(head);
    fd = createTemporary(directory, name);
    const { sizeBytes } = head;
    const isSparse = work.options.sparse && sizeBytes >= RANGED_BYTES;
    await receive(work, { fd, sizeBytes, isSparse }, { body, content });
    return { name, fd, head, attributes, ...content.finish() };
  } catch (error) {
    body.destroy();
    discard(directory, { name, fd });
    throw error;
  }
}

/** Hashes content as it passes. */
class ContentCheck {
  readonly #head: ObjectHead;
  readonly #sha256 = createHash('sha256');
  readonly #etag: EtagHasher | undefined;
  #bytes = 0;

  constructor(head: ObjectHead) {
    this.#head = head;
    const [partSizeBytes] = comparableBy(head.etag, head.sizeBytes);
    if (partSizeBytes !== undefined) this.#etag = new EtagHasher(partSizeBytes);
  }

  update(chunk: Buffer): void {
    this.#sha256.update(chunk);
    this.#etag?.update(chunk);
    this.#bytes += chunk.length;
  }

  /** @throws {StoreError} if the length is wrong. */
  finish(): { checksum: string; verified: boolean } {
    if (this.#bytes !== this.#head.sizeBytes) {
      const message = `Cannot get the object: it must have ${this.#head.sizeBytes} bytes, current value is ${this.#bytes}`;
      throw new StoreError(message, { reaction: 'transient', code: 'IncompleteBody' });
    }
    return { checksum: this.#sha256.digest('hex'), verified: this.#etag?.digest() === this.#head.etag };
  }
}

function hasEtag(bytes: Buffer, { etag, sizeBytes }: ObjectHead): boolean {
  const [partSizeBytes] = comparableBy(etag, sizeBytes);
  if (partSizeBytes === undefined) return false;
  if (partSizeBytes === null) return hash('md5', bytes) === etag;
  const hasher = new EtagHasher(partSizeBytes);
  hasher.update(bytes);
  return hasher.digest() === etag;
}

async function receive(
  work: Restoring,
  file: NewFile,
  { body, content }: { body: Readable; content: ContentCheck },
): Promise<void> {
  await beginContent(file);
  let position = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    content.update(chunk);
    await writeContent(file, chunk, position);
    position += chunk.length;
    work.progress.arrived(chunk.length);
  }
}

// One object from S3 into a temporary file, verified.
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, symlinkSync, unlinkSync, write, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { decodeMetadata, kindOfObject, type StoredAttributes } from '../model/metadata.ts';
import { StoreError } from '../store/errors.ts';
import { comparableBy, etagKind } from '../store/etag.ts';
import { EtagHasher } from '../store/etag-hasher.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { type OpenDirectory, temporaryName } from './real-tree.ts';
import type { Remote, Restoring } from './work.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/** Larger writes leave the event loop to others meanwhile. */
const SYNC_WRITE_BYTES = 256 * 1024;

/** What readlink(2) can give back: PATH_MAX without its NUL. */
const MAX_TARGET_BYTES = 4095;

const writeLater = promisify(write);

/** A temporary file or symbolic link, complete and verified, not yet in its place. */
export interface Fetched {
  readonly name: string;
  /** Open for writing; null for a symbolic link. */
  readonly fd: number | null;
  readonly head: ObjectHead;
  readonly attributes: StoredAttributes;
  /** SHA-256 of the content in hex. */
  readonly checksum: string;
  /** Compared with the ETag; false: only the length was. */
  readonly verified: boolean;
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

/** Downloads into `directory`, with retries. @throws {StoreError}, or the system error. */
export async function fetchObject(
  work: Restoring,
  { remote, directory }: { remote: Remote; directory: OpenDirectory },
): Promise<Fetched> {
  const { retry } = work.options;
  let mismatched: string | undefined;
  return await retry(
    async () => {
      const fetched = await fetchOnce(work, { remote, directory });
      if (fetched.verified || etagKind(fetched.head.etag).kind !== 'md5' || work.opaqueEtags.seen) return fetched;
      // With SSE-KMS or SSE-C the ETag looks like an MD5 and is none. Two downloads that agree with each other and
      // not with the ETag prove that: a damaged transfer would not be damaged alike.
      if (mismatched === fetched.checksum) {
        work.opaqueEtags.seen = true;
        return fetched;
      }
      mismatched = fetched.checksum;
      discard(directory, fetched);
      throw new StoreError(
        `Cannot get ${remote.key}: its content does not have the MD5 of its ETag ${fetched.head.etag}`,
        {
          reaction: 'transient',
          code: 'BadDigest',
        },
      );
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
    const content = new ContentCheck(head);
    if (kindOfObject(attributes) === 'symlink') {
      symlinkSync(await readTarget(body, { head, content }), directory.entry(name));
    } else {
      fd = openSync(directory.entry(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      await receive(fd, { body, head, content });
    }
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

async function receive(
  fd: number,
  { body, head, content }: { body: Readable; head: ObjectHead; content: ContentCheck },
): Promise<void> {
  const small = head.sizeBytes <= SYNC_WRITE_BYTES;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    content.update(chunk);
    for (let done = 0; done < chunk.length; ) {
      const rest = chunk.length - done;
      done += small ? writeSync(fd, chunk, done, rest) : (await writeLater(fd, chunk, done, rest)).bytesWritten;
    }
  }
}

async function readTarget(
  body: Readable,
  { head, content }: { head: ObjectHead; content: ContentCheck },
): Promise<Buffer> {
  if (head.sizeBytes === 0 || head.sizeBytes > MAX_TARGET_BYTES) {
    throw new Error(`a symbolic link's target has 1 to ${MAX_TARGET_BYTES} bytes, this one has ${head.sizeBytes}`);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) {
    content.update(chunk);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

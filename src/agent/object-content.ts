// The content of one object, read to be compared.
import { createHash } from 'node:crypto';
import { isRangeRefused } from '../restore/fetch-ranges.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectHead } from '../store/object-store.ts';
import type { Workspace } from './workspace.ts';

/** The object was written or deleted since it was looked at. */
export class StaleError extends Error {
  override readonly name = 'StaleError';
}

/** This object cannot be read; others may be. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

/** An object as HEAD told of it. */
export interface KnownObject {
  readonly key: string;
  readonly head: ObjectHead;
  readonly signal: AbortSignal;
}

/** What is asked for at once. It is had whole, or asked for again: a large object is not read anew for a lost connection. */
const STEP_BYTES = 4 * 1024 * 1024;

/**
 * Its SHA-256 in hex.
 * @throws StaleError, UnreadableError; a StoreError or the signal's reason for what is not about this object alone
 */
export async function checksumOfObject(workspace: Workspace, object: KnownObject): Promise<string> {
  try {
    return await checksumByRanges(workspace, object).catch((error: unknown) => {
      if (isRangeRefused(error)) return checksumAsWhole(workspace, object);
      throw error;
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw (await ofThisObject(workspace, object, error)) ?? error;
  }
}

/** What this error means, which no further try has mended; undefined if other objects would fail as well. */
async function ofThisObject(
  { store }: Workspace,
  { key, signal }: KnownObject,
  error: StoreError,
): Promise<StaleError | UnreadableError | undefined> {
  switch (error.reaction) {
    case 'conflict':
    case 'not-found':
      return new StaleError('it changed in S3 while it was looked at');
    case 'denied':
    case 'rejected':
      return new UnreadableError(error.message);
    case 'throttled':
    case 'transient': {
      // Whoever answers this and gives no content has lost the content.
      const isServing = await store.head(key, { signal }).then(
        () => true,
        () => false,
      );
      return isServing ? new UnreadableError(error.message) : undefined;
    }
    default:
      return undefined;
  }
}

async function checksumByRanges({ retry, store }: Workspace, { key, head, signal }: KnownObject): Promise<string> {
  const hash = createHash('sha256');
  const { sizeBytes, etag: ifMatch } = head;
  let offset = 0;
  do {
    const lengthBytes = Math.min(STEP_BYTES, sizeBytes - offset);
    const part = lengthBytes === sizeBytes ? {} : { range: { offset, lengthBytes } };
    const wanted = { ...part, maxBytes: lengthBytes, ifMatch, signal };
    const answer = await retry(() => store.getBytes(key, wanted), { signal });
    requireSame(answer, head);
    hash.update(answer.bytes);
    offset += lengthBytes;
  } while (offset < sizeBytes);
  return hash.digest('hex');
}

function checksumAsWhole({ retry, store }: Workspace, { key, head, signal }: KnownObject): Promise<string> {
  return retry(
    async () => {
      const hash = createHash('sha256');
      const { body, ...answer } = await store.get(key, { signal, ifMatch: head.etag });
      try {
        requireSame(answer, head);
        for await (const chunk of body) hash.update(chunk);
      } finally {
        body.destroy();
      }
      return hash.digest('hex');
    },
    { signal },
  );
}

/** Not every server knows If-Match. */
function requireSame(answer: ObjectHead, head: ObjectHead): void {
  if (answer.etag === head.etag && answer.sizeBytes === head.sizeBytes) return;
  throw new StaleError('it changed in S3 while it was looked at');
}

// Finds checkpoints and reads which versions make them up.
import type { ObjectStore, VersionName } from '../store/object-store.ts';
import {
  CHECKPOINTS,
  type Checkpoint,
  decodeCheckpoint,
  decodeSegment,
  type Entry,
  momentOf,
  SEGMENTS,
} from './document.ts';

export interface CheckpointReaderOptions {
  readonly store: Pick<ObjectStore, 'list' | 'getBytes'>;
  readonly prefix: string;
  readonly retry: <T>(request: () => Promise<T>, options: { readonly signal: AbortSignal }) => Promise<T>;
  readonly signal: AbortSignal;
}

/** A checkpoint as it is listed. */
export interface ListedCheckpoint {
  readonly id: string;
  /** When S3 held what was on disk, ms since 1970, by the clock of the agent that took it. */
  readonly atMs: number;
}

/** Bytes of a checkpoint or a segment that are believed to be one. */
const MAX_BYTES = 64 * 2 ** 20;

/** All of a prefix, the oldest first. @throws StoreError */
export async function listCheckpoints(options: CheckpointReaderOptions): Promise<ListedCheckpoint[]> {
  const { store, prefix, signal } = options;
  const found: ListedCheckpoint[] = [];
  for await (const page of store.list(prefix + CHECKPOINTS, { signal })) {
    for (const { key } of page) {
      const id = key.slice(prefix.length + CHECKPOINTS.length);
      const atMs = momentOf(id);
      if (atMs !== undefined) found.push({ id, atMs });
    }
  }
  return found;
}

/**
 * The version of each object that makes it up, by whole key.
 * @throws StoreError; Error if it, or a part of it, is missing or cannot be understood
 */
export async function versionsOfCheckpoint(
  options: CheckpointReaderOptions,
  id: string,
): Promise<Map<string, VersionName>> {
  const { prefix } = options;
  const checkpoint: Checkpoint = await read(options, CHECKPOINTS + id, (bytes) => decodeCheckpoint(id, bytes));
  const versions = new Map<string, VersionName>();
  const apply = (entries: readonly Entry[]): void => {
    for (const [name, versionId, etag] of entries) {
      if (versionId === undefined) versions.delete(prefix + name);
      else versions.set(prefix + name, { versionId, etag });
    }
  };
  for (const segment of checkpoint.segments) apply(await read(options, SEGMENTS + segment, decodeSegment));
  apply(checkpoint.entries);
  return versions;
}

async function read<T>(
  { store, prefix, retry, signal }: CheckpointReaderOptions,
  name: string,
  decode: (bytes: Buffer) => Promise<T>,
): Promise<T> {
  const get = () => store.getBytes(prefix + name, { maxBytes: MAX_BYTES, signal });
  const { bytes } = await retry(get, { signal });
  try {
    return await decode(bytes);
  } catch (cause) {
    throw new Error(`${prefix}${name}: ${(cause as Error).message}`, { cause });
  }
}

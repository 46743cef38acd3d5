// Does the server refuse a conditional write whose condition does not hold? Asked with the lease itself, and so that it
// stays what it is whatever the answer.
import { StoreError } from '../store/errors.ts';
import type { ObjectStore, PutOptions } from '../store/object-store.ts';

/** No object's: an MD5 has 32 digits. */
const IMPOSSIBLE_ETAG = '0';

export interface ProbeOptions {
  readonly store: Pick<ObjectStore, 'put'>;
  readonly key: string;
  /** What is stored there. */
  readonly bytes: Buffer;
  readonly signal: AbortSignal;
}

/** Whether If-Match is honoured. */
export function honoursIfMatch(options: ProbeOptions): Promise<boolean> {
  return refuses(options, { ifMatch: IMPOSSIBLE_ETAG });
}

/** Whether If-None-Match: * is. RGW 16.2 ignores it in versioned buckets. */
export function honoursIfAbsent(options: ProbeOptions): Promise<boolean> {
  return refuses(options, { ifAbsent: true });
}

/** The same bytes again: where the condition is ignored, the object and its ETag are as before. */
async function refuses({ store, key, bytes, signal }: ProbeOptions, condition: PutOptions): Promise<boolean> {
  try {
    await store.put(key, bytes, { metadata: {} }, { ...condition, signal });
    return false;
  } catch (error) {
    if (error instanceof StoreError && error.reaction === 'conflict') return true;
    throw error;
  }
}

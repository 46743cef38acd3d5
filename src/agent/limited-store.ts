// An ObjectStore whose content keeps to a bandwidth. Listings and other small talk do not count.
import { Readable } from 'node:stream';
import { locationOf } from '../store/classify.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectStore, PartSource } from '../store/object-store.ts';
import type { Bandwidth } from '../transfer/bandwidth.ts';

/** What is asked for. */
interface Wanted {
  readonly action: 'get' | 'put';
  readonly key: string;
  readonly signal: AbortSignal | undefined;
}

export function limitedStore(store: ObjectStore, bandwidth: Bandwidth): ObjectStore {
  const { bucket } = store;
  const take = async (bytes: number, { action, key, signal }: Wanted): Promise<void> => {
    if (await bandwidth.take(bytes, signal)) return;
    const message = `Cannot ${action} ${locationOf({ bucket, key })}: it was aborted`;
    throw new StoreError(message, { reaction: 'aborted', code: 'AbortError' });
  };
  async function* inTime(body: Readable, wanted: Wanted): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      await take((chunk as Buffer).length, wanted);
      yield chunk;
    }
  }
  return {
    bucket,
    check: (options) => store.check(options),
    head: (key, options) => store.head(key, options),
    get: async (key, options) => {
      const { body, ...head } = await store.get(key, options);
      return {
        ...head,
        body: Readable.from(inTime(body, { action: 'get', key, signal: options?.signal }), { objectMode: false }),
      };
    },
    getBytes: async (key, options) => {
      const { range, expectedBytes = 0, signal } = options;
      await take(range?.lengthBytes ?? expectedBytes, { action: 'get', key, signal });
      return store.getBytes(key, options);
    },
    put: async (key, body, attributes, options) => {
      await take(body.length, { action: 'put', key, signal: options?.signal });
      return store.put(key, body, attributes, options);
    },
    putMultipart: (key, source, attributes, options) => {
      const limited: PartSource = {
        sizeBytes: source.sizeBytes,
        next: async (lengthBytes, call) => {
          await take(lengthBytes, { action: 'put', key, signal: call.signal });
          return source.next(lengthBytes, call);
        },
        verify: () => source.verify(),
      };
      return store.putMultipart(key, limited, attributes, options);
    },
    copy: (from, to, options) => store.copy(from, to, options),
    deleteMany: (keys, options) => store.deleteMany(keys, options),
    abortMultipart: (key, uploadId, options) => store.abortMultipart(key, uploadId, options),
    list: (prefix, options) => store.list(prefix, options),
    past: (choice) => limitedStore(store.past(choice), bandwidth),
    versions: (key, options) => store.versions(key, options),
    close: () => store.close(),
  };
}

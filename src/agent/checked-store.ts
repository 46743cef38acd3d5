// An ObjectStore that makes sure of its bucket before its first request: who has nothing to ask for asks nothing.
import type { ObjectStore } from '../store/object-store.ts';

/** @param check rejects with what ends the command */
export function checkedStore(store: ObjectStore, check: () => Promise<void>): ObjectStore {
  let checked: Promise<void> | undefined;
  const first = (): Promise<void> => {
    checked ??= check();
    return checked;
  };
  return {
    bucket: store.bucket,
    check: first,
    head: (key, options) => first().then(() => store.head(key, options)),
    get: (key, options) => first().then(() => store.get(key, options)),
    getBytes: (key, options) => first().then(() => store.getBytes(key, options)),
    put: (key, body, attributes, options) => first().then(() => store.put(key, body, attributes, options)),
    putMultipart: (key, source, attributes, options) =>
      first().then(() => store.putMultipart(key, source, attributes, options)),
    copy: (from, to, options) => first().then(() => store.copy(from, to, options)),
    deleteMany: (keys, options) => first().then(() => store.deleteMany(keys, options)),
    abortMultipart: (key, uploadId, options) => first().then(() => store.abortMultipart(key, uploadId, options)),
    list: async function* (prefix, options) {
      await first();
      yield* store.list(prefix, options);
    },
    close: () => store.close(),
  };
}

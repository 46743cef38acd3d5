// An ObjectStore that makes sure of its bucket before its first request: who has nothing to ask for asks nothing.
import type { ObjectStore } from '../store/object-store.ts';

/** @param check rejects with what ends the command */
export function checkedStore(store: ObjectStore, check: () => Promise<void>): ObjectStore {
  let checking: Promise<void> | undefined;
  let isChecked = false;
  const first = (): Promise<void> => {
    checking ??= check().then(() => {
      isChecked = true;
    });
    return checking;
  };
  const then = <T>(request: () => Promise<T>): Promise<T> => (isChecked ? request() : first().then(request));
  return {
    bucket: store.bucket,
    check: first,
    head: (key, options) => then(() => store.head(key, options)),
    get: (key, options) => then(() => store.get(key, options)),
    getBytes: (key, options) => then(() => store.getBytes(key, options)),
    put: (key, body, attributes, options) => then(() => store.put(key, body, attributes, options)),
    putMultipart: (key, source, attributes, options) =>
      then(() => store.putMultipart(key, source, attributes, options)),
    copy: (from, to, options) => then(() => store.copy(from, to, options)),
    deleteMany: (keys, options) => then(() => store.deleteMany(keys, options)),
    abortMultipart: (key, uploadId, options) => then(() => store.abortMultipart(key, uploadId, options)),
    list: async function* (prefix, options) {
      await first();
      yield* store.list(prefix, options);
    },
    past: (choice) => store.past(choice),
    versions: async function* (key, options) {
      await first();
      yield* store.versions(key, options);
    },
    close: () => store.close(),
  };
}

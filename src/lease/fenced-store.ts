// An ObjectStore that writes only while the lease permits it. Reads go through, and so does aborting an own upload.
import type { ObjectAttributes, ObjectStore } from '../store/object-store.ts';
import type { Lease } from './lease.ts';

/** Objects say by whose term they were written: for people, and never compared. */
const GENERATION = 'awssyncer-generation';

export function fencedStore(store: ObjectStore, lease: Lease): ObjectStore {
  const marked = (attributes: ObjectAttributes): ObjectAttributes => {
    const { generation } = lease;
    if (generation === undefined) return attributes;
    return { ...attributes, metadata: { ...attributes.metadata, [GENERATION]: String(generation) } };
  };
  return {
    bucket: store.bucket,
    check: (options) => store.check(options),
    head: (key, options) => store.head(key, options),
    get: (key, options) => store.get(key, options),
    getBytes: (key, options) => store.getBytes(key, options),
    list: (prefix, options) => store.list(prefix, options),
    abortMultipart: (key, uploadId, options) => store.abortMultipart(key, uploadId, options),
    past: (choice) => store.past(choice),
    versions: (key, options) => store.versions(key, options),
    close: () => store.close(),
    put: (key, body, attributes, options) =>
      lease.write((signal) => store.put(key, body, marked(attributes), { ...options, signal }), options?.signal),
    putMultipart: (key, source, attributes, options) =>
      lease.write(
        (signal) => store.putMultipart(key, source, marked(attributes), { ...options, signal }),
        options.signal,
      ),
    copy: (from, to, options) =>
      lease.write(
        (signal) => store.copy(from, { ...to, attributes: marked(to.attributes) }, { ...options, signal }),
        options?.signal,
      ),
    deleteMany: (keys, options) =>
      lease.write((signal) => store.deleteMany(keys, { ...options, signal }), options?.signal),
  };
}

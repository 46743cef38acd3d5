// Objects whose keys are longer than S3 takes: kept under the hash of the key, beside an object that holds the key.
import { hashedOf, isTooLong, keyOfName, storedKey } from '../model/key.ts';
import { StoreError } from './errors.ts';
import { headAsListed } from './head-as-listed.ts';
import type { CallOptions, ListedObject, ObjectStore, PastChoice } from './object-store.ts';
import type { Retry } from './s3-session.ts';

export interface LongKeyOptions {
  /** '' or text ending in '/'. */
  readonly prefix: string;
  /** The policy for what a listing reads. */
  readonly retry: Retry;
  /** Whole keys that are known without asking: none of them is lost with the object that holds it. */
  readonly known: () => Iterable<string>;
}

/** Names that a listing reads side by side. */
const NAMES_AT_ONCE = 16;

/** No path has a longer key: each of its bytes is three characters at most. */
const MAX_NAME_BYTES = 16 * 1024;

/** What was listed of one hashed key; one of both at least. */
interface Hashed {
  readonly stored: string;
  object?: ListedObject;
  name?: ListedObject;
}

/**
 * A store that takes keys of any length beneath the prefix. The name is written before the object and deleted after it,
 * so what dies in between leaves a name that means nothing, never an object that nothing can be told of. A listing
 * gives long keys last, in no order; what it cannot tell the key of it gives as it is.
 */
export function longKeyStore(store: ObjectStore, options: LongKeyOptions): ObjectStore {
  const { prefix } = options;
  const stored = (key: string): string => storedKey(prefix, key);
  /** Writes under the key that S3 takes, in the end. */
  const named = async <T>(
    key: string,
    call: CallOptions | undefined,
    write: (key: string) => Promise<T>,
  ): Promise<T> => {
    const name = Buffer.from(key.slice(prefix.length));
    await store.put(keyOfName(stored(key)), name, { metadata: {} }, signalOf(call));
    return write(stored(key));
  };
  const under = <T>(key: string, call: CallOptions | undefined, write: (key: string) => Promise<T>): Promise<T> =>
    isTooLong(key) ? named(key, call, write) : write(key);
  return {
    bucket: store.bucket,
    check: (call) => store.check(call),
    head: (key, call) => store.head(stored(key), call),
    get: (key, call) => store.get(stored(key), call),
    getBytes: (key, call) => store.getBytes(stored(key), call),
    put: (key, body, attributes, call) => under(key, call, (to) => store.put(to, body, attributes, call)),
    putMultipart: (key, source, attributes, call) =>
      under(key, call, (to) => store.putMultipart(to, source, attributes, call)),
    copy: (from, to, call) =>
      under(to.key, call, (key) => store.copy({ ...from, key: stored(from.key) }, { ...to, key }, call)),
    deleteMany: (keys, call) =>
      keys.some(isTooLong) ? deleteNamed(store, { keys, prefix }, call) : store.deleteMany(keys, call),
    list: (under, call = {}) => listNamed(store, { ...options, under }, call),
    abortMultipart: (key, uploadId, call) => store.abortMultipart(stored(key), uploadId, call),
    past: (choice) => pastStore(store, { ...options, choice }),
    versions: (key, call) => store.versions(stored(key), call),
    close: () => store.close(),
  };
}

/** Who names the versions of objects knows their keys. */
function pastStore(store: ObjectStore, options: LongKeyOptions & { readonly choice: PastChoice }): ObjectStore {
  const { choice, prefix } = options;
  if (!('versions' in choice)) return longKeyStore(store.past(choice), options);
  const versions = new Map([...choice.versions].map(([key, version]) => [storedKey(prefix, key), version]));
  return longKeyStore(store.past({ versions }), { ...options, known: () => choice.versions.keys() });
}

function signalOf({ signal }: CallOptions = {}): CallOptions {
  return signal === undefined ? {} : { signal };
}

/** A key whose name is still there counts as not deleted: it is deleted once more. */
async function deleteNamed(
  store: ObjectStore,
  { keys, prefix }: { readonly keys: readonly string[]; readonly prefix: string },
  call: CallOptions | undefined,
): Promise<ReadonlyMap<string, Error>> {
  const failed = new Map<string, Error>();
  const deleteAs = async (some: readonly string[], stored: (key: string) => string): Promise<void> => {
    const errors = await store.deleteMany(some.map(stored), call);
    for (const key of some) {
      const error = errors.get(stored(key));
      if (error !== undefined) failed.set(key, error);
    }
  };
  await deleteAs(keys, (key) => storedKey(prefix, key));
  await deleteAs(
    keys.filter((key) => isTooLong(key) && !failed.has(key)),
    (key) => keyOfName(storedKey(prefix, key)),
  );
  return failed;
}

async function* listNamed(
  store: ObjectStore,
  options: LongKeyOptions & { readonly under: string },
  call: CallOptions,
): AsyncGenerator<readonly ListedObject[]> {
  const { prefix, under } = options;
  const byStored = new Map<string, Hashed>();
  for await (const page of store.list(under, call)) {
    const others = page.filter((listed) => {
      const stored = hashedOf(prefix, listed.key);
      if (stored === undefined) return true;
      const hashed = byStored.get(stored) ?? { stored };
      hashed[listed.key === stored ? 'object' : 'name'] = listed;
      byStored.set(stored, hashed);
      return false;
    });
    yield others;
  }
  if (byStored.size === 0) return;
  const keys = knownKeys(options);
  const all = [...byStored.values()];
  for (let at = 0; at < all.length; at += NAMES_AT_ONCE) {
    const some = all.slice(at, at + NAMES_AT_ONCE);
    yield (await Promise.all(some.map((hashed) => resolve(store, { ...options, hashed, keys }, call)))).flat();
  }
}

function knownKeys({ prefix, known }: LongKeyOptions): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const key of known()) if (isTooLong(key)) keys.set(storedKey(prefix, key), key);
  return keys;
}

async function resolve(
  store: ObjectStore,
  options: LongKeyOptions & { readonly hashed: Hashed; readonly keys: ReadonlyMap<string, string> },
  call: CallOptions,
): Promise<ListedObject[]> {
  const { prefix, hashed, keys, retry } = options;
  const { stored, name } = hashed;
  const key = keys.get(stored) ?? (name && (await retry(() => keyIn(store, { stored, name, prefix }, call), call)));
  if (key === undefined) return [hashed.object, name].filter((listed) => listed !== undefined);
  // It may have been written since its place was listed, which is before that of the name.
  const object = hashed.object ?? (await retry(() => headAsListed(store, stored, call), call));
  if (object === undefined) return name === undefined ? [] : [name];
  return [{ ...object, key }];
}

/** The key that a name holds; undefined if it cannot be had, or is not the one that was hashed. */
async function keyIn(
  store: ObjectStore,
  { stored, name, prefix }: { readonly stored: string; readonly name: ListedObject; readonly prefix: string },
  call: CallOptions,
): Promise<string | undefined> {
  try {
    const { bytes } = await store.getBytes(name.key, { ...call, maxBytes: MAX_NAME_BYTES });
    const key = prefix + bytes.toString();
    return isTooLong(key) && storedKey(prefix, key) === stored ? key : undefined;
  } catch (error) {
    const isOfThisOne = error instanceof StoreError && OF_THIS_OBJECT.has(error.reaction);
    if (!isOfThisOne) throw error;
    return undefined;
  }
}

/** A name that is not to be had must not keep everything else from being listed. */
const OF_THIS_OBJECT: ReadonlySet<string> = new Set(['not-found', 'conflict', 'denied', 'rejected']);

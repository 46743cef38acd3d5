// Keys longer than S3 takes: kept under their hash beside an object that tells them, at every point where it may end.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, test } from 'node:test';
import { keyOfName, objectKey, type RelKey, relativeKey, storedKey } from '../../src/model/key.ts';
import { StoreError } from '../../src/store/errors.ts';
import { longKeyStore } from '../../src/store/long-keys.ts';
import type { ListedObject } from '../../src/store/object-store.ts';
import { MemoryStore } from '../support/memory-store.ts';

const PREFIX = 'p/';
const PATH = Array.from({ length: 10 }, (_, n) => String(n).repeat(200)).join('/');
const LONG = PREFIX + PATH;
const HASHED = storedKey(PREFIX, LONG);
const NAME = keyOfName(HASHED);
const NONE = { metadata: {} };

interface Bench {
  readonly inner: MemoryStore;
  readonly store: ReturnType<typeof longKeyStore>;
  readonly list: () => Promise<ListedObject[]>;
  /** What was asked of the inner store, in order. */
  readonly asked: string[];
}

function bench({ known = [] }: { known?: readonly string[] } = {}): Bench {
  const inner = new MemoryStore();
  const asked: string[] = [];
  for (const method of ['put', 'putMultipart', 'abortMultipart', 'copy', 'deleteMany', 'head', 'getBytes'] as const) {
    const original = inner[method].bind(inner) as (...args: unknown[]) => unknown;
    Object.assign(inner, {
      [method]: (...args: unknown[]) => {
        const [key, to] = args as [string | string[] | { key: string }, { key?: string }];
        const named = typeof key === 'string' ? key : Array.isArray(key) ? key.join(' ') : `${key.key} -> ${to.key}`;
        asked.push(`${method} ${named}`);
        return original(...args);
      },
    });
  }
  const store = longKeyStore(inner, {
    prefix: PREFIX,
    retry: (attempt) => attempt(),
    known: () => known.map((path) => PREFIX + path),
  });
  const list = async (): Promise<ListedObject[]> => {
    const listed: ListedObject[] = [];
    for await (const page of store.list(PREFIX)) listed.push(...page);
    return listed;
  };
  return { inner, store, list, asked };
}

const put = (store: Pick<MemoryStore, 'put'>, key: string, content = 'content') =>
  store.put(key, Buffer.from(content), NONE);

const keys = (listed: readonly ListedObject[]): string[] => listed.map(({ key }) => key);

describe('S14 a long key', () => {
  test('is written, read, copied and deleted as if S3 took it', async () => {
    const { inner, store, list, asked } = bench();
    const { etag } = await put(store, LONG);
    assert.deepEqual(asked.splice(0), [`put ${NAME}`, `put ${HASHED}`], 'the name first');
    assert.equal(inner.objects.get(NAME)!.body.toString(), PATH);
    assert.equal((await store.head(LONG))?.etag, etag);
    assert.equal((await store.getBytes(LONG, { maxBytes: 10 })).bytes.toString(), 'content');
    assert.equal(Buffer.concat(await (await store.get(LONG)).body.toArray()).toString(), 'content');
    await put(store, 'p/short');
    asked.length = 0;
    const other = `${LONG}/other`;
    await store.copy({ key: LONG, etag, sizeBytes: 7 }, { key: other, attributes: NONE });
    await store.copy({ key: LONG, etag, sizeBytes: 7 }, { key: 'p/copy', attributes: NONE });
    const hashed = storedKey(PREFIX, other);
    assert.deepEqual(asked.splice(0), [
      `put ${keyOfName(hashed)}`,
      `copy ${HASHED} -> ${hashed}`,
      `copy ${HASHED} -> p/copy`,
    ]);
    assert.deepEqual(keys(await list()).sort(), [LONG, other, 'p/copy', 'p/short'].sort());
    asked.length = 0;
    assert.equal((await store.deleteMany(['p/short', LONG])).size, 0);
    assert.deepEqual(asked, [`deleteMany p/short ${HASHED}`, `deleteMany ${NAME}`], 'the name last');
    assert.deepEqual(keys(await list()).sort(), [other, 'p/copy']);
  });

  test('is sent in parts, and an upload that was left open is aborted, as if S3 took it', async () => {
    const { inner, store, list, asked } = bench();
    const bytes = Buffer.alloc(10, 'parts');
    const part = { bytes, sha256: hash('sha256', bytes), release: () => {} };
    const source = { sizeBytes: 10, next: async () => part, verify: async () => {} };
    await store.putMultipart(LONG, source, NONE, { partSizeBytes: 5, concurrency: 1, onStarted: () => {} });
    await store.abortMultipart(LONG, 'an id');
    assert.deepEqual(asked, [`put ${NAME}`, `putMultipart ${HASHED}`, `abortMultipart ${HASHED}`]);
    assert.deepEqual([inner.objects.get(HASHED)!.body, keys(await list())], [bytes, [LONG]]);
  });

  test('costs others nothing', async () => {
    const { store, list, asked } = bench({ known: ['a'] });
    await put(store, 'p/a');
    await list();
    await store.deleteMany(['p/a']);
    assert.deepEqual(asked, ['put p/a', 'deleteMany p/a']);
  });

  test('that is known is not asked for, and is not lost with its name', async () => {
    const { inner, store, list, asked } = bench({ known: ['a', PATH] });
    await put(store, LONG);
    inner.objects.delete(NAME);
    asked.length = 0;
    assert.deepEqual([keys(await list()), asked], [[LONG], []]);
  });

  test('is listed though it was written after its place had been listed', async () => {
    const { inner, store, list } = bench();
    const { etag } = await put(store, LONG);
    const object = inner.objects.get(HASHED)!;
    const original = inner.list.bind(inner);
    Object.assign(inner, {
      list: async function* (prefix: string) {
        for await (const page of original(prefix)) yield page.filter(({ key }) => key !== HASHED);
      },
    });
    const { lastModifiedMs } = object;
    assert.deepEqual(await list(), [{ key: LONG, sizeBytes: 7, etag, lastModifiedMs }]);
  });

  test('is believed only if its hash is the one it stands under, and if it is too long for S3', async () => {
    for (const [hashed, name] of [
      [HASHED, `${PATH}x`],
      [HASHED, '../../etc/passwd'],
      [storedKey(PREFIX, LONG).replace(/\/[^/]*$/, `/${'0'.repeat(64)}`), PATH],
    ] as const) {
      const { inner, list } = bench();
      await put(inner, hashed);
      await put(inner, keyOfName(hashed), name);
      const listed = await list();
      assert.deepEqual(keys(listed), [hashed, keyOfName(hashed)]);
      assert.deepEqual(relativeKey(PREFIX, hashed), { impossible: 'no name beside it tells its path' });
    }
    const short = 'short';
    const { inner, list } = bench();
    const hashed = HASHED.replace(/[^/]*$/, hash('sha256', short));
    await put(inner, hashed);
    await put(inner, keyOfName(hashed), short);
    assert.deepEqual(keys(await list()), [hashed, keyOfName(hashed)], 'its place is the key itself');
  });

  test('leaves nothing that a path could be taken for if it dies in between', async () => {
    const { inner, store, list } = bench();
    await put(inner, NAME, PATH);
    assert.deepEqual(keys(await list()), [NAME]);
    assert.equal(relativeKey(PREFIX, NAME), undefined, 'a name alone is no part of the tree');
    await put(store, LONG);
    assert.deepEqual(keys(await list()), [LONG]);
    inner.objects.delete(NAME);
    assert.deepEqual(keys(await list()), [HASHED]);
    await put(store, LONG);
    assert.deepEqual(keys(await list()), [LONG], 'the next upload names it again');
  });

  test('is not written without its name, nor its name deleted without it', async () => {
    const { inner, store } = bench();
    const refused = new StoreError('no', { reaction: 'denied', code: 'AccessDenied' });
    const failing: Set<string> = new Set([NAME]);
    const [putOriginal, deleteOriginal] = [inner.put.bind(inner), inner.deleteMany.bind(inner)];
    Object.assign(inner, {
      put: async (key: string, ...rest: [Buffer, typeof NONE]) => {
        if (failing.has(key)) throw refused;
        return putOriginal(key, ...rest);
      },
      deleteMany: async (all: readonly string[]) => {
        await deleteOriginal(all.filter((key) => !failing.has(key)));
        return new Map(all.filter((key) => failing.has(key)).map((key) => [key, refused]));
      },
    });
    await assert.rejects(put(store, LONG), refused);
    assert.equal(inner.objects.size, 0);
    failing.clear();
    await put(store, LONG);
    failing.add(HASHED);
    assert.deepEqual([...(await store.deleteMany(['p/a', LONG]))], [[LONG, refused]]);
    assert.deepEqual([...inner.objects.keys()].sort(), [HASHED, NAME]);
    failing.clear();
    failing.add(NAME);
    assert.deepEqual([...(await store.deleteMany([LONG]))], [[LONG, refused]], 'to be deleted once more');
    failing.clear();
    assert.equal((await store.deleteMany([LONG])).size, 0);
    assert.equal(inner.objects.size, 0);
  });

  test('whose name cannot be read keeps nothing else from being listed; a failing server does', async () => {
    for (const reaction of ['denied', 'rejected', 'not-found', 'conflict', 'transient', 'throttled'] as const) {
      const { inner, store, list } = bench();
      await put(store, LONG);
      await put(store, 'p/other');
      const error = new StoreError('no', { reaction, code: 'Test' });
      Object.assign(inner, { getBytes: () => Promise.reject(error) });
      if (reaction === 'transient' || reaction === 'throttled') await assert.rejects(list(), error);
      else assert.deepEqual(keys(await list()), ['p/other', HASHED, NAME]);
    }
  });
});

test('S14 a marker and a file of one long path, and encoded names, have places of their own', async () => {
  const longest = `${'\xff'.repeat(255)}/`.repeat(16).slice(0, -1);
  const { store, list } = bench();
  const relKeys = [PATH, `${PATH}/`, `${PATH}\xff`, `${'\xff'.repeat(200)}/${'\xff'.repeat(200)}`, longest] as RelKey[];
  for (const key of relKeys) await put(store, objectKey(PREFIX, key), key);
  const listed = await list();
  assert.deepEqual(new Set(listed.map(({ key }) => relativeKey(PREFIX, key))), new Set(relKeys));
});

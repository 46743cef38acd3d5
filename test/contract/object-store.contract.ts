// What every ObjectStore promises (src/store/object-store.ts), one object at a time. Large ones: multipart.contract.ts.
import assert from 'node:assert/strict';
import { StoreError } from '../../src/store/errors.ts';
import { compareKeys } from '../../src/store/key-order.ts';
import {
  type Contract,
  HOSTILE_KEYS,
  keysUnder,
  listed,
  MIB,
  md5,
  NO_ATTRIBUTES,
  pagesOf,
  patterned,
  read,
  rejectsAs,
  sourceOf,
} from './ground.ts';

const OTHER_ETAG = md5('something else');

export const OBJECT_CONTRACTS: readonly Contract[] = [
  {
    title: 'check accepts a bucket that is there, and names what is wrong with one that is not',
    run: async ({ store, open }) => {
      await store.check();
      const error = await rejectsAs('fatal', open({ bucket: 'awssyncer-no-such-bucket' }).check());
      assert.equal(error.code, 'NoSuchBucket');
      assert.match(error.hint ?? '', /create the bucket/);
    },
  },
  {
    title: 'credentials that the server refuses are told apart from a forbidden key',
    needs: ['verifiesSignature'],
    run: async ({ store, target, open }) => {
      const wrongSecret = { ...target.credentials, secretAccessKey: 'wrong' };
      const wrongKey = { ...target.credentials, accessKeyId: 'wrong' };
      const { bucket } = store;
      const secret = await rejectsAs('credentials', open({ bucket, credentials: wrongSecret }).check());
      assert.equal(secret.code, 'SignatureDoesNotMatch');
      const key = await rejectsAs('credentials', open({ bucket, credentials: wrongKey }).check());
      assert.equal(key.code, 'InvalidAccessKeyId');
    },
  },
  {
    title: 'what is put comes back: bytes, size, ETag, metadata and content type',
    run: async ({ store }) => {
      const attributes = { metadata: { mtime: '1.000000001', mode: '0100644' }, contentType: 'text/x-test' };
      const written = await store.put('k', Buffer.from('hello'), attributes);
      assert.equal(written.etag, md5('hello'));
      const head = await store.head('k');
      assert.ok(head);
      const { sizeBytes, etag, versionId } = head;
      assert.deepEqual(
        { sizeBytes, etag, versionId },
        { sizeBytes: 5, etag: written.etag, versionId: written.versionId },
      );
      assert.deepEqual(head.attributes, attributes);
      const { body, ...got } = await store.get('k');
      assert.equal(Buffer.concat(await body.toArray()).toString(), 'hello');
      assert.deepEqual(got, head);
    },
  },
  {
    title: 'an empty object is an object',
    run: async ({ store }) => {
      assert.equal((await store.put('empty', Buffer.alloc(0), NO_ATTRIBUTES)).etag, md5(''));
      assert.equal((await store.head('empty'))?.sizeBytes, 0);
      assert.equal((await read(store, 'empty')).length, 0);
    },
  },
  {
    title: 'a put replaces bytes and attributes alike',
    run: async ({ store }) => {
      await store.put('k', Buffer.from('old'), { metadata: { was: 'here' } });
      await store.put('k', Buffer.from('newer'), { metadata: { is: 'here' } });
      assert.equal((await read(store, 'k')).toString(), 'newer');
      assert.deepEqual((await store.head('k'))?.attributes.metadata, { is: 'here' });
    },
  },
  {
    title: 'head of an absent key is undefined, get of it is not-found',
    run: async ({ store }) => {
      assert.equal(await store.head('absent'), undefined);
      await rejectsAs('not-found', store.get('absent'));
    },
  },
  {
    title: 'get refuses an object that is another one by now',
    needs: ['getIfMatch'],
    run: async ({ store }) => {
      const { etag } = await store.put('k', Buffer.from('one'), NO_ATTRIBUTES);
      (await store.get('k', { ifMatch: etag })).body.destroy();
      await rejectsAs('conflict', store.get('k', { ifMatch: OTHER_ETAG }));
    },
  },
  {
    title: 'getBytes has the whole object, and no more than it is allowed to',
    run: async ({ store }) => {
      const attributes = { metadata: { mtime: '1.000000001' }, contentType: 'text/x-test' };
      await store.put('k', Buffer.from('0123456789'), attributes);
      await store.put('empty', Buffer.alloc(0), NO_ATTRIBUTES);
      const { bytes, ...got } = await store.getBytes('k', { maxBytes: 10 });
      assert.equal(bytes.toString(), '0123456789');
      assert.deepEqual(got, await store.head('k'));
      assert.equal((await store.getBytes('empty', { maxBytes: 0 })).bytes.length, 0);
      await rejectsAs('conflict', store.getBytes('k', { maxBytes: 9 }));
      await rejectsAs('not-found', store.getBytes('absent', { maxBytes: 9 }));
    },
  },
  {
    title: 'a range has exactly the bytes asked for, and the size of the whole object',
    run: async ({ store }) => {
      const whole = patterned(3 * MIB + 1);
      await store.put('k', whole, { metadata: { a: 'b' } });
      for (const [offset, lengthBytes] of [
        [0, 1],
        [1, 2 * MIB],
        [3 * MIB, 1],
        [0, whole.length],
      ] as const) {
        const range = { offset, lengthBytes };
        const into = Buffer.alloc(whole.length + 1);
        const { bytes, ...got } = await store.getBytes('k', { range, maxBytes: lengthBytes, into });
        assert.ok(bytes.equals(whole.subarray(offset, offset + lengthBytes)), `${offset}+${lengthBytes}`);
        assert.equal(bytes.buffer, into.buffer);
        assert.deepEqual(got, await store.head('k'));
      }
      const beyond = { offset: 3 * MIB, lengthBytes: 2 };
      await rejectsAs('rejected', store.getBytes('k', { range: beyond, maxBytes: 2 }));
      const outside = { offset: 4 * MIB, lengthBytes: 2 };
      await rejectsAs('rejected', store.getBytes('k', { range: outside, maxBytes: 2 }));
    },
  },
  {
    title: 'a range of an object that is another one by now is refused',
    needs: ['getIfMatch'],
    run: async ({ store }) => {
      const { etag } = await store.put('k', Buffer.from('one'), NO_ATTRIBUTES);
      const range = { offset: 0, lengthBytes: 1 };
      assert.equal((await store.getBytes('k', { range, maxBytes: 1, ifMatch: etag })).bytes.toString(), 'o');
      await rejectsAs('conflict', store.getBytes('k', { range, maxBytes: 1, ifMatch: OTHER_ETAG }));
    },
  },
  {
    title: 'put refuses to replace an object that is another one by now, or gone, and the one it knows it replaces',
    needs: ['putIfMatch'],
    run: async ({ store }) => {
      await assert.rejects(store.put('k', Buffer.from('one'), NO_ATTRIBUTES, { ifMatch: OTHER_ETAG }), StoreError);
      assert.equal(await store.head('k'), undefined);
      const { etag } = await store.put('k', Buffer.from('one'), NO_ATTRIBUTES);
      await rejectsAs('conflict', store.put('k', Buffer.from('two'), NO_ATTRIBUTES, { ifMatch: OTHER_ETAG }));
      assert.equal((await read(store, 'k')).toString(), 'one');
      await store.put('k', Buffer.from('two'), NO_ATTRIBUTES, { ifMatch: etag });
      assert.equal((await read(store, 'k')).toString(), 'two');
    },
  },
  {
    title: 'put refuses to replace what must be absent',
    needs: ['putIfNoneMatch'],
    run: async ({ store }) => {
      await store.put('k', Buffer.from('one'), NO_ATTRIBUTES, { ifAbsent: true });
      await rejectsAs('conflict', store.put('k', Buffer.from('two'), NO_ATTRIBUTES, { ifAbsent: true }));
      assert.equal((await read(store, 'k')).toString(), 'one');
    },
  },
  {
    title: 'a raised signal ends every request as aborted, and nothing is written',
    run: async ({ store }) => {
      const options = { signal: AbortSignal.abort() };
      const multipart = { ...options, partSizeBytes: 5 * MIB, concurrency: 1, onStarted: () => {} };
      const from = { key: 'k', etag: OTHER_ETAG, sizeBytes: 1 };
      const attempts: Promise<unknown>[] = [
        ...[store.check(options), store.head('k', options), store.get('k', options)],
        store.getBytes('k', { ...options, maxBytes: 1 }),
        ...[store.put('k', Buffer.from('x'), NO_ATTRIBUTES, options), store.deleteMany(['k'], options)],
        store.copy(from, { key: 'l', attributes: NO_ATTRIBUTES }, options),
        store.putMultipart('k', sourceOf(patterned(11 * MIB)), NO_ATTRIBUTES, multipart),
        pagesOf(store.list('', options)),
        store.abortMultipart('k', 'upload', options),
      ];
      for (const attempt of await Promise.allSettled(attempts.map((each) => rejectsAs('aborted', each)))) {
        assert.equal(attempt.status, 'fulfilled');
        assert.equal(attempt.value.ambiguous, false, attempt.value.message);
      }
      assert.deepEqual(await keysUnder(store, ''), []);
    },
  },
  {
    title: 'a signal raised while a body is read ends the body as aborted',
    run: async ({ store }) => {
      await store.put('k', patterned(8 * MIB), NO_ATTRIBUTES);
      const controller = new AbortController();
      const { body } = await store.get('k', { signal: controller.signal });
      body.once('data', () => controller.abort());
      await rejectsAs(
        'aborted',
        body.forEach(() => {}),
      );
    },
  },
  {
    title: 'a copy has the bytes of its source and the attributes it was given',
    run: async ({ store }) => {
      const { etag } = await store.put('from', Buffer.from('hello'), {
        metadata: { old: '1' },
        contentType: 'text/old',
      });
      const attributes = { metadata: { new: '2' }, contentType: 'text/new' };
      const copied = await store.copy({ key: 'from', etag, sizeBytes: 5 }, { key: 'to', attributes });
      const head = await store.head('to');
      assert.equal(copied.etag, head?.etag);
      assert.deepEqual(head?.attributes, attributes);
      assert.equal((await read(store, 'to')).toString(), 'hello');
    },
  },
  {
    title: 'a copy onto itself changes only the attributes',
    run: async ({ store }) => {
      const { etag } = await store.put('k', Buffer.from('hello'), { metadata: { mode: '0100644' } });
      await store.copy({ key: 'k', etag, sizeBytes: 5 }, { key: 'k', attributes: { metadata: { mode: '0100600' } } });
      assert.deepEqual((await store.head('k'))?.attributes.metadata, { mode: '0100600' });
      assert.equal((await read(store, 'k')).toString(), 'hello');
    },
  },
  {
    title: 'a copy refuses a source that is another one by now, even as the first request of all',
    needs: ['copyIfMatch'],
    run: async ({ store, open }) => {
      await store.put('from', Buffer.from('hello'), NO_ATTRIBUTES);
      const fresh = open({ bucket: store.bucket });
      const from = { key: 'from', etag: OTHER_ETAG, sizeBytes: 5 };
      await rejectsAs('conflict', fresh.copy(from, { key: 'to', attributes: NO_ATTRIBUTES }));
      assert.equal(await store.head('to'), undefined);
    },
  },
  {
    title: 'a copy of an absent source is not-found',
    run: async ({ store }) => {
      const from = { key: 'absent', etag: OTHER_ETAG, sizeBytes: 5 };
      await rejectsAs('not-found', store.copy(from, { key: 'to', attributes: NO_ATTRIBUTES }));
    },
  },
  {
    title: 'deleteMany deletes what it is told, and an absent key is no failure',
    run: async ({ store }) => {
      for (const key of ['a', 'b', 'c']) await store.put(key, Buffer.from(key), NO_ATTRIBUTES);
      assert.deepEqual(await store.deleteMany(['a', 'absent', 'c']), new Map());
      assert.deepEqual(await keysUnder(store, ''), ['b']);
      assert.deepEqual(await store.deleteMany([]), new Map());
    },
  },
  {
    title: 'deleteMany takes 1,000 keys',
    run: async ({ store }) => {
      const keys = Array.from({ length: 1_000 }, (_, index) => `k${index}`);
      for (const key of ['k0', 'k999', 'k1000']) await store.put(key, Buffer.from(key), NO_ATTRIBUTES);
      assert.deepEqual(await store.deleteMany(keys), new Map());
      assert.deepEqual(await keysUnder(store, ''), ['k1000']);
    },
  },
  {
    title: 'a listing has all keys beneath the prefix, each once, over several pages',
    run: async ({ open }) => {
      const store = open({ listPageKeys: 3 });
      const keys = ['many/-', 'many/', 'many//', 'many/0', 'many/a/b', 'many/a0', 'many/é'].sort(compareKeys);
      for (const key of [...keys, 'many', 'manx']) await store.put(key, Buffer.from(key), NO_ATTRIBUTES);
      const pages = await pagesOf(store.list('many/'));
      assert.deepEqual(
        pages.map((page) => page.map(({ key }) => key)),
        [keys.slice(0, 3), keys.slice(3, 6), keys.slice(6)],
      );
    },
  },
  {
    title: 'a listing tells size, ETag and time of each object; nothing beneath the prefix is no page',
    run: async ({ store }) => {
      const { etag } = await store.put('k', Buffer.from('hello'), NO_ATTRIBUTES);
      const [object] = await listed(store, 'k');
      const head = await store.head('k');
      const lastModifiedMs = object?.lastModifiedMs ?? 0;
      assert.deepEqual(object, { key: 'k', sizeBytes: 5, etag, lastModifiedMs });
      // HEAD tells whole seconds.
      assert.equal(Math.floor(lastModifiedMs / 1000), Math.floor((head?.lastModifiedMs ?? 0) / 1000));
      assert.deepEqual(await pagesOf(store.list('nothing')), []);
    },
  },
  {
    title: 'S14 hostile keys are put, read, listed, copied and deleted as what they are',
    needs: ['listsInByteOrder'],
    run: async ({ store }) => {
      const keys = [...HOSTILE_KEYS].sort(compareKeys);
      for (const key of keys) {
        const { etag } = await store.put(key, Buffer.from(key), NO_ATTRIBUTES);
        await store.copy(
          { key, etag, sizeBytes: Buffer.byteLength(key) },
          { key: `copy/${key}`, attributes: NO_ATTRIBUTES },
        );
        assert.equal((await read(store, `copy/${key}`)).toString(), key);
      }
      assert.deepEqual(
        await keysUnder(store, 'copy/'),
        keys.map((key) => `copy/${key}`),
      );
      for (const key of keys) assert.ok((await keysUnder(store, key)).includes(key), key);
      assert.deepEqual(await store.deleteMany([...keys, ...keys.map((key) => `copy/${key}`)]), new Map());
      assert.deepEqual(await keysUnder(store, ''), []);
    },
  },
];

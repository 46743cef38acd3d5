// What every ObjectStore promises of large objects.
import assert from 'node:assert/strict';
import { StoreError } from '../../src/store/errors.ts';
import { EtagHasher } from '../../src/store/etag-hasher.ts';
import type { MultipartOptions, ObjectStore } from '../../src/store/object-store.ts';
import { startDamagingRelay } from '../support/damaging-relay.ts';
import { type Contract, MIB, md5, NO_ATTRIBUTES, openUploads, patterned, read, rejectsAs, sourceOf } from './ground.ts';

const PART_BYTES = 5 * MIB;
const LARGE = patterned(2 * PART_BYTES + 123);

function multipart(options: Partial<MultipartOptions> = {}): MultipartOptions {
  return { partSizeBytes: PART_BYTES, concurrency: 3, onStarted: () => {}, ...options };
}

function multipartEtag(bytes: Buffer): string {
  const hasher = new EtagHasher(PART_BYTES);
  hasher.update(bytes);
  return hasher.digest();
}

export const MULTIPART_CONTRACTS: readonly Contract[] = [
  {
    title: 'what is put in parts comes back whole, with attributes and the ETag that its parts make',
    run: async ({ store }) => {
      const attributes = { metadata: { mode: '0100644' }, contentType: 'text/x-test' };
      const source = sourceOf(LARGE);
      const uploadIds: string[] = [];
      const onStarted = (uploadId: string) => {
        uploadIds.push(uploadId);
        source.calls.push('started');
      };
      const written = await store.putMultipart('k', source, attributes, multipart({ onStarted }));
      assert.equal(written.etag, multipartEtag(LARGE));
      const head = await store.head('k');
      assert.equal(head?.etag, written.etag);
      assert.deepEqual(head?.attributes, attributes);
      assert.equal(md5(await read(store, 'k')), md5(LARGE));
      assert.equal(uploadIds.length, 1);
      assert.deepEqual(
        source.calls.filter((call) => call !== 'next'),
        ['started', 'verify'],
      );
      assert.equal(source.calls.at(-1), 'verify');
    },
  },
  {
    title: 'a source of whole parts has no empty part behind it',
    run: async ({ store }) => {
      const bytes = LARGE.subarray(0, 2 * PART_BYTES);
      const { etag } = await store.putMultipart('k', sourceOf(bytes), NO_ATTRIBUTES, multipart());
      assert.equal(etag, multipartEtag(bytes));
    },
  },
  {
    title: 'a source that fits into one part, or is empty, is verified and stored as well',
    run: async ({ store }) => {
      for (const bytes of [Buffer.alloc(0), Buffer.from('small')]) {
        const source = sourceOf(bytes);
        await store.putMultipart('k', source, { metadata: { a: 'b' } }, multipart());
        assert.equal(source.calls.at(-1), 'verify');
        assert.deepEqual(await read(store, 'k'), bytes);
        assert.deepEqual((await store.head('k'))?.attributes.metadata, { a: 'b' });
      }
    },
  },
  {
    title: 'S3 a source that fails its verification is not published, and its failure is passed on',
    run: async ({ store }) => {
      const torn = new Error('torn');
      for (const bytes of [LARGE, Buffer.from('small')]) {
        const source = sourceOf(bytes, { verify: () => Promise.reject(torn) });
        await assert.rejects(store.putMultipart('k', source, NO_ATTRIBUTES, multipart()), (error) => error === torn);
        assert.equal(await store.head('k'), undefined);
      }
    },
  },
  {
    title: 'a part that is damaged on its way is refused, and sent again as it was',
    needs: ['verifiesSignature'],
    run: async ({ store, target, open }) => {
      const relay = await startDamagingRelay(target.endpoint, MIB);
      try {
        const { endpoint: endpointUrl } = relay;
        const options = multipart({ concurrency: 1 });
        const put = (through: ObjectStore) => through.putMultipart('k', sourceOf(LARGE), NO_ATTRIBUTES, options);
        await rejectsAs('transient', put(open({ endpointUrl })));
        assert.ok(relay.damaged > 0);
        assert.equal(await store.head('k'), undefined);
        // The second attempt may be on a connection of its own, and then is damaged too.
        const retry = async <T>(attempt: () => Promise<T>): Promise<T> => attempt().catch(() => retry(attempt));
        await put(open({ endpointUrl, retry, requestTimeoutMs: 60_000 }));
        assert.equal(md5(await read(store, 'k')), md5(LARGE));
      } finally {
        relay.close();
      }
    },
  },
  {
    title: 'whatever ends an upload, it is aborted at the server before the rejection',
    needs: ['listsParts'],
    run: async (ground) => {
      const { store } = ground;
      const gone = new Error('gone');
      const { next } = sourceOf(LARGE);
      let reads = 0;
      const readFails = sourceOf(LARGE, { next: (...args) => (++reads > 2 ? Promise.reject(gone) : next(...args)) });
      const verifyFails = sourceOf(LARGE, { verify: () => Promise.reject(gone) });
      for (const source of [readFails, verifyFails]) {
        await assert.rejects(store.putMultipart('k', source, NO_ATTRIBUTES, multipart()), (error) => error === gone);
        assert.deepEqual(await openUploads(ground), []);
      }
      const controller = new AbortController();
      const onStarted = () => controller.abort();
      const aborted = store.putMultipart(
        'k',
        sourceOf(LARGE),
        NO_ATTRIBUTES,
        multipart({ onStarted, signal: controller.signal }),
      );
      await rejectsAs('aborted', aborted);
      assert.deepEqual(await openUploads(ground), []);
      assert.equal(await store.head('k'), undefined);
    },
  },
  {
    title: 'an upload left behind can be aborted by its id, also when it is gone',
    needs: ['listsParts'],
    run: async (ground) => {
      const { store } = ground;
      const uploadIds: string[] = [];
      const onStarted = (uploadId: string) => uploadIds.push(uploadId);
      const hung = Promise.withResolvers<void>();
      const waiting = Promise.withResolvers<void>();
      const verify = () => {
        waiting.resolve();
        return hung.promise;
      };
      const upload = store.putMultipart('k', sourceOf(LARGE, { verify }), NO_ATTRIBUTES, multipart({ onStarted }));
      await Promise.race([waiting.promise, upload]);
      assert.deepEqual(await openUploads(ground), ['k']);
      await store.abortMultipart('k', uploadIds[0] ?? '');
      assert.deepEqual(await openUploads(ground), []);
      await store.abortMultipart('k', uploadIds[0] ?? '');
      hung.resolve();
      // RGW answers 500 where AWS has NoSuchUpload.
      await assert.rejects(upload, StoreError);
      assert.equal(await store.head('k'), undefined);
    },
  },
  {
    title: 'a large copy goes by parts and has the bytes of its source and the attributes it was given',
    run: async ({ store }) => {
      const { etag } = await store.putMultipart('from dir/é', sourceOf(LARGE), { metadata: { old: '1' } }, multipart());
      const attributes = { metadata: { new: '2' }, contentType: 'text/new' };
      const from = { key: 'from dir/é', etag, sizeBytes: LARGE.length };
      const copied = await store.copy(from, { key: 'to', attributes });
      const head = await store.head('to');
      assert.match(copied.etag, /-2$/);
      assert.equal(head?.etag, copied.etag);
      assert.deepEqual(head?.attributes, attributes);
      assert.equal(md5(await read(store, 'to')), md5(LARGE));
    },
  },
  {
    title: 'a large copy refuses a source that is another one by now, and leaves no upload behind',
    needs: ['listsParts'],
    run: async (ground) => {
      const { store } = ground;
      await store.putMultipart('from', sourceOf(LARGE), NO_ATTRIBUTES, multipart());
      const from = { key: 'from', etag: md5('something else'), sizeBytes: LARGE.length };
      await rejectsAs('conflict', store.copy(from, { key: 'to', attributes: NO_ATTRIBUTES }));
      assert.deepEqual(await openUploads(ground), []);
      assert.equal(await store.head('to'), undefined);
    },
  },
  {
    title: 'a large copy tells the id of its upload before the first part, and leaves none behind when it is ended',
    needs: ['listsParts'],
    run: async (ground) => {
      const { store } = ground;
      const { etag } = await store.putMultipart('from', sourceOf(LARGE), NO_ATTRIBUTES, multipart());
      const from = { key: 'from', etag, sizeBytes: LARGE.length };
      const controller = new AbortController();
      const started: string[] = [];
      const onStarted = (uploadId: string): void => {
        started.push(uploadId);
        controller.abort();
      };
      const options = { onStarted, signal: controller.signal };
      await rejectsAs('aborted', store.copy(from, { key: 'to', attributes: NO_ATTRIBUTES }, options));
      assert.equal(started.length, 1);
      assert.deepEqual(await openUploads(ground), []);
      assert.equal(await store.head('to'), undefined);
    },
  },
  {
    title: 'S14 a large copy of a hostile key has the bytes of that key, or is rejected',
    run: async ({ store }) => {
      const decoy = Buffer.alloc(LARGE.length, 'decoy');
      for (const key of ['aA', 'a A']) await store.put(key, decoy, NO_ATTRIBUTES);
      for (const key of ['a%41', 'a+A']) {
        const { etag } = await store.put(key, LARGE, NO_ATTRIBUTES);
        const from = { key, etag, sizeBytes: LARGE.length };
        const copied = await store.copy(from, { key: 'to', attributes: NO_ATTRIBUTES }).catch((error: unknown) => {
          assert.ok(error instanceof StoreError && error.reaction === 'rejected', `${key}: ${error}`);
        });
        if (copied) assert.equal(md5(await read(store, 'to')), md5(LARGE), key);
        else assert.equal(await store.head('to'), undefined, key);
        await store.deleteMany(['to']);
      }
    },
  },
  {
    title: 'a body over 11 MiB goes in one request',
    needs: ['bodiesOver11MiB'],
    run: async ({ store }) => {
      const bytes = patterned(12 * MIB);
      assert.equal((await store.put('k', bytes, NO_ATTRIBUTES)).etag, md5(bytes));
      assert.equal(md5(await read(store, 'k')), md5(bytes));
    },
  },
];

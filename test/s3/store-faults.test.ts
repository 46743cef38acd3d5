// The S3 store against a server that fails in every way a server can.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ObjectStore } from '../../src/store/object-store.ts';
import type { S3StoreOptions } from '../../src/store/s3-store.ts';
import { MIB, NO_ATTRIBUTES, openStore, pagesOf, patterned, read, rejectsAs, sourceOf } from '../contract/ground.ts';
import type { Effect, FaultRule } from '../strict-s3/faults.ts';
import type { StrictS3 } from '../strict-s3/server.ts';
import { ALL_TARGETS, type S3Target } from '../support/s3-targets.ts';

const BODY = Buffer.from('hello');
/** For servers that stop moving; every other store waits long, so that a slow machine is no fault. */
const IMPATIENT = { requestTimeoutMs: 200 };

describe('the store on a failing server', () => {
  let target: S3Target;
  let strict: StrictS3;
  let store: ObjectStore;
  const opened: ObjectStore[] = [];

  const open = (options: Partial<S3StoreOptions> = {}): ObjectStore => {
    const one = openStore(target, { bucket: 'bucket', ...options });
    opened.push(one);
    return one;
  };
  const fault = (operation: FaultRule['operation'], effect: Effect, rule: Omit<FaultRule, 'effect'> = {}) =>
    strict.faults.add({ ...rule, ...(operation === undefined ? {} : { operation }), effect });

  beforeEach(async () => {
    target = await ALL_TARGETS[0]!.start({ buckets: ['bucket'] });
    strict = target.strict!;
    store = open();
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) one.close();
    await target.close();
  });

  describe('S6 a write whose outcome is unknown is ambiguous, a refused one is not', () => {
    const rows: readonly [string, Effect, { reaction: 'transient' | 'throttled'; code: string; ambiguous: boolean }][] =
      [
        [
          'reset in the body',
          { kind: 'reset', at: 'body' },
          { reaction: 'transient', code: 'ECONNRESET', ambiguous: true },
        ],
        [
          'reset after it took effect',
          { kind: 'reset', at: 'answer' },
          { reaction: 'transient', code: 'ECONNRESET', ambiguous: true },
        ],
        ['no answer', { kind: 'hang', at: 'commit' }, { reaction: 'transient', code: 'TimeoutError', ambiguous: true }],
        [
          'InternalError',
          { kind: 'status', code: 'InternalError' },
          { reaction: 'transient', code: 'InternalError', ambiguous: true },
        ],
        [
          'SlowDown',
          { kind: 'status', code: 'SlowDown' },
          { reaction: 'throttled', code: 'SlowDown', ambiguous: false },
        ],
      ];
    for (const [name, effect, expected] of rows) {
      it(name, async () => {
        fault(['PutObject', 'CopyObject', 'DeleteObjects'], effect);
        const from = { key: 'from', etag: strict.bucket('bucket').put('from', BODY).etag, sizeBytes: BODY.length };
        if (effect.kind === 'hang') store = open(IMPATIENT);
        const attempts = [
          () => store.put('k', BODY, NO_ATTRIBUTES),
          () => store.copy(from, { key: 'k', attributes: NO_ATTRIBUTES }),
          () => store.deleteMany(['k']),
        ];
        for (const attempt of attempts) {
          const { reaction, code, ambiguous } = await rejectsAs(expected.reaction, attempt());
          assert.deepEqual({ reaction, code, ambiguous }, expected);
        }
      });
    }

    it('a read is never ambiguous', async () => {
      fault(undefined, { kind: 'reset' });
      const attempts = [
        () => store.head('k'),
        () => store.get('k'),
        () => pagesOf(store.list('')),
        () => store.check(),
      ];
      for (const attempt of attempts) {
        assert.equal((await rejectsAs('transient', attempt())).ambiguous, false);
      }
    });

    it('a request that never left this machine is not ambiguous', async () => {
      const down = open({ endpointUrl: 'http://127.0.0.1:9' });
      const error = await rejectsAs('transient', down.put('k', BODY, NO_ATTRIBUTES));
      assert.equal(error.code, 'ECONNREFUSED');
      assert.equal(error.ambiguous, false);
      assert.match(error.hint ?? '', /--endpoint-url/);
    });
  });

  it('Retry-After is passed on', async () => {
    fault('PutObject', { kind: 'status', code: 'SlowDown', retryAfterS: 3 });
    assert.equal((await rejectsAs('throttled', store.put('k', BODY, NO_ATTRIBUTES))).retryAfterMs, 3000);
  });

  it('S4 an answer that is no listing is never an empty listing', async () => {
    strict.bucket('bucket').put('k', BODY);
    for (const body of [
      '',
      'garbage',
      '<html>proxy</html>',
      '<ListBucketResult></ListBucketResult>',
      '<ListBucketResult>',
    ]) {
      const handle = fault('ListObjectsV2', { kind: 'garbage', change: () => Buffer.from(body) });
      await rejectsAs('transient', pagesOf(store.list('')));
      handle.remove();
    }
    const handle = fault('ListObjectsV2', { kind: 'truncate' });
    await rejectsAs('transient', pagesOf(store.list('')));
    handle.remove();
    assert.equal((await pagesOf(store.list(''))).flat().length, 1);
  });

  it('a page of a listing that fails is asked for again, and no object is listed twice', async () => {
    for (const key of ['a', 'b', 'c']) strict.bucket('bucket').put(key, BODY);
    fault('ListObjectsV2', { kind: 'status', code: 'SlowDown' }, { after: 1, times: 2 });
    const retrying = open({ listPageKeys: 2, retry: retryTimes(3) });
    assert.deepEqual(
      (await pagesOf(retrying.list(''))).flat().map(({ key }) => key),
      ['a', 'b', 'c'],
    );
    assert.equal(strict.countRequests('ListObjectsV2'), 4);
  });

  it('a key counts as deleted only if the server says so', async () => {
    strict.bucket('bucket').put('k', BODY);
    fault('DeleteObjects', { kind: 'garbage', change: () => Buffer.from('<DeleteResult/>') }, { times: 1 });
    const failed = await store.deleteMany(['k', 'l']);
    assert.deepEqual([...failed.keys()], ['k', 'l']);
    for (const error of failed.values())
      assert.equal((await rejectsAs('transient', Promise.reject(error))).ambiguous, true);
  });

  it('a key that cannot be deleted is told by its name, and the others are gone', async () => {
    for (const key of ['a', 'b']) strict.bucket('bucket').put(key, BODY);
    fault('DeleteObjectsKey', { kind: 'status', code: 'AccessDenied' }, { key: /^a$/ });
    const failed = await store.deleteMany(['a', 'b']);
    assert.deepEqual([...failed.keys()], ['a']);
    const error = await rejectsAs('denied', Promise.reject(failed.get('a')));
    assert.match(error.message, /^Cannot delete s3:\/\/bucket\/a: .*AccessDenied/);
    assert.deepEqual(strict.bucket('bucket').keys(), ['a']);
  });

  it('an error in the body of a 200 is an error', async () => {
    const { etag } = strict.bucket('bucket').put('from', BODY);
    const copy = () => store.copy({ key: 'from', etag, sizeBytes: 5 }, { key: 'to', attributes: NO_ATTRIBUTES });
    fault('CopyObject', { kind: 'error-body', code: 'InternalError' }, { times: 1 });
    assert.equal((await rejectsAs('transient', copy())).ambiguous, true);
    fault('CopyObject', { kind: 'error-body', code: 'SlowDown' }, { times: 1 });
    await rejectsAs('throttled', copy());
    assert.equal(await store.head('to'), undefined);
  });

  it('a write that is answered by nonsense is ambiguous', async () => {
    const { etag } = strict.bucket('bucket').put('from', BODY);
    fault('CopyObject', { kind: 'garbage', change: () => Buffer.from('<html>') });
    const copy = store.copy({ key: 'from', etag, sizeBytes: 5 }, { key: 'to', attributes: NO_ATTRIBUTES });
    assert.equal((await rejectsAs('transient', copy)).ambiguous, true);
  });

  it('regression_error_for_content: S9 a 200 without an ETag is no object', async () => {
    strict.bucket('bucket').put('k', BODY);
    fault('GetObject', { kind: 'error-body', code: 'InternalError' });
    await rejectsAs('transient', read(store, 'k'));
  });

  it('regression_old_object_of_equal_size: S6 a write without an ETag is not proven by the object of before', async () => {
    const attributes = { metadata: { mtime: '2' } };
    strict.bucket('bucket').put('k', 'older', { mtime: '1' });
    fault('PutObject', { kind: 'error-body', code: 'InternalError' });
    const error = await rejectsAs('transient', store.put('k', BODY, attributes));
    assert.equal(error.ambiguous, true);
  });

  it('a body that is cut short fails', async () => {
    strict.bucket('bucket').put('k', patterned(MIB));
    fault('GetObject', { kind: 'truncate', bytes: 1000 });
    await rejectsAs('transient', read(store, 'k'));
  });

  it('a slow body is no timeout as long as it comes, and one that stops is', async () => {
    store = open(IMPATIENT);
    strict.bucket('bucket').put('k', Buffer.alloc(50, 'x'));
    const slow = fault('GetObject', { kind: 'slow', bytesPerSecond: 100 });
    assert.equal((await read(store, 'k')).length, 50);
    slow.remove();
    fault('GetObject', { kind: 'hang' });
    assert.equal((await rejectsAs('transient', read(store, 'k'))).code, 'TimeoutError');
  });

  it('a body that nobody reads gives its connection up', { timeout: 5_000 }, async () => {
    const closed = Promise.withResolvers<void>();
    const server = createServer((_request, response) => {
      response.once('close', closed.resolve);
      response.writeHead(200, { 'content-length': 100, etag: '"e"' }).write('the beginning');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { body } = await open({ endpointUrl: `http://127.0.0.1:${port}` }).get('k');
    body.destroy();
    await closed.promise;
    server.close();
  });

  it('a bucket that is denied says so with the code that HEAD hides', async () => {
    fault(['HeadBucket', 'ListObjectsV2'], { kind: 'status', code: 'AccessDenied' });
    const error = await rejectsAs('denied', store.check());
    assert.equal(error.code, 'AccessDenied');
    assert.match(error.hint ?? '', /s3:ListBucket/);
  });

  it('a policy that allows listing one prefix only is enough for check', async () => {
    fault('HeadBucket', { kind: 'status', code: 'AccessDenied' });
    await open({ checkPrefix: 'mine/' }).check();
    assert.equal(strict.requests.at(-1)?.query['prefix'], 'mine/');
  });

  it('S8 a put is one request, with Content-MD5 and without Expect', async () => {
    await store.put('k', patterned(3 * MIB), NO_ATTRIBUTES);
    assert.deepEqual(
      strict.requests.map(({ operation }) => operation),
      ['PutObject'],
    );
    const { headers } = strict.requests[0]!;
    assert.ok(headers['content-md5']);
    assert.match(headers['x-amz-content-sha256'] ?? '', /^[0-9a-f]{64}$/);
    assert.equal(headers['expect'], undefined);
    assert.match(headers['user-agent'] ?? '', /\bawssyncer\/test\b/);
  });

  it('a body whose SHA-256 is signed needs no MD5, unless the server asks for one', async () => {
    const body = patterned(1000);
    const put = () => store.put('k', body, NO_ATTRIBUTES, { sha256: hash('sha256', body) });
    await put();
    const message = 'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock';
    fault('PutObject', { kind: 'status', code: 'InvalidRequest', message }, { times: 1 });
    await put();
    await put();
    const withMd5 = strict.requests.map(({ headers }) => headers['content-md5'] !== undefined);
    assert.deepEqual(withMd5, [false, false, true, true]);
  });

  describe('an upload in parts', () => {
    const LARGE = patterned(31 * MIB);
    const multipart = { partSizeBytes: 5 * MIB, concurrency: 2, onStarted: () => {} };

    it('a part that fails is sent again, the others are not', async () => {
      fault('UploadPart', { kind: 'status', code: 'InternalError' }, { after: 2, times: 2 });
      await open({ retry: retryTimes(3) }).putMultipart('k', sourceOf(LARGE), NO_ATTRIBUTES, multipart);
      assert.equal(strict.countRequests('UploadPart'), 7 + 2);
      assert.ok(strict.bucket('bucket').object('k')?.bytes.equals(LARGE));
    });

    const partsWithMd5 = (): boolean[] =>
      strict.requests
        .filter(({ operation }) => operation === 'UploadPart')
        .map(({ headers }) => headers['content-md5'] !== undefined);

    it('a part has its SHA-256 in the signature and no Content-MD5, until the server asks for one', async () => {
      const [first, locked] = [patterned(10 * MIB), patterned(16 * MIB)];
      await store.putMultipart('k', sourceOf(first), NO_ATTRIBUTES, multipart);
      assert.deepEqual(partsWithMd5(), [false, false]);
      const { headers } = strict.requests.find(({ operation }) => operation === 'UploadPart')!;
      assert.match(headers['x-amz-content-sha256'] ?? '', /^[0-9a-f]{64}$/);
      strict.clearRequests();
      const message = 'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Part requests with Object Lock';
      fault('UploadPart', { kind: 'status', code: 'InvalidRequest', message }, { times: 2 });
      await store.putMultipart('k', sourceOf(locked), NO_ATTRIBUTES, multipart);
      assert.deepEqual(partsWithMd5(), [false, false, true, true, true, true], 'of two at once, both are sent again');
      assert.ok(strict.bucket('bucket').object('k')?.bytes.equals(locked));
    });

    it('a part that is refused for another reason is not sent again with a Content-MD5', async () => {
      fault('UploadPart', { kind: 'status', code: 'InvalidRequest' });
      await rejectsAs(
        'rejected',
        store.putMultipart('k', sourceOf(LARGE), NO_ATTRIBUTES, { ...multipart, concurrency: 1 }),
      );
      assert.deepEqual(partsWithMd5(), [false]);
    });

    it('a part that fails for good ends the upload, which does not send the rest before it says so', async () => {
      fault('UploadPart', { kind: 'status', code: 'AccessDenied' }, { times: 1 });
      await rejectsAs('denied', store.putMultipart('k', sourceOf(LARGE), NO_ATTRIBUTES, multipart));
      assert.ok(strict.countRequests('UploadPart') <= 3, `${strict.countRequests('UploadPart')} parts`);
      assert.equal(strict.countRequests('CompleteMultipartUpload'), 0);
      assert.deepEqual(strict.bucket('bucket').uploads(), []);
    });

    it('a part that fails for good does not wait for the others', { timeout: 8_000 }, async () => {
      const hung = fault('UploadPart', { kind: 'hang' }, { times: 1 });
      fault('UploadPart', { kind: 'status', code: 'AccessDenied' });
      await rejectsAs('denied', store.putMultipart('k', sourceOf(LARGE), NO_ATTRIBUTES, multipart));
      assert.equal(hung.hits, 1);
      assert.deepEqual(strict.bucket('bucket').uploads(), []);
    });

    it('a failed Abort does not hide why the upload failed', async () => {
      fault('UploadPart', { kind: 'status', code: 'AccessDenied' });
      fault('AbortMultipartUpload', { kind: 'status', code: 'InternalError' });
      await rejectsAs('denied', store.putMultipart('k', sourceOf(LARGE), NO_ATTRIBUTES, multipart));
    });

    it('an error in the body of a Complete is an error, and the upload is aborted', async () => {
      fault('CompleteMultipartUpload', { kind: 'error-body', code: 'InternalError' });
      const failed = rejectsAs('transient', store.putMultipart('k', sourceOf(LARGE), NO_ATTRIBUTES, multipart));
      assert.equal((await failed).ambiguous, true);
      assert.deepEqual(strict.bucket('bucket').uploads(), []);
    });

    it('a Create that is answered by nonsense starts no upload', async () => {
      fault('CreateMultipartUpload', { kind: 'garbage', change: () => Buffer.from('<html></html>') });
      await rejectsAs('transient', store.putMultipart('k', sourceOf(LARGE), NO_ATTRIBUTES, multipart));
      assert.equal(strict.countRequests('UploadPart'), 0);
    });

    it('a signal raised before it begins leaves nothing to be begun', async () => {
      const call = { ...multipart, signal: AbortSignal.abort() };
      await rejectsAs('aborted', store.putMultipart('k', sourceOf(LARGE), NO_ATTRIBUTES, call));
      assert.deepEqual(strict.requests, []);
    });

    it('a signal raised while parts are in flight ends them, and the upload is aborted before the rejection', async () => {
      const hung = fault('UploadPart', { kind: 'hang' });
      const controller = new AbortController();
      const call = { ...multipart, signal: controller.signal };
      const upload = rejectsAs('aborted', store.putMultipart('k', sourceOf(LARGE), NO_ATTRIBUTES, call));
      await hung.waiting(2);
      controller.abort();
      await upload;
      assert.deepEqual(strict.bucket('bucket').uploads(), []);
    });
  });

  it('S15 an error holds neither credentials nor signatures, however deep one looks', async () => {
    const secret = 'very-secret-key';
    const credentials = {
      accessKeyId: strict.credentials.accessKeyId,
      secretAccessKey: secret,
      sessionToken: 'token-123',
    };
    const error = await rejectsAs('credentials', open({ credentials }).put('k', BODY, NO_ATTRIBUTES));
    const { inspect } = await import('node:util');
    const everything = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true });
    assert.doesNotMatch(everything, /very-secret-key|token-123|AWS4-HMAC|Signature=/);
  });
});

/** A policy that tries so often, without waiting. */
function retryTimes(attempts: number): S3StoreOptions['retry'] {
  return async (attempt) => {
    for (let failures = 1; ; failures++) {
      try {
        return await attempt();
      } catch (error) {
        if (failures >= attempts) throw error;
      }
    }
  };
}

// The same faults, in the server and in a proxy before it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as s3 from '@aws-sdk/client-s3';
import { startFaultProxy } from '../fault-proxy/proxy.ts';
import { type Effect, type Faults, type Stage, seededRandom } from '../strict-s3/faults.ts';
import type { BucketView } from '../strict-s3/inspect.ts';
import type { LoggedRequest } from '../strict-s3/request-log.ts';
import { type StrictS3Options, startStrictS3 } from '../strict-s3/server.ts';
import { until } from '../support/until.ts';

const PLACES = ['server', 'proxy'] as const;

interface Setup {
  readonly faults: Faults;
  /** As the place of the faults saw them. */
  readonly requests: readonly LoggedRequest[];
  readonly bucket: BucketView;
  readonly put: (key: string, body?: string, signal?: AbortSignal) => Promise<s3.PutObjectCommandOutput>;
  readonly get: (key: string) => Promise<string>;
  readonly send: s3.S3Client['send'];
  readonly text: (key: string) => string | undefined;
  /** Ends the place of the faults. */
  readonly close: () => Promise<void>;
}

for (const place of PLACES) {
  async function setup(t: TestContext, options: StrictS3Options = {}): Promise<Setup> {
    const server = await startStrictS3({ buckets: ['b'], ...options });
    const faulty = place === 'server' ? server : await startFaultProxy(server.endpoint);
    const { region, credentials } = server;
    const { endpoint, faults, requests } = faulty;
    const client = new s3.S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
    t.after(async () => {
      client.destroy();
      await faulty.close();
      await server.close();
    });
    const send = client.send.bind(client) as s3.S3Client['send'];
    const bucket = server.bucket('b');
    return {
      ...{ faults, requests, bucket, send, close: faulty.close },
      put: (Key, Body = Key, abortSignal) =>
        client.send(
          new s3.PutObjectCommand({ Bucket: 'b', Key, Body }),
          abortSignal === undefined ? {} : { abortSignal },
        ),
      get: async (Key) => {
        const { Body } = await client.send(new s3.GetObjectCommand({ Bucket: 'b', Key }));
        return (await Body?.transformToString()) ?? '';
      },
      text: (key) => bucket.text(key),
    };
  }

  test(`in the ${place}: a rule hits the k-th matching request and as many as it says`, async (t) => {
    const { faults, put, text, requests } = await setup(t);
    const effect: Effect = { kind: 'status', code: 'SlowDown', retryAfterS: 7 };
    const fault = faults.add({ operation: 'PutObject', key: /x$/, after: 1, times: 2, effect });
    await put('1x');
    await put('y');
    await assert.rejects(put('2x'), (error: s3.S3ServiceException) => {
      assert.deepEqual(
        [error.name, error.$metadata.httpStatusCode, error.$response?.headers['retry-after']],
        ['SlowDown', 503, '7'],
      );
      return true;
    });
    await assert.rejects(put('3x'), { name: 'SlowDown' });
    await put('4x');
    assert.deepEqual([fault.hits, text('1x'), text('2x'), text('4x')], [2, '1x', undefined, '4x']);
    assert.deepEqual(
      requests.map(({ code }) => code),
      [undefined, undefined, 'SlowDown', 'SlowDown', undefined],
    );
  });

  test(`in the ${place}: a removed rule hits nothing`, async (t) => {
    const { faults, put } = await setup(t);
    faults.add({ effect: { kind: 'status', code: 'InternalError' } }).remove();
    await put('a');
    faults.add({ effect: { kind: 'status', code: 'InternalError' } });
    faults.clear();
    await put('a');
  });

  const stages: readonly { at: Stage; stored: boolean }[] = [
    { at: 'start', stored: false },
    { at: 'body', stored: false },
    { at: 'commit', stored: false },
    { at: 'answer', stored: true },
  ];
  for (const { at, stored } of stages) {
    test(`in the ${place}: a reset at ${at} leaves the object ${stored ? 'stored' : 'absent'}`, async (t) => {
      const { faults, put, text, requests } = await setup(t);
      faults.add({ effect: { kind: 'reset', at } });
      await assert.rejects(put('a'), { code: 'ECONNRESET' });
      assert.equal(text('a') !== undefined, stored);
      assert.deepEqual([requests[0]?.status, requests[0]?.executed], [undefined, stored]);
    });

    test(`in the ${place}: an error at ${at} leaves the object ${stored ? 'stored' : 'absent'}`, async (t) => {
      const { faults, put, text } = await setup(t);
      faults.add({ times: 1, effect: { kind: 'status', status: 500, code: 'InternalError', at } });
      await assert.rejects(put('a'), { name: 'InternalError' });
      assert.equal(text('a') !== undefined, stored);
      await put('b');
    });

    test(`in the ${place}: a gate at ${at} holds requests until it opens`, async (t) => {
      const { faults, put, text, requests, bucket } = await setup(t);
      const gate = faults.add({ effect: { kind: 'gate', at } });
      const puts = Promise.all([put('a'), put('b')]);
      await gate.waiting(2);
      assert.equal(text('a') !== undefined, stored);
      assert.equal(
        requests.every(({ status }) => status === undefined),
        true,
      );
      await gate.open();
      await puts;
      await put('c');
      assert.deepEqual(bucket.keys(), ['a', 'b', 'c']);
    });
  }

  test(`in the ${place}: a gate that only releases holds the next request again`, async (t) => {
    const { faults, put } = await setup(t);
    const gate = faults.add({ effect: { kind: 'gate' } });
    for (const key of ['a', 'b']) {
      const pending = put(key);
      await gate.waiting();
      await gate.release();
      await pending;
    }
    assert.equal(gate.hits, 2);
  });

  test(`in the ${place}: a request whose client gave up executes if it was read, and not before`, async (t) => {
    for (const [at, stored] of [
      ['start', false],
      ['commit', true],
    ] as const) {
      const { faults, put, text } = await setup(t);
      const gate = faults.add({ effect: { kind: 'gate', at } });
      const controller = new AbortController();
      const pending = put('a', 'a', controller.signal);
      await gate.waiting();
      controller.abort();
      await assert.rejects(pending, { name: 'AbortError' });
      // The server has seen the connection close once a request sent after it was answered.
      gate.remove();
      await put('b');
      await gate.release();
      assert.equal(text('a') !== undefined, stored, at);
    }
  });

  test(`in the ${place}: a late request executes after its successor, when released`, async (t) => {
    const { faults, put, text, requests } = await setup(t);
    const fault = faults.add({ operation: 'PutObject', times: 1, effect: { kind: 'late' } });
    await assert.rejects(put('a', 'old'), { code: 'ECONNRESET' });
    await fault.waiting();
    await put('a', 'new');
    assert.equal(text('a'), 'new');
    await fault.release();
    assert.equal(text('a'), 'old');
    assert.deepEqual([requests[0]?.executed, requests[0]?.status], [true, undefined]);
  });

  test(`in the ${place}: a late request executes by itself after its time`, async (t) => {
    const { faults, put, text } = await setup(t);
    const fault = faults.add({ times: 1, effect: { kind: 'late', afterMs: 20 } });
    await assert.rejects(put('a', 'late'), { code: 'ECONNRESET' });
    await fault.settled();
    assert.equal(text('a'), 'late');
  });

  test(`in the ${place}: a hanging request ends with the server`, async (t) => {
    const { faults, put, close } = await setup(t);
    const fault = faults.add({ effect: { kind: 'hang' } });
    const rejected = assert.rejects(put('a'), { code: 'ECONNRESET' });
    await fault.waiting();
    await close();
    await rejected;
  });

  test(`in the ${place}: bodies are cut short, slowed down and replaced by garbage`, async (t) => {
    const { faults, get, send, bucket } = await setup(t);
    bucket.put('a', '0123456789');
    const truncate = faults.add({ times: 1, effect: { kind: 'truncate', bytes: 4 } });
    await assert.rejects(get('a'), { code: 'ECONNRESET' });
    const slow = faults.add({ times: 1, effect: { kind: 'slow', bytesPerSecond: 200 } });
    assert.equal(await get('a'), '0123456789');
    const garbage = faults.add({ times: 1, effect: { kind: 'garbage' } });
    await assert.rejects(send(new s3.ListObjectsV2Command({ Bucket: 'b' })));
    assert.deepEqual([truncate.hits, slow.hits, garbage.hits], [1, 1, 1]);
  });

  test(`in the ${place}: a copy answers 200 and an error, committed or not`, async (t) => {
    const { faults, send, text, requests, bucket } = await setup(t);
    bucket.put('a', 'x');
    for (const committed of [false, true]) {
      faults.add({
        operation: 'CopyObject',
        times: 1,
        effect: { kind: 'error-body', code: 'InternalError', committed },
      });
      await assert.rejects(send(new s3.CopyObjectCommand({ Bucket: 'b', Key: 'c', CopySource: 'b/a' })), {
        name: 'InternalError',
      });
      assert.equal(requests.at(-1)?.status, 200);
      assert.equal(text('c') !== undefined, committed);
    }
  });

  test(`in the ${place}: random faults are the same for the same seed`, async (t) => {
    const run = async (seed: number): Promise<(string | undefined)[]> => {
      const { faults, put, requests } = await setup(t);
      const effect: readonly Effect[] = ['SlowDown', 'InternalError'].map((code) => ({ kind: 'status', code }));
      faults.add({ random: seededRandom(seed), probability: 0.5, effect });
      for (let at = 0; at < 20; at++) await put(String(at)).catch(() => {});
      return requests.map(({ code }) => code);
    };
    const first = await run(1);
    assert.deepEqual(await run(1), first);
    assert.notDeepEqual(await run(2), first);
    assert.equal(new Set(first).size, 3);
  });

  test(`in the ${place}: a body is taken slowly`, async (t) => {
    const { faults, put, text } = await setup(t);
    const slow = faults.add({ times: 1, effect: { kind: 'slow-body', bytesPerSecond: 100 } });
    const begun = performance.now();
    await put('a', '0123456789');
    assert.ok(performance.now() - begun >= 90);
    assert.deepEqual([slow.hits, text('a')], [1, '0123456789']);
  });

  test(`in the ${place}: beyond its rate requests are throttled, and spared again after a pause`, async (t) => {
    const { faults, put } = await setup(t);
    const throttle = faults.add({ sparedPerSecond: 5, effect: { kind: 'status', code: 'SlowDown', retryAfterS: 0 } });
    const burst = await Promise.allSettled(Array.from({ length: 20 }, (_, at) => put(`${at}`)));
    const spared = burst.filter(({ status }) => status === 'fulfilled').length;
    assert.ok(spared >= 5 && throttle.hits >= 1 && spared + throttle.hits === 20, `${spared} of 20 spared`);
    await until('one is spared', () =>
      put('later').then(
        () => true,
        () => false,
      ),
    );
  });

  test(`in the ${place}: the log holds what came, without secrets`, async (t) => {
    const { put, requests } = await setup(t, { sessionToken: 'secret-token' });
    await put('a');
    const [request] = requests;
    assert.deepEqual(
      [request?.operation, request?.key, request?.bodyBytes, request?.status],
      ['PutObject', 'a', 1, 200],
    );
    assert.doesNotMatch(JSON.stringify(requests), /secret-token|Signature/);
  });
}

test('the server runs in a process of its own until it is told to stop', async () => {
  const child = execFile(process.execPath, [join(import.meta.dirname, '../strict-s3/main.ts'), '--bucket', 'b']);
  const [line] = (await once(child.stdout!, 'data')) as [string];
  const { status } = await fetch(`${line.trim()}/b/key`);
  assert.equal(status, 403);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('the server counts requests, and its hook may hold them', async (t) => {
  const hold = Promise.withResolvers<void>();
  const server = await startStrictS3({ onRequest: () => hold.promise });
  t.after(() => server.close());
  const pending = fetch(server.endpoint);
  hold.resolve();
  await pending;
  assert.deepEqual(
    [server.countRequests(), server.countRequests('ListBuckets'), server.countRequests('GetObject')],
    [1, 1, 0],
  );
  server.clearRequests();
  assert.equal(server.countRequests(), 0);
});

test('the proxy passes on everything as it is: signatures, digests, parts, copies, ranges, lengths of HEAD', async (t) => {
  const server = await startStrictS3({ buckets: ['b'], minPartBytes: 1 });
  const proxy = await startFaultProxy(server.endpoint);
  const { region, credentials } = server;
  const client = new s3.S3Client({
    endpoint: proxy.endpoint,
    region,
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  t.after(async () => {
    client.destroy();
    await proxy.close();
    await server.close();
  });
  const at = { Bucket: 'b', Key: 'dir/a b+%ä' };
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ ...at, Metadata: { mode: '1' } }));
  const parts = [];
  for (const PartNumber of [1, 2]) {
    const { ETag } = await client.send(
      new s3.UploadPartCommand({ ...at, UploadId, PartNumber, Body: `part ${PartNumber}` }),
    );
    parts.push({ PartNumber, ETag });
  }
  await client.send(new s3.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: parts } }));
  const CopySource = encodeURIComponent('b/dir/a b+%ä');
  await client.send(new s3.CopyObjectCommand({ Bucket: 'b', Key: 'copy', CopySource }));
  const { ContentLength, Metadata } = await client.send(new s3.HeadObjectCommand({ Bucket: 'b', Key: 'copy' }));
  assert.deepEqual([ContentLength, Metadata], [12, { mode: '1' }]);
  const { Body } = await client.send(new s3.GetObjectCommand({ Bucket: 'b', Key: 'copy', Range: 'bytes=5-6' }));
  assert.equal(await Body?.transformToString(), '1p');
  const Objects = [{ Key: 'copy' }, { Key: 'never' }];
  await client.send(new s3.DeleteObjectsCommand({ Bucket: 'b', Delete: { Objects } }));
  assert.deepEqual(server.bucket('b').keys(), ['dir/a b+%ä']);
  assert.deepEqual(proxy.requests.at(-1)?.keys, ['copy', 'never']);
  const uploadIds = proxy.requests.slice(0, 4).map(({ uploadId }) => uploadId);
  assert.deepEqual(new Set(uploadIds), new Set([UploadId]));
  assert.deepEqual(
    proxy.requests.map(({ operation }) => operation),
    server.requests.map(({ operation }) => operation),
  );
});

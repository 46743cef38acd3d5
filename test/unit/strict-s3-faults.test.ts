import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as s3 from '@aws-sdk/client-s3';
import { type Effect, type Stage, seededRandom } from '../strict-s3/faults.ts';
import { type StrictS3, type StrictS3Options, startStrictS3 } from '../strict-s3/server.ts';

interface Setup {
  readonly server: StrictS3;
  readonly put: (key: string, body?: string, signal?: AbortSignal) => Promise<s3.PutObjectCommandOutput>;
  readonly get: (key: string) => Promise<string>;
  readonly send: s3.S3Client['send'];
  readonly text: (key: string) => string | undefined;
}

async function setup(t: TestContext, options: StrictS3Options = {}): Promise<Setup> {
  const server = await startStrictS3({ buckets: ['b'], ...options });
  const { endpoint, region, credentials } = server;
  const client = new s3.S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
  t.after(() => client.destroy());
  t.after(() => server.close());
  const send = client.send.bind(client) as s3.S3Client['send'];
  return {
    server,
    send,
    put: (Key, Body = Key, abortSignal) =>
      client.send(
        new s3.PutObjectCommand({ Bucket: 'b', Key, Body }),
        abortSignal === undefined ? {} : { abortSignal },
      ),
    get: async (Key) => {
      const { Body } = await client.send(new s3.GetObjectCommand({ Bucket: 'b', Key }));
      return (await Body?.transformToString()) ?? '';
    },
    text: (key) => server.bucket('b').text(key),
  };
}

test('a rule hits the k-th matching request and as many as it says', async (t) => {
  const { server, put, text } = await setup(t);
  const effect: Effect = { kind: 'status', code: 'SlowDown', retryAfterS: 7 };
  const fault = server.faults.add({ operation: 'PutObject', key: /x$/, after: 1, times: 2, effect });
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
    server.requests.map(({ code }) => code),
    [undefined, undefined, 'SlowDown', 'SlowDown', undefined],
  );
});

test('a removed rule hits nothing', async (t) => {
  const { server, put } = await setup(t);
  server.faults.add({ effect: { kind: 'status', code: 'InternalError' } }).remove();
  await put('a');
  server.faults.add({ effect: { kind: 'status', code: 'InternalError' } });
  server.faults.clear();
  await put('a');
});

const stages: readonly { at: Stage; stored: boolean }[] = [
  { at: 'start', stored: false },
  { at: 'body', stored: false },
  { at: 'commit', stored: false },
  { at: 'answer', stored: true },
];
for (const { at, stored } of stages) {
  test(`a reset at ${at} leaves the object ${stored ? 'stored' : 'absent'}`, async (t) => {
    const { server, put, text } = await setup(t);
    server.faults.add({ effect: { kind: 'reset', at } });
    await assert.rejects(put('a'), { code: 'ECONNRESET' });
    assert.equal(text('a') !== undefined, stored);
    assert.deepEqual([server.requests[0]?.status, server.requests[0]?.executed], [undefined, stored]);
  });

  test(`an error at ${at} leaves the object ${stored ? 'stored' : 'absent'}`, async (t) => {
    const { server, put, text } = await setup(t);
    server.faults.add({ times: 1, effect: { kind: 'status', status: 500, code: 'InternalError', at } });
    await assert.rejects(put('a'), { name: 'InternalError' });
    assert.equal(text('a') !== undefined, stored);
    await put('b');
  });

  test(`a gate at ${at} holds requests until it opens`, async (t) => {
    const { server, put, text } = await setup(t);
    const gate = server.faults.add({ effect: { kind: 'gate', at } });
    const puts = Promise.all([put('a'), put('b')]);
    await gate.waiting(2);
    assert.equal(text('a') !== undefined, stored);
    assert.equal(
      server.requests.every(({ status }) => status === undefined),
      true,
    );
    await gate.open();
    await puts;
    await put('c');
    assert.deepEqual(server.bucket('b').keys(), ['a', 'b', 'c']);
  });
}

test('a gate that only releases holds the next request again', async (t) => {
  const { server, put } = await setup(t);
  const gate = server.faults.add({ effect: { kind: 'gate' } });
  for (const key of ['a', 'b']) {
    const pending = put(key);
    await gate.waiting();
    await gate.release();
    await pending;
  }
  assert.equal(gate.hits, 2);
});

test('a request whose client gave up executes if it was read, and not before', async (t) => {
  for (const [at, stored] of [
    ['start', false],
    ['commit', true],
  ] as const) {
    const { server, put, text } = await setup(t);
    const gate = server.faults.add({ effect: { kind: 'gate', at } });
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

test('a late request executes after its successor, when released', async (t) => {
  const { server, put, text } = await setup(t);
  const fault = server.faults.add({ operation: 'PutObject', times: 1, effect: { kind: 'late' } });
  await assert.rejects(put('a', 'old'), { code: 'ECONNRESET' });
  await fault.waiting();
  await put('a', 'new');
  assert.equal(text('a'), 'new');
  await fault.release();
  assert.equal(text('a'), 'old');
  assert.deepEqual([server.requests[0]?.executed, server.requests[0]?.status], [true, undefined]);
});

test('a late request executes by itself after its time', async (t) => {
  const { server, put, text } = await setup(t);
  const fault = server.faults.add({ times: 1, effect: { kind: 'late', afterMs: 20 } });
  await assert.rejects(put('a', 'late'), { code: 'ECONNRESET' });
  await fault.settled();
  assert.equal(text('a'), 'late');
});

test('a hanging request ends with the server', async (t) => {
  const { server, put } = await setup(t);
  const fault = server.faults.add({ effect: { kind: 'hang' } });
  const rejected = assert.rejects(put('a'), { code: 'ECONNRESET' });
  await fault.waiting();
  await server.close();
  await rejected;
});

test('bodies are cut short, slowed down and replaced by garbage', async (t) => {
  const { server, get, send } = await setup(t);
  server.bucket('b').put('a', '0123456789');
  const truncate = server.faults.add({ times: 1, effect: { kind: 'truncate', bytes: 4 } });
  await assert.rejects(get('a'), { code: 'ECONNRESET' });
  const slow = server.faults.add({ times: 1, effect: { kind: 'slow', bytesPerSecond: 200 } });
  assert.equal(await get('a'), '0123456789');
  const garbage = server.faults.add({ times: 1, effect: { kind: 'garbage' } });
  await assert.rejects(send(new s3.ListObjectsV2Command({ Bucket: 'b' })));
  assert.deepEqual([truncate.hits, slow.hits, garbage.hits], [1, 1, 1]);
});

test('a copy answers 200 and an error, committed or not', async (t) => {
  const { server, send, text } = await setup(t);
  server.bucket('b').put('a', 'x');
  for (const committed of [false, true]) {
    server.faults.add({
      operation: 'CopyObject',
      times: 1,
      effect: { kind: 'error-body', code: 'InternalError', committed },
    });
    await assert.rejects(send(new s3.CopyObjectCommand({ Bucket: 'b', Key: 'c', CopySource: 'b/a' })), {
      name: 'InternalError',
    });
    assert.equal(server.requests.at(-1)?.status, 200);
    assert.equal(text('c') !== undefined, committed);
  }
});

test('random faults are the same for the same seed', async (t) => {
  const run = async (seed: number): Promise<(string | undefined)[]> => {
    const { server, put } = await setup(t);
    const effect: readonly Effect[] = ['SlowDown', 'InternalError'].map((code) => ({ kind: 'status', code }));
    server.faults.add({ random: seededRandom(seed), probability: 0.5, effect });
    for (let at = 0; at < 20; at++) await put(String(at)).catch(() => {});
    return server.requests.map(({ code }) => code);
  };
  const first = await run(1);
  assert.deepEqual(await run(1), first);
  assert.notDeepEqual(await run(2), first);
  assert.equal(new Set(first).size, 3);
});

test('the log holds what came, without secrets, and the hook may hold a request', async (t) => {
  const hold = Promise.withResolvers<void>();
  const { server, put } = await setup(t, { sessionToken: 'secret-token', onRequest: () => hold.promise });
  const pending = put('a');
  hold.resolve();
  await pending;
  const [request] = server.requests;
  assert.deepEqual([request?.operation, request?.key, request?.bodyBytes, request?.status], ['PutObject', 'a', 1, 200]);
  assert.doesNotMatch(JSON.stringify(server.requests), /secret-token|Signature/);
  assert.deepEqual(
    [server.countRequests(), server.countRequests('PutObject'), server.countRequests('GetObject')],
    [1, 1, 0],
  );
  server.clearRequests();
  assert.equal(server.countRequests(), 0);
});

test('the server runs in a process of its own until it is told to stop', async () => {
  const child = execFile(process.execPath, [join(import.meta.dirname, '../strict-s3/main.ts'), '--bucket', 'b']);
  const [line] = (await once(child.stdout!, 'data')) as [string];
  const { status } = await fetch(`${line.trim()}/b/key`);
  assert.equal(status, 403);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeChunked } from '../strict-s3/aws-chunked.ts';
import { Identities } from '../strict-s3/identities.ts';
import { parseRequest } from '../strict-s3/request.ts';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';
import { verifySignature } from '../strict-s3/sigv4.ts';
import { type RawRequest, signedRequest } from '../support/signed-request.ts';

// The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and sigv4-streaming.html.
const identities = new Identities();
identities.accept({
  ...{ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
});
const EXAMPLE = {
  identities,
  region: 'us-east-1',
  nowMs: Date.UTC(2013, 4, 24),
};
const SCOPE = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function example(method: string, url: string, headers: Record<string, string>, signature: string) {
  const all: Record<string, string> = {
    host: 'examplebucket.s3.amazonaws.com',
    'x-amz-date': '20130524T000000Z',
    ...headers,
  };
  const signed = Object.keys(all).sort().join(';');
  all['authorization'] = `AWS4-HMAC-SHA256 Credential=${SCOPE},SignedHeaders=${signed},Signature=${signature}`;
  return parseRequest({ method, url, rawHeaders: Object.entries(all).flat() });
}

const STREAM_SEED = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9';
const STREAM = {
  'x-amz-storage-class': 'REDUCED_REDUNDANCY',
  'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'content-encoding': 'aws-chunked',
  'x-amz-decoded-content-length': '66560',
  'content-length': '66824',
};
const CHUNK_SIGNATURES: readonly string[] = [
  'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
  '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
  'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
];

function exampleChunks(signatures: readonly string[]): Buffer {
  const sizes = [65536, 1024, 0];
  return Buffer.from(
    sizes
      .map((size, at) => `${size.toString(16)};chunk-signature=${signatures[at]}\r\n${'a'.repeat(size)}\r\n`)
      .join(''),
  );
}

let server: StrictS3;
before(async () => {
  server = await startStrictS3({ buckets: ['b'] });
});
after(() => server.close());

test("AWS's own signed GET examples verify", () => {
  const get = example(
    'GET',
    '/test.txt',
    { range: 'bytes=0-9', 'x-amz-content-sha256': EMPTY },
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  );
  assert.equal(verifySignature(get, EXAMPLE).scope, '20130524/us-east-1/s3/aws4_request');
  const list = example(
    'GET',
    '/?max-keys=2&prefix=J',
    { 'x-amz-content-sha256': EMPTY },
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  );
  assert.doesNotThrow(() => verifySignature(list, EXAMPLE));
});

test("AWS's own chunk signatures verify, and none of them can be changed", () => {
  const signing = verifySignature(
    example(
      'PUT',
      '/examplebucket/chunkObject.txt',
      {
        ...STREAM,
        host: 's3.amazonaws.com',
      },
      STREAM_SEED,
    ),
    EXAMPLE,
  );
  const options = { signing, signed: true, trailer: false, lengthBytes: 66560 };
  assert.equal(decodeChunked(exampleChunks(CHUNK_SIGNATURES), options).bytes.length, 66560);
  for (const at of [0, 1, 2]) {
    const forged = CHUNK_SIGNATURES.with(
      at,
      CHUNK_SIGNATURES[at]!.replace(/^./, (hex) => (hex === '0' ? '1' : '0')),
    );
    assert.throws(() => decodeChunked(exampleChunks(forged), options), { code: 'SignatureDoesNotMatch' });
  }
});

const refusals: readonly { title: string; request: Partial<RawRequest>; status: number; code: string }[] = [
  {
    title: 'a wrong secret',
    request: { credentials: { accessKeyId: 'test-access-key', secretAccessKey: 'x' } },
    status: 403,
    code: 'SignatureDoesNotMatch',
  },
  {
    title: 'an unknown key',
    request: { credentials: { accessKeyId: 'x', secretAccessKey: 'test-secret-key' } },
    status: 403,
    code: 'InvalidAccessKeyId',
  },
  {
    title: 'a session token nobody issued',
    request: { credentials: { accessKeyId: 'test-access-key', secretAccessKey: 'test-secret-key', sessionToken: 'x' } },
    status: 400,
    code: 'InvalidToken',
  },
  { title: 'another region', request: { region: 'eu-west-1' }, status: 400, code: 'AuthorizationHeaderMalformed' },
  { title: 'another service', request: { service: 'sqs' }, status: 400, code: 'AuthorizationHeaderMalformed' },
  {
    title: 'a clock 16 minutes slow',
    request: { atMs: Date.now() - 16 * 60_000 },
    status: 403,
    code: 'RequestTimeTooSkewed',
  },
  {
    title: 'a clock 16 minutes fast',
    request: { atMs: Date.now() + 16 * 60_000 },
    status: 403,
    code: 'RequestTimeTooSkewed',
  },
  { title: 'an unsigned host', request: { unsigned: ['host'] }, status: 403, code: 'AccessDenied' },
  {
    title: 'an unsigned x-amz- header',
    request: { headers: { 'x-amz-meta-a': '1' }, unsigned: ['x-amz-meta-a'] },
    status: 403,
    code: 'AccessDenied',
  },
  {
    title: 'a header changed after signing',
    request: {
      headers: { 'x-amz-meta-a': '1' },
      tamper: (headers) => {
        headers['x-amz-meta-a'] = '2';
      },
    },
    status: 403,
    code: 'SignatureDoesNotMatch',
  },
  {
    title: 'no signature',
    request: {
      tamper: (headers) => {
        delete headers['authorization'];
      },
    },
    status: 403,
    code: 'AccessDenied',
  },
  {
    title: 'no payload hash',
    request: {
      tamper: (headers) => {
        delete headers['x-amz-content-sha256'];
      },
    },
    status: 400,
    code: 'InvalidRequest',
  },
  {
    title: 'another scheme',
    request: {
      tamper: (headers) => {
        headers['authorization'] = 'AWS test:abc';
      },
    },
    status: 400,
    code: 'InvalidArgument',
  },
];
for (const { title, request, status, code } of refusals) {
  test(`${title} is refused with ${code}`, async () => {
    const answer = await signedRequest(server, { method: 'PUT', target: '/b/key', body: 'x', ...request });
    assert.deepEqual([answer.status, answer.code], [status, code]);
    assert.equal(server.bucket('b').object('key'), undefined);
  });
}

test('a wrong region is told which one is right', async () => {
  const { body } = await signedRequest(server, { method: 'GET', target: '/b', region: 'eu-west-1' });
  assert.match(body, /<Region>us-east-1<\/Region>/);
});

test('the skew is measured on the clock of the server', async (t) => {
  const past = await startStrictS3({ buckets: ['b'], now: () => Date.UTC(2020, 0, 1) });
  t.after(() => past.close());
  assert.equal(
    (await signedRequest(past, { method: 'GET', target: '/b', atMs: Date.UTC(2020, 0, 1, 0, 14) })).status,
    200,
  );
  const answer = await signedRequest(past, { method: 'GET', target: '/b' });
  assert.equal(answer.code, 'RequestTimeTooSkewed');
  assert.equal(answer.headers['date'], 'Wed, 01 Jan 2020 00:00:00 GMT');
});

test('a temporary key needs its token', async (t) => {
  const temporary = await startStrictS3({ buckets: ['b'], sessionToken: 'token' });
  t.after(() => temporary.close());
  const { sessionToken: _, ...bare } = temporary.credentials;
  const get = { method: 'GET', target: '/b' };
  assert.equal((await signedRequest(temporary, get)).status, 200);
  assert.equal((await signedRequest(temporary, { ...get, credentials: bare })).code, 'InvalidAccessKeyId');
  const stale = { ...bare, sessionToken: 'old' };
  assert.equal((await signedRequest(temporary, { ...get, credentials: stale })).code, 'InvalidToken');
});

test('several credentials are known at a time; they expire, come back and are revoked one by one', async (t) => {
  const server = await startStrictS3({ buckets: ['b'] });
  t.after(() => server.close());
  const second = { accessKeyId: 'second', secretAccessKey: 'second secret', sessionToken: 'second token' };
  const get = { method: 'GET', target: '/b' };
  const codes = async () => [
    (await signedRequest(server, get)).code,
    (await signedRequest(server, { ...get, credentials: second })).code,
  ];
  assert.deepEqual(await codes(), [undefined, 'InvalidAccessKeyId']);
  server.identities.accept(second);
  assert.deepEqual(await codes(), [undefined, undefined]);
  server.identities.expire(server.credentials.accessKeyId);
  assert.deepEqual(await codes(), ['ExpiredToken', undefined]);
  server.identities.accept(server.credentials);
  server.identities.revoke('second');
  assert.deepEqual(await codes(), [undefined, 'InvalidAccessKeyId']);
});

test('a path is signed as its bytes, and + in it is a space', async () => {
  assert.equal((await signedRequest(server, { method: 'PUT', target: '/b/%C3%A4%20%2B%25', body: 'x' })).status, 200);
  assert.ok(server.bucket('b').object('ä +%'));
  const plus = await signedRequest(server, { method: 'PUT', target: '/b/a+b', body: 'x' });
  assert.equal(plus.code, 'SignatureDoesNotMatch');
  assert.equal((await signedRequest(server, { method: 'GET', target: '/b/%ff' })).code, 'InvalidURI');
});

test('a bucket may stand in the host name', async () => {
  const headers = { host: `b.localhost:${server.port}` };
  assert.equal(
    (await signedRequest(server, { method: 'PUT', target: '/virtual/key', headers, body: 'x' })).status,
    200,
  );
  assert.equal(server.bucket('b').text('virtual/key'), 'x');
  assert.match((await signedRequest(server, { method: 'GET', target: '/', headers })).body, /<Name>b<\/Name>/);
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Algorithm, checksumOf, compositeOf } from '../strict-s3/checksums.ts';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';
import { hmac, type RawAnswer, type RawRequest, sha256Hex, signedRequest } from '../support/signed-request.ts';

const BODY = 'The quick brown fox';

let server: StrictS3;
before(async () => {
  server = await startStrictS3({ buckets: ['b'], maxPutBytes: 100_000 });
});
after(() => server.close());

function put(request: Partial<RawRequest>): Promise<RawAnswer> {
  return signedRequest(server, { method: 'PUT', target: '/b/key', body: BODY, ...request });
}

// The check values of the CRC catalogue (https://reveng.sourceforge.io/crc-catalogue/) and of FIPS 180.
const CHECKS: Readonly<Record<Algorithm, string>> = {
  crc32: 'cbf43926',
  crc32c: 'e3069283',
  crc64nvme: 'ae8b14860a799888',
  sha1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
  sha256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
};
for (const [algorithm, hex] of Object.entries(CHECKS) as [Algorithm, string][]) {
  test(`${algorithm} has its published check value, is verified, and comes back`, async () => {
    const check = checksumOf(algorithm, Buffer.from('123456789'));
    assert.equal(Buffer.from(check.value, 'base64').toString('hex'), hex);

    const name = `x-amz-checksum-${algorithm}`;
    const { value } = checksumOf(algorithm, Buffer.from(BODY));
    assert.equal((await put({ headers: { [name]: value } })).status, 200);
    const head = { method: 'HEAD', target: '/b/key' };
    const asked = await signedRequest(server, { ...head, headers: { 'x-amz-checksum-mode': 'ENABLED' } });
    assert.equal(asked.headers[name], value);
    assert.equal((await signedRequest(server, head)).headers[name], undefined);

    assert.equal((await put({ headers: { [name]: check.value } })).code, 'BadDigest');
    assert.equal((await put({ headers: { [name]: 'AAA=' } })).code, 'InvalidRequest');
  });
}

test('a composite checksum is that of the concatenated checksums', () => {
  const parts = ['a', 'b'].map((part) => checksumOf('sha256', Buffer.from(part)).value);
  const joined = Buffer.concat(parts.map((value) => Buffer.from(value, 'base64')));
  const expected = Buffer.from(sha256Hex(joined), 'hex').toString('base64');
  assert.deepEqual(compositeOf('sha256', parts), { algorithm: 'sha256', type: 'COMPOSITE', value: `${expected}-2` });
});

const crc = (body: string): string => checksumOf('crc32', Buffer.from(body)).value;
const chunked = (trailer: string, body = BODY): string =>
  `${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailer}\r\n\r\n`;
const STREAMING = {
  'x-amz-decoded-content-length': String(BODY.length),
  'content-encoding': 'aws-chunked',
  'x-amz-trailer': 'x-amz-checksum-crc32',
};
const unsigned = { payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', headers: STREAMING };

const cases: readonly { title: string; request: Partial<RawRequest>; expected: string | undefined }[] = [
  {
    title: 'the SHA-256 of another body',
    request: { payloadHash: sha256Hex('x') },
    expected: 'XAmzContentSHA256Mismatch',
  },
  { title: 'no SHA-256 at all', request: { payloadHash: 'abc' }, expected: 'InvalidArgument' },
  { title: 'an unsigned payload', request: { payloadHash: 'UNSIGNED-PAYLOAD' }, expected: undefined },
  {
    title: 'the MD5 of another body',
    request: { headers: { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' } },
    expected: 'BadDigest',
  },
  { title: 'an MD5 that is none', request: { headers: { 'content-md5': 'abc' } }, expected: 'InvalidDigest' },
  {
    title: 'two checksums',
    request: { headers: { 'x-amz-checksum-crc32': crc(BODY), 'x-amz-checksum-crc32c': crc(BODY) } },
    expected: 'InvalidRequest',
  },
  {
    title: 'an announced checksum that is missing',
    request: { headers: { 'x-amz-sdk-checksum-algorithm': 'CRC32' } },
    expected: 'InvalidRequest',
  },
  {
    title: 'a trailing checksum',
    request: { ...unsigned, body: chunked(`x-amz-checksum-crc32:${crc(BODY)}`) },
    expected: undefined,
  },
  {
    title: 'a trailing checksum of another body',
    request: { ...unsigned, body: chunked(`x-amz-checksum-crc32:${crc('x')}`) },
    expected: 'BadDigest',
  },
  {
    title: 'a trailer that was not announced',
    request: { ...unsigned, body: chunked(`x-amz-checksum-crc32c:${crc(BODY)}`) },
    expected: 'MalformedTrailerError',
  },
  {
    title: 'a streaming body that ends early',
    request: { ...unsigned, body: chunked(`x-amz-checksum-crc32:${crc('The')}`, 'The') },
    expected: 'IncompleteBody',
  },
  {
    title: 'a streaming body without its length',
    request: {
      payloadHash: unsigned.payloadHash,
      headers: { 'x-amz-trailer': 'x-amz-checksum-crc32' },
      body: chunked(''),
    },
    expected: 'MissingContentLength',
  },
  {
    title: 'an asymmetric signature',
    request: { payloadHash: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' },
    expected: 'NotImplemented',
  },
  {
    title: 'chunked transfer without a length',
    request: {
      headers: { 'transfer-encoding': 'chunked' },
      tamper: (headers) => {
        delete headers['content-length'];
      },
      unsigned: ['content-length'],
    },
    expected: 'NotImplemented',
  },
  { title: 'a body over the limit', request: { body: 'x'.repeat(100_001) }, expected: 'EntityTooLarge' },
  { title: 'a key of 1,024 bytes', request: { target: `/b/${'k'.repeat(1024)}` }, expected: undefined },
  { title: 'a key of 1,025 bytes', request: { target: `/b/${'k'.repeat(1023)}%C3%A4` }, expected: 'KeyTooLongError' },
  {
    title: '2,048 bytes of metadata',
    request: { headers: { 'x-amz-meta-name': 'v'.repeat(2044) } },
    expected: undefined,
  },
  {
    title: '2,049 bytes of metadata',
    request: { headers: { 'x-amz-meta-name': 'v'.repeat(2045) } },
    expected: 'MetadataTooLarge',
  },
  {
    title: 'an unknown storage class',
    request: { headers: { 'x-amz-storage-class': 'TEPID' } },
    expected: 'InvalidArgument',
  },
  { title: 'a bucket that is not there', request: { target: '/nobody/key' }, expected: 'NoSuchBucket' },
  {
    title: 'somebody else as the owner',
    request: { headers: { 'x-amz-expected-bucket-owner': '999999999999' } },
    expected: 'AccessDenied',
  },
  {
    title: 'a header nobody implemented',
    request: { headers: { 'x-amz-object-lock-mode': 'GOVERNANCE' } },
    expected: 'NotImplemented',
  },
  { title: 'a parameter nobody implemented', request: { target: '/b/key?tagging' }, expected: 'NotImplemented' },
];
for (const { title, request, expected } of cases) {
  test(`${title}: ${expected ?? 'accepted'}`, async () => {
    server.bucket('b').remove('key');
    const answer = await put(request);
    assert.equal(answer.code, expected, answer.body);
    if (expected !== undefined) assert.equal(server.bucket('b').object('key'), undefined);
  });
}

test('what is not implemented is named', async () => {
  const answer = await put({ target: '/b/key?acl=' });
  assert.deepEqual([answer.status, answer.code], [501, 'NotImplemented']);
  assert.match(answer.body, /<Parameter>acl<\/Parameter>/);
});

test('a PUT without any length is 411', async () => {
  const { connect } = await import('node:net');
  const socket = connect(server.port, '127.0.0.1');
  // Node's own client always states a length, so the request is taken from a signed one and sent by hand.
  const sent = Promise.withResolvers<string>();
  const headers: string[] = [];
  await put({
    unsigned: ['content-length'],
    tamper: (all) =>
      headers.push(...Object.entries(all).flatMap(([n, v]) => (n === 'content-length' ? [] : [`${n}: ${v}\r\n`]))),
  });
  socket.on('data', (data) => sent.resolve(data.toString()));
  socket.on('error', sent.reject);
  socket.write(`PUT /b/key HTTP/1.1\r\n${headers.join('')}\r\n`);
  assert.match(await sent.promise, /^HTTP\/1\.1 411 /);
  socket.destroy();
});

test('signed chunks with a signed trailer are verified to the last byte', async () => {
  const body =
    (tamper: (text: string) => string): RawRequest['bodyFrom'] =>
    ({ seed, key, scope, timestamp }) => {
      const chain = (previous: string, data: string): string =>
        hmac(
          key,
          ['AWS4-HMAC-SHA256-PAYLOAD', timestamp, scope, previous, sha256Hex(''), sha256Hex(data)].join('\n'),
        ).toString('hex');
      const first = chain(seed, BODY);
      const last = chain(first, '');
      const trailer = `x-amz-checksum-crc32:${crc(BODY)}`;
      const signature = hmac(
        key,
        ['AWS4-HMAC-SHA256-TRAILER', timestamp, scope, last, sha256Hex(`${trailer}\n`)].join('\n'),
      );
      const text =
        `${BODY.length.toString(16)};chunk-signature=${first}\r\n${BODY}\r\n0;chunk-signature=${last}\r\n` +
        `${trailer}\r\nx-amz-trailer-signature:${signature.toString('hex')}\r\n\r\n`;
      return Buffer.from(tamper(text));
    };
  const send = (tamper: (text: string) => string): Promise<RawAnswer> => {
    const length = body((text) => text)!({ seed: '', key: Buffer.alloc(32), scope: '', timestamp: '' }).length;
    const headers = { ...STREAMING, 'content-length': String(length) };
    return put({ payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', headers, bodyFrom: body(tamper)! });
  };
  assert.equal((await send((text) => text)).status, 200);
  assert.equal(server.bucket('b').text('key'), BODY);
  assert.equal(server.bucket('b').object('key')?.headers['content-encoding'], undefined);
  assert.equal((await send((text) => text.replace('quick', 'quack'))).code, 'SignatureDoesNotMatch');
  assert.equal((await send((text) => text.replace(/crc32:./, 'crc32:_'))).code, 'SignatureDoesNotMatch');
});

test('a batch delete needs a digest of its body', async () => {
  server.bucket('b').put('key', 'x');
  const body = '<Delete><Object><Key>key</Key></Object></Delete>';
  const post = (headers: Record<string, string>): Promise<RawAnswer> =>
    signedRequest(server, { method: 'POST', target: '/b?delete=', body, headers });
  assert.equal((await post({})).code, 'InvalidRequest');
  assert.ok(server.bucket('b').object('key'));
  assert.equal((await post({ 'x-amz-checksum-crc32': crc(body) })).status, 200);
  assert.equal(server.bucket('b').object('key'), undefined);
});

test('the connection ends where an announced body was refused, and only there', async () => {
  const headers = { expect: '100-continue' };
  assert.equal((await put({ headers })).headers['connection'], 'keep-alive');
  assert.equal((await put({ headers, region: 'eu-west-1' })).headers['connection'], 'close');
});

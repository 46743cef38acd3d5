// Signatures of lean requests, held to what AWS published.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Header } from '../../src/store/http/messages.ts';
import { EMPTY_SHA256, encodePath, encodeQuery, type SignableRequest, Signer } from '../../src/store/lean/sigv4.ts';

function signatureOf(signer: Signer, request: SignableRequest, call: { secret: string; at: string }): string {
  const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: call.secret };
  const [, value] = signer.sign(request, credentials, Date.parse(call.at)).at(-1)!;
  return /Signature=(\w+)$/.exec(value)![1]!;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html#sigv4-auth-header-value-examples */
describe("AWS's examples for S3", () => {
  const host: Header = ['host', 'examplebucket.s3.amazonaws.com'];
  const content = hash('sha256', 'Welcome to Amazon S3.');
  const sign = (request: Pick<SignableRequest, 'method' | 'path' | 'query'>, headers: Header[], payload: string) => {
    const all: Header[] = [host, ['x-amz-content-sha256', payload], ...headers];
    const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
    const signer = new Signer('us-east-1', 's3');
    return signatureOf(signer, { ...request, headers: all, payload }, { secret, at: '2013-05-24T00:00:00Z' });
  };

  it('GET object', () => {
    const request = { method: 'GET', path: '/test.txt', query: '' };
    assert.equal(
      sign(request, [['range', 'bytes=0-9']], EMPTY_SHA256),
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });

  it('PUT object', () => {
    const request = { method: 'PUT', path: `/${encodePath('test$file.text')}`, query: '' };
    const headers: Header[] = [
      ['date', 'Fri, 24 May 2013 00:00:00 GMT'],
      ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
    ];
    assert.equal(sign(request, headers, content), '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd');
  });

  it('GET bucket lifecycle', () => {
    const request = { method: 'GET', path: '/', query: 'lifecycle=' };
    assert.equal(sign(request, [], EMPTY_SHA256), 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543');
  });

  it('GET bucket (list objects)', () => {
    const request = { method: 'GET', path: '/', query: 'max-keys=2&prefix=J' };
    assert.equal(sign(request, [], EMPTY_SHA256), '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7');
  });
});

const STS_TOKEN =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==';

/** aws-sig-v4-test-suite, without the cases that normalise paths: S3 takes keys as they are. */
describe("AWS's test suite for Signature Version 4", () => {
  type Case = readonly [request: Partial<SignableRequest>, signature: string];
  const CASES: Readonly<Record<string, Case>> = {
    'get-vanilla': [{}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    'get-utf8': [{ path: `/${encodePath('ሴ')}` }, '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85'],
    'get-vanilla-query-unreserved': [
      {
        query: [
          '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
          '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
        ]
          .map(encodeQuery)
          .join('='),
      },
      '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197',
    ],
    'get-vanilla-query-order-key-case': [
      { query: 'Param1=value1&Param2=value2' },
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    'get-header-value-trim': [
      {
        headers: [
          ['my-header1', ' value1'],
          ['my-header2', ' "a   b   c"'],
        ],
      },
      'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    ],
    'post-vanilla': [{ method: 'POST' }, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    'post-sts-header-before': [
      { method: 'POST', headers: [['x-amz-security-token', STS_TOKEN]] },
      '85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
    ],
    'post-x-www-form-urlencoded': [
      {
        method: 'POST',
        headers: [['content-type', 'application/x-www-form-urlencoded']],
        payload: hash('sha256', 'Param1=value1'),
      },
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
  };
  const signer = new Signer('us-east-1', 'service');
  for (const [name, [{ headers = [], ...request }, signature]] of Object.entries(CASES)) {
    it(name, () => {
      const vanilla = { method: 'GET', path: '/', query: '', payload: EMPTY_SHA256 };
      const whole = { ...vanilla, ...request, headers: [['host', 'example.amazonaws.com'] as const, ...headers] };
      const call = { secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', at: '2015-08-30T12:36:00Z' };
      assert.equal(signatureOf(signer, whole, call), signature);
    });
  }
});

describe('a signer', () => {
  const request = { method: 'GET', path: '/', query: '', headers: [['host', 'h'] as const], payload: EMPTY_SHA256 };
  const at = Date.parse('2026-11-22T23:59:59.900Z');
  const credentials = { accessKeyId: 'A', secretAccessKey: 'one' };
  const fresh = () => new Signer('eu-north-1', 's3');

  it('signs anew on the next day, with other credentials, and the same again', () => {
    const signer = fresh();
    const calls = [
      [credentials, at],
      [credentials, at + 200],
      [{ ...credentials, secretAccessKey: 'two' }, at + 200],
      [credentials, at],
    ] as const;
    const signed = calls.map(([who, when]) => signer.sign(request, who, when));
    assert.deepEqual(
      signed,
      calls.map(([who, when]) => fresh().sign(request, who, when)),
    );
    assert.equal(new Set(signed.map((headers) => headers.at(-1)![1])).size, 3);
  });

  it('sends and signs a session token', () => {
    const headers = fresh().sign(request, { ...credentials, sessionToken: 'token' }, at);
    assert.deepEqual(
      headers.find(([name]) => name === 'x-amz-security-token'),
      ['x-amz-security-token', 'token'],
    );
    assert.match(headers.at(-1)![1], /SignedHeaders=host;x-amz-date;x-amz-security-token,/);
  });
});

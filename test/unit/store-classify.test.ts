// What each failure means: one row per line of the table in src/store/classify.ts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Attempted, classify } from '../../src/store/classify.ts';
import { type Reaction, StoreError } from '../../src/store/errors.ts';

const PUT: Attempted = { action: 'put', bucket: 'b', key: 'k', writes: true, aborted: false };

/** An answer as the SDK reports it. */
function answer(
  status: number,
  code: string,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
) {
  const error = Object.assign(new Error('because'), { $metadata: { httpStatusCode: status }, name: code, ...more });
  return Object.defineProperty(error, '$response', { value: { statusCode: status, headers }, enumerable: false });
}

/** A failure without an answer, as Node and the SDK report it. */
function failure(name: string, code: string | undefined, message = `it failed: ${code}`) {
  return Object.assign(new Error(message), { name, ...(code === undefined ? {} : { code }) });
}

type Row = readonly [unknown, Reaction, 'ambiguous' | 'clear', string];

const ROWS: Readonly<Record<string, Row>> = {
  'slow down': [answer(503, 'SlowDown'), 'throttled', 'clear', 'SlowDown'],
  'a 503 without a body': [answer(503, 'Unknown'), 'throttled', 'clear', 'Unknown'],
  'a 429 of another server': [answer(429, 'TooManyRequests'), 'throttled', 'clear', 'TooManyRequests'],
  'a bandwidth limit, whatever its status': [
    answer(509, 'BandwidthLimitExceeded'),
    'throttled',
    'ambiguous',
    'BandwidthLimitExceeded',
  ],
  'an internal error': [answer(500, 'InternalError'), 'transient', 'ambiguous', 'InternalError'],
  'an internal error inside a 200, which the SDK calls 503': [
    answer(503, 'InternalError'),
    'transient',
    'ambiguous',
    'InternalError',
  ],
  'a 500 without a body': [answer(500, 'Unknown'), 'transient', 'ambiguous', 'Unknown'],
  'a 502 page of a proxy': [answer(502, 'Error'), 'transient', 'ambiguous', 'Unknown'],
  'a 504': [answer(504, 'Unknown'), 'transient', 'ambiguous', 'Unknown'],
  'an answer of 200 that cannot be parsed': [answer(200, 'Error'), 'transient', 'ambiguous', 'Unknown'],
  'a body that did not arrive whole': [answer(400, 'BadDigest'), 'transient', 'clear', 'BadDigest'],
  'a body that did not arrive in time': [answer(400, 'RequestTimeout'), 'transient', 'ambiguous', 'RequestTimeout'],
  'a clock that is wrong': [answer(403, 'RequestTimeTooSkewed'), 'transient', 'clear', 'RequestTimeTooSkewed'],
  'another operation in progress': [answer(409, 'OperationAborted'), 'transient', 'clear', 'OperationAborted'],
  'an expired token': [answer(400, 'ExpiredToken'), 'credentials', 'clear', 'ExpiredToken'],
  'an unknown access key': [answer(403, 'InvalidAccessKeyId'), 'credentials', 'clear', 'InvalidAccessKeyId'],
  'a wrong signature': [answer(403, 'SignatureDoesNotMatch'), 'credentials', 'clear', 'SignatureDoesNotMatch'],
  'no credentials': [
    failure('CredentialsProviderError', undefined, 'none'),
    'credentials',
    'clear',
    'CredentialsProviderError',
  ],
  'a forbidden key': [answer(403, 'AccessDenied'), 'denied', 'clear', 'AccessDenied'],
  'a 403 to a HEAD, which has no body': [answer(403, 'Unknown'), 'denied', 'clear', 'Unknown'],
  'a condition that does not hold': [answer(412, 'PreconditionFailed'), 'conflict', 'clear', 'PreconditionFailed'],
  'a 412 without a body': [answer(412, 'Unknown'), 'conflict', 'clear', 'Unknown'],
  'a conditional write that met another': [
    answer(409, 'ConditionalRequestConflict'),
    'conflict',
    'clear',
    'ConditionalRequestConflict',
  ],
  'no such key': [answer(404, 'NoSuchKey'), 'not-found', 'clear', 'NoSuchKey'],
  'a 404 to a HEAD': [answer(404, 'NotFound'), 'not-found', 'clear', 'NotFound'],
  'no such upload': [answer(404, 'NoSuchUpload'), 'not-found', 'clear', 'NoSuchUpload'],
  'a key too long': [answer(400, 'KeyTooLongError'), 'rejected', 'clear', 'KeyTooLongError'],
  'a 400 nobody knows': [answer(400, 'XNew'), 'rejected', 'clear', 'XNew'],
  'something not implemented': [answer(501, 'NotImplemented'), 'rejected', 'clear', 'NotImplemented'],
  'a header Node refuses to send': [failure('TypeError', 'ERR_INVALID_CHAR'), 'rejected', 'clear', 'ERR_INVALID_CHAR'],
  'no such bucket': [answer(404, 'NoSuchBucket'), 'fatal', 'clear', 'NoSuchBucket'],
  'another region': [answer(301, 'PermanentRedirect'), 'fatal', 'clear', 'PermanentRedirect'],
  'a redirect without a body': [answer(301, 'Unknown'), 'fatal', 'clear', 'Unknown'],
  'a certificate nobody trusts': [
    failure('Error', 'SELF_SIGNED_CERT_IN_CHAIN'),
    'fatal',
    'clear',
    'SELF_SIGNED_CERT_IN_CHAIN',
  ],
  'nobody listens': [failure('Error', 'ECONNREFUSED'), 'transient', 'clear', 'ECONNREFUSED'],
  'no such host': [failure('Error', 'ENOTFOUND'), 'transient', 'clear', 'ENOTFOUND'],
  'a connection that is not made in time': [
    failure('TimeoutError', undefined, 'the request socket did not establish a connection with the server'),
    ...(['transient', 'clear', 'ConnectTimeout'] as const),
  ],
  'a server that stops moving': [failure('TimeoutError', undefined), 'transient', 'ambiguous', 'TimeoutError'],
  'a reset, which the SDK calls a timeout': [
    failure('TimeoutError', 'ECONNRESET'),
    'transient',
    'ambiguous',
    'ECONNRESET',
  ],
  'a broken pipe': [failure('Error', 'EPIPE'), 'transient', 'ambiguous', 'EPIPE'],
  'an answer that is no HTTP': [
    failure('Error', 'HPE_INVALID_CONSTANT'),
    'transient',
    'ambiguous',
    'HPE_INVALID_CONSTANT',
  ],
  'something that is no error at all': ['what', 'transient', 'ambiguous', 'Unknown'],
};

describe('classify', () => {
  for (const [name, [error, reaction, certainty, code]] of Object.entries(ROWS)) {
    it(`${name}: ${reaction}, ${certainty}`, () => {
      const classified = classify(error, PUT);
      const { reaction: got, ambiguous } = classified;
      assert.deepEqual(
        { got, ambiguous, code: classified.code },
        { got: reaction, ambiguous: certainty === 'ambiguous', code },
      );
      assert.match(classified.message, /^Cannot put s3:\/\/b\/k: \S/);
      assert.equal(classify(error, { ...PUT, writes: false }).ambiguous, false);
    });
  }

  it('our own signal makes it aborted, and a write still ambiguous', () => {
    const error = classify(failure('AbortError', undefined), { ...PUT, aborted: true });
    assert.deepEqual([error.reaction, error.ambiguous], ['aborted', true]);
    assert.equal(error.message, 'Cannot put s3://b/k: it was aborted');
  });

  it('a StoreError is passed on as it is', () => {
    const error = new StoreError('m', { reaction: 'denied', code: 'X' });
    assert.equal(classify(error, PUT), error);
  });

  it('the region of the bucket is named, wherever the answer tells it', () => {
    const malformed = answer(400, 'AuthorizationHeaderMalformed', { Region: 'eu-west-1' });
    const redirect = answer(301, 'Unknown', {}, { 'x-amz-bucket-region': 'eu-west-1' });
    for (const error of [malformed, redirect]) {
      const { message, hint, reaction } = classify(error, {
        action: 'use',
        bucket: 'b',
        writes: false,
        aborted: false,
      });
      assert.equal(reaction, 'fatal');
      assert.equal(message, 'Cannot use s3://b: the bucket is in the region eu-west-1');
      assert.equal(hint, 'set --region or AWS_REGION to eu-west-1');
    }
  });

  it('an ordinary answer that names its own region is no wrong region', () => {
    assert.equal(
      classify(answer(403, 'AccessDenied', {}, { 'x-amz-bucket-region': 'eu-west-1' }), PUT).reaction,
      'denied',
    );
  });

  it('Retry-After is seconds, or a date by the clock of the server', () => {
    const after = (headers: Record<string, string>) => classify(answer(503, 'SlowDown', {}, headers), PUT).retryAfterMs;
    assert.equal(after({ 'retry-after': '7' }), 7000);
    const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
    assert.equal(after({ 'retry-after': 'Sun, 06 Nov 1994 08:49:47 GMT', date }), 10_000);
    assert.equal(after({ 'retry-after': 'Sun, 06 Nov 1994 08:49:27 GMT', date }), 0);
    assert.equal(after({ 'retry-after': 'soon', date }), undefined);
    assert.equal(after({}), undefined);
  });

  it('an operator is told what to do where something can be done', () => {
    const hint = (error: unknown) => classify(error, PUT).hint ?? '';
    assert.match(hint(answer(404, 'NoSuchBucket')), /create the bucket/);
    assert.match(hint(failure('CredentialsProviderError', undefined)), /AWS_ACCESS_KEY_ID/);
    assert.match(hint(failure('Error', 'ECONNREFUSED')), /--endpoint-url/);
    assert.match(hint(answer(403, 'AccessDenied')), /s3:ListBucket/);
    assert.match(hint(answer(403, 'RequestTimeTooSkewed')), /clock/);
    assert.equal(hint(answer(503, 'SlowDown')), '');
  });

  it('S15 nothing of what the SDK knows about the exchange is kept', () => {
    const leaky = answer(403, 'SignatureDoesNotMatch', { StringToSign: 'AWS4-HMAC-SHA256', SignatureProvided: 'abc' });
    leaky.message = 'Signature=abcdef1234 for AKIAIOSFODNN7EXAMPLE, X-Amz-Security-Token: tok/en';
    const error = classify(leaky, PUT);
    assert.equal(error.cause, undefined);
    assert.doesNotMatch(`${error.message} ${JSON.stringify(error)}`, /abcdef1234|AKIAIOSF|tok\/en|AWS4/);
  });

  it('S15 a long message is cut between words, so that no secret is only half known', () => {
    const leaky = answer(403, 'AccessDenied');
    leaky.message = `you sent ${'word '.repeat(56)}half-of-a-secret-is-one-too`;
    const { message } = classify(leaky, PUT);
    assert.match(message, /word \.\.\.\)$/);
    leaky.message = 'x'.repeat(300);
    assert.match(classify(leaky, PUT).message, /x{300}\)$/);
  });

  it('control characters of a key do not reach the terminal', () => {
    assert.match(classify('x', { ...PUT, key: 'a\x1b[2Jb\n' }).message, /s3:\/\/b\/a\\x1b\[2Jb\\x0a:/);
  });
});

// Parsers that read what anybody may write: a value, or the refusal that is their contract, never another error.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileExtendedRegex } from '../../src/filter/extended-regex.ts';
import { createFilter } from '../../src/filter/filter.ts';
import { UsageError } from '../../src/model/errors.ts';
import { pathFromText } from '../../src/model/path.ts';
import { decodeChunked } from '../strict-s3/aws-chunked.ts';
import { S3Failure } from '../strict-s3/errors.ts';

const pattern = fc.oneof(
  fc.string({
    unit: fc.constantFrom(...'ab/.*+?()[]{}|^$\\-:,=019!', '[:alpha:]', '[.a.]', '{2,1}', '**'),
    maxLength: 20,
  }),
  fc.string({ unit: 'grapheme' }),
);

test('any text is an extended regular expression, or refused as wrong usage', () => {
  fc.assert(
    fc.property(pattern, fc.string(), (expression, text) => {
      try {
        compileExtendedRegex(expression).test(text);
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('any text is a glob of SYNC_EXCLUDES, or refused as wrong usage', () => {
  fc.assert(
    fc.property(pattern, fc.string({ minLength: 1 }), (glob, path) => {
      const options = { rules: [], filterRegex: undefined, rootForRegex: '/', readyFile: undefined };
      try {
        createFilter({ ...options, syncExcludes: [glob] }).includes(pathFromText(path), false);
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
      }
    }),
  );
});

const signing = { signingKey: Buffer.alloc(32), scope: 's', timestamp: '20260101T000000Z', seed: '0'.repeat(64) };
const chunkText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '3\r\nabc\r\n',
        '0\r\n',
        '\r\n',
        '3;chunk-signature=',
        'x-amz-checksum-crc32:AAAAAA==\r\n',
        '-1\r\n',
        'ffffffffff\r\n',
      ),
      fc.string(),
    ),
  )
  .map((pieces) => Buffer.from(pieces.join('')));

test('any bytes are an aws-chunked body of the strict server, or refused with a code of S3', () => {
  const body = fc.oneof(
    chunkText,
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(body, fc.boolean(), fc.boolean(), fc.nat(10), (raw, signed, trailer, lengthBytes) => {
      try {
        const { bytes } = decodeChunked(raw, { signing, signed, trailer, lengthBytes });
        assert.equal(bytes.length, lengthBytes);
      } catch (error) {
        assert.ok(error instanceof S3Failure, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

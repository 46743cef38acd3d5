import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseS3Url, showS3Url } from '../../src/config/location.ts';
import { readTarget } from '../../src/config/target.ts';
import { UsageError } from '../../src/model/errors.ts';

function refuses(action: () => unknown, message: RegExp): void {
  assert.throws(
    action,
    (error) => error instanceof UsageError && message.test(`${error.message} / ${error.hint ?? ''}`),
  );
}

test('a prefix is empty or ends in one slash', () => {
  const rows = [
    ['s3://bucket', 'bucket', ''],
    ['s3://bucket/', 'bucket', ''],
    ['s3://bucket/a', 'bucket', 'a/'],
    ['s3://bucket/a/b/', 'bucket', 'a/b/'],
    ['S3://bucket/é?#%20', 'bucket', 'é?#%20/'],
    ['bucket/a', 'bucket', 'a/'],
    ['s3://Old_Bucket.Name/a', 'Old_Bucket.Name', 'a/'],
  ] as const;
  for (const [text, bucket, prefix] of rows) {
    assert.deepEqual(parseS3Url(text), { bucket, prefix }, text);
    assert.deepEqual(parseS3Url(showS3Url({ bucket, prefix })), { bucket, prefix }, text);
  }
});

test('a URL that S3 or a path cannot follow is refused', () => {
  const rows = [
    ['s3://', /the bucket is missing/],
    ['s3:///a', /the bucket is missing/],
    ['s3://ab', /at least 3/],
    ['s3://-bucket', /begins and ends with a letter or digit/],
    ['s3://bu..cket', /a bucket's name/],
    ['s3://bu cket', /a bucket's name/],
    ['s3://bucket//a', /empty name.*Write s3:\/\/bucket\/a\./],
    ['s3://bucket/a//', /empty name/],
    ['s3://bucket/a/../b', /the name '\.\.'/],
    ['s3://bucket/.', /the name '\.'/],
    ['s3://bucket/a\x01', /control characters/],
    ['s3://bucket/a\ufffd', /UTF-8/],
    [`s3://bucket/${'é'.repeat(467)}x`, /936 bytes, at most 935 leave room/],
  ] as const;
  for (const [text, message] of rows) refuses(() => parseS3Url(text), message);
});

test('LOCAL comes first, but restore reads its first argument', () => {
  const sides = { local: './data', remote: { bucket: 'bucket', prefix: '' } };
  assert.deepEqual(readTarget('watch', ['./data', 's3://bucket'], {}), sides);
  assert.deepEqual(readTarget('restore', ['s3://bucket', './data'], {}), sides);
});

test('swapped arguments are refused with the right order', () => {
  refuses(
    () => readTarget('sync', ['s3://bucket', 'data'], {}),
    /LOCAL comes first.*Write awssyncer sync data s3:\/\/bucket\./,
  );
  refuses(
    () => readTarget('restore', ['data', 's3://bucket'], {}),
    /S3 URL comes first.*Write awssyncer restore s3:\/\/bucket data\./,
  );
  refuses(() => readTarget('sync', ['data', 'bucket'], {}), /'bucket' must be an S3 URL/);
  refuses(() => readTarget('sync', ['s3://one', 's3://two'], {}), /both are S3 URLs/);
});

test('the original\u2019s LOCAL_PATH and S3_BUCKET stand in for missing arguments only', () => {
  const env = { LOCAL_PATH: '/srv/data/', S3_BUCKET: 'bucket/prefix' };
  assert.deepEqual(readTarget('watch', [], env), {
    local: '/srv/data/',
    remote: { bucket: 'bucket', prefix: 'prefix/' },
  });
  assert.equal(readTarget('watch', ['s3://other'], env).remote.bucket, 'other');
  assert.equal(readTarget('restore', ['here'], env).local, 'here');
  refuses(() => readTarget('watch', [], { ...env, LOCAL_PATH: 'data' }), /LOCAL_PATH: it must be an absolute path/);
  refuses(() => readTarget('watch', [], { ...env, S3_BUCKET: 'x' }), /Cannot use S3_BUCKET/);
  refuses(() => readTarget('watch', [], { S3_BUCKET: 'bucket', LOCAL_PATH: '' }), /LOCAL is missing.*set LOCAL_PATH/);
  refuses(() => readTarget('watch', ['data'], {}), /the S3 URL is missing.*set S3_BUCKET/);
});

test('a LOCAL that is not UTF-8 is refused: it would name another directory', () => {
  refuses(() => readTarget('watch', ['caf\ufffd', 's3://bucket'], {}), /LOCAL: it must be a path in UTF-8/);
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import * as s3 from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';

const target = { Bucket: 'b', Key: 'big <&> file' };
let server: StrictS3;
let client: s3.S3Client;
before(async () => {
  server = await startStrictS3({ buckets: ['b'], minPartBytes: 10, pageSize: 3 });
  const { endpoint, region, credentials } = server;
  client = new s3.S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
});
after(() => {
  client.destroy();
  return server.close();
});

async function refused(promise: Promise<unknown>, name: string): Promise<void> {
  await assert.rejects(promise, { name });
}

async function begin(input: Partial<s3.CreateMultipartUploadCommandInput> = {}): Promise<string> {
  return (await client.send(new s3.CreateMultipartUploadCommand({ ...target, ChecksumAlgorithm: 'CRC32', ...input })))
    .UploadId!;
}

function part(UploadId: string, PartNumber: number, Body: string): Promise<s3.UploadPartCommandOutput> {
  return client.send(new s3.UploadPartCommand({ ...target, UploadId, PartNumber, Body }));
}

function complete(
  UploadId: string,
  parts: readonly [number, s3.CompletedPart][],
  input: Partial<s3.CompleteMultipartUploadCommandInput> = {},
): Promise<s3.CompleteMultipartUploadCommandOutput> {
  const Parts = parts.map(([PartNumber, { ETag, ChecksumCRC32 }]) => ({ PartNumber, ETag, ChecksumCRC32 }));
  return client.send(
    new s3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts }, ...input }),
  );
}

test('parts become an object whose ETag is the MD5 of their MD5s', async () => {
  const UploadId = await begin({ Metadata: { a: '1' } });
  const second = await part(UploadId, 7, 'tail');
  const first = await part(UploadId, 2, '0123456789');
  const done = await complete(UploadId, [
    [2, first],
    [7, second],
  ]);
  const md5 = (data: string | Buffer) => createHash('md5').update(data).digest();
  const etag = md5(Buffer.concat([md5('0123456789'), md5('tail')])).toString('hex');
  assert.equal(done.ETag, `"${etag}-2"`);
  assert.match(done.ChecksumCRC32 ?? '', /-2$/);
  const object = server.bucket('b').object(target.Key);
  assert.deepEqual([object?.bytes.toString(), object?.metadata], ['0123456789tail', { a: '1' }]);
  assert.deepEqual(server.bucket('b').uploads(), []);
  await refused(
    complete(UploadId, [
      [2, first],
      [7, second],
    ]),
    'NoSuchUpload',
  );
});

test('a Complete that does not name what was uploaded is refused', async () => {
  const UploadId = await begin();
  const first = await part(UploadId, 1, '0123456789');
  const small = await part(UploadId, 2, 'small');
  const last = await part(UploadId, 3, 'last');
  await refused(
    complete(UploadId, [
      [2, small],
      [1, first],
    ]),
    'InvalidPartOrder',
  );
  await refused(complete(UploadId, [[1, small]]), 'InvalidPart');
  await refused(complete(UploadId, [[4, first]]), 'InvalidPart');
  await refused(complete(UploadId, [[1, { ETag: first.ETag! }]]), 'InvalidRequest');
  await refused(complete(UploadId, [[1, { ...first, ChecksumCRC32: small.ChecksumCRC32 }]]), 'InvalidPart');
  await refused(
    complete(UploadId, [
      [1, first],
      [2, small],
      [3, last],
    ]),
    'EntityTooSmall',
  );
  await refused(complete(UploadId, []), 'MalformedXML');
  await refused(complete(UploadId, [[1, first]], { MpuObjectSize: 11 }), 'InvalidRequest');
  await complete(
    UploadId,
    [
      [1, first],
      [3, last],
    ],
    { MpuObjectSize: 14 },
  );
  assert.equal(server.bucket('b').text(target.Key), '0123456789last');
});

test('a Complete keeps its conditions, and the upload survives a refusal', async () => {
  const { etag } = server.bucket('b').put(target.Key, 'before');
  const UploadId = await begin();
  const only = await part(UploadId, 1, 'x');
  await refused(complete(UploadId, [[1, only]], { IfNoneMatch: '*' }), 'PreconditionFailed');
  await refused(complete(UploadId, [[1, only]], { IfMatch: '"0"' }), 'PreconditionFailed');
  await complete(UploadId, [[1, only]], { IfMatch: etag });
});

test('part numbers run from 1 to 10,000', async () => {
  const UploadId = await begin();
  await refused(part(UploadId, 0, 'x'), 'InvalidArgument');
  await refused(part(UploadId, 10_001, 'x'), 'InvalidArgument');
  await part(UploadId, 10_000, 'x');
  await client.send(new s3.AbortMultipartUploadCommand({ ...target, UploadId }));
  await refused(part(UploadId, 1, 'x'), 'NoSuchUpload');
  await refused(client.send(new s3.AbortMultipartUploadCommand({ ...target, UploadId })), 'NoSuchUpload');
});

test('a part with another checksum than the upload was created with is refused', async () => {
  const UploadId = await begin({ ChecksumAlgorithm: 'SHA256' });
  await refused(part(UploadId, 1, 'x'), 'InvalidRequest');
  await refused(begin({ ChecksumAlgorithm: 'SHA1', ChecksumType: 'FULL_OBJECT' }), 'InvalidRequest');
  await client.send(new s3.AbortMultipartUploadCommand({ ...target, UploadId }));
});

test('a full-object checksum is verified at the end', async () => {
  const UploadId = await begin({ ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' });
  const only = await part(UploadId, 1, '0123456789');
  await refused(
    complete(UploadId, [[1, only]], { ChecksumType: 'FULL_OBJECT', ChecksumCRC32: 'AAAAAA==' }),
    'BadDigest',
  );
  const done = await complete(UploadId, [[1, only]], {
    ChecksumType: 'FULL_OBJECT',
    ChecksumCRC32: only.ChecksumCRC32,
  });
  assert.deepEqual([done.ChecksumCRC32, done.ChecksumType], [only.ChecksumCRC32, 'FULL_OBJECT']);
});

test('parts are copied by exact ranges', async () => {
  server.bucket('b').put('source', '0123456789abcdef');
  const UploadId = await begin();
  const copy = (CopySourceRange: string, input: Partial<s3.UploadPartCopyCommandInput> = {}) =>
    client.send(
      new s3.UploadPartCopyCommand({
        ...target,
        UploadId,
        PartNumber: 1,
        CopySource: 'b/source',
        CopySourceRange,
        ...input,
      }),
    );
  await refused(copy('bytes=10-16'), 'InvalidArgument');
  await refused(copy('bytes=10-'), 'InvalidArgument');
  await refused(copy('bytes=0-9', { CopySourceIfMatch: '"0"' }), 'PreconditionFailed');
  const { CopyPartResult } = await copy('bytes=10-15');
  await complete(UploadId, [[1, CopyPartResult!]]);
  assert.equal(server.bucket('b').text(target.Key), 'abcdef');
});

test('parts and uploads are listed page by page', async () => {
  const ids = [await begin(), await begin(), await begin({ Key: 'dir/x' }), await begin({ Key: 'dir/y' })];
  for (const number of [1, 2, 3, 5]) await part(ids[0]!, number, `part ${number}`);
  const one = await client.send(new s3.ListPartsCommand({ ...target, UploadId: ids[0] }));
  const two = await client.send(
    new s3.ListPartsCommand({ ...target, UploadId: ids[0], PartNumberMarker: one.NextPartNumberMarker }),
  );
  assert.deepEqual(
    [...one.Parts!, ...two.Parts!].map(({ PartNumber }) => PartNumber),
    [1, 2, 3, 5],
  );
  assert.deepEqual([one.IsTruncated, two.IsTruncated], [true, false]);

  const first = await client.send(new s3.ListMultipartUploadsCommand({ Bucket: 'b', MaxUploads: 1 }));
  const rest = await client.send(
    new s3.ListMultipartUploadsCommand({
      Bucket: 'b',
      KeyMarker: first.NextKeyMarker,
      UploadIdMarker: first.NextUploadIdMarker,
    }),
  );
  assert.deepEqual(
    [...first.Uploads!, ...rest.Uploads!].map(({ UploadId }) => UploadId),
    ids,
  );
  const folded = await client.send(new s3.ListMultipartUploadsCommand({ Bucket: 'b', Delimiter: '/' }));
  assert.deepEqual(folded.CommonPrefixes, [{ Prefix: 'dir/' }]);
  for (const [at, UploadId] of ids.entries()) {
    await client.send(
      new s3.AbortMultipartUploadCommand({ Bucket: 'b', Key: ['', '', 'dir/x', 'dir/y'][at] || target.Key, UploadId }),
    );
  }
});

test('lib-storage uploads in parts of 5 MiB', async () => {
  const Body = Buffer.alloc(11 * 2 ** 20, 'xyz');
  await new Upload({ client, params: { ...target, Body }, partSize: 5 * 2 ** 20 }).done();
  assert.ok(server.bucket('b').object(target.Key)?.bytes.equals(Body));
  assert.match(server.bucket('b').object(target.Key)?.etag ?? '', /-3$/);
});

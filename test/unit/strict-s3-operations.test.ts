import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import * as s3 from '@aws-sdk/client-s3';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';

// The SDK is the judge here: it signs, it parses, and it was written by others.
let server: StrictS3;
let client: s3.S3Client;
before(async () => {
  server = await startStrictS3({ buckets: ['b', 'versioned'], minPartBytes: 10 });
  client = connect(server);
  await client.send(
    new s3.PutBucketVersioningCommand({ Bucket: 'versioned', VersioningConfiguration: { Status: 'Enabled' } }),
  );
});
after(() => {
  client.destroy();
  return server.close();
});

function connect({ endpoint, region, credentials }: StrictS3): s3.S3Client {
  return new s3.S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
}

async function refused(promise: Promise<unknown>, name: string): Promise<void> {
  await assert.rejects(promise, { name });
}

async function bytesOf(answer: s3.GetObjectCommandOutput): Promise<string> {
  return (await answer.Body?.transformToString()) ?? '';
}

const KEY = "dir/a b+c%~\u{10000}ä(x)'*!.txt";

test('buckets are created, found, located and deleted only when empty', async () => {
  await client.send(new s3.CreateBucketCommand({ Bucket: 'new-bucket' }));
  await client.send(new s3.CreateBucketCommand({ Bucket: 'new-bucket' }));
  const { Buckets } = await client.send(new s3.ListBucketsCommand({}));
  assert.deepEqual(
    Buckets?.map(({ Name }) => Name),
    ['b', 'versioned', 'new-bucket'],
  );
  assert.equal((await client.send(new s3.HeadBucketCommand({ Bucket: 'new-bucket' }))).BucketRegion, 'us-east-1');
  assert.equal(
    (await client.send(new s3.GetBucketLocationCommand({ Bucket: 'new-bucket' }))).LocationConstraint,
    undefined,
  );
  server.bucket('new-bucket').put('key', 'x');
  await refused(client.send(new s3.DeleteBucketCommand({ Bucket: 'new-bucket' })), 'BucketNotEmpty');
  server.bucket('new-bucket').remove('key');
  await client.send(new s3.DeleteBucketCommand({ Bucket: 'new-bucket' }));
  await refused(client.send(new s3.HeadBucketCommand({ Bucket: 'new-bucket' })), 'NotFound');
  await refused(client.send(new s3.CreateBucketCommand({ Bucket: 'Bad_Name' })), 'InvalidBucketName');
});

test('outside us-east-1 a bucket names its region and cannot be created twice', async (t) => {
  const far = await startStrictS3({ region: 'eu-central-1' });
  const farClient = connect(far);
  t.after(() => farClient.destroy());
  t.after(() => far.close());
  await farClient.send(new s3.CreateBucketCommand({ Bucket: 'far' }));
  await refused(farClient.send(new s3.CreateBucketCommand({ Bucket: 'far' })), 'BucketAlreadyOwnedByYou');
  const { LocationConstraint } = await farClient.send(new s3.GetBucketLocationCommand({ Bucket: 'far' }));
  assert.equal(LocationConstraint, 'eu-central-1');
});

test('an object comes back with bytes, metadata and checksum', async () => {
  const put = await client.send(
    new s3.PutObjectCommand({
      Bucket: 'b',
      Key: KEY,
      Body: 'hello',
      Metadata: { mtime: '1.5' },
      ContentType: 'text/x',
      CacheControl: 'no-store',
    }),
  );
  assert.equal(put.ETag, '"5d41402abc4b2a76b9719d911017c592"');
  const get = await client.send(new s3.GetObjectCommand({ Bucket: 'b', Key: KEY, ChecksumMode: 'ENABLED' }));
  assert.equal(await bytesOf(get), 'hello');
  assert.deepEqual(get.Metadata, { mtime: '1.5' });
  const head = await client.send(new s3.HeadObjectCommand({ Bucket: 'b', Key: KEY, ChecksumMode: 'ENABLED' }));
  assert.deepEqual(
    [head.ContentLength, head.ContentType, head.CacheControl, head.ETag, head.ChecksumCRC32],
    [5, 'text/x', 'no-store', put.ETag, put.ChecksumCRC32],
  );
  const view = server.bucket('b').object(KEY);
  assert.deepEqual([view?.bytes.toString(), view?.metadata], ['hello', { mtime: '1.5' }]);
});

test('a stream is sent in chunks with a trailing checksum and arrives whole', async () => {
  const body = Buffer.alloc(300_000, 'abc');
  await client.send(
    new s3.PutObjectCommand({ Bucket: 'b', Key: 'stream', Body: Readable.from([body]), ContentLength: body.length }),
  );
  assert.deepEqual(server.bucket('b').object('stream')?.bytes, body);
  assert.equal(server.requests.at(-1)?.headers['x-amz-content-sha256'], 'STREAMING-UNSIGNED-PAYLOAD-TRAILER');
});

test('a large body waits for 100 Continue, and a refused one is never sent', async () => {
  const body = Buffer.alloc(3 * 2 ** 20, 1);
  await client.send(new s3.PutObjectCommand({ Bucket: 'b', Key: 'large', Body: body }));
  assert.equal(server.requests.at(-1)?.headers['expect'], '100-continue');
  const fault = server.faults.add({ operation: 'PutObject', times: 1, effect: { kind: 'status', code: 'SlowDown' } });
  await refused(client.send(new s3.PutObjectCommand({ Bucket: 'b', Key: 'large', Body: body })), 'SlowDown');
  assert.deepEqual([fault.hits, server.requests.at(-1)?.bodyBytes], [1, 0]);
});

test('ranges are cut, clipped, and refused where there is nothing', async () => {
  server.bucket('b').put('range', '0123456789');
  const get = (Range: string) => client.send(new s3.GetObjectCommand({ Bucket: 'b', Key: 'range', Range }));
  for (const [range, bytes] of [
    ['bytes=2-4', '234'],
    ['bytes=8-99', '89'],
    ['bytes=7-', '789'],
    ['bytes=-2', '89'],
  ] as const) {
    const answer = await get(range);
    assert.deepEqual([await bytesOf(answer), answer.$metadata.httpStatusCode], [bytes, 206]);
  }
  const ignored = await get('bytes=4-2');
  assert.deepEqual([await bytesOf(ignored), ignored.$metadata.httpStatusCode], ['0123456789', 200]);
  await refused(get('bytes=10-'), 'InvalidRange');
});

test('reads keep their conditions', async () => {
  const { etag } = server.bucket('b').put('read', 'x');
  const get = (input: Partial<s3.GetObjectCommandInput>) =>
    client.send(new s3.GetObjectCommand({ Bucket: 'b', Key: 'read', ...input }));
  assert.equal(await bytesOf(await get({ IfMatch: `"${etag}"` })), 'x');
  await refused(get({ IfMatch: '"0"' }), 'PreconditionFailed');
  await assert.rejects(
    get({ IfNoneMatch: etag }),
    (error: s3.S3ServiceException) => error.$metadata.httpStatusCode === 304,
  );
  await refused(get({ Key: 'absent' }), 'NoSuchKey');
});

test('writes and deletes keep their conditions', async () => {
  const put = (input: Partial<s3.PutObjectCommandInput>) =>
    client.send(new s3.PutObjectCommand({ Bucket: 'b', Key: 'cond', Body: 'x', ...input }));
  const remove = (IfMatch: string) => client.send(new s3.DeleteObjectCommand({ Bucket: 'b', Key: 'cond', IfMatch }));
  await refused(put({ IfMatch: '"0"' }), 'NoSuchKey');
  const { ETag } = await put({ IfNoneMatch: '*' });
  await refused(put({ IfNoneMatch: '*' }), 'PreconditionFailed');
  await refused(put({ IfMatch: '"0"' }), 'PreconditionFailed');
  await refused(put({ IfNoneMatch: ETag! }), 'NotImplemented');
  await put({ IfMatch: ETag! });
  await refused(remove('"0"'), 'PreconditionFailed');
  await remove(ETag!);
  await refused(remove(ETag!), 'NoSuchKey');
});

test('a batch delete names what it deleted; absent keys are no failure', async () => {
  for (const key of ['d/1', 'd/2 <&>', 'd/3']) server.bucket('b').put(key, key);
  const denied = server.faults.add({
    operation: 'DeleteObjectsKey',
    key: /3$/,
    effect: { kind: 'status', code: 'AccessDenied' },
  });
  const Objects = ['d/1', 'd/2 <&>', 'd/3', 'd/absent'].map((Key) => ({ Key }));
  const answer = await client.send(new s3.DeleteObjectsCommand({ Bucket: 'b', Delete: { Objects } }));
  denied.remove();
  assert.deepEqual(
    answer.Deleted?.map(({ Key }) => Key),
    ['d/1', 'd/2 <&>', 'd/absent'],
  );
  assert.deepEqual(
    answer.Errors?.map(({ Key, Code }) => [Key, Code]),
    [['d/3', 'AccessDenied']],
  );
  assert.deepEqual(server.bucket('b').keys('d/'), ['d/3']);
  assert.deepEqual(
    server.requests.at(-1)?.keys,
    Objects.map(({ Key }) => Key),
  );
  const quiet = await client.send(new s3.DeleteObjectsCommand({ Bucket: 'b', Delete: { Objects, Quiet: true } }));
  assert.equal(quiet.Deleted, undefined);
});

test('a batch delete takes 1,000 keys and no more', async () => {
  const batch = (length: number) => ({ Objects: Array.from({ length }, (_, at) => ({ Key: `n/${at}` })) });
  await client.send(new s3.DeleteObjectsCommand({ Bucket: 'b', Delete: batch(1000) }));
  await refused(client.send(new s3.DeleteObjectsCommand({ Bucket: 'b', Delete: batch(1001) })), 'MalformedXML');
});

test('a copy keeps or replaces metadata, and loses storage class', async () => {
  await client.send(
    new s3.PutObjectCommand({
      Bucket: 'b',
      Key: KEY,
      Body: 'x',
      Metadata: { a: '1' },
      StorageClass: 'STANDARD_IA',
      Tagging: 't=1',
    }),
  );
  const CopySource = `b/${encodeURIComponent(KEY)}`;
  const copy = (input: Partial<s3.CopyObjectCommandInput>) =>
    client.send(new s3.CopyObjectCommand({ Bucket: 'b', Key: 'copy', CopySource, ...input }));
  const { etag } = server.bucket('b').object(KEY)!;
  assert.equal((await copy({ CopySourceIfMatch: etag })).CopyObjectResult?.ETag, `"${etag}"`);
  assert.deepEqual(server.bucket('b').object('copy')?.metadata, { a: '1' });
  assert.deepEqual(server.bucket('b').object('copy')?.settings, { 'x-amz-tagging': 't=1' });
  await copy({ MetadataDirective: 'REPLACE', Metadata: { b: '2' } });
  assert.deepEqual(server.bucket('b').object('copy')?.metadata, { b: '2' });

  await refused(copy({ Key: KEY }), 'InvalidRequest');
  await copy({ Key: KEY, MetadataDirective: 'REPLACE', Metadata: { c: '3' } });
  assert.deepEqual(server.bucket('b').object(KEY)?.metadata, { c: '3' });
  await refused(copy({ CopySourceIfMatch: '"0"' }), 'PreconditionFailed');
  await refused(copy({ IfNoneMatch: '*' }), 'PreconditionFailed');
  await refused(copy({ CopySource: 'b/absent' }), 'NoSuchKey');
  server.bucket('b').put('1+1', 'x');
  await refused(copy({ CopySource: 'b/1+1' }), 'NoSuchKey');
  await copy({ CopySource: 'b/1%2B1' });
});

test('versions and delete markers are kept, listed, read and removed', async () => {
  const target = { Bucket: 'versioned', Key: 'v' };
  const first = await client.send(new s3.PutObjectCommand({ ...target, Body: '1' }));
  const second = await client.send(new s3.PutObjectCommand({ ...target, Body: '2' }));
  const marker = await client.send(new s3.DeleteObjectCommand(target));
  assert.equal(marker.DeleteMarker, true);
  await refused(client.send(new s3.GetObjectCommand(target)), 'NoSuchKey');
  assert.equal(
    await bytesOf(await client.send(new s3.GetObjectCommand({ ...target, VersionId: first.VersionId }))),
    '1',
  );
  await refused(client.send(new s3.GetObjectCommand({ ...target, VersionId: marker.VersionId })), 'MethodNotAllowed');
  await refused(client.send(new s3.GetObjectCommand({ ...target, VersionId: '0'.repeat(32) })), 'NoSuchVersion');
  await refused(client.send(new s3.GetObjectCommand({ ...target, VersionId: 'no id' })), 'InvalidArgument');

  const seen: (string | undefined)[] = [];
  let page: s3.ListObjectVersionsCommandOutput | undefined;
  do {
    page = await client.send(
      new s3.ListObjectVersionsCommand({
        Bucket: 'versioned',
        MaxKeys: 1,
        KeyMarker: page?.NextKeyMarker,
        VersionIdMarker: page?.NextVersionIdMarker,
      }),
    );
    seen.push(...[...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ VersionId }) => VersionId));
  } while (page.IsTruncated);
  assert.deepEqual(seen, [marker.VersionId, second.VersionId, first.VersionId]);

  const CopySource = `versioned/v?versionId=${first.VersionId}`;
  await client.send(new s3.CopyObjectCommand({ ...target, CopySource }));
  assert.equal(server.bucket('versioned').text('v'), '1');
  await client.send(new s3.DeleteObjectCommand({ ...target, VersionId: marker.VersionId }));
  assert.equal(server.bucket('versioned').versions('v').length, 3);
});

test('suspended versioning replaces the null version and no other', async () => {
  const target = { Bucket: 'suspended', Key: 'v' };
  const versioning = (Status: s3.BucketVersioningStatus) =>
    client.send(new s3.PutBucketVersioningCommand({ Bucket: 'suspended', VersioningConfiguration: { Status } }));
  await client.send(new s3.CreateBucketCommand({ Bucket: 'suspended' }));
  assert.equal((await client.send(new s3.GetBucketVersioningCommand({ Bucket: 'suspended' }))).Status, undefined);
  await client.send(new s3.PutObjectCommand({ ...target, Body: '1' }));
  await versioning('Enabled');
  const { VersionId } = await client.send(new s3.PutObjectCommand({ ...target, Body: '2' }));
  await versioning('Suspended');
  assert.equal((await client.send(new s3.GetBucketVersioningCommand({ Bucket: 'suspended' }))).Status, 'Suspended');
  await client.send(new s3.PutObjectCommand({ ...target, Body: '3' }));
  const ids = () =>
    server
      .bucket('suspended')
      .versions('v')
      .map(({ kind, versionId }) => [kind, versionId]);
  assert.deepEqual(ids(), [
    ['object', 'null'],
    ['object', VersionId],
  ]);
  await client.send(new s3.DeleteObjectCommand(target));
  assert.deepEqual(ids(), [
    ['delete-marker', 'null'],
    ['object', VersionId],
  ]);
});

// The reference: every request by the SDK's client.
import type { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import type { ObjectAttributes } from './object-store.ts';
import type { S3Requests } from './s3-requests.ts';
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from './sdk-packages.ts';

/** Requests by this client, which stays the caller's to close. */
export function sdkRequests(client: S3Client, bucket: string): S3Requests {
  const Bucket = bucket;
  const getObject: S3Requests['getObject'] = async ({ key, ifMatch, range, versionId }, o) => {
    const condition = ifMatch === undefined ? {} : { IfMatch: ifMatch };
    const part = range === undefined ? {} : { Range: range };
    const version = versionOf(versionId);
    const answer = await client.send(new GetObjectCommand({ Bucket, Key: key, ...condition, ...part, ...version }), o);
    return { ...answer, Body: answer.Body as Readable };
  };
  return {
    headBucket: async (o) => {
      const { $metadata } = await client.send(new HeadBucketCommand({ Bucket }), o);
      return { RequestId: $metadata.requestId };
    },
    bucketVersioning: (o) => client.send(new GetBucketVersioningCommand({ Bucket }), o),
    headObject: (key, { versionId, ...o }) =>
      client.send(new HeadObjectCommand({ Bucket, Key: key, ...versionOf(versionId) }), o),
    getObject,
    getObjectBytes: async (get, o) => {
      const answer = await getObject(get, o);
      try {
        get.accept(answer);
        const whole = Buffer.concat(await answer.Body.toArray());
        return { ...answer, Body: get.into?.subarray(0, whole.copy(get.into)) ?? whole };
      } finally {
        answer.Body.destroy();
      }
    },
    putObject: ({ key, body, attributes, ifMatch, ifNoneMatch }, o) => {
      const input = { Bucket, Key: key, Body: body, ...attributeParams(attributes) };
      const condition = {
        ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
        ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
      };
      return client.send(new PutObjectCommand({ ...input, ...condition }), o);
    },
    copyObject: async ({ source, ifMatch, key, attributes }, o) => {
      const from = { CopySource: source, CopySourceIfMatch: ifMatch };
      const to = { Bucket, Key: key, MetadataDirective: 'REPLACE', ...attributeParams(attributes) } as const;
      const answer = await client.send(new CopyObjectCommand({ ...from, ...to }), o);
      return { ETag: answer.CopyObjectResult?.ETag, VersionId: answer.VersionId };
    },
    uploadPart: ({ key, uploadId, partNumber, body }, o) => {
      const input = { Bucket, Key: key, UploadId: uploadId, PartNumber: partNumber, Body: body };
      return client.send(new UploadPartCommand(input), o);
    },
    deleteObjects: (keys, o) => {
      const Delete = { Objects: keys.map((Key) => ({ Key })) };
      return client.send(new DeleteObjectsCommand({ Bucket, Delete }), o);
    },
    listObjects: ({ prefix, maxKeys, continuationToken }, o) => {
      const token = continuationToken === undefined ? {} : { ContinuationToken: continuationToken };
      const input = { Bucket, Prefix: prefix, MaxKeys: maxKeys, ...token };
      // XML 1.0 cannot carry every character a key may hold.
      return client.send(new ListObjectsV2Command({ ...input, EncodingType: 'url' }), o);
    },
    listVersions: () => {
      const error = new Error('only lean requests keep the order of versions');
      return Promise.reject(Object.assign(error, { name: 'NotImplemented' }));
    },
    close: () => {},
  };
}

function versionOf(versionId: string | undefined): { VersionId?: string } {
  return versionId === undefined ? {} : { VersionId: versionId };
}

/** The attributes as the SDK's parameters. */
export function attributeParams(attributes: ObjectAttributes): {
  Metadata: Record<string, string>;
  ContentType?: string;
} {
  const { metadata, contentType } = attributes;
  return { Metadata: { ...metadata }, ...(contentType === undefined ? {} : { ContentType: contentType }) };
}

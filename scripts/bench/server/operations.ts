// Which operation a request is.
import type { Operation } from './answer.ts';
import { S3Failure } from './failure.ts';
import * as lists from './lists.ts';
import * as multipart from './multipart.ts';
import * as objects from './objects.ts';
import type { S3Request } from './request.ts';

/** An operation and the name it is counted by. */
export interface Named {
  readonly name: string;
  readonly run: Operation;
}

const refuse =
  (code: 'NoSuchBucketPolicy' | 'NoSuchLifecycleConfiguration' | 'NotImplemented'): Operation =>
  () => {
    throw new S3Failure(code);
  };

const op = (name: string, run: Operation): Named => ({ name, run });

const PUT_OBJECT = op('PutObject', objects.putObject);
const GET_OBJECT = op('GetObject', objects.readObject);
const HEAD_OBJECT = op('HeadObject', objects.readObject);
const DELETE_OBJECT = op('DeleteObject', objects.deleteObject);
const COPY_OBJECT = op('CopyObject', objects.copyObject);
const UPLOAD_PART = op('UploadPart', multipart.uploadPart);
const UPLOAD_PART_COPY = op('UploadPartCopy', multipart.uploadPartCopy);
const LIST_V1 = op('ListObjects', lists.listObjects);
const LIST_V2 = op('ListObjectsV2', lists.listObjects);
const UNKNOWN = op('NotImplemented', refuse('NotImplemented'));

/** By method, level and the name in the query that says what is meant. */
const BY_QUERY: Readonly<Record<string, Named>> = {
  'GET bucket location': op('GetBucketLocation', lists.getBucketLocation),
  'GET bucket versioning': op('GetBucketVersioning', lists.getBucketVersioning),
  'GET bucket policy': op('GetBucketPolicy', refuse('NoSuchBucketPolicy')),
  'GET bucket lifecycle': op('GetBucketLifecycleConfiguration', refuse('NoSuchLifecycleConfiguration')),
  'GET bucket uploads': op('ListMultipartUploads', multipart.listMultipartUploads),
  'POST bucket delete': op('DeleteObjects', objects.deleteObjects),
  'POST object uploads': op('CreateMultipartUpload', multipart.createMultipartUpload),
  'POST object uploadId': op('CompleteMultipartUpload', multipart.completeMultipartUpload),
  'DELETE object uploadId': op('AbortMultipartUpload', multipart.abortMultipartUpload),
  'GET object uploadId': op('ListParts', multipart.listParts),
};

/** Plain requests, and UploadPart. */
const BY_METHOD: Readonly<Record<string, Named>> = {
  'GET service': op('ListBuckets', lists.listBuckets),
  'PUT bucket': op('CreateBucket', lists.createBucket),
  'DELETE bucket': op('DeleteBucket', lists.deleteBucket),
  'HEAD bucket': op('HeadBucket', lists.headBucket),
  'GET bucket': LIST_V1,
  'GET object': GET_OBJECT,
  'HEAD object': HEAD_OBJECT,
  'DELETE object': DELETE_OBJECT,
};

/** Names in a query that change no operation. */
const HARMLESS =
  /^(x-id|prefix|delimiter|max-keys|marker|encoding-type|start-after|continuation-token|fetch-owner|list-type)$|^(response-|x-amz-|X-Amz-)/i;

export function operationOf({ method, bucket, key, query, headers }: S3Request): Named {
  if (method === 'PUT' && key !== '') {
    const isCopy = headers.has('x-amz-copy-source');
    if (query.has('uploadId')) return isCopy ? UPLOAD_PART_COPY : UPLOAD_PART;
    if ([...query.keys()].every((name) => HARMLESS.test(name))) return isCopy ? COPY_OBJECT : PUT_OBJECT;
    return UNKNOWN;
  }
  const level = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object';
  for (const name of query.keys()) {
    if (HARMLESS.test(name)) continue;
    return BY_QUERY[`${method} ${level} ${name}`] ?? UNKNOWN;
  }
  if (level === 'bucket' && method === 'GET' && query.has('list-type')) return LIST_V2;
  return BY_METHOD[`${method} ${level}`] ?? UNKNOWN;
}

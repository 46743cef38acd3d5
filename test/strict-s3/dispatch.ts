import type { Handler } from './answer.ts';
import * as buckets from './buckets.ts';
import { copyObject } from './copy.ts';
import { listObjects, listObjectsV2, listObjectVersions } from './lists.ts';
import * as multipart from './multipart.ts';
import { listMultipartUploads, listParts } from './multipart-lists.ts';
import * as objects from './objects.ts';
import type { Operation } from './operations.ts';

/** What executes each operation. */
export const HANDLERS: Readonly<Record<Operation, Handler>> = {
  ListBuckets: buckets.listBuckets,
  CreateBucket: buckets.createBucket,
  HeadBucket: buckets.headBucket,
  DeleteBucket: buckets.deleteBucket,
  GetBucketLocation: buckets.getBucketLocation,
  GetBucketVersioning: buckets.getBucketVersioning,
  GetBucketLifecycleConfiguration: buckets.getBucketLifecycleConfiguration,
  PutBucketVersioning: buckets.putBucketVersioning,
  ListObjects: listObjects,
  ListObjectsV2: listObjectsV2,
  ListObjectVersions: listObjectVersions,
  ListMultipartUploads: listMultipartUploads,
  DeleteObjects: objects.deleteObjects,
  PutObject: objects.putObject,
  CopyObject: copyObject,
  GetObject: objects.getObject,
  HeadObject: objects.getObject,
  DeleteObject: objects.deleteObject,
  CreateMultipartUpload: multipart.createMultipartUpload,
  UploadPart: multipart.uploadPart,
  UploadPartCopy: multipart.uploadPartCopy,
  CompleteMultipartUpload: multipart.completeMultipartUpload,
  AbortMultipartUpload: multipart.abortMultipartUpload,
  ListParts: listParts,
};

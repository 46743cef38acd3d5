import { notImplemented } from './errors.ts';
import type { S3Request } from './request.ts';

/** What a request must look like to be an operation, and what else it may carry. */
interface Shape {
  readonly method: string;
  readonly on: 'service' | 'bucket' | 'object';
  /** `name` or `name=value` query parameters that make it this operation. */
  readonly query?: readonly string[];
  /** A header that makes it this operation. */
  readonly header?: string;
  /** Further query parameters it understands. */
  readonly optional?: readonly string[];
  /** Headers of the kinds in GUARDED it understands. */
  readonly headers?: readonly string[];
  /** Whether it has a body, which then needs a length and may carry checksums. */
  readonly body?: true;
}

const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'];
const WRITE_CONDITIONS = ['if-match', 'if-none-match'];
const CHECKSUMS = [
  'x-amz-checksum-crc32',
  'x-amz-checksum-crc32c',
  'x-amz-checksum-crc64nvme',
  'x-amz-checksum-sha1',
  'x-amz-checksum-sha256',
];
const BODY = [
  ...CHECKSUMS,
  'x-amz-sdk-checksum-algorithm',
  'x-amz-trailer',
  'x-amz-decoded-content-length',
  'content-md5',
];
const customerKey = (prefix: string) => ['algorithm', 'key', 'key-md5'].map((name) => `${prefix}-${name}`);
const CUSTOMER_KEY = customerKey('x-amz-server-side-encryption-customer');
const PROPERTIES = [
  ...CUSTOMER_KEY,
  'x-amz-acl',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-storage-class',
  'x-amz-tagging',
  'x-amz-website-redirect-location',
];
const COPY_SOURCE = [
  ...customerKey('x-amz-copy-source-server-side-encryption-customer'),
  'x-amz-copy-source',
  'x-amz-copy-source-if-match',
  'x-amz-copy-source-if-none-match',
  'x-amz-copy-source-if-modified-since',
  'x-amz-copy-source-if-unmodified-since',
];
const LISTING = ['prefix', 'delimiter', 'encoding-type'];

const SHAPES = {
  ListBuckets: { method: 'GET', on: 'service' },

  CreateBucket: { method: 'PUT', on: 'bucket', headers: ['x-amz-acl', ...BODY] },
  HeadBucket: { method: 'HEAD', on: 'bucket' },
  DeleteBucket: { method: 'DELETE', on: 'bucket' },
  GetBucketLocation: { method: 'GET', on: 'bucket', query: ['location'] },
  GetBucketVersioning: { method: 'GET', on: 'bucket', query: ['versioning'] },
  GetBucketLifecycleConfiguration: { method: 'GET', on: 'bucket', query: ['lifecycle'] },
  PutBucketVersioning: { method: 'PUT', on: 'bucket', query: ['versioning'], headers: BODY, body: true },
  ListObjects: { method: 'GET', on: 'bucket', optional: [...LISTING, 'marker', 'max-keys'] },
  ListObjectsV2: {
    method: 'GET',
    on: 'bucket',
    query: ['list-type=2'],
    optional: [...LISTING, 'max-keys', 'continuation-token', 'start-after', 'fetch-owner'],
  },
  ListObjectVersions: {
    method: 'GET',
    on: 'bucket',
    query: ['versions'],
    optional: [...LISTING, 'max-keys', 'key-marker', 'version-id-marker'],
  },
  ListMultipartUploads: {
    method: 'GET',
    on: 'bucket',
    query: ['uploads'],
    optional: [...LISTING, 'max-uploads', 'key-marker', 'upload-id-marker'],
  },
  DeleteObjects: { method: 'POST', on: 'bucket', query: ['delete'], headers: BODY, body: true },

  PutObject: { method: 'PUT', on: 'object', headers: [...BODY, ...PROPERTIES, ...WRITE_CONDITIONS], body: true },
  CopyObject: {
    method: 'PUT',
    on: 'object',
    header: 'x-amz-copy-source',
    headers: [
      ...COPY_SOURCE,
      ...PROPERTIES,
      ...WRITE_CONDITIONS,
      'x-amz-metadata-directive',
      'x-amz-tagging-directive',
      'x-amz-checksum-algorithm',
    ],
  },
  GetObject: {
    method: 'GET',
    on: 'object',
    optional: ['versionId'],
    headers: [...CONDITIONS, ...CUSTOMER_KEY, 'range', 'x-amz-checksum-mode'],
  },
  HeadObject: {
    method: 'HEAD',
    on: 'object',
    optional: ['versionId'],
    headers: [...CONDITIONS, ...CUSTOMER_KEY, 'range', 'x-amz-checksum-mode'],
  },
  DeleteObject: { method: 'DELETE', on: 'object', optional: ['versionId'], headers: ['if-match'] },

  CreateMultipartUpload: {
    method: 'POST',
    on: 'object',
    query: ['uploads'],
    headers: [...PROPERTIES, 'x-amz-checksum-algorithm', 'x-amz-checksum-type'],
  },
  UploadPart: {
    method: 'PUT',
    on: 'object',
    query: ['partNumber', 'uploadId'],
    headers: [...BODY, ...CUSTOMER_KEY],
    body: true,
  },
  UploadPartCopy: {
    method: 'PUT',
    on: 'object',
    query: ['partNumber', 'uploadId'],
    header: 'x-amz-copy-source',
    headers: [...COPY_SOURCE, ...CUSTOMER_KEY, 'x-amz-copy-source-range'],
  },
  CompleteMultipartUpload: {
    method: 'POST',
    on: 'object',
    query: ['uploadId'],
    headers: [...BODY, ...CUSTOMER_KEY, ...WRITE_CONDITIONS, 'x-amz-checksum-type', 'x-amz-mp-object-size'],
    body: true,
  },
  AbortMultipartUpload: { method: 'DELETE', on: 'object', query: ['uploadId'] },
  ListParts: { method: 'GET', on: 'object', query: ['uploadId'], optional: ['max-parts', 'part-number-marker'] },
} as const satisfies Record<string, Shape>;

/** An operation's name in the S3 API. */
export type Operation = keyof typeof SHAPES;

const OPERATIONS = Object.entries(SHAPES) as unknown as readonly (readonly [Operation, Shape])[];

/** Headers whose meaning must not be ignored: every x-amz-*, the conditions, ranges and digests. */
const GUARDED = /^(x-amz-|if-|range$|content-md5$)/;
const EVERYWHERE =
  /^x-amz-(date|content-sha256|security-token|user-agent|expected-bucket-owner|source-expected-bucket-owner|request-payer|meta-.+)$/;

function weight(shape: Shape): number {
  return (shape.query?.length ?? 0) * 2 + (shape.header === undefined ? 0 : 1);
}

function fits(shape: Shape, request: S3Request): boolean {
  const on = request.bucket === '' ? 'service' : request.key === '' ? 'bucket' : 'object';
  return (
    shape.method === request.method &&
    shape.on === on &&
    (shape.header === undefined || request.headers.has(shape.header)) &&
    (shape.query ?? []).every((wanted) =>
      request.query.some(([name, value]) => wanted === name || wanted === `${name}=${value}`),
    )
  );
}

/** Whether the operation has a request body. */
export function hasBody(operation: Operation): boolean {
  return 'body' in SHAPES[operation];
}

/** The operation a request comes nearest to, whatever else it carries. */
export function operationOf(request: S3Request): Operation | undefined {
  const fitting = OPERATIONS.filter(([, shape]) => fits(shape, request));
  return fitting.sort(([, a], [, b]) => weight(b) - weight(a))[0]?.[0];
}

/**
 * The operation a request asks for.
 *
 * @throws S3Failure `NotImplemented` naming a parameter, header or method that would otherwise be ignored.
 */
export function routeRequest(request: S3Request): Operation {
  const operation = operationOf(request);
  if (operation === undefined) throw notImplemented('method', `${request.method} ${request.path}`);
  const shape: Shape = SHAPES[operation];
  const known = [...(shape.query ?? []), ...(shape.optional ?? []), 'x-id'].map((name) => name.split('=', 1)[0]);
  const parameter = request.query.find(([name]) => !known.includes(name))?.[0];
  if (parameter !== undefined) throw notImplemented('parameter', parameter);
  for (const name of request.headers.keys()) {
    if (GUARDED.test(name) && !EVERYWHERE.test(name) && !shape.headers?.includes(name))
      throw notImplemented('header', name);
  }
  return operation;
}

// Pure. What an operator wants objects and requests to carry, as the headers of S3's API.
import { createHash } from 'node:crypto';
import { lookup } from 'mrmime';
import { StoreError } from './errors.ts';
import type { Header } from './http/messages.ts';
import type { ObjectAttributes } from './object-store.ts';

export interface ObjectSettings {
  /** Of every file, instead of what its name tells. */
  readonly contentType?: string | undefined;
  readonly cacheControl?: string | undefined;
  readonly storageClass?: string | undefined;
  /** Canned. */
  readonly acl?: string | undefined;
  /** As in a query: `a=b&c=d`. */
  readonly tagging?: string | undefined;
  /** Besides our own; names in lower case. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** How S3 encrypts: AES256, aws:kms or aws:kms:dsse. */
  readonly encryption?: string | undefined;
  readonly kmsKeyId?: string | undefined;
  /** 32 bytes: S3 encrypts with this key and forgets it. */
  readonly customerKey?: Buffer | undefined;
  readonly requesterPays?: boolean | undefined;
  /** The account id that the bucket must belong to. */
  readonly expectedBucketOwner?: string | undefined;
  /** Beneath this prefix, '' or ending in '/', lies what the agent keeps for itself. */
  readonly prefix?: string | undefined;
}

/** Requests by their names in S3's API. */
export type Operation =
  | 'HeadBucket'
  | 'GetBucketVersioning'
  | 'ListObjectsV2'
  | 'ListObjectVersions'
  | 'HeadObject'
  | 'GetObject'
  | 'PutObject'
  | 'CopyObject'
  | 'DeleteObjects'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'UploadPartCopy'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload';

const CREATES: ReadonlySet<Operation> = new Set<Operation>(['PutObject', 'CopyObject', 'CreateMultipartUpload']);
const COPIES: ReadonlySet<Operation> = new Set<Operation>(['CopyObject', 'UploadPartCopy']);
/** What reads or writes content, or tells of it, needs the customer's key. */
const OF_CONTENT: ReadonlySet<Operation> = new Set<Operation>([
  ...(['HeadObject', 'GetObject', 'PutObject', 'CopyObject'] as const),
  ...(['CreateMultipartUpload', 'UploadPart', 'UploadPartCopy', 'CompleteMultipartUpload'] as const),
]);

const LOOPBACK = /^http:\/\/(?:localhost|127\.[\d.]+|\[::1\])(?::\d+)?$/;

/** Whoever listens would have the customer's key, whatever the server says. @throws {StoreError} */
export function refuseClear(origin: string, { customerKey }: ObjectSettings): void {
  if (customerKey === undefined || origin.startsWith('https:') || LOOPBACK.test(origin)) return;
  const message = `Cannot use --sse-c-key-file with ${origin}: the key must be encrypted on its way`;
  throw new StoreError(message, { reaction: 'fatal', code: 'KeyInClear', hint: 'use an https endpoint' });
}

/** What the agent keeps for itself beside the tree: it must stay readable at once, and no rule may expire it. */
function isOwn(key: string, { prefix = '' }: ObjectSettings): boolean {
  const own = `${prefix}.awssyncer/`;
  return key.startsWith(own) && !key.startsWith(`${own}names/`);
}

/** The headers that requests have besides their own. https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html */
export class SettingHeaders {
  readonly #settings: ObjectSettings;
  readonly #customer: readonly Header[];

  constructor(settings: ObjectSettings) {
    this.#settings = settings;
    const { customerKey } = settings;
    this.#customer =
      customerKey === undefined ? [] : customerHeaders('x-amz-server-side-encryption-customer', customerKey);
  }

  /** Of one request; none of them is among those it has anyway. */
  of(operation: Operation, key = ''): Header[] {
    const { requesterPays = false, expectedBucketOwner, customerKey } = this.#settings;
    const headers: Header[] = CREATES.has(operation) ? this.#ofObject(operation, key) : [];
    if (OF_CONTENT.has(operation)) headers.push(...this.#customer);
    if (requesterPays && operation !== 'HeadBucket') headers.push(['x-amz-request-payer', 'requester']);
    if (expectedBucketOwner !== undefined) headers.push(['x-amz-expected-bucket-owner', expectedBucketOwner]);
    if (!COPIES.has(operation)) return headers;
    if (customerKey !== undefined)
      headers.push(...customerHeaders('x-amz-copy-source-server-side-encryption-customer', customerKey));
    if (expectedBucketOwner !== undefined) headers.push(['x-amz-source-expected-bucket-owner', expectedBucketOwner]);
    return headers;
  }

  /** A copy takes none of these from its source. */
  #ofObject(operation: Operation, key: string): Header[] {
    const { cacheControl, storageClass, acl, tagging, encryption, kmsKeyId } = this.#settings;
    const isOfTree = !isOwn(key, this.#settings);
    const all: [name: string, value: string | undefined][] = [
      ['cache-control', isOfTree ? cacheControl : undefined],
      ['x-amz-acl', acl],
      ['x-amz-server-side-encryption', encryption],
      ['x-amz-server-side-encryption-aws-kms-key-id', kmsKeyId],
      ['x-amz-storage-class', isOfTree ? storageClass : undefined],
      ['x-amz-tagging', isOfTree ? tagging : undefined],
      ['x-amz-tagging-directive', tagging !== undefined && operation === 'CopyObject' ? 'REPLACE' : undefined],
    ];
    return all.filter((header): header is [string, string] => header[1] !== undefined);
  }
}

function customerHeaders(prefix: string, key: Buffer): Header[] {
  return [
    [`${prefix}-algorithm`, 'AES256'],
    [`${prefix}-key`, key.toString('base64')],
    [`${prefix}-key-md5`, createHash('md5').update(key).digest('base64')],
  ];
}

/** The attributes with the content type that the name tells, and the operator's metadata. Ours win. */
export function withSettings(attributes: ObjectAttributes, key: string, settings: ObjectSettings): ObjectAttributes {
  const contentType = attributes.contentType ?? contentTypeOf(key, settings);
  return {
    ...attributes,
    ...(settings.metadata === undefined ? {} : { metadata: { ...settings.metadata, ...attributes.metadata } }),
    ...(contentType === undefined ? {} : { contentType }),
  };
}

/** undefined: the name tells nothing. */
function contentTypeOf(key: string, settings: ObjectSettings): string | undefined {
  const { contentType } = settings;
  if (isOwn(key, settings)) return undefined;
  // As S3's own console and s3fs mark directories.
  if (key.endsWith('/')) return 'application/x-directory';
  if (contentType !== undefined) return contentType;
  const name = key.slice(key.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot > 0 ? lookup(name.slice(dot + 1)) : undefined;
}

// Pure. What an operator wants objects and requests to carry, as the headers of S3's API.
import { createHash } from 'node:crypto';
import { lookup } from 'mrmime';
import { StoreError } from './errors.ts';
import { given, type Header } from './http/messages.ts';
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
  | 'GetBucketLifecycleConfiguration'
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
  /** Of objects of the tree, and of what the agent keeps for itself. */
  readonly #ofTree: readonly Header[];
  readonly #ofOwn: readonly Header[];
  readonly #customer: readonly Header[];
  readonly #ofSource: readonly Header[];

  constructor(settings: ObjectSettings) {
    const { acl, encryption, kmsKeyId, cacheControl, storageClass, tagging, customerKey, expectedBucketOwner } =
      settings;
    this.#settings = settings;
    this.#ofOwn = [
      ...given('x-amz-acl', acl),
      ...given('x-amz-server-side-encryption', encryption),
      ...given('x-amz-server-side-encryption-aws-kms-key-id', kmsKeyId),
    ];
    this.#ofTree = [
      ...this.#ofOwn,
      ...given('cache-control', cacheControl),
      ...given('x-amz-storage-class', storageClass),
      ...given('x-amz-tagging', tagging),
    ];
    this.#customer = customerHeaders('x-amz-server-side-encryption-customer', customerKey);
    this.#ofSource = [
      ...customerHeaders('x-amz-copy-source-server-side-encryption-customer', customerKey),
      ...given('x-amz-source-expected-bucket-owner', expectedBucketOwner),
    ];
  }

  /** Of one request; none of them is among those it has anyway. */
  of(operation: Operation, key = ''): Header[] {
    const { requesterPays = false, expectedBucketOwner, tagging } = this.#settings;
    const headers: Header[] = [];
    if (CREATES.has(operation)) headers.push(...(isOwn(key, this.#settings) ? this.#ofOwn : this.#ofTree));
    // The others a copy never takes from its source.
    if (tagging !== undefined && operation === 'CopyObject') headers.push(['x-amz-tagging-directive', 'REPLACE']);
    if (OF_CONTENT.has(operation)) headers.push(...this.#customer);
    if (requesterPays && operation !== 'HeadBucket') headers.push(['x-amz-request-payer', 'requester']);
    headers.push(...given('x-amz-expected-bucket-owner', expectedBucketOwner));
    if (COPIES.has(operation)) headers.push(...this.#ofSource);
    return headers;
  }
}

function customerHeaders(prefix: string, key: Buffer | undefined): Header[] {
  if (key === undefined) return [];
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

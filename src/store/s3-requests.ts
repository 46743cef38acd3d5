// The requests that are sent by the thousand, on one bucket; what they mean is decided above them.
import type { Readable } from 'node:stream';
import type { ObjectAttributes } from './object-store.ts';

/** The SDK's name for it. */
export interface SendOptions {
  readonly abortSignal?: AbortSignal;
}

/** Conditions are the values of their headers. */
export interface PutRequest {
  readonly key: string;
  readonly body: Buffer;
  readonly attributes: ObjectAttributes;
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: '*' | undefined;
  /** The body's SHA-256 in hex, if it is known: used for the signature only. */
  readonly sha256?: string | undefined;
}

export interface GetRequest {
  readonly key: string;
  readonly ifMatch?: string | undefined;
  /** The value of its header. */
  readonly range?: string | undefined;
  /** Default: the present one. */
  readonly versionId?: string | undefined;
}

export interface GetBytesRequest extends GetRequest {
  /** Called when the answer's head is there, before its body is read; may throw to refuse it. */
  readonly accept: (answer: ObjectAnswer) => void;
  /** Where the body is to be put; `accept` makes sure that it fits. */
  readonly into?: Buffer | undefined;
}

export interface CopyRequest {
  /** `bucket/key`, encoded. */
  readonly source: string;
  /** Without quotes. */
  readonly ifMatch: string;
  readonly key: string;
  readonly attributes: ObjectAttributes;
}

export interface PartRequest {
  readonly key: string;
  readonly uploadId: string;
  readonly partNumber: number;
  readonly body: Buffer;
  /** In hex, as for an object. */
  readonly sha256: string;
}

export interface ListRequest {
  readonly prefix: string;
  readonly maxKeys: number;
  readonly continuationToken?: string | undefined;
}

/** Answers have the SDK's names and say no more than the server did. */
export interface WriteAnswer {
  readonly ETag?: string | undefined;
  readonly VersionId?: string | undefined;
}

export interface ObjectAnswer extends WriteAnswer {
  readonly ContentLength?: number | undefined;
  /** Of an answer to a range. */
  readonly ContentRange?: string | undefined;
  readonly ContentType?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly Metadata?: Readonly<Record<string, string>> | undefined;
}

export interface DeleteAnswer {
  readonly Deleted?: readonly { readonly Key?: string | undefined }[] | undefined;
  readonly Errors?:
    | readonly {
        readonly Key?: string | undefined;
        readonly Code?: string | undefined;
        readonly Message?: string | undefined;
      }[]
    | undefined;
}

export interface ListedAnswer {
  /** As `EncodingType` says. */
  readonly Key?: string | undefined;
  readonly Size?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
}

export interface ListAnswer {
  readonly Contents?: readonly ListedAnswer[] | undefined;
  readonly EncodingType?: string | undefined;
  readonly IsTruncated?: boolean | undefined;
  readonly NextContinuationToken?: string | undefined;
}

export interface ListVersionsRequest {
  readonly prefix: string;
  readonly maxKeys: number;
  /** As they were answered. */
  readonly keyMarker?: string | undefined;
  readonly versionIdMarker?: string | undefined;
}

export interface VersionAnswer {
  /** As `EncodingType` says. */
  readonly Key: string;
  readonly VersionId: string;
  readonly LastModified: Date;
  readonly IsDeleteMarker: boolean;
  readonly Size?: number | undefined;
  readonly ETag?: string | undefined;
}

export interface VersionsAnswer {
  /** Versions and delete markers in the order of keys, of each key the newest first. */
  readonly Versions: readonly VersionAnswer[];
  readonly EncodingType?: string | undefined;
  readonly IsTruncated?: boolean | undefined;
  readonly NextKeyMarker?: string | undefined;
  readonly NextVersionIdMarker?: string | undefined;
}

export interface BucketAnswer {
  /** Every server of S3 gives its answers an id. */
  readonly RequestId?: string | undefined;
}

/**
 * Each is sent once, with a checksum of its body that every server verifies. A failure is whatever `classify` can read:
 * an answer's status, headers and code, or the name of what happened to the connection. An answer in XML that is not
 * whole is a failure.
 */
export interface S3Requests {
  headBucket(options: SendOptions): Promise<BucketAnswer>;
  /** Whether the bucket keeps versions: Enabled or Suspended; undefined if it never did. */
  bucketVersioning(options: SendOptions): Promise<{ readonly Status?: string | undefined }>;
  /** Of the present version by default. */
  headObject(key: string, options: SendOptions & { readonly versionId?: string | undefined }): Promise<ObjectAnswer>;
  getObject(get: GetRequest, options: SendOptions): Promise<ObjectAnswer & { readonly Body: Readable }>;
  /** The body as a whole. */
  getObjectBytes(get: GetBytesRequest, options: SendOptions): Promise<ObjectAnswer & { readonly Body: Buffer }>;
  putObject(put: PutRequest, options: SendOptions): Promise<WriteAnswer>;
  copyObject(copy: CopyRequest, options: SendOptions): Promise<WriteAnswer>;
  uploadPart(part: PartRequest, options: SendOptions): Promise<WriteAnswer>;
  deleteObjects(keys: readonly string[], options: SendOptions): Promise<DeleteAnswer>;
  listObjects(list: ListRequest, options: SendOptions): Promise<ListAnswer>;
  /** By lean requests only: the SDK loses the order. */
  listVersions(list: ListVersionsRequest, options: SendOptions): Promise<VersionsAnswer>;
  /** Closes connections. */
  close(): void;
}

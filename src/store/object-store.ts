// The contract every S3 implementation keeps. test/contract holds each of them to it.
import type { Readable } from 'node:stream';

/** What an object carries besides its bytes. Metadata names are lower case, without `x-amz-meta-`. */
export interface ObjectAttributes {
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentType?: string;
}

/** An acknowledged write. */
export interface Written {
  /** Without quotes. Never empty: implementations ask by HEAD where a server's answer lacks it. */
  readonly etag: string;
  readonly versionId: string | null;
}

/** One line of a listing. */
export interface ListedObject {
  /** The whole key, decoded. */
  readonly key: string;
  readonly sizeBytes: number;
  /** Without quotes. */
  readonly etag: string;
  readonly lastModifiedMs: number;
}

/** What HEAD and GET tell of an object. */
export interface ObjectHead {
  readonly sizeBytes: number;
  readonly etag: string;
  readonly versionId: string | null;
  readonly lastModifiedMs: number;
  readonly attributes: ObjectAttributes;
}

/** Some bytes of a large object, in memory for as long as they are needed. */
export interface Part {
  readonly bytes: Buffer;
  /** SHA-256 in hex. */
  readonly sha256: string;
  /** To be called once, when nobody reads the bytes any more: they will be others. */
  release(): void;
}

/** The bytes of a large object, from the first to the last; each is given once. */
export interface PartSource {
  readonly sizeBytes: number;
  /** The next bytes, exactly so many; rejects if the source no longer has them. May be called before the last call has ended. */
  next(lengthBytes: number, options: CallOptions): Promise<Part>;
  /** Called once after the last part and before Complete; a rejection aborts the upload and is passed on. */
  verify(): Promise<void>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface MultipartOptions extends CallOptions {
  readonly partSizeBytes: number;
  /** How many parts may be in flight at once. */
  readonly concurrency: number;
  /** Called after CreateMultipartUpload and before the first part, so that the upload can be recorded as ours. */
  onStarted(uploadId: string): void;
  /** Called with the size of each part that S3 has taken; never where one request does. */
  readonly onSent?: (bytes: number) => void;
}

export interface CopyOptions extends CallOptions {
  /** As for uploads; never called where one request does. */
  readonly onStarted?: (uploadId: string) => void;
}

/** At most one condition. Servers that ignore conditions store all the same: src/lease/conditions.ts finds out. */
export interface PutOptions extends CallOptions {
  /** Refuse with a `conflict` StoreError unless the object still has this ETag; without an object with it or with `not-found`. */
  readonly ifMatch?: string;
  /** Refuse with a `conflict` StoreError if there is an object. */
  readonly ifAbsent?: boolean;
  /** SHA-256 of the body in hex, if it is known already: saves computing it for the signature, and serves nothing else. */
  readonly sha256?: string;
}

export interface GetOptions extends CallOptions {
  /** Refuse with a `conflict` StoreError unless the object still has this ETag. */
  readonly ifMatch?: string;
  /** Default: the present version. */
  readonly versionId?: string;
}

export interface GetBytesOptions extends GetOptions {
  /** More is refused as a `conflict`: it is not the object that was expected, and memory is to be had for that one only. */
  readonly maxBytes: number;
  /** How many there are according to a listing; only for who shares out a bandwidth. */
  readonly expectedBytes?: number;
  /** Only these bytes, exactly: a server that answers with others, or ignores ranges, is refused as `rejected`. */
  readonly range?: { readonly offset: number; readonly lengthBytes: number };
  /** Memory of at least `maxBytes` that the bytes are to be put into; theirs until it resolves or rejects. */
  readonly into?: Buffer;
}

/** Of each key the newest version that S3 dates no later than this, or by key exactly these versions. */
export type PastChoice = { readonly atMs: number } | { readonly versions: ReadonlyMap<string, VersionName> };

/** The version 'null', which is overwritten while versioning is suspended, is told by its ETag as well. */
export interface VersionName {
  readonly versionId: string;
  readonly etag?: string | undefined;
}

/** One of the objects that were stored under a key, or the absence of one. */
export interface ObjectVersion {
  readonly versionId: string;
  readonly lastModifiedMs: number;
  readonly isDeleteMarker: boolean;
  readonly sizeBytes: number;
}

/**
 * One bucket. Every method rejects with a StoreError (store/errors.ts) and never retries by itself, `list` and the
 * parts of `putMultipart` excepted; a caller may abort any of them by its signal.
 */
export interface ObjectStore {
  readonly bucket: string;
  /** Checks that the bucket exists and answers to us; makes no change. */
  check(options?: CallOptions): Promise<void>;
  /** undefined if there is no such object. */
  head(key: string, options?: CallOptions): Promise<ObjectHead | undefined>;
  /** Stores these bytes; idempotent without a condition. The server verifies an end-to-end checksum. */
  put(key: string, body: Buffer, attributes: ObjectAttributes, options?: PutOptions): Promise<Written>;
  /** Stores a large object in parts; on any failure the upload is aborted, best effort, before the rejection. */
  putMultipart(
    key: string,
    source: PartSource,
    attributes: ObjectAttributes,
    options: MultipartOptions,
  ): Promise<Written>;
  /** The object's bytes as a stream that the caller must consume or destroy. A short body makes the stream fail. */
  get(key: string, options?: GetOptions): Promise<ObjectHead & { readonly body: Readable }>;
  /** Some bytes of an object, or a small one, as a whole. `sizeBytes` is always that of the object. */
  getBytes(key: string, options: GetBytesOptions): Promise<ObjectHead & { readonly bytes: Buffer }>;
  /**
   * Server-side copy with new attributes if the source still has the ETag (`conflict` otherwise); also onto itself.
   * Above 5 GiB it copies by parts, and on any failure aborts its upload, best effort, before the rejection.
   */
  copy(
    from: { readonly key: string; readonly etag: string; readonly sizeBytes: number },
    to: { readonly key: string; readonly attributes: ObjectAttributes },
    options?: CopyOptions,
  ): Promise<Written>;
  /** Deletes up to 1,000 keys in one request; deleting an absent key succeeds. Returns the keys that failed, with why. */
  deleteMany(keys: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Error>>;
  /** All objects under the prefix, page by page in UTF-8 byte order of their keys. Retries by itself. */
  list(prefix: string, options?: CallOptions): AsyncIterable<readonly ListedObject[]>;
  /** Aborts a multipart upload of ours; one that is already gone is fine. */
  abortMultipart(key: string, uploadId: string, options?: CallOptions): Promise<void>;
  /**
   * What the bucket held once, to be read only: `check` refuses a bucket without versions as `fatal`, a listing comes
   * before everything else, and rejects as `fatal` at its end if versions that were named are missing. It is closed with
   * this one.
   */
  past(choice: PastChoice): ObjectStore;
  /** The versions of an object, the newest first; none if it never was. */
  versions(key: string, options?: CallOptions): AsyncIterable<ObjectVersion>;
  /** Closes connections. */
  close(): void;
}

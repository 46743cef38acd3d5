import { md5Hex } from './checksums.ts';
import { type Bucket, makeId, type StoredObject, type Upload, type UploadRule, type Version } from './state.ts';

/** An object as a test sees it. */
export interface ObjectView {
  readonly bytes: Buffer;
  /** Without quotes. */
  readonly etag: string;
  readonly versionId: string;
  readonly lastModifiedMs: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** `content-type` and the like. */
  readonly headers: Readonly<Record<string, string>>;
  /** `x-amz-storage-class`, `x-amz-tagging` and the like. */
  readonly settings: Readonly<Record<string, string>>;
}

function viewOf({ bytes, etag, versionId, lastModifiedMs, properties }: StoredObject): ObjectView {
  return { bytes, etag, versionId, lastModifiedMs, ...properties };
}

/** A bucket looked at, and changed, without requests. */
export class BucketView {
  readonly #bucket: Bucket;
  readonly #now: () => number;

  constructor(bucket: Bucket, now: () => number) {
    this.#bucket = bucket;
    this.#now = now;
  }

  /** The keys of the current objects in UTF-8 byte order. */
  keys(prefix = ''): string[] {
    return this.#bucket.keys().filter((key) => key.startsWith(prefix) && this.#bucket.current(key) !== undefined);
  }

  /** The current object. */
  object(key: string): ObjectView | undefined {
    const object = this.#bucket.current(key);
    return object === undefined ? undefined : viewOf(object);
  }

  /** The current object's bytes as UTF-8; undefined without an object. */
  text(key: string): string | undefined {
    return this.#bucket.current(key)?.bytes.toString('utf8');
  }

  /** Every current object by its key. */
  objects(prefix = ''): Map<string, ObjectView> {
    return new Map(this.keys(prefix).map((key) => [key, this.object(key)!]));
  }

  /** From now on every write makes a version of its own. */
  keepVersions(): void {
    this.#bucket.versioning = 'Enabled';
  }

  /** From now on every write replaces the version 'null'. */
  suspendVersions(): void {
    this.#bucket.versioning = 'Suspended';
  }

  /** Its lifecycle rules from now on. */
  ruleUploads(rules: readonly UploadRule[]): void {
    this.#bucket.uploadRules = rules;
  }

  /** Removes one version for good, as a lifecycle rule would. */
  removeVersion(key: string, versionId: string): void {
    this.#bucket.removeVersion(key, versionId);
  }

  /** Every version of a key, the newest first. */
  versions(key: string): readonly Version[] {
    return this.#bucket.versionsOf(key);
  }

  /** The open multipart uploads. */
  uploads(): Upload[] {
    return [...this.#bucket.uploads.values()];
  }

  /** Writes as another client would. */
  put(key: string, body: Buffer | string, metadata: Readonly<Record<string, string>> = {}): ObjectView {
    const bytes = Buffer.from(body);
    const properties = { metadata, headers: { 'content-type': 'binary/octet-stream' }, settings: {} };
    const object = { bytes, etag: md5Hex(bytes), lastModifiedMs: this.#now(), properties, checksum: undefined };
    return viewOf(this.#bucket.put(key, object));
  }

  /** Begins a multipart upload as another client would; returns its id. */
  beginUpload(key: string): string {
    const uploadId = makeId();
    const properties = { metadata: {}, headers: {}, settings: {} };
    const initiatedMs = this.#now();
    this.#bucket.uploads.set(uploadId, {
      uploadId,
      key,
      initiatedMs,
      properties,
      checksum: undefined,
      parts: new Map(),
    });
    return uploadId;
  }

  /** Deletes as another client would. */
  remove(key: string): void {
    this.#bucket.remove(key, this.#now());
  }
}

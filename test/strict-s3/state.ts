import { type Checksum, md5Hex } from './checksums.ts';
import { failure } from './errors.ts';

/** Everything an object carries besides its bytes. */
export interface Properties {
  /** User metadata, names without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** `content-type`, `cache-control` and the like. */
  readonly headers: Readonly<Record<string, string>>;
  /** `x-amz-storage-class`, `x-amz-tagging` and the like. */
  readonly settings: Readonly<Record<string, string>>;
  /** The MD5 of the customer's key it is encrypted with. */
  readonly customerKey?: string | undefined;
}

/** What a write makes; the bucket adds a version id. */
export interface NewObject {
  readonly bytes: Buffer;
  /** Without quotes. */
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly properties: Properties;
  readonly checksum: Checksum | undefined;
}

export interface StoredObject extends NewObject {
  readonly kind: 'object';
  readonly versionId: string;
}

export interface DeleteMarker {
  readonly kind: 'delete-marker';
  readonly versionId: string;
  readonly lastModifiedMs: number;
}

export type Version = StoredObject | DeleteMarker;

export interface Part {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly checksum: Checksum | undefined;
}

/** An open multipart upload. */
export interface Upload {
  readonly uploadId: string;
  readonly key: string;
  readonly initiatedMs: number;
  readonly properties: Properties;
  readonly checksum: Pick<Checksum, 'algorithm' | 'type'> | undefined;
  readonly parts: Map<number, Part>;
}

/** The id of the only version where versioning is off. */
export const NULL_VERSION = 'null';

let idsMade = 0;

/** An opaque id: never repeated, without order. */
export function makeId(): string {
  idsMade += 1;
  return md5Hex(Buffer.from(`id ${idsMade}`));
}

/** A lifecycle rule for uploads in parts. */
export interface UploadRule {
  readonly prefix: string;
  readonly days: number;
  readonly isEnabled: boolean;
}

/** A bucket: for every key its versions, the newest first. */
export class Bucket {
  readonly name: string;
  readonly createdMs: number;
  readonly uploads = new Map<string, Upload>();
  versioning: 'Enabled' | 'Suspended' | undefined;
  /** Its lifecycle rules, which are only told: uploads in parts that nobody completes are aborted. */
  uploadRules: readonly UploadRule[] = [];
  readonly #versions = new Map<string, Version[]>();
  #sorted: readonly string[] | undefined;

  constructor(name: string, createdMs: number) {
    this.name = name;
    this.createdMs = createdMs;
  }

  /** Every key that has a version, in the order of its UTF-8 bytes. */
  keys(): readonly string[] {
    this.#sorted ??= [...this.#versions.keys()]
      .map((key) => ({ key, bytes: Buffer.from(key) }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .map(({ key }) => key);
    return this.#sorted;
  }

  /** The versions of a key, the newest first. */
  versionsOf(key: string): readonly Version[] {
    return this.#versions.get(key) ?? [];
  }

  /** The object a plain GET finds. */
  current(key: string): StoredObject | undefined {
    const [latest] = this.versionsOf(key);
    return latest?.kind === 'object' ? latest : undefined;
  }

  /** Adds the newest version, or replaces the only one. */
  put(key: string, object: NewObject): StoredObject {
    const stored: StoredObject = { ...object, kind: 'object', versionId: this.#nextVersionId() };
    this.#add(key, stored);
    return stored;
  }

  /** A DELETE without a version id: removes the object, or hides it behind a marker. */
  remove(key: string, nowMs: number): DeleteMarker | undefined {
    if (this.versioning === undefined) {
      this.removeVersion(key, NULL_VERSION);
      return undefined;
    }
    const marker: DeleteMarker = { kind: 'delete-marker', versionId: this.#nextVersionId(), lastModifiedMs: nowMs };
    this.#add(key, marker);
    return marker;
  }

  /** Removes one version for good and returns it. */
  removeVersion(key: string, versionId: string): Version | undefined {
    const versions = this.versionsOf(key);
    const removed = versions.find((version) => version.versionId === versionId);
    if (removed !== undefined)
      this.#set(
        key,
        versions.filter((version) => version !== removed),
      );
    return removed;
  }

  #nextVersionId(): string {
    return this.versioning === 'Enabled' ? makeId() : NULL_VERSION;
  }

  /** There is at most one null version: a new one replaces it wherever it stands. */
  #add(key: string, version: Version): void {
    const others = this.versionsOf(key).filter(({ versionId }) => versionId !== version.versionId);
    this.#set(key, [version, ...others]);
  }

  #set(key: string, versions: Version[]): void {
    if (this.#versions.has(key) !== versions.length > 0) this.#sorted = undefined;
    if (versions.length > 0) this.#versions.set(key, versions);
    else this.#versions.delete(key);
  }
}

/** Limits that tests lower so as to reach them. */
export interface Limits {
  /** Every part but the last has at least this; 5 MiB on AWS. */
  readonly minPartBytes: number;
  /** The largest single PUT, part and copy; 5 GiB on AWS. */
  readonly maxPutBytes: number;
  /** The largest page of a listing; 1,000 on AWS. */
  readonly pageSize: number;
}

/** All that the server holds. */
export class Service {
  readonly region: string;
  readonly limits: Limits;
  readonly buckets = new Map<string, Bucket>();

  constructor(region: string, limits: Limits) {
    this.region = region;
    this.limits = limits;
  }

  /** @throws S3Failure `NoSuchBucket` */
  bucket(name: string): Bucket {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) throw failure('NoSuchBucket', { fields: { BucketName: name } });
    return bucket;
  }
}

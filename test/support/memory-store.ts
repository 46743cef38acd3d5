// An ObjectStore in memory: no server, no sockets, and every time and fault is the test's own.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { StoreError } from '../../src/store/errors.ts';
import { EtagHasher } from '../../src/store/etag-hasher.ts';
import { compareKeys } from '../../src/store/key-order.ts';
import type {
  CallOptions,
  CopyOptions,
  GetBytesOptions,
  GetOptions,
  ListedObject,
  MultipartOptions,
  ObjectAttributes,
  ObjectHead,
  ObjectStore,
  PartSource,
  PutOptions,
  Written,
} from '../../src/store/object-store.ts';

const PAGE_KEYS = 1_000;
const READ_BYTES = 2 ** 20;

interface StoredObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly attributes: ObjectAttributes;
}

/** One bucket. `objects` is its content; tests may read and change it. */
export class MemoryStore implements ObjectStore {
  readonly bucket = 'memory';
  readonly objects = new Map<string, StoredObject>();
  /** How often each method was called. */
  readonly calls = new Map<string, number>();
  /** When the next object is stored. */
  nowMs = 1_700_000_000_000;
  /** Copies above this size have an ETag of parts, as on S3. */
  copyThresholdBytes = 5 * 2 ** 30;
  readonly #uploads = new Map<string, string>();

  async check(options?: CallOptions): Promise<void> {
    this.#enter('check', '', options);
  }

  async head(key: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    this.#enter('head', key, options);
    const object = this.objects.get(key);
    return object && headOf(object);
  }

  async put(key: string, body: Buffer, attributes: ObjectAttributes, options?: PutOptions): Promise<Written> {
    this.#enter('put', key, options);
    if (options?.ifMatch !== undefined && this.#existing('put', key).etag !== options.ifMatch) throw this.#changed(key);
    if (options?.ifAbsent && this.objects.has(key)) throw this.#changed(key);
    return this.#store(key, { body, etag: createHash('md5').update(body).digest('hex'), attributes });
  }

  async putMultipart(
    key: string,
    source: PartSource,
    attributes: ObjectAttributes,
    options: MultipartOptions,
  ): Promise<Written> {
    this.#enter('put', key, options);
    const uploadId = `upload-${this.#uploads.size + 1}`;
    this.#uploads.set(uploadId, key);
    try {
      options.onStarted(uploadId);
      const parts: Buffer[] = [];
      for (let offset = 0; offset < source.sizeBytes; offset += READ_BYTES) {
        this.#refuse('put', key, options);
        const next = source.next(Math.min(READ_BYTES, source.sizeBytes - offset), options);
        const part = await next.catch((error: unknown) => {
          this.#refuse('put', key, options);
          throw error;
        });
        parts.push(Buffer.from(part.bytes));
        part.release();
      }
      await source.verify();
      if (!this.#uploads.has(uploadId)) throw this.#error('not-found', { action: 'put', key, code: 'NoSuchUpload' });
      const body = Buffer.concat(parts);
      const hasher = new EtagHasher(options.partSizeBytes);
      hasher.update(body);
      return this.#store(key, { body, etag: hasher.digest(), attributes });
    } finally {
      this.#uploads.delete(uploadId);
    }
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectHead & { readonly body: Readable }> {
    this.#enter('get', key, options);
    const object = this.#existing('get', key);
    if (options.ifMatch !== undefined && options.ifMatch !== object.etag) {
      throw this.#error('conflict', { action: 'get', key, code: 'PreconditionFailed' });
    }
    return {
      ...headOf(object),
      body: Readable.from(this.#chunks(key, object.body, options), { objectMode: false }),
    };
  }

  async getBytes(key: string, options: GetBytesOptions): Promise<ObjectHead & { readonly bytes: Buffer }> {
    const { body, ...head } = await this.get(key, options);
    const { offset, lengthBytes } = options.range ?? { offset: 0, lengthBytes: head.sizeBytes };
    if (offset + lengthBytes > head.sizeBytes)
      throw this.#error('rejected', { action: 'get', key, code: 'InvalidRange' });
    if (lengthBytes > options.maxBytes) throw this.#error('conflict', { action: 'get', key, code: 'EntityTooLarge' });
    const bytes = Buffer.concat(await body.toArray()).subarray(offset, offset + lengthBytes);
    if (bytes.length < lengthBytes) throw this.#error('transient', { action: 'get', key, code: 'IncompleteBody' });
    return { ...head, bytes: options.into?.subarray(0, bytes.copy(options.into)) ?? bytes };
  }

  async copy(
    from: { readonly key: string; readonly etag: string; readonly sizeBytes: number },
    to: { readonly key: string; readonly attributes: ObjectAttributes },
    options?: CopyOptions,
  ): Promise<Written> {
    this.#enter('copy', from.key, options);
    const source = this.#existing('copy', from.key);
    if (source.etag !== from.etag)
      throw this.#error('conflict', { action: 'copy', key: from.key, code: 'PreconditionFailed' });
    const inParts = source.body.length > this.copyThresholdBytes;
    if (inParts) {
      options?.onStarted?.(`copy-${this.calls.get('copy')}`);
      this.#refuse('copy', to.key, options);
    }
    const hasher = new EtagHasher(inParts ? this.copyThresholdBytes : null);
    hasher.update(source.body);
    return this.#store(to.key, { body: source.body, etag: hasher.digest(), attributes: to.attributes });
  }

  async deleteMany(keys: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, Error>> {
    this.#enter('delete', keys[0] ?? '', options);
    for (const key of keys) this.objects.delete(key);
    return new Map();
  }

  async *list(prefix: string, options?: CallOptions): AsyncIterable<readonly ListedObject[]> {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys);
    this.#enter('list', prefix, options);
    for (let at = 0; at < keys.length; at += PAGE_KEYS) {
      this.#refuse('list', prefix, options);
      yield keys.slice(at, at + PAGE_KEYS).flatMap((key) => {
        const object = this.objects.get(key);
        if (object === undefined) return [];
        return { key, sizeBytes: object.body.length, etag: object.etag, lastModifiedMs: object.lastModifiedMs };
      });
    }
  }

  async abortMultipart(key: string, uploadId: string, options?: CallOptions): Promise<void> {
    this.#enter('abort', key, options);
    this.#uploads.delete(uploadId);
  }

  versions(): never {
    throw new Error('the store in memory keeps no versions');
  }

  past(): never {
    throw new Error('it keeps no versions');
  }

  close(): void {}

  async *#chunks(key: string, body: Buffer, options: CallOptions): AsyncGenerator<Buffer> {
    for (let at = 0; at < body.length; at += 65_536) {
      this.#refuse('get', key, options);
      yield body.subarray(at, at + 65_536);
    }
  }

  #store(key: string, object: Omit<StoredObject, 'lastModifiedMs'>): Written {
    this.objects.set(key, { ...object, body: Buffer.from(object.body), lastModifiedMs: this.nowMs });
    return { etag: object.etag, versionId: null };
  }

  #existing(action: string, key: string): StoredObject {
    const object = this.objects.get(key);
    if (object === undefined) throw this.#error('not-found', { action, key, code: 'NoSuchKey' });
    return object;
  }

  #changed(key: string): StoreError {
    return this.#error('conflict', { action: 'put', key, code: 'PreconditionFailed' });
  }

  #enter(action: string, key: string, options: CallOptions | undefined): void {
    this.calls.set(action, (this.calls.get(action) ?? 0) + 1);
    this.#refuse(action, key, options);
  }

  #refuse(action: string, key: string, options: CallOptions | undefined): void {
    if (options?.signal?.aborted) throw this.#error('aborted', { action, key, code: 'AbortError' });
  }

  #error(
    reaction: StoreError['reaction'],
    { action, key, code }: { action: string; key: string; code: string },
  ): StoreError {
    return new StoreError(`Cannot ${action} s3://${this.bucket}/${key}: ${code}`, { reaction, code });
  }
}

function headOf({ body, etag, lastModifiedMs, attributes }: StoredObject): ObjectHead {
  return { sizeBytes: body.length, etag, versionId: null, lastModifiedMs, attributes };
}

// One regular file -> one object, by the cheapest request that makes S3 hold what is on disk.
import { createHash } from 'node:crypto';
import { type LedgerRow, UNHEARD_UPLOAD } from '../ledger/ledger.ts';
import { rowFor } from '../ledger/row.ts';
import { sameMetadata } from '../ledger/unchanged.ts';
import type { Stat } from '../model/entry.ts';
import { fileKey, type RelKey } from '../model/key.ts';
import { encodeMetadata, FUZZY } from '../model/metadata.ts';
import type { RelPath } from '../model/path.ts';
import type { StoreError } from '../store/errors.ts';
import type { ObjectAttributes, Written } from '../store/object-store.ts';
import { checksumIfStored } from './adopt.ts';
import { failure, mayExecute, owedProof, type TransferContext, wholeKey } from './context.ts';
import type { Outcome } from './outcome.ts';
import { isRetryable } from './retry.ts';
import { RacedError, StableFile } from './stable-file.ts';

/** Up to this size changed metadata is sent with the content, by one PUT; above it by a copy of the object onto itself. */
const METADATA_PUT_BYTES = 64 * 1024;

export interface UploadRequest {
  readonly path: RelPath;
  readonly content: 'send' | 'compare' | 'adopt';
  /** The ledger's row of this key. */
  readonly row: LedgerRow | undefined;
  /** Publish a snapshot even if the file does not rest. */
  readonly force: boolean;
  readonly signal: AbortSignal;
}

/** Publishes one file, or finds that there is nothing to send. */
export async function uploadFile(context: TransferContext, request: UploadRequest): Promise<Outcome> {
  let file: StableFile | undefined;
  try {
    const key = wholeKey(context, fileKey(request.path));
    file = await StableFile.open(context.tree, request.path);
    const youngMs = file.youngMs(context.wallNow());
    if (youngMs > 0 && !request.force) return { end: 'young', inMs: youngMs };
    return await new Upload(context, request, { file, key, youngMs }).run();
  } catch (error) {
    if (error instanceof RacedError) return { end: 'raced' };
    const code = (error as NodeJS.ErrnoException).code;
    if (error instanceof Error && 'syscall' in error && code !== undefined) return { end: 'unreadable', code };
    return failure(context, error, request.row);
  } finally {
    await file?.close();
  }
}

/** The content as it was read: whole for a small file, only its checksum for a large one. */
interface Content {
  readonly checksum: string;
  readonly body: Buffer | undefined;
  readonly torn: boolean;
}

class Upload {
  readonly #context: TransferContext;
  readonly #request: UploadRequest;
  readonly #file: StableFile;
  readonly #key: string;
  readonly #relKey: RelKey;
  readonly #stat: Stat;
  /** The ctime lies in the future: no stat can prove that this file is unchanged. */
  readonly #timeless: boolean;
  /** It was written a moment ago, so equal stats do not prove that it was not written while it was read. */
  readonly #young: boolean;
  /** An upload in parts that an attempt of before could not abort: known from its row alone, so no row may drop it. */
  #leftOpen: string | null;

  constructor(
    context: TransferContext,
    request: UploadRequest,
    opened: { file: StableFile; key: string; youngMs: number },
  ) {
    this.#context = context;
    this.#request = request;
    this.#file = opened.file;
    this.#key = opened.key;
    this.#timeless = opened.youngMs < 0;
    this.#young = opened.youngMs > 0;
    this.#relKey = fileKey(request.path);
    this.#stat = opened.file.before;
    this.#leftOpen = request.row?.uploadId ?? null;
  }

  async run(): Promise<Outcome> {
    const { content } = this.#request;
    const adopted = content === 'adopt' ? await this.#adoptable() : undefined;
    if (adopted !== undefined) return this.#equal({ ...this.#request.row!, checksum: adopted }, true);
    const large = this.#stat.sizeBytes >= this.#context.multipartThresholdBytes;
    if (large && content !== 'compare') return this.#sendInParts();
    const read = large ? await this.#digest() : await this.#readWhole();
    if (read.torn && !this.#request.force) return { end: 'raced' };
    if (!read.torn && content === 'compare' && read.checksum === this.#request.row?.checksum)
      return this.#refresh(read);
    return read.body === undefined ? this.#sendInParts() : this.#send(read.checksum, read.body, read.torn);
  }

  /** The content is what S3 holds. The metadata may not be, the mark of a snapshot above all. */
  async #refresh({ checksum, body }: Content): Promise<Outcome> {
    const row = this.#request.row!;
    const isMarked = row.state === 'fuzzy' && !this.#timeless;
    if (sameMetadata(row, this.#stat) && !isMarked) return this.#equal(row, false);
    if (row.etag === null || (body !== undefined && body.length <= METADATA_PUT_BYTES)) {
      return body === undefined ? this.#sendInParts() : this.#send(checksum, body, false);
    }
    const { store, journal } = this.#context;
    const { signal } = this.#request;
    await journal.saveDurably(mayExecute(this.#context, row));
    try {
      const from = { key: this.#key, etag: row.etag, sizeBytes: row.sizeBytes };
      const written = await store.copy(from, { key: this.#key, attributes: this.#attributes(false) }, { signal });
      return this.#stored(written, { checksum, torn: false, how: 'copied', bytes: 0 });
    } catch (error) {
      const failed = failure(this.#context, error, row);
      // The object is not the one we knew, or is gone: the next look sends the content.
      const { reaction } = error as StoreError;
      if (reaction === 'conflict' || reaction === 'not-found')
        return { end: 'disproven', row: { ...row, state: 'intent' } };
      return failed;
    }
  }

  #equal(row: LedgerRow, adopted: boolean): Outcome {
    const state = this.#timeless ? 'fuzzy' : 'known';
    const { etag, versionId, checksum } = row;
    const uploadId = this.#leftOpen;
    const facts = { state, etag, versionId, checksum, uploadId } as const;
    return { end: 'equal', row: rowFor(this.#relKey, this.#stat, facts), adopted };
  }

  async #send(checksum: string, body: Buffer, torn: boolean): Promise<Outcome> {
    const { store, journal } = this.#context;
    const before = this.#request.row ?? rowFor(this.#relKey, this.#stat, { state: 'intent', checksum: null });
    await journal.saveDurably(mayExecute(this.#context, before));
    try {
      const written = await store.put(this.#key, body, this.#attributes(torn), { signal: this.#request.signal });
      return this.#stored(written, { checksum, torn, how: 'uploaded', bytes: body.length });
    } catch (error) {
      return failure(this.#context, error, before);
    }
  }

  async #sendInParts(): Promise<Outcome> {
    const { store, journal, partSizeBytes, partConcurrency } = this.#context;
    const { row, force, signal } = this.#request;
    const failed = await this.#abortLeftOpen();
    if (failed !== undefined) return failed;
    const before = {
      ...(row ?? rowFor(this.#relKey, this.#stat, { state: 'intent', checksum: null })),
      uploadId: null,
    };
    await journal.saveDurably(mayExecute(this.#context, { ...before, uploadId: UNHEARD_UPLOAD }));
    let open: string | null = null;
    const hash = createHash('sha256');
    let torn = false;
    const source = {
      sizeBytes: this.#stat.sizeBytes,
      read: async (offset: number, lengthBytes: number): Promise<Buffer> => {
        const part = await this.#file.read(offset, lengthBytes);
        hash.update(part); // the store reads each part once, in order
        return part;
      },
      verify: async (): Promise<void> => {
        torn = await this.#isTorn();
        if (torn && !force) throw new RacedError('it changed while it was sent');
      },
    };
    const onStarted = (uploadId: string): void => {
      open = uploadId;
      journal.save(mayExecute(this.#context, { ...before, uploadId }));
      journal.flush();
    };
    try {
      const options = { partSizeBytes, concurrency: partConcurrency, onStarted, signal };
      const written = await store.putMultipart(this.#key, source, this.#attributes(force), options);
      return this.#stored(written, {
        checksum: hash.digest('hex'),
        torn,
        marked: force,
        how: 'uploaded',
        bytes: source.sizeBytes,
      });
    } catch (error) {
      // With the upload's id: it may still be open.
      const after = { ...before, uploadId: open };
      if (!(error instanceof RacedError)) return failure(this.#context, error, after);
      journal.save(after);
      return { end: 'raced' };
    }
  }

  async #abortLeftOpen(): Promise<Outcome | undefined> {
    const { row, signal } = this.#request;
    try {
      if (this.#leftOpen) await this.#context.store.abortMultipart(this.#key, this.#leftOpen, { signal });
    } catch (error) {
      // Who may not abort could otherwise never upload again.
      if (isRetryable(error) || signal.aborted) return failure(this.#context, error, row);
    }
    this.#leftOpen = null;
    return undefined;
  }

  #stored(
    written: Written,
    facts: { checksum: string; torn: boolean; marked?: boolean; how: 'uploaded' | 'copied'; bytes: number },
  ): Outcome {
    const { checksum, torn, marked = torn, how, bytes } = facts;
    const proveAfterMs = owedProof(this.#request.row, this.#context.steadyNow());
    const state = marked || this.#timeless ? 'fuzzy' : proveAfterMs === null ? 'known' : 'unproven';
    const row = rowFor(this.#relKey, this.#stat, {
      state,
      checksum,
      etag: written.etag,
      versionId: written.versionId,
      uploadId: this.#leftOpen,
      proveAfterMs,
    });
    return { end: 'stored', row, how, bytes, torn, marked };
  }

  #attributes(fuzzy: boolean): ObjectAttributes {
    const metadata = encodeMetadata(this.#stat);
    return { metadata: fuzzy ? { ...metadata, [FUZZY]: '1' } : metadata };
  }

  /** The checksum of the content if the foreign object already holds it. */
  async #adoptable(): Promise<string | undefined> {
    const checksum = await checksumIfStored(this.#file, this.#request.row?.etag ?? null);
    if (checksum !== undefined && (await this.#isTorn())) throw new RacedError('it changed while it was compared');
    return checksum;
  }

  async #isTorn(): Promise<boolean> {
    return this.#young || !(await this.#file.isUnmoved());
  }

  async #readWhole(): Promise<Content> {
    const body = await this.#file.read(0, this.#stat.sizeBytes);
    const checksum = createHash('sha256').update(body).digest('hex');
    return { checksum, body, torn: await this.#isTorn() };
  }

  async #digest(): Promise<Content> {
    const hash = createHash('sha256');
    const step = 1024 * 1024;
    for (let at = 0; at < this.#stat.sizeBytes; at += step) {
      hash.update(await this.#file.read(at, Math.min(step, this.#stat.sizeBytes - at)));
    }
    return { checksum: hash.digest('hex'), body: undefined, torn: await this.#isTorn() };
  }
}

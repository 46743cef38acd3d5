// One regular file -> one object, by the cheapest request that makes S3 hold what is on disk.
import { createHash, hash } from 'node:crypto';
import { type LedgerRow, UNHEARD_UPLOAD } from '../ledger/ledger.ts';
import { rowFor } from '../ledger/row.ts';
import { sameExtras, sameFile, sameMetadata } from '../ledger/unchanged.ts';
import type { Action } from '../model/action.ts';
import { companionsOf } from '../model/companions.ts';
import type { Stat } from '../model/entry.ts';
import type { Extras } from '../model/extras.ts';
import { fileKey, type RelKey } from '../model/key.ts';
import { FUZZY, SNAPSHOT } from '../model/metadata.ts';
import type { RelPath } from '../model/path.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectAttributes, Written } from '../store/object-store.ts';
import { checksumIfStored, likeness, mayBeNewer } from './adopt.ts';
import {
  abortLeftOpen,
  acknowledgedRow,
  announce,
  cutShort,
  failure,
  fieldsOf,
  mayExecute,
  type TransferContext,
  wholeKey,
} from './context.ts';
import { type CopyRequest, copyObject } from './copy-object.ts';
import type { Reading } from './copy-order.ts';
import { extrasOf } from './extras.ts';
import { FileParts } from './file-parts.ts';
import type { Outcome } from './outcome.ts';
import { RacedError, StableFile } from './stable-file.ts';

/** Up to this size changed metadata is sent with the content, by one PUT; above it by a copy of the object onto itself. */
const METADATA_PUT_BYTES = 64 * 1024;

/** See Action. */
export type PutContent = Extract<Action, { do: 'put-file' }>['content'];

export interface UploadRequest {
  readonly path: RelPath;
  readonly content: PutContent;
  /** The ledger's row of this key. */
  readonly row: LedgerRow | undefined;
  /** Another key that is to be copied if what is read turns out to be its content. */
  readonly from?: CopySource;
  /** Publish a snapshot even if the file does not rest. */
  readonly force: boolean;
  /** It changed while it was read before, or may have. */
  readonly overtaken: boolean;
  /** Of content that goes in parts: S3 has taken so much more of it. */
  readonly onSent?: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** The object of another key, kept in place by `reading`. */
export interface CopySource {
  readonly source: LedgerRow;
  readonly reading: Reading;
}

/** Publishes one file, or finds that there is nothing to send. */
export async function uploadFile(context: TransferContext, request: UploadRequest): Promise<Outcome> {
  let file: StableFile | undefined;
  try {
    const key = wholeKey(context, fileKey(request.path));
    file = StableFile.open(context.tree, request.path);
    if (context.snapshots.isMade(request.path)) return await uploadSnapshot(context, request, { file, key });
    const youngMs = file.youngMs(context.wallNow());
    if (youngMs > 0 && !request.force) return { end: 'young', inMs: youngMs };
    // A clone has only the content.
    const extras = extrasOf(context, request.path, file.opened);
    // Only then, for a clone costs the writer: what it overwrites meanwhile takes new blocks.
    const takesLong = file.before.sizeBytes >= context.multipartThresholdBytes;
    if (request.force || (request.overtaken && takesLong)) await file.freeze(context.clones);
    if (file.isFrozen && !file.isUnmoved() && !request.force) return { end: 'raced' };
    return await new Upload(context, request, { file, extras, key, youngMs }).run();
  } catch (error) {
    return cutShort(context, error, request.row);
  } finally {
    file?.close();
  }
}

/** While so many commands run that this one must wait. */
const BUSY_MS = 200;

/** Publishes what a command makes of the file. */
async function uploadSnapshot(
  context: TransferContext,
  request: UploadRequest,
  { file, key }: { file: StableFile; key: string },
): Promise<Outcome> {
  const { snapshots } = context;
  const { path, signal, force } = request;
  const seen = snapshots.look(path, file.before);
  if (seen.youngMs > 0 && !force) return { end: 'young', inMs: seen.youngMs };
  // What a command makes has only the content.
  const extras = extrasOf(context, path, file.opened);
  if (!file.isUnmoved()) return { end: 'raced' };
  await refuseCompanions(context, path, signal);
  const made = await snapshots.make(path, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    throw new StoreError('Cannot make a snapshot: it was aborted', {
      reaction: 'aborted',
      code: 'Aborted',
      cause: error,
    });
  });
  if (made === undefined) return { end: 'busy', inMs: BUSY_MS };
  file.substitute(made);
  const { youngMs } = seen;
  const outcome = await new Upload(context, request, { file, extras, key, youngMs, isSnapshot: true }).run();
  const isStored = outcome.end === 'stored' || outcome.end === 'equal';
  if (isStored && youngMs === 0) snapshots.stored(path, seen);
  return outcome;
}

/** @throws StoreError if S3 holds what a restore would put beside the snapshot, of another state of the file */
async function refuseCompanions(context: TransferContext, path: RelPath, signal: AbortSignal): Promise<void> {
  if (context.snapshots.isAlone(path)) return;
  for (const companion of companionsOf(path)) {
    const key = wholeKey(context, fileKey(companion));
    if ((await context.store.head(key, { signal })) === undefined) continue;
    const message = `S3 holds ${key}, which must not be restored beside a snapshot: remove it there`;
    throw new StoreError(message, { reaction: 'rejected', code: 'CompanionStored' });
  }
  context.snapshots.alone(path);
}

/**
 * - `rested`: read between two equal stats, the first old enough: it is the content that belongs to the stat.
 * - `moving`: the file at one instant, and it went on changing, or may have.
 * - `torn`: perhaps no state it was ever in.
 */
type Steadiness = 'rested' | 'moving' | 'torn';

/** What was read. */
interface Read {
  readonly checksum: string;
  readonly steadiness: Steadiness;
}

/** The same with the whole content of a small file. */
interface Content extends Read {
  readonly body: Buffer | undefined;
}

class Upload {
  readonly #context: TransferContext;
  readonly #request: UploadRequest;
  readonly #file: StableFile;
  readonly #key: string;
  readonly #relKey: RelKey;
  readonly #stat: Stat;
  readonly #extras: Extras;
  /** The ctime lies in the future: no stat can prove that this file is unchanged. */
  readonly #timeless: boolean;
  /** It was written a moment ago, so equal stats do not prove that it was not written while it was read. */
  readonly #young: boolean;
  /** What is read is no content of the file: the object says so. */
  readonly #isSnapshot: boolean;
  /** The row of the key as it was before the next request. */
  #row: LedgerRow;

  constructor(
    context: TransferContext,
    request: UploadRequest,
    opened: { file: StableFile; extras: Extras; key: string; youngMs: number; isSnapshot?: boolean },
  ) {
    this.#context = context;
    this.#request = request;
    this.#file = opened.file;
    this.#key = opened.key;
    this.#timeless = opened.youngMs < 0;
    this.#young = opened.youngMs > 0;
    this.#isSnapshot = opened.isSnapshot ?? false;
    this.#relKey = fileKey(request.path);
    this.#stat = opened.file.before;
    this.#extras = opened.extras;
    this.#row = request.row ?? rowFor(this.#relKey, this.#stat, { state: 'intent', checksum: null });
  }

  async run(): Promise<Outcome> {
    const { content } = this.#request;
    const unread =
      content === 'adopt' ? await this.#adopt() : content === 'stored' ? await this.#complete() : undefined;
    if (unread !== undefined) return unread;
    const large = this.#file.sizeBytes >= this.#context.multipartThresholdBytes;
    const mayBeStored = content === 'compare' || this.#request.from !== undefined;
    if (large && !mayBeStored) return this.#sendInParts();
    const read = large ? await this.#digest() : await this.#readWhole();
    if (read.steadiness !== 'rested' && !this.#request.force) return { end: 'raced' };
    const found = read.steadiness === 'torn' || !mayBeStored ? undefined : await this.#reuse(read);
    // Whoever waits for the source need not wait for the content to be sent.
    if (found === undefined) this.#request.from?.reading.end();
    return found ?? (read.body === undefined ? this.#sendInParts() : this.#send(read.body, read));
  }

  /** What S3 holds already is not sent: at most it is copied. Undefined if the content must be sent. */
  async #reuse(read: Content): Promise<Outcome | undefined> {
    const { content, row, from } = this.#request;
    const { checksum, body } = read;
    if (content === 'compare' && row?.checksum === checksum) {
      // The metadata may differ, the mark of a snapshot above all.
      const isMarked = row.state === 'fuzzy' && !this.#timeless;
      if (sameMetadata(row, this.#stat) && sameExtras(row, this.#extras) && !isMarked)
        return this.#equal(row, read.steadiness);
      const small = body !== undefined && body.length <= METADATA_PUT_BYTES;
      return small || this.#isSnapshot || row.etag === null ? undefined : this.#copy(read, { source: row });
    }
    return from?.source.checksum === checksum ? this.#copy(read, from) : undefined;
  }

  async #copy(read: Read, from: Pick<CopyRequest, 'source' | 'reading'>): Promise<Outcome | undefined> {
    const { signal } = this.#request;
    const copied = await copyObject(this.#context, {
      ...from,
      row: this.#row,
      stat: this.#stat,
      extras: this.#extras,
      signal,
    });
    if (copied.end === 'failed') return copied;
    this.#row = copied.row;
    if (copied.end === 'declined') return undefined;
    return this.#stored(copied.written, { ...read, how: 'copied', bytes: 0 });
  }

  #equal(row: LedgerRow, steadiness: Steadiness, adopted = false): Outcome {
    const state = this.#isUnprovable(steadiness) ? 'fuzzy' : 'known';
    const { etag, versionId, checksum } = row;
    const { uploadId } = this.#row;
    const facts = { state, ...fieldsOf(this.#extras), etag, versionId, checksum, uploadId } as const;
    return { end: 'equal', row: rowFor(this.#relKey, this.#stat, facts), adopted };
  }

  async #send(body: Buffer, read: Read): Promise<Outcome> {
    const { store } = this.#context;
    const attributes = await this.#attributes(read.steadiness === 'torn');
    await announce(this.#context, this.#row);
    try {
      const options = { signal: this.#request.signal, sha256: read.checksum };
      const written = await store.put(this.#key, body, attributes, options);
      return this.#stored(written, { ...read, how: 'uploaded', bytes: body.length });
    } catch (error) {
      return failure(this.#context, error, this.#row);
    }
  }

  async #sendInParts(): Promise<Outcome> {
    const { store, journal, partSizeBytes, partConcurrency } = this.#context;
    const { force, onSent, signal } = this.#request;
    // Parts say at their start what nobody knows before their end.
    const marked = force && !this.#file.isFrozen;
    const attributes = await this.#attributes(marked);
    const before = await abortLeftOpen(this.#context, this.#row, signal);
    this.#row = before;
    await announce(this.#context, { ...before, uploadId: UNHEARD_UPLOAD });
    let open: string | null = null;
    let steadiness: Steadiness = 'torn';
    const verify = (): void => {
      steadiness = this.#steadiness();
      if (steadiness !== 'rested' && !force) throw new RacedError('it changed while it was sent');
    };
    const source = new FileParts(this.#file, { ...this.#context, verify });
    const onStarted = (uploadId: string): void => {
      open = uploadId;
      journal.save(mayExecute(this.#context, { ...before, uploadId }));
      journal.flush();
    };
    try {
      const options = { partSizeBytes, concurrency: partConcurrency, onStarted, ...(onSent && { onSent }), signal };
      const written = await store.putMultipart(this.#key, source, attributes, options);
      const { checksum, sizeBytes: bytes } = source;
      return this.#stored(written, { checksum, steadiness, marked, how: 'uploaded', bytes });
    } catch (error) {
      // With the upload's id: it may still be open.
      const after = { ...before, uploadId: open };
      if (!(error instanceof RacedError)) return failure(this.#context, error, after);
      journal.save(after);
      return { end: 'raced' };
    } finally {
      source.close();
    }
  }

  #stored(written: Written, facts: Read & { marked?: boolean; how: 'uploaded' | 'copied'; bytes: number }): Outcome {
    const { checksum, steadiness, how, bytes } = facts;
    const torn = steadiness === 'torn';
    const { marked = torn } = facts;
    const fuzzy = marked || this.#isUnprovable(steadiness);
    const [stat, extras] = [this.#stat, this.#extras];
    const row = acknowledgedRow(this.#context, this.#row, { stat, extras, checksum, written, fuzzy });
    return { end: 'stored', row, how, bytes, torn, marked };
  }

  /** @throws StoreError */
  async #attributes(fuzzy: boolean): Promise<ObjectAttributes> {
    const metadata = { ...(await this.#context.metadata.of(this.#stat, this.#extras, this.#request.signal)) };
    if (fuzzy) metadata[FUZZY] = '1';
    if (this.#isSnapshot) metadata[SNAPSHOT] = '1';
    return { metadata };
  }

  /** The foreign object becomes ours if it holds the content; if it may be older than the file, it is asked what it says of it. */
  async #adopt(): Promise<Outcome | undefined> {
    const row = this.#row;
    const checksum = await checksumIfStored(this.#file, row.etag);
    if (checksum === undefined) return undefined;
    const steadiness = this.#steadiness();
    if (steadiness === 'torn') throw new RacedError('it changed while it was compared');
    const { xattrs, linkGroup } = this.#extras;
    // Whoever stored it may have looked at less.
    if (mayBeNewer(this.#stat, row) || (xattrs?.digest ?? '') !== '' || linkGroup != null) {
      const head = await this.#context.store.head(this.#key, { signal: this.#request.signal });
      const like = likeness(this.#stat, this.#extras, { row, head });
      if (like !== 'same') return like === 'other' ? this.#copy({ checksum, steadiness }, { source: row }) : undefined;
      return this.#equal({ ...row, checksum, versionId: head!.versionId }, steadiness, true);
    }
    return this.#equal({ ...row, checksum }, steadiness, true);
  }

  /** The content is the row's, as their stats show; what goes with it, nobody has looked at. */
  async #complete(): Promise<Outcome | undefined> {
    const row = this.#row;
    const steadiness = this.#steadiness();
    if (!sameFile(row, this.#stat) || steadiness !== 'rested')
      throw new RacedError('it changed after it was looked at');
    if (sameExtras(row, this.#extras)) return this.#equal(row, steadiness);
    return row.etag === null ? undefined : this.#copy({ checksum: row.checksum!, steadiness }, { source: row });
  }

  /** Of what has been read by now. */
  #steadiness(): Steadiness {
    if (!this.#young && this.#file.isUnmoved()) return 'rested';
    return this.#file.isFrozen ? 'moving' : 'torn';
  }

  /** Whether an equal stat, later, does not show that the file still holds what was read. */
  #isUnprovable(steadiness: Steadiness): boolean {
    return this.#timeless || steadiness !== 'rested';
  }

  async #readWhole(): Promise<Content> {
    const body = await this.#file.read(0, this.#file.sizeBytes);
    const checksum = hash('sha256', body);
    return { checksum, body, steadiness: this.#steadiness() };
  }

  async #digest(): Promise<Content> {
    const content = createHash('sha256');
    const step = 1024 * 1024;
    const { sizeBytes } = this.#file;
    for (let at = 0; at < sizeBytes; at += step) {
      content.update(await this.#file.read(at, Math.min(step, sizeBytes - at)));
    }
    return { checksum: content.digest('hex'), body: undefined, steadiness: this.#steadiness() };
  }
}

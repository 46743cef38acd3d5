// Writes checkpoints: which versions of all keys make up the tree, at a price of what changed since the last one.
import { isDeepStrictEqual } from 'node:util';
import type { CheckpointChain, Ledger, LedgerRow } from '../ledger/ledger.ts';
import { objectKey, type RelKey } from '../model/key.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectStore } from '../store/object-store.ts';
import {
  CHECKPOINT_ATTRIBUTES,
  CHECKPOINTS,
  checkpointId,
  type Entry,
  encodeCheckpoint,
  encodeSegment,
  SEGMENTS,
} from './document.ts';

/** The part of the ledger that is wanted. */
type Rows = Pick<Ledger, 'get' | 'count'> & { readonly chain: CheckpointChain };

export interface CheckpointWriterOptions {
  readonly store: Pick<ObjectStore, 'put' | 'head' | 'deleteMany'>;
  readonly prefix: string;
  readonly ledger: Rows;
  /** Saves a row that was completed. */
  readonly save: (row: LedgerRow) => void;
  readonly retry: <T>(request: () => Promise<T>, options: { readonly signal: AbortSignal }) => Promise<T>;
  /** Hexadecimal. */
  readonly randomName: () => string;
  /** More changes than these go into a segment: until then each checkpoint repeats them. Default: 1,000. */
  readonly maxEntries?: number;
  /** Entries of one segment: some 100 bytes each are in memory at once. Default: 10,000. */
  readonly segmentEntries?: number;
}

/** A checkpoint that is not in S3 yet. */
export interface Draft {
  readonly id: string;
  readonly segments: readonly string[];
  readonly entries: readonly Entry[];
}

/** Objects that are asked for their version at once. */
const HEADS_AT_ONCE = 16;

/**
 * A chain of checkpoints begins with segments that tell of all keys. Each checkpoint names the segments and tells what
 * changed since; when that has become much it becomes a segment, and when segments tell of more than twice as many keys
 * as there are a new chain begins. So what is written grows with the changes, not with the tree.
 *
 * Segments are written while the tree changes: what they tell of no single moment, the checkpoint puts right.
 */
export class CheckpointWriter {
  readonly #o: Required<CheckpointWriterOptions>;

  constructor(options: CheckpointWriterOptions) {
    this.#o = { maxEntries: 1_000, segmentEntries: 10_000, ...options };
  }

  /**
   * Leaves little to be read at the moment of the checkpoint.
   * @throws StoreError, LedgerError
   */
  async prepare(signal: AbortSignal): Promise<void> {
    const { maxEntries, segmentEntries } = this.#o;
    const { chain } = this.#o.ledger;
    if (chain.segments === undefined) chain.begin();
    const isMuch = chain.changed('' as RelKey, maxEntries + 1).length > maxEntries;
    if (isMuch && this.#isRepetitive()) chain.begin();
    let after = '' as RelKey;
    for (;;) {
      const keys = chain.changed(after, isMuch ? segmentEntries : maxEntries);
      if (keys.length === 0) return;
      await this.#completeAll(keys, signal);
      if (isMuch) await this.#writeSegment(keys, signal);
      after = keys.at(-1)!;
    }
  }

  /**
   * What S3 is known to hold now, all of it read in this turn of the event loop; undefined if of some key it is not
   * known, or if it is too much to be read at once.
   */
  draft(atMs: number): Draft | undefined {
    const { ledger, randomName, maxEntries } = this.#o;
    const { segments } = ledger.chain;
    const keys = ledger.chain.changed('' as RelKey, maxEntries + 1);
    const entries = keys.map((key) => this.#entryOf(key, ledger.get(key)));
    if (segments === undefined || entries.length > maxEntries || !entries.every(isCertain)) return undefined;
    return { id: checkpointId(atMs, randomName()), segments: segments.map(({ name }) => name), entries };
  }

  /** Makes it last. @throws StoreError, also if the bucket keeps no versions */
  async write(draft: Draft, signal: AbortSignal): Promise<void> {
    await this.#put(CHECKPOINTS + draft.id, await encodeCheckpoint(draft), signal);
  }

  /** Most of what the segments tell is told otherwise by later ones. */
  #isRepetitive(): boolean {
    const { ledger, maxEntries } = this.#o;
    const told = ledger.chain.segments!.reduce((sum, { entries }) => sum + entries, 0);
    return told > 2 * (ledger.count().ours + maxEntries);
  }

  async #writeSegment(keys: readonly RelKey[], signal: AbortSignal): Promise<void> {
    const { ledger, randomName } = this.#o;
    const entries: Entry[] = [];
    const told = new Map<RelKey, string | null>();
    for (const key of keys) {
      const entry = this.#entryOf(key, ledger.get(key));
      if (entry === undefined) continue; // it stays among the changes
      entries.push(entry);
      told.set(key, entry[1] ?? null);
    }
    if (entries.length === 0) return;
    const name = randomName();
    await this.#put(SEGMENTS + name, await encodeSegment(entries), signal);
    ledger.chain.add({ name, entries: entries.length }, told);
  }

  async #put(name: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
    const { store, prefix, retry } = this.#o;
    const put = () => store.put(prefix + name, bytes, CHECKPOINT_ATTRIBUTES, { signal });
    const { versionId } = await retry(put, { signal });
    if (versionId !== null && versionId !== 'null') return;
    await store.deleteMany([prefix + name], { signal });
    throw new StoreError('Cannot take a checkpoint: the bucket keeps no versions', {
      reaction: 'fatal',
      code: 'NoVersions',
      hint: 'turn versioning on again, or leave out --checkpoint-interval',
    });
  }

  /** Listings tell no versions: what was taken over from one is asked for its own, once. */
  async #completeAll(keys: readonly RelKey[], signal: AbortSignal): Promise<void> {
    const rows = keys.map((key) => this.#o.ledger.get(key)).filter((row) => row !== undefined);
    const incomplete = rows.filter(({ state, versionId }) => state === 'known' && versionId === null);
    while (incomplete.length > 0) {
      await Promise.all(incomplete.splice(0, HEADS_AT_ONCE).map((row) => this.#complete(row, signal)));
    }
  }

  async #complete(row: LedgerRow, signal: AbortSignal): Promise<void> {
    const { store, prefix, retry, ledger, save } = this.#o;
    const key = objectKey(prefix, row.key);
    const head = await retry(() => store.head(key, { signal }), { signal });
    // What was stored meanwhile may be another version with the same content.
    if (head?.etag !== row.etag || !isDeepStrictEqual(ledger.get(row.key), row)) return;
    save({ ...row, versionId: head.versionId });
  }

  /** undefined: it is not known for certain what S3 holds. */
  #entryOf(key: RelKey, row: LedgerRow | undefined): Entry | undefined {
    const whole = objectKey(this.#o.prefix, key);
    const name = whole.slice(this.#o.prefix.length);
    if (row === undefined || row.state === 'foreign') return [name];
    if (row.state !== 'known' || row.versionId === null) return undefined;
    return row.versionId === 'null' && row.etag !== null ? [name, 'null', row.etag] : [name, row.versionId];
  }
}

function isCertain(entry: Entry | undefined): entry is Entry {
  return entry !== undefined;
}

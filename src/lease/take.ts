// Becoming the holder: read, wait as long as somebody else may hold it, write on the condition that nobody was quicker.
import { StoreError } from '../store/errors.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { honoursIfAbsent, honoursIfMatch } from './conditions.ts';
import { decodeLease, encodeLease, type LeaseDocument, type LeaseMode } from './document.ts';
import { isCurrent, type SeenLease, type Sighting, sight, takeableAtMs } from './rules.ts';

/** Runs an attempt until it succeeds or fails for good. */
export type Retry = <T>(attempt: () => Promise<T>, options: { readonly signal: AbortSignal }) => Promise<T>;

/** What the lease is kept with. */
export interface LeaseEdges {
  readonly store: Pick<ObjectStore, 'get' | 'put' | 'deleteMany'>;
  /** The whole key. */
  readonly key: string;
  readonly retry: Retry;
  /** Milliseconds that go on while the machine is suspended. */
  readonly now: () => number;
  /** Rejects when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Who takes it. */
export interface Candidate extends Pick<LeaseDocument, 'holder' | 'term' | 'boot' | 'host' | 'pid' | 'version'> {
  readonly ttlMs: number;
  readonly mode: LeaseMode;
  readonly steal: boolean;
  /** Wall clock, ms: for people only. */
  readonly wallNow: () => number;
}

export interface TakeOptions {
  /** What the ledger says of the last term it belongs to; null: nothing. */
  readonly ledgerGeneration: number | null;
  /** Refuse instead of waiting for a holder that is alive. */
  readonly impatient: boolean;
  /** Refuse if another agent has written since the ledger's generation. */
  readonly refuseIfBehind: boolean;
  /** Told once, before the first wait. */
  readonly onWait: (holder: LeaseDocument | undefined) => void;
  readonly signal: AbortSignal;
}

/** A lease that is held. */
export interface Taken {
  readonly document: LeaseDocument;
  readonly etag: string;
  /** When the request was sent that took it, or one before it. */
  readonly sentMs: number;
  /** The ledger knows of everything that was written under the lease before. */
  readonly isCurrent: boolean;
}

/** The server ignores conditions: there can be no lease. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
}

/** Another agent holds the lease, and is alive. */
export class HeldError extends Error {
  override readonly name = 'HeldError';
  readonly holder: LeaseDocument | undefined;

  constructor(holder: LeaseDocument | undefined) {
    super('another agent holds the lease');
    this.holder = holder;
  }
}

/** Another agent has written since this ledger was the last to; nothing was taken. */
export class BehindError extends Error {
  override readonly name = 'BehindError';
  readonly holder: LeaseDocument | undefined;

  constructor(holder: LeaseDocument | undefined) {
    super('another agent has written since');
    this.holder = holder;
  }
}

/** How often a waiting challenger looks: a hand-over takes no longer. */
const POLL_MS = 1_000;

/** A server that refuses as often though nothing changes honours no conditions. RGW 16.2 does so in versioned buckets. */
const MAX_REFUSALS = 5;
const REFUSED_PAUSE_MS = 200;

/**
 * Takes the lease.
 *
 * @throws UnsupportedError, HeldError, BehindError; StoreError if it cannot be read or written for good
 */
export function takeLease(edges: LeaseEdges, candidate: Candidate, options: TakeOptions): Promise<Taken> {
  return new Take(edges, candidate, options).run();
}

/** undefined if there is none. */
export async function readLease(
  { store, key }: Pick<LeaseEdges, 'store' | 'key'>,
  signal: AbortSignal,
): Promise<SeenLease | undefined> {
  try {
    const { etag, body } = await store.get(key, { signal });
    const bytes = Buffer.concat((await body.toArray()) as Buffer[]);
    return { etag, bytes, document: decodeLease(bytes) };
  } catch (error) {
    if (error instanceof StoreError && error.reaction === 'not-found') return undefined;
    throw error;
  }
}

class Take {
  readonly #edges: LeaseEdges;
  readonly #candidate: Candidate;
  readonly #o: TakeOptions;
  #sighting: Sighting | undefined;
  /** When the first request was sent that may have taken it. */
  #sentMs: number | undefined;
  #isCurrent = false;
  #created = false;
  /** The ETag on whose condition writes were refused, '' for that of none, and how often in a row. */
  #refused = { etag: 'none yet', times: 0 };
  #announced = false;
  #sequence = 0;

  constructor(edges: LeaseEdges, candidate: Candidate, options: TakeOptions) {
    this.#edges = edges;
    this.#candidate = candidate;
    this.#o = options;
  }

  async run(): Promise<Taken> {
    const { retry, sleep } = this.#edges;
    const { signal } = this.#o;
    for (;;) {
      const step = await retry(() => this.#step(), { signal });
      if (typeof step !== 'number') return step;
      await sleep(step, signal);
    }
  }

  /** @returns how long to wait before the next look, unless it is taken */
  async #step(): Promise<Taken | number> {
    const seen = await readLease(this.#edges, this.#o.signal);
    // An answer was lost: it is ours already.
    if (seen?.document?.term === this.#candidate.term) return this.#prove(seen.document, seen);
    // It is as it was when we were refused, again and again: nobody was quicker.
    if (this.#refused.times >= MAX_REFUSALS && this.#refused.etag === (seen?.etag ?? '')) {
      throw new UnsupportedError('the server refuses conditional writes whose condition holds');
    }
    const waitMs = seen === undefined ? 0 : this.#waitMs(seen);
    return waitMs > 0 ? Math.min(waitMs, POLL_MS) : this.#write(seen);
  }

  #waitMs(seen: SeenLease): number {
    const { impatient, onWait } = this.#o;
    const nowMs = this.#edges.now();
    const isRenewed = this.#sighting !== undefined && this.#sighting.seen.etag !== seen.etag;
    this.#sighting = sight(this.#sighting, seen, nowMs);
    const waitMs = takeableAtMs(this.#sighting, { ...this.#candidate, nowMs }) - nowMs;
    if (waitMs <= 0) return waitMs;
    if (impatient && isRenewed) throw new HeldError(seen.document);
    if (!this.#announced) onWait(seen.document);
    this.#announced = true;
    return waitMs;
  }

  async #write(seen: SeenLease | undefined): Promise<Taken | number> {
    const { store, key, now } = this.#edges;
    const { ledgerGeneration, refuseIfBehind, signal } = this.#o;
    const { holder } = this.#candidate;
    this.#isCurrent = isCurrent(seen?.document, { holder, generation: ledgerGeneration });
    // Whoever deleted the lease may have deleted everything: that is no other agent.
    const isBehind = seen !== undefined && ledgerGeneration !== null && !this.#isCurrent;
    if (isBehind && refuseIfBehind) {
      await this.#bury(seen);
      throw new BehindError(seen.document);
    }
    const document = this.#document(seen?.document?.generation ?? ledgerGeneration ?? 0);
    const bytes = encodeLease(document);
    const condition = seen === undefined ? { ifAbsent: true } : { ifMatch: seen.etag };
    this.#sentMs ??= now();
    this.#created = seen === undefined;
    try {
      const { etag } = await store.put(key, bytes, { metadata: {} }, { ...condition, signal });
      return await this.#prove(document, { etag, bytes });
    } catch (error) {
      if (error instanceof StoreError && (error.reaction === 'conflict' || error.reaction === 'not-found')) {
        // Somebody was quicker, or is about to be: S3 refuses all but one of those who write at once.
        const { etag: before, times } = this.#refused;
        const etag = seen?.etag ?? '';
        this.#refused = { etag, times: etag === before ? times + 1 : 1 };
        return (this.#refused.times - 1) * REFUSED_PAUSE_MS;
      }
      throw error;
    }
  }

  /** We end without taking the lease of a dead holder: whoever comes next need not wait for its end as well. */
  async #bury({ document, etag }: SeenLease): Promise<void> {
    if (document === undefined || document.released) return;
    const { store, key } = this.#edges;
    const buried = encodeLease({ ...document, term: '', released: true });
    await store.put(key, buried, { metadata: {} }, { ifMatch: etag, signal: this.#o.signal }).catch(() => undefined);
  }

  #document(before: number): LeaseDocument {
    const { holder, term, boot, host, pid, version, ttlMs, mode, wallNow } = this.#candidate;
    return {
      holder,
      term,
      generation: before + 1,
      continues: this.#isCurrent ? this.#o.ledgerGeneration : null,
      sequence: ++this.#sequence,
      released: false,
      ttlMs,
      mode,
      boot,
      host,
      pid,
      version,
      since: new Date(wallNow()).toISOString(),
    };
  }

  /** It says that it is ours, which means something only where nobody can write over it. */
  async #prove(document: LeaseDocument, { etag, bytes }: Pick<SeenLease, 'etag' | 'bytes'>): Promise<Taken> {
    const { store, key } = this.#edges;
    const probe = { store, key, bytes, signal: this.#o.signal };
    const isHonoured = (await honoursIfMatch(probe)) && (!this.#created || (await honoursIfAbsent(probe)));
    if (isHonoured) return { document, etag, sentMs: this.#sentMs!, isCurrent: document.continues !== null };
    await store.deleteMany([key]).catch(() => undefined);
    throw new UnsupportedError('the server ignores the conditions of conditional writes');
  }
}

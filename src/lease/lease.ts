// The right to write beneath a prefix: held by one agent at a time, renewed while it is used, ended by the clock.
import { StoreError } from '../store/errors.ts';
import { encodeLease, type LeaseDocument } from './document.ts';
import { marginMs, permitEndMs, renewAfterMs, type SeenLease } from './rules.ts';
import { type Candidate, type LeaseEdges, readLease, type Taken, type TakeOptions, takeLease } from './take.ts';

/** Calls back once after so many ms; returns the way to cancel. */
export type Timer = (callback: () => void, ms: number) => () => void;

export interface LeaseOptions extends LeaseEdges {
  readonly timer: Timer;
  readonly candidate: Candidate;
  /** How long after it was given up a request may still execute. */
  readonly lateMs: number;
  /** For people: writes have to wait, since no renewal has succeeded for too long; or they do no longer. */
  readonly onLapse?: (hasLapsed: boolean) => void;
}

/** Why nothing is written any more. */
export interface Loss {
  readonly reason: string;
  /** What the operator can do. */
  readonly hint?: string | undefined;
  /** Who holds the lease now, as far as that can be told. */
  readonly holder: LeaseDocument | undefined;
}

/**
 * - `idle`: not taken yet.
 * - `held`: renewed from time to time; whether it permits to write is told by the clock alone.
 * - `lost`: somebody else holds it; final.
 * - `open`: there are no leases here; everything is permitted.
 * - `ended`: given back; nothing is permitted.
 */
type State = 'idle' | 'held' | 'lost' | 'open' | 'ended';

/** So many times, each with its pause, a renewal is tried between the time for it and the end of the permit. */
const TRIES = 4;

/**
 * One agent's side of the lease. Three rules make two writers impossible: a permit ends by the holder's own clock, a
 * margin before anybody may take the lease; every change of the lease is a conditional write; a lost answer is followed
 * by a look at whose lease it is.
 */
export class Lease {
  readonly #o: LeaseOptions;
  readonly #lost = Promise.withResolvers<Loss>();
  readonly #ending = new AbortController();
  #state: State = 'idle';
  #taken: Taken | undefined;
  /** When the last renewal was sent that succeeded. */
  #sentMs = Number.NEGATIVE_INFINITY;
  #cancelLapse = (): void => {};
  /** `onLapse` was told. */
  #hasLapsed = false;
  /** Aborted when the permit ends: for the writes in flight. */
  #permit = new AbortController();
  /** Resolves at the next change of what is permitted. */
  #news = Promise.withResolvers<void>();
  /** Resolves when an idle holder has something to write. */
  #wanted = Promise.withResolvers<void>();
  /** Something was written, or is to be, since the last renewal. */
  #isUsed = false;
  #takeIt: (() => void) | undefined;
  #loss: Loss | undefined;
  #writes = 0;
  #ambiguousMs = Number.NEGATIVE_INFINITY;
  #keeping: Promise<void> | undefined;

  constructor(options: LeaseOptions) {
    this.#o = options;
  }

  /** Resolves when somebody else has the lease: nothing is written any more. */
  get lost(): Promise<Loss> {
    return this.#lost.promise;
  }

  /** Set as soon as it is lost. */
  get loss(): Loss | undefined {
    return this.#loss;
  }

  /** Of the term; undefined where there is none. */
  get generation(): number | undefined {
    return this.#state === 'held' ? this.#taken?.document.generation : undefined;
  }

  /** There is no lease here. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Whether a write may start now, by the clock: a process that was stopped asks before any timer has fired. */
  get permits(): boolean {
    return this.isOpen || (this.#state === 'held' && this.#o.now() < this.#permitEndMs);
  }

  /** As far as known it is ours: it permits to write, or an idle lazy holder, who renews nothing, does not want to. */
  get isHeld(): boolean {
    const isIdle = this.#o.candidate.mode === 'lazy' && !this.#isUsed && this.#writes === 0;
    return this.#state === 'held' && (this.permits || isIdle);
  }

  get #permitEndMs(): number {
    return permitEndMs(this.#sentMs, this.#o.candidate.ttlMs);
  }

  /** Becomes the holder, as takeLease does, and stays it until `release`. */
  async take(options: TakeOptions): Promise<Taken> {
    const taken = await takeLease(this.#o, this.#o.candidate, options);
    this.#taken = taken;
    this.#state = 'held';
    this.#renewed(taken.sentMs);
    this.#keeping = this.#keep();
    return taken;
  }

  /** The first write will call this, once: to take the lease, to disregard or to lose it. */
  whenWanted(takeIt: () => void): void {
    this.#takeIt = takeIt;
  }

  /** There is no lease here: from now on everything is permitted. */
  disregard(): void {
    this.#state = 'open';
    this.#tell();
  }

  /**
   * Runs a write under the permit; its signal is raised when the permit ends. A write that has to wait for a permit is
   * not run but rejected as aborted when there is one: what was noted before it is old by then.
   */
  async write<T>(run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (!this.permits) await this.#waitForPermit(signal);
    this.#isUsed = true;
    this.#writes++;
    const permit = this.#permit.signal;
    try {
      return await run(signal === undefined ? permit : AbortSignal.any([signal, permit]));
    } catch (error) {
      if (error instanceof StoreError && error.ambiguous) this.#ambiguousMs = this.#o.now();
      throw error;
    } finally {
      this.#writes--;
    }
  }

  /** Throws unless this key may be written now: the last look before a request goes out. */
  check(key: string | undefined): void {
    if (!this.permits && key !== this.#o.key) throw withoutPermit();
  }

  /**
   * Ends writing and gives the lease back, for the next holder to take at once; but not while a write may still execute
   * unheard of: then it ends by itself.
   *
   * @returns whether nobody has to wait for its end
   */
  async release(): Promise<boolean> {
    const wasHeld = this.#state === 'held';
    if (this.#state !== 'lost') this.#state = 'ended';
    this.#ending.abort();
    this.#cancelLapse();
    await this.#keeping;
    if (!wasHeld) return true;
    const { now, lateMs, candidate } = this.#o;
    if (this.#writes > 0 || now() < this.#ambiguousMs + lateMs) return false;
    return this.#within(marginMs(candidate.ttlMs), async (signal) => {
      let replaced: Replaced = 'unknown';
      for (let tries = 0; tries < TRIES && replaced === 'unknown'; tries++) {
        replaced = await this.#replace({ released: true }, signal);
      }
      return replaced !== 'unknown';
    });
  }

  /** Somebody else may write: nothing is written here any more. */
  lose(loss: Loss): void {
    if (this.#state === 'ended') return;
    this.#state = 'lost';
    this.#loss ??= loss;
    this.#cancelLapse();
    this.#abortWrites();
    this.#lost.resolve(loss);
  }

  async #waitForPermit(signal: AbortSignal | undefined): Promise<never> {
    const aborted = Promise.withResolvers<void>();
    signal?.addEventListener('abort', () => aborted.resolve(), { once: true });
    this.#takeIt?.();
    this.#takeIt = undefined;
    this.#isUsed = true;
    this.#wanted.resolve();
    while (!this.permits && !signal?.aborted) await Promise.race([this.#news.promise, aborted.promise]);
    throw withoutPermit();
  }

  /** Renews again and again, an idle lazy holder only when it has something to write. Ends with the lease. */
  async #keep(): Promise<void> {
    const { signal } = this.#ending;
    const { candidate, now, sleep } = this.#o;
    try {
      while (this.#state === 'held') {
        await sleep(Math.max(0, this.#sentMs + renewAfterMs(candidate.ttlMs) - now()), signal);
        if (candidate.mode === 'lazy') await this.#use();
        this.#isUsed = false;
        if ((await this.#renew(signal)) === 'unknown') await sleep(this.#tryMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) this.lose({ reason: String(error), holder: undefined });
    }
  }

  /** Resolves when there is something to renew for. */
  async #use(): Promise<void> {
    if (this.#isUsed || this.#writes > 0) return;
    const { signal } = this.#ending;
    this.#wanted = Promise.withResolvers();
    signal.addEventListener('abort', () => this.#wanted.resolve(), { once: true });
    if (!signal.aborted) await this.#wanted.promise;
  }

  #renew(signal: AbortSignal): Promise<Replaced> {
    const sentMs = this.#o.now();
    return this.#within(2 * this.#tryMs, async (late) => {
      const replaced = await this.#replace({}, AbortSignal.any([signal, late]));
      if (replaced === 'replaced') this.#renewed(sentMs);
      return replaced;
    });
  }

  async #within<T>(ms: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const cancel = this.#o.timer(() => late.abort(), ms);
    try {
      return await run(late.signal);
    } finally {
      cancel();
    }
  }

  /** One conditional write of our own lease. What it did is unknown if its answer is lost, or an earlier one's was. */
  async #replace(change: Partial<LeaseDocument>, signal: AbortSignal): Promise<Replaced> {
    const { store, key } = this.#o;
    const { etag, document } = this.#taken!;
    const next = { ...document, ...change, sequence: document.sequence + 1 };
    // Also when it fails: no two attempts are the same object.
    this.#taken = { ...this.#taken!, document: { ...document, sequence: next.sequence } };
    try {
      const written = await store.put(key, encodeLease(next), { metadata: {} }, { ifMatch: etag, signal });
      this.#taken = { ...this.#taken, etag: written.etag };
      return 'replaced';
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.reaction !== 'conflict' && error.reaction !== 'not-found') return 'unknown';
      return await this.#lookWhose(signal);
    }
  }

  /** The lease is not as we left it: an earlier write of ours was executed unheard of, or somebody else has it. */
  async #lookWhose(signal: AbortSignal): Promise<Replaced> {
    let seen: SeenLease | undefined;
    try {
      seen = await readLease(this.#o, signal);
    } catch (error) {
      if (error instanceof StoreError) return 'unknown';
      throw error;
    }
    if (seen?.document?.term === this.#taken!.document.term) {
      this.#taken = { ...this.#taken!, etag: seen.etag };
      return seen.document.released ? 'replaced' : 'unknown';
    }
    const reason = seen === undefined ? 'it was removed from S3' : 'another agent has taken it';
    this.lose({ reason, holder: seen?.document });
    return 'lost';
  }

  #renewed(sentMs: number): void {
    this.#sentMs = Math.max(this.#sentMs, sentMs);
    this.#awaitLapse();
    this.#tellLapse(false);
    this.#tell();
  }

  #awaitLapse(): void {
    const { now, timer } = this.#o;
    const lapse = (): void => {
      if (this.permits) return this.#awaitLapse();
      this.#abortWrites();
      if (this.#state === 'held') this.#tellLapse(!this.isHeld);
    };
    this.#cancelLapse();
    this.#cancelLapse = timer(lapse, Math.max(1, this.#permitEndMs - now()));
  }

  #tellLapse(hasLapsed: boolean): void {
    if (this.#hasLapsed === hasLapsed) return;
    this.#hasLapsed = hasLapsed;
    this.#o.onLapse?.(hasLapsed);
  }

  #abortWrites(): void {
    this.#permit.abort();
    this.#permit = new AbortController();
  }

  #tell(): void {
    const { resolve } = this.#news;
    this.#news = Promise.withResolvers();
    resolve();
  }

  /** The pause between two tries; a try lasts twice as long at most. */
  get #tryMs(): number {
    return renewAfterMs(this.#o.candidate.ttlMs) / TRIES;
  }
}

type Replaced = 'replaced' | 'unknown' | 'lost';

/** As if the request had been aborted by its caller: it is to be made again, from the start. */
function withoutPermit(): StoreError {
  return new StoreError('Cannot write: the lease does not permit it now', { reaction: 'aborted', code: 'NoPermit' });
}

// Pure. When a lease may be taken, how long it permits to write, and what it tells about a ledger.
import type { LeaseDocument } from './document.ts';

/**
 * A holder renews after this part of the TTL, and writes nothing in the last such part of it: what it sent before may
 * still execute then, and clocks may run at different speeds.
 */
const PARTS = 3;

export function renewAfterMs(ttlMs: number): number {
  return ttlMs / PARTS;
}

/** No request starts later than this before the end of the TTL, and none that is given up executes later than this. */
export function marginMs(ttlMs: number): number {
  return ttlMs / PARTS;
}

/**
 * Until when a holder may write that sent its last successful renewal at `sentMs`. Not when it was answered: a
 * challenger may have seen it from the moment it was sent.
 */
export function permitEndMs(sentMs: number, ttlMs: number): number {
  return sentMs + ttlMs - marginMs(ttlMs);
}

/** A lease as it was read. */
export interface SeenLease {
  readonly etag: string;
  readonly bytes: Buffer;
  /** undefined: it cannot be understood. */
  readonly document: LeaseDocument | undefined;
}

/** How long one state of the lease has been seen. */
export interface Sighting {
  readonly seen: SeenLease;
  /** When the answer that showed it first had arrived, on the challenger's own clock. */
  readonly sinceMs: number;
}

/** The same ETag prolongs a sighting; every other one begins a new. */
export function sight(before: Sighting | undefined, seen: SeenLease, nowMs: number): Sighting {
  return before?.seen.etag === seen.etag ? before : { seen, sinceMs: nowMs };
}

/** Who wants the lease. */
export interface Challenger {
  readonly holder: string;
  readonly boot: string;
  /** Believed of a lease that does not tell its own. */
  readonly ttlMs: number;
  /** The user says that the holder is dead. */
  readonly steal: boolean;
  readonly nowMs: number;
}

/**
 * From when on the lease may be taken; a time that is past means now. Whoever takes it does so on the condition that
 * it is still the one that was seen.
 *
 * | lease | may be taken |
 * |---|---|
 * | released | now |
 * | of this state directory, on this machine since its last start | now: the lock of the directory proves that its holder is dead |
 * | held, `--lease-steal` | now |
 * | held | when the same ETag has been seen for a whole TTL of the holder: by then its permit has ended |
 */
export function takeableAtMs({ seen, sinceMs }: Sighting, challenger: Challenger): number {
  const { document } = seen;
  const isOwn = document?.holder === challenger.holder && document.boot === challenger.boot;
  if (document?.released || isOwn || challenger.steal) return challenger.nowMs;
  return sinceMs + (document?.ttlMs ?? challenger.ttlMs);
}

/**
 * Whether a ledger holds everything that was written under the lease, so that nothing has to be asked of S3.
 *
 * | lease | ledger |
 * |---|---|
 * | of the ledger's generation | current: this ledger was the last to write |
 * | own, and continues the ledger's generation | current: the process died before it had noted its term |
 * | anything else, or no generation in the ledger | not known to be |
 */
export function isCurrent(
  document: LeaseDocument | undefined,
  ledger: { readonly holder: string; readonly generation: number | null },
): boolean {
  if (document === undefined || ledger.generation === null) return false;
  if (document.generation === ledger.generation) return true;
  return document.holder === ledger.holder && document.continues === ledger.generation;
}

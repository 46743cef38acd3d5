// The lease of a workspace: who we are in it, and what each command does while somebody else holds it.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { LeaseDocument, LeaseMode } from '../lease/document.ts';
import { LEASE_KEY } from '../lease/document.ts';
import { leaseIdentity } from '../lease/identity.ts';
import { Lease, type Loss } from '../lease/lease.ts';
import { marginMs } from '../lease/rules.ts';
import { BehindError, HeldError, readLease, UnsupportedError } from '../lease/take.ts';
import { RefusedError } from '../model/errors.ts';
import { loadAddon } from '../native/addon.ts';
import type { Log } from '../ops/log.ts';
import type { LogFields } from '../ops/log-keys.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Retry } from '../transfer/retry.ts';
import { clock } from './clock.ts';
import type { Workspace } from './workspace.ts';

/** The options of the lease; commands that write nothing to S3 have none. */
export interface LeaseConfig {
  readonly lease?: 'auto' | LeaseMode | 'off';
  readonly leaseTtlMs?: number;
  readonly leaseSteal?: boolean;
}

export interface LeaseSetting {
  readonly mode: LeaseMode;
  /** Nobody asked for it: a server that cannot have one is no obstacle. */
  readonly isOptional: boolean;
  readonly ttlMs: number;
  readonly steal: boolean;
}

/** What the options come to; undefined: no lease. */
export function leaseSetting(config: LeaseConfig, auto: LeaseMode | undefined): LeaseSetting | undefined {
  const { lease = 'off', leaseTtlMs = 30_000, leaseSteal = false } = config;
  const mode = lease === 'auto' ? auto : lease;
  if (mode === undefined || mode === 'off') return undefined;
  return { mode, isOptional: lease === 'auto', ttlMs: leaseTtlMs, steal: leaseSteal };
}

export interface LeaseParts {
  readonly store: ObjectStore;
  readonly prefix: string;
  readonly stateDir: string | null;
  readonly version: string;
  readonly requestTimeoutMs: number;
  readonly retry: Retry;
  /** Told when writing has to wait for a renewal. */
  readonly log?: Log;
}

/** A lease that nobody has taken yet. */
export function createLease({ mode, ttlMs, steal }: LeaseSetting, parts: LeaseParts): Lease {
  const { store, prefix, stateDir, version, requestTimeoutMs, retry, log } = parts;
  const { bootTimeMs } = loadAddon();
  const who = { ...leaseIdentity(stateDir), term: randomUUID(), host: hostname(), pid: process.pid, version };
  return new Lease({
    store,
    key: prefix + LEASE_KEY,
    retry,
    now: bootTimeMs,
    sleep: clock.sleep,
    timer: clock.timer,
    candidate: { ...who, mode, ttlMs, steal, wallNow: clock.wallNow },
    lateMs: requestTimeoutMs,
    onLapse: (hasLapsed) => {
      if (hasLapsed) log?.warn('the lease could not be renewed: nothing is written to S3 until it is');
      else log?.info('the lease is renewed');
    },
  });
}

/** With a lease: what is given up when a permit ends must not execute after the lease. */
export function fencedTimeoutMs(requestTimeoutMs: number, setting: LeaseSetting | undefined): number {
  return setting === undefined ? requestTimeoutMs : Math.min(requestTimeoutMs, marginMs(setting.ttlMs));
}

export interface LeasingOptions {
  /** End with 4 instead of waiting for a holder that is alive (one-shot). */
  readonly impatient: boolean;
  /** Disk -> S3: end with 4 if another agent has written since. A restore brings what it wrote instead. */
  readonly refuseIfBehind: boolean;
  readonly signal: AbortSignal;
}

/**
 * Takes the lease, if there is to be one.
 *
 * @returns whether the ledger is known to hold everything that was ever written under the lease
 * @throws RefusedError
 */
export async function takeLeaseOf(workspace: Workspace, options: LeasingOptions): Promise<boolean> {
  const { lease, leaseSetting: setting, ledger, log, url } = workspace;
  if (lease === undefined || setting === undefined) return false;
  try {
    const { document, isCurrent } = await lease.take({
      ...options,
      ledgerGeneration: ledger.meta().generation,
      onWait: (holder) => log.info('waiting for the lease', { remote: url, ...showHolder(holder) }),
    });
    if (isCurrent) ledger.setMeta({ generation: document.generation });
    log.debug('the lease is held', { generation: document.generation, ttlMs: setting.ttlMs });
    return isCurrent;
  } catch (error) {
    if (setting.isOptional && cannotBe(error)) {
      log.warn('there is no lease: nothing keeps another agent from writing beneath the same prefix', {
        remote: url,
        reason: (error as Error).message,
      });
      lease.disregard();
      return false;
    }
    throw asRefusal(error, url);
  }
}

/** The first write takes the lease; what is in the way of that ends writing. */
export function takeLeaseWhenWanted(workspace: Workspace, options: LeasingOptions): void {
  const { lease, url } = workspace;
  const lose = (error: unknown): void => {
    const { message, hint } = asRefusal(error, url) as { message: string; hint?: string };
    lease?.lose({ reason: message, hint, holder: undefined });
  };
  lease?.whenWanted(() => void takeLeaseOf(workspace, options).catch(lose));
}

/** What ends a wait when the lease is lost: nothing where there is none. */
export function lostOf({ lease }: Workspace): Promise<Loss>[] {
  return lease === undefined ? [] : [lease.lost];
}

/** Says why nothing is written any more. */
export function tellLoss({ log }: Pick<Workspace, 'log'>, { reason, hint, holder }: Loss): void {
  log.error('nothing more is written to S3: the lease is not ours', {
    reason,
    ...(hint === undefined ? {} : { hint }),
    ...(holder === undefined ? {} : showHolder(holder)),
  });
}

/** Listed or restored under the lease: the ledger knows of everything that was written. */
export function noteGeneration({ lease, ledger }: Workspace): void {
  if (lease?.generation !== undefined) ledger.setMeta({ generation: lease.generation });
}

/**
 * Runs a restore that holds no lease. The ledger is in line with the lease afterwards if the restore was complete and
 * nobody held the lease meanwhile.
 */
export async function besideLease<T extends { readonly complete: boolean }>(
  workspace: Workspace,
  restore: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { store, prefix, ledger, log } = workspace;
  const read = () => readLease({ store, key: prefix + LEASE_KEY }, signal).catch(() => undefined);
  const before = await read();
  const { document } = before ?? {};
  if (document?.released === false) {
    log.info('an agent may be writing: what it writes from now on is not restored', showHolder(document));
  }
  const report = await restore();
  const isInLine = report.complete && document?.released === true && (await read())?.etag === before?.etag;
  if (isInLine) ledger.setMeta({ generation: document.generation });
  return report;
}

/** Gives the lease back; only when everything has ended that writes. */
export async function releaseLease({ lease, log }: Workspace): Promise<void> {
  if (lease === undefined || (await lease.release())) return;
  log.warn('the lease was not given back: another agent has to wait until it expires');
}

/** The error as the person at the terminal is told. */
export function asRefusal(error: unknown, url: string): unknown {
  if (error instanceof HeldError) {
    return new RefusedError(
      `Cannot write beneath ${url}: the lease is held by ${nameOf(error.holder)}`,
      'Wait until it has ended. If it is known to be dead: --lease-steal.',
    );
  }
  if (error instanceof BehindError) {
    return new RefusedError(
      `Cannot write beneath ${url}: ${nameOf(error.holder)} has written there since this directory was synchronised`,
      'Bring what is newer first, with awssyncer run or awssyncer restore: they keep local edits.',
    );
  }
  if (!cannotBe(error)) return error;
  return new RefusedError(
    `Cannot hold a lease beneath ${url}: ${(error as Error).message}`,
    'Use --lease=off if no other agent can write there.',
  );
}

/** Conditional writes, or this key, are not for us. */
function cannotBe(error: unknown): boolean {
  if (error instanceof UnsupportedError) return true;
  return error instanceof StoreError && (error.reaction === 'denied' || error.reaction === 'rejected');
}

function showHolder(holder: LeaseDocument | undefined): LogFields {
  if (holder === undefined) return { holder: 'unknown' };
  const { host, pid, version, since, ttlMs } = holder;
  return { host, pid, version, since, ttlMs };
}

function nameOf(holder: LeaseDocument | undefined): string {
  if (holder === undefined) return 'an unknown agent';
  return `the agent on ${holder.host} (pid ${holder.pid}, since ${holder.since})`;
}

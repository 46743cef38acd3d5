// Whether a lease counts as held, for those who are told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { LeaseMode } from '../../src/lease/document.ts';
import { Lease } from '../../src/lease/lease.ts';
import { MemoryStore } from '../support/memory-store.ts';

const TTL_MS = 30_000;
const WHO = { holder: 'a', term: 'a', boot: 'a', host: 'h', pid: 1, version: '0', ttlMs: TTL_MS, steal: false };

/** A lease that was taken at 0, and that no renewal of succeeds from then on. */
async function taken(mode: LeaseMode) {
  const clock = { nowMs: 0, elapse: (): void => {} };
  const told: boolean[] = [];
  const { signal } = new AbortController();
  const lease = new Lease({
    store: new MemoryStore(),
    key: 'p/.awssyncer/lease',
    retry: (request) => request(),
    now: () => clock.nowMs,
    sleep: () => new Promise(() => {}),
    timer: (callback) => {
      clock.elapse = callback;
      return () => {};
    },
    candidate: { ...WHO, mode, wallNow: () => 0 },
    lateMs: 0,
    onLapse: (hasLapsed) => void told.push(hasLapsed),
  });
  assert.equal(lease.isHeld, false);
  await lease.take({ ledgerGeneration: null, impatient: true, refuseIfBehind: false, onWait: () => {}, signal });
  assert.equal(lease.isHeld, true);
  return { lease, clock, told };
}

test('an active lease that could not be renewed is not held', async () => {
  const { lease, clock, told } = await taken('active');
  clock.nowMs = TTL_MS;
  assert.equal(lease.isHeld, false);
  clock.elapse();
  clock.elapse();
  assert.deepEqual(told, [true], 'once');
});

test('an idle lazy lease is held for as long as nobody wants to write, then no longer', async () => {
  const { lease, clock, told } = await taken('lazy');
  clock.nowMs = 100 * TTL_MS;
  clock.elapse();
  assert.deepEqual(told, []);
  assert.deepEqual([lease.permits, lease.isHeld], [false, true]);
  void lease.write(async () => {}, undefined).catch(() => undefined);
  await turn();
  assert.equal(lease.isHeld, false);
});

test('a lease that was lost, or given back, is not held', async () => {
  for (const mode of ['active', 'lazy'] as const) {
    const { lease } = await taken(mode);
    lease.lose({ reason: 'taken', holder: undefined });
    assert.equal(lease.isHeld, false, mode);
  }
});

test('where there is no lease it is open, not held', async () => {
  const { lease } = await taken('active');
  assert.equal(lease.isOpen, false);
  lease.disregard();
  assert.deepEqual([lease.isOpen, lease.isHeld, lease.permits], [true, false, true]);
});

// S12 for any pauses, delays, lost answers, late executions and deaths: what executes never goes back to an older term.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { Lease } from '../../src/lease/lease.ts';
import { marginMs } from '../../src/lease/rules.ts';
import { StoreError } from '../../src/store/errors.ts';
import type { ObjectStore } from '../../src/store/object-store.ts';
import { createRetry } from '../../src/transfer/retry.ts';
import { seededRandom } from '../strict-s3/faults.ts';
import { MemoryStore } from '../support/memory-store.ts';

const RUNS = Number(process.env['AWSSYNCER_TEST_LEASE_RUNS'] ?? 80);
const TTL_MS = 30_000;
const END_MS = 25 * TTL_MS;
const KEY = 'p/.awssyncer/lease';

/** What is to happen, in virtual time. */
class World {
  nowMs = 1_000_000;
  readonly random: () => number;
  readonly store = new MemoryStore();
  /** The newest term that anybody was told to have. */
  newest = 0;
  writes = 0;
  terms = 0;
  readonly #events: { atMs: number; run: () => void }[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  at(atMs: number, run: () => void): void {
    this.#events.push({ atMs, run });
  }

  /** One event after the other, and after each whatever follows from it at once. */
  async run(endMs: number): Promise<void> {
    for (;;) {
      this.#events.sort((a, b) => a.atMs - b.atMs);
      const next = this.#events.shift();
      if (next === undefined || next.atMs > endMs) return;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      await turn();
    }
  }

  /** Somebody may write from now on. */
  begin(generation: number): void {
    assert.ok(generation > this.newest, `term ${generation} began after term ${this.newest}`);
    this.newest = generation;
    this.terms++;
  }

  /** A write reaches the bucket. */
  execute(generation: number): void {
    assert.ok(generation >= this.newest, `term ${generation} wrote after term ${this.newest} had begun`);
    this.writes++;
  }
}

/** A process: it may be stopped for a while, and it may die. Nothing it is waiting for happens meanwhile. */
class Process {
  readonly lease: Lease;
  readonly #world: World;
  #stoppedUntilMs = 0;
  #cutOffUntilMs = 0;
  #isDead = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.lease = new Lease({
      store: this.#store(),
      key: KEY,
      retry: createRetry({ ...this.#clock(), horizonMs: Number.POSITIVE_INFINITY, random: world.random }),
      ...this.#clock(),
      candidate: {
        ...{ holder: name, term: name, boot: name, host: 'h', pid: 1, version: '0', ttlMs: TTL_MS, steal: false },
        mode: world.random() < 0.3 ? 'lazy' : 'active',
        // Clocks of the wall are hours apart.
        wallNow: () => world.between(0, 1e12),
      },
      lateMs: marginMs(TTL_MS),
    });
  }

  stop(ms: number): void {
    this.#stoppedUntilMs = this.#world.nowMs + ms;
  }

  /** Its requests about the lease get nowhere, while its writes do. */
  #cutOff(): void {
    this.#cutOffUntilMs = this.#world.nowMs + this.#world.between(0, 3 * TTL_MS);
  }

  kill(): void {
    this.#isDead = true;
  }

  /** Takes the lease and writes until it is lost, or given back. */
  async live(lifeMs: number): Promise<void> {
    const { lease } = this;
    const world = this.#world;
    const { signal } = new AbortController();
    const options = { ledgerGeneration: null, impatient: false, refuseIfBehind: false, onWait: () => {}, signal };
    const { document } = await lease.take(options);
    // Stopped before it heard that it had the lease it may be told long after its permit has ended.
    if (lease.permits) world.begin(document.generation);
    if (world.random() < 0.3) world.at(world.nowMs + world.between(0, TTL_MS), () => this.#cutOff());
    const endMs = world.nowMs + lifeMs;
    const writing = new AbortController();
    void lease.lost.then(() => writing.abort());
    while (world.nowMs < endMs && !writing.signal.aborted) {
      await lease.write((permit) => this.#write(permit), writing.signal).catch(() => undefined);
      await this.#clock().sleep(world.between(0, TTL_MS / 20));
    }
    await lease.release();
  }

  /** Executed at some time after it was sent, whether anybody still waits for it or not. */
  #write(permit: AbortSignal): Promise<void> {
    const world = this.#world;
    const generation = this.lease.generation!;
    this.lease.check('p/file');
    const lateMs = marginMs(TTL_MS) * (world.random() < 0.5 ? 0.999 : world.random());
    return new Promise((resolve, reject) => {
      const failed = new StoreError('aborted', { reaction: 'aborted', code: 'AbortError', ambiguous: true });
      permit.addEventListener('abort', () => reject(failed), { once: true });
      world.at(world.nowMs + lateMs, () => {
        world.execute(generation);
        this.#deliver(resolve);
      });
    });
  }

  /** Runs at its time, or when the process goes on. */
  #deliver(run: () => void): void {
    if (this.#isDead) return;
    if (this.#world.nowMs >= this.#stoppedUntilMs) run();
    else this.#world.at(this.#stoppedUntilMs, () => this.#deliver(run));
  }

  #clock() {
    const world = this.#world;
    const timer = (callback: () => void, ms: number): (() => void) => {
      let isCancelled = false;
      world.at(world.nowMs + ms, () => this.#deliver(() => isCancelled || callback()));
      return () => {
        isCancelled = true;
      };
    };
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        timer(resolve, ms);
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    return { now: () => world.nowMs, timer, sleep };
  }

  /** Every request takes time on both ways; some answers are lost, and some requests arrive when nobody waits any more. */
  #store(): Pick<ObjectStore, 'get' | 'put' | 'deleteMany'> {
    const { store } = this.#world;
    return {
      get: (key, options) => this.#send(() => store.get(key), options?.signal),
      put: (key, body, attributes, options = {}) => {
        const { signal, ...condition } = options;
        return this.#send(() => store.put(key, body, attributes, condition), signal);
      },
      deleteMany: (keys) => this.#send(() => store.deleteMany(keys), undefined),
    };
  }

  #send<T>(run: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const world = this.#world;
    const isCutOff = world.nowMs < this.#cutOffUntilMs;
    const isLost = isCutOff || world.random() < 0.15;
    const thereMs = world.random() < 0.1 ? world.between(0, 3 * TTL_MS) : world.between(0, TTL_MS / 300);
    const backMs = world.between(0, TTL_MS / 300);
    return new Promise<T>((resolve, reject) => {
      const lost = new StoreError('lost', { reaction: 'transient', code: 'ECONNRESET', ambiguous: true });
      signal?.addEventListener('abort', () => reject(lost), { once: true });
      if (isLost) world.at(world.nowMs + thereMs / 2, () => this.#deliver(() => reject(lost)));
      if (isCutOff) return;
      world.at(world.nowMs + thereMs, () => {
        const answer = run();
        answer.catch(() => undefined);
        if (!isLost) world.at(world.nowMs + backMs, () => this.#deliver(() => answer.then(resolve, reject)));
      });
    });
  }
}

/** Processes come and go: some end in order, some are stopped beyond the TTL, some die. */
async function simulate(seed: number): Promise<World> {
  const world = new World(seed);
  let count = 0;
  const failures: unknown[] = [];
  const begin = (): void => {
    const process = new Process(world, `process ${++count}`);
    const lifeMs = world.between(0, 6 * TTL_MS);
    process.live(lifeMs).then(
      () => world.at(world.nowMs + world.between(0, TTL_MS), begin),
      (error) => failures.push(error),
    );
    for (let stops = 0; stops < 3; stops++) {
      world.at(world.nowMs + world.between(0, 8 * TTL_MS), () => process.stop(world.between(0, 3 * TTL_MS)));
    }
    if (world.random() < 0.3) {
      world.at(world.nowMs + world.between(0, 8 * TTL_MS), () => {
        process.kill();
        world.at(world.nowMs + world.between(0, TTL_MS), begin);
      });
    }
  };
  for (let index = 0; index < 3; index++) world.at(world.nowMs + world.between(0, TTL_MS), begin);
  await world.run(world.nowMs + END_MS);
  assert.deepEqual(failures, []);
  return world;
}

test('S12 for any pauses, delays and deaths no write executes in an older term than the last that began, and somebody goes on writing', async () => {
  let terms = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const world = await simulate(seed);
      terms += world.terms;
      assert.ok(world.writes > 0, 'nobody wrote');
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  assert.ok(terms > 3 * RUNS, `only ${terms} terms`);
});

// A restore on real files, from a store in memory.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createFilter } from '../../src/filter/filter.ts';
import type { FilterRule } from '../../src/filter/path-filter.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { loadAddon } from '../../src/native/addon.ts';
import type { FileCalls, RestoreOptions, RestoreReport } from '../../src/restore/options.ts';
import { restore } from '../../src/restore/restore.ts';
import type { ObjectStore } from '../../src/store/object-store.ts';
import { MemoryStore } from './memory-store.ts';
import { tempDir } from './temp-dir.ts';

export interface RestoreGround {
  /** LOCAL. */
  readonly root: string;
  readonly stateDir: string;
  readonly store: MemoryStore;
  readonly ledger: Ledger;
  /** Stores an object at `prefix/key`. */
  put(key: string, body?: string | Buffer, metadata?: Record<string, string>): Promise<void>;
  /** The path in LOCAL. */
  at(path: string): string;
  restore(change?: Partial<RestoreOptions> & { readonly rules?: readonly FilterRule[] }): Promise<RestoreReport>;
}

export const PREFIX = 'prefix/';

export function restoreGround(t: TestContext, { root }: { root?: string } = {}): RestoreGround {
  const base = tempDir(t);
  const local = root ?? join(base, 'local');
  const stateDir = join(base, 'state');
  mkdirSync(local, { recursive: true });
  mkdirSync(stateDir);
  const store = new MemoryStore();
  const { ledger } = openLedger({ file: ':memory:' });
  t.after(() => ledger.close());
  return {
    root: local,
    stateDir,
    store,
    ledger,
    async put(key, body = key, metadata = {}) {
      store.nowMs += 1_000;
      await store.put(PREFIX + key, Buffer.from(body), { metadata });
    },
    at: (path) => join(local, path),
    restore: async ({ rules = [], ...change } = {}) =>
      await restore({
        ...restoreOptions({ root: local, store, ledger, stateDir }),
        filter: createFilter({ rules, rootForRegex: local }),
        ...change,
      }),
  };
}

/** Options for a restore of everything, without retries. */
export function restoreOptions(given: {
  root: string;
  store: ObjectStore;
  ledger: Ledger;
  stateDir: string | null;
}): RestoreOptions {
  return {
    ...given,
    present: given.store,
    root: Buffer.from(given.root),
    prefix: PREFIX,
    filter: createFilter({ rootForRegex: given.root }),
    selection: 'all',
    concurrency: 8,
    retry: (attempt) => attempt(),
    deleteBudget: { count: 1_000, percent: 50 },
    calls: loadAddon() satisfies FileCalls,
    dirTimes: false,
    sparse: false,
    xattrs: false,
    hardLinks: false,
    owners: process.getuid?.() === 0,
    nowMs: () => 1_700_000_000_000,
    randomName: () => randomBytes(8).toString('hex'),
  };
}

/** Everything beneath a directory: files by content, links by target, directories by null. */
export function treeOf(root: string): Record<string, string | null> {
  const tree: Record<string, string | null> = {};
  for (const name of (readdirSync(root, { recursive: true }) as string[]).sort()) {
    const stat = lstatSync(join(root, name));
    if (stat.isSymbolicLink()) tree[name] = `-> ${readlinkSync(join(root, name))}`;
    else tree[name] = stat.isDirectory() ? null : readFileSync(join(root, name), 'utf8');
  }
  return tree;
}

/** Metadata of a file from 2020. */
export const FILE = { mtime: '1600000000.123456789', mode: '100640', uid: '0', gid: '0' };

export function assertComplete(report: RestoreReport): void {
  assert.deepEqual(report.failures, []);
  assert.deepEqual(report.refused, []);
  assert.equal(report.complete, true);
}

/** The base of most tests: `f` and `other` restored once, known to the ledger. */
export async function restored(ground: RestoreGround): Promise<void> {
  await ground.put('f', 'base', FILE);
  await ground.put('other', 'other', FILE);
  assertComplete(await ground.restore());
}

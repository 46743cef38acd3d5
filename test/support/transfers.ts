// What a transfer needs, on a real directory and a store in memory; every fault is the test's own.
import assert from 'node:assert/strict';
import { copyFileSync, fstatSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { HashThreads } from '../../src/hash/hash-threads.ts';
import { Journal } from '../../src/ledger/journal.ts';
import type { Ledger, LedgerRow } from '../../src/ledger/ledger.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import type { Keeps } from '../../src/model/extras.ts';
import type { RelKey } from '../../src/model/key.ts';
import { StoreError } from '../../src/store/errors.ts';
import type { ObjectAttributes } from '../../src/store/object-store.ts';
import type { Clones } from '../../src/transfer/clones.ts';
import { ContentMemory } from '../../src/transfer/content-memory.ts';
import type { TransferContext } from '../../src/transfer/context.ts';
import { CopyOrder } from '../../src/transfer/copy-order.ts';
import { MetadataWriter } from '../../src/transfer/metadata-writer.ts';
import type { Outcome } from '../../src/transfer/outcome.ts';
import { NO_SNAPSHOTS } from '../../src/transfer/snapshots.ts';
import { LocalTree, statOf } from '../../src/tree/local-tree.ts';
import { MemoryStore } from './memory-store.ts';
import { tempDir } from './temp-dir.ts';

/** A store whose next write may meet something: an error before or after it happens, or a change on disk. */
export class MeddlingStore extends MemoryStore {
  /** Run before each write is executed; may throw. */
  before: (action: 'put' | 'copy', key: string) => void = () => {};
  /** Thrown after a write has been executed: the answer is lost. */
  lost: StoreError | undefined;

  override async put(key: string, body: Buffer, attributes: ObjectAttributes, options?: { signal?: AbortSignal }) {
    this.before('put', key);
    const written = await super.put(key, body, attributes, options);
    if (this.lost !== undefined) throw this.lost;
    return written;
  }

  override async copy(...args: Parameters<MemoryStore['copy']>) {
    this.before('copy', args[1].key);
    const written = await super.copy(...args);
    if (this.lost !== undefined) throw this.lost;
    return written;
  }
}

/** An error that says nothing about whether the request was executed. */
export function ambiguousError(): StoreError {
  return new StoreError('no answer', { reaction: 'transient', code: 'TimeoutError', ambiguous: true });
}

export interface TransferBench {
  readonly root: string;
  readonly store: MeddlingStore;
  readonly ledger: Ledger;
  readonly context: TransferContext;
  /** Ten seconds after now by the clock of the files, unless a test says otherwise. */
  wallMs: number;
  write(path: string, content: string | Buffer): void;
  row(key: string): LedgerRow | undefined;
}

/** Clones where the file system cannot: what is copied while nobody writes is the file at one instant. */
export function copyingClones(t: TestContext): Pick<Clones, 'make'> {
  const copy = join(tempDir(t), 'copy');
  const make: Clones['make'] = async ({ fd }) => {
    copyFileSync(`/proc/self/fd/${fd}`, copy);
    return { fd: openSync(copy, 'r'), after: statOf(fstatSync(fd, { bigint: true })) };
  };
  return { make };
}

const NO_CLONES: Pick<Clones, 'make'> = { make: async () => undefined };

/** Multipart from 1 MiB on, so that large files stay small. By default nothing can be cloned. */
export function transferBench(
  t: TestContext,
  { clones = NO_CLONES, ...keeps }: Partial<Keeps> & { readonly clones?: Pick<Clones, 'make'> } = {},
): TransferBench {
  const root = tempDir(t);
  const { ledger } = openLedger({ file: ':memory:' });
  const store = new MeddlingStore();
  const bench: TransferBench = {
    root,
    store,
    ledger,
    wallMs: Date.now() + 10_000,
    context: {
      tree: new LocalTree(Buffer.from(root), keeps),
      store,
      prefix: 'p/',
      journal: new Journal(ledger, setImmediate),
      metadata: new MetadataWriter({ store, prefix: 'p/', others: {} }),
      copies: new CopyOrder(),
      clones,
      snapshots: NO_SNAPSHOTS,
      partSizeBytes: 256 * 1024,
      multipartThresholdBytes: 1024 * 1024,
      hashes: new HashThreads(),
      memory: new ContentMemory(8 * 1024 * 1024),
      partConcurrency: 2,
      requestTimeoutMs: 60_000,
      wallNow: () => bench.wallMs,
      steadyNow: () => bench.wallMs,
    },
    write: (path, content) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    },
    row: (key) => bench.context.journal.ledger.get(key as RelKey),
  };
  return bench;
}

/** The outcome, which must be of this kind. */
export function ended<E extends Outcome['end']>(outcome: Outcome, end: E): Extract<Outcome, { end: E }> {
  assert.equal(outcome.end, end);
  return outcome as Extract<Outcome, { end: E }>;
}

// One large file -> one object in parts: which uploads the ledger knows of, and that none is forgotten while it is open.
import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { HashThreadError } from '../../src/hash/hash-threads.ts';
import { type LedgerRow, UNHEARD_UPLOAD } from '../../src/ledger/ledger.ts';
import { rowFor } from '../../src/ledger/row.ts';
import type { RelPath } from '../../src/model/path.ts';
import { StoreError } from '../../src/store/errors.ts';
import type { PartSource } from '../../src/store/object-store.ts';
import type { Outcome } from '../../src/transfer/outcome.ts';
import { type UploadRequest, uploadFile } from '../../src/transfer/upload-file.ts';
import { ambiguousError, ended, type TransferBench, transferBench } from '../support/transfers.ts';
import { until } from '../support/until.ts';

const F = 'f' as RelPath;
const SMALL = 'hello';
/** In parts. */
const LARGE = Buffer.alloc(1024 * 1024 + 1, 'l');

/** By this process, as the kernel counts them. */
function bytesRead(): number {
  return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))?.[1]);
}

/** Regular files of the tests that are open. */
function openFiles(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).endsWith('/f');
    } catch {
      return false; // the one of this very listing
    }
  }).length;
}

function upload(bench: TransferBench, request: Partial<UploadRequest> = {}): Promise<Outcome> {
  const { signal } = new AbortController();
  return uploadFile(bench.context, {
    path: F,
    content: 'send',
    row: bench.row(F),
    force: false,
    overtaken: false,
    signal,
    ...request,
  });
}

test('S6 that an upload in parts was asked for is durable before it is, and its id before its first part', async (t) => {
  const bench = transferBench(t);
  bench.write(F, LARGE);
  const durable: (string | null)[] = [];
  const look = (): void => void durable.push(bench.ledger.openUploads()[0]?.uploadId ?? null);
  const { putMultipart } = bench.store;
  bench.store.putMultipart = (key, source, attributes, options) => {
    look();
    const next: PartSource['next'] = (...args) => {
      look();
      return source.next(...args);
    };
    const { sizeBytes } = source;
    return putMultipart.call(bench.store, key, { sizeBytes, next, verify: () => source.verify() }, attributes, options);
  };
  ended(await upload(bench), 'stored');
  assert.deepEqual([...new Set(durable)], [UNHEARD_UPLOAD, 'upload-1']);
});

test('S6 a multipart upload that failed keeps its id, and the next attempt aborts it first', async (t) => {
  const bench = transferBench(t);
  bench.write(F, LARGE);
  const { putMultipart } = bench.store;
  bench.store.putMultipart = async (_key, _source, _attributes, options) => {
    options.onStarted('left-open');
    throw ambiguousError();
  };
  const { row } = ended(await upload(bench), 'failed');
  assert.equal(row?.uploadId, 'left-open');
  bench.context.journal.save(row!);
  bench.store.putMultipart = putMultipart;
  const aborted: string[] = [];
  bench.store.abortMultipart = async (_key, id) => void aborted.push(id);
  assert.equal(ended(await upload(bench), 'stored').row.uploadId, null);
  assert.deepEqual(aborted, ['left-open']);
});

/** A row with an upload that nobody has aborted yet. */
function rowLeftOpen(bench: TransferBench): LedgerRow {
  const stat = bench.context.tree.lstat(F)!;
  return rowFor(F as string as LedgerRow['key'], stat, { state: 'intent', checksum: null, uploadId: 'left-open' });
}

test('S2 the id of an upload that could not be aborted stays in the row, until an abort gets through', async (t) => {
  const bench = transferBench(t);
  bench.write(F, LARGE);
  const refusal = new StoreError('busy', { reaction: 'throttled', code: 'SlowDown' });
  bench.store.abortMultipart = () => Promise.reject(refusal);
  const { row, error } = ended(await upload(bench, { row: rowLeftOpen(bench) }), 'failed');
  assert.deepEqual([row?.uploadId, error, bench.store.calls.size], ['left-open', refusal, 0]);
  bench.write(F, SMALL);
  const small = ended(await upload(bench, { row: row! }), 'stored').row;
  assert.equal(small.uploadId, 'left-open');
  const equal = ended(await upload(bench, { row: small, content: 'compare' }), 'equal').row;
  assert.equal(equal.uploadId, 'left-open');
});

test('who may not abort can still upload', async (t) => {
  const bench = transferBench(t);
  bench.write(F, LARGE);
  bench.store.abortMultipart = () => Promise.reject(new StoreError('no', { reaction: 'denied', code: 'AccessDenied' }));
  assert.equal(ended(await upload(bench, { row: rowLeftOpen(bench) }), 'stored').row.state, 'known');
});

/** Runs while the first part is asked for. */
function atFirstPart(bench: TransferBench, act: () => void | Promise<void>): void {
  const { putMultipart } = bench.store;
  bench.store.putMultipart = async (key, source, attributes, options) => {
    bench.store.putMultipart = putMultipart;
    let acted: Promise<void> | undefined;
    const next: PartSource['next'] = async (...args) => {
      acted ??= Promise.resolve(act());
      await acted;
      return source.next(...args);
    };
    const { sizeBytes } = source;
    return putMultipart.call(bench.store, key, { sizeBytes, next, verify: () => source.verify() }, attributes, options);
  };
}

test('each byte of a large file is read once, its checksum is that of what was sent', async (t) => {
  const bench = transferBench(t);
  const content = randomBytes(3 * 1024 * 1024 + 17);
  bench.write(F, content);
  const before = bytesRead();
  const { row } = ended(await upload(bench), 'stored');
  const read = bytesRead() - before;
  assert.ok(read >= content.length && read < content.length + 256 * 1024, `${read} bytes`);
  assert.equal(row.checksum, hash('sha256', content));
  assert.ok(bench.store.objects.get('p/f')!.body.equals(content));
});

test('S3 a large file that is overwritten between two parts is not published', async (t) => {
  const bench = transferBench(t);
  bench.write(F, LARGE);
  atFirstPart(bench, () => bench.write(F, Buffer.alloc(LARGE.length, 'x')));
  assert.deepEqual(await upload(bench), { end: 'raced' });
  assert.equal(bench.store.objects.size, 0);
  assert.equal(ended(await upload(bench), 'stored').row.checksum, hash('sha256', Buffer.alloc(LARGE.length, 'x')));
});

test('a hash thread that fails fails the upload, which says so, and the next one succeeds', async (t) => {
  const bench = transferBench(t);
  bench.write(F, LARGE);
  const { mock } = t.mock.method(bench.context.hashes, 'hash');
  mock.mockImplementationOnce(() => Promise.reject(new HashThreadError('Cannot hash')));
  assert.deepEqual(await upload(bench), { end: 'unreadable', code: 'HASH_THREAD' });
  assert.equal(bench.store.objects.size, 0);
  assert.equal(ended(await upload(bench), 'stored').row.checksum, hash('sha256', LARGE));
});

test('an upload that ends while it reads, hashes or waits for memory leaves no descriptor and no loan behind', async (t) => {
  const bench = transferBench(t);
  bench.write(F, LARGE);
  const files = openFiles();
  for (const ending of ['reading', 'waiting'] as const) {
    const everything = ending === 'waiting' ? await bench.context.memory.take(8 * 1024 * 1024) : undefined;
    const controller = new AbortController();
    atFirstPart(bench, () => void setImmediate(() => controller.abort()));
    assert.equal(ended(await upload(bench, { signal: controller.signal }), 'failed').error.reaction, 'aborted');
    everything?.giveBack();
    await until('the file is closed', () => openFiles() === files);
    (await bench.context.memory.take(8 * 1024 * 1024)).giveBack(); // all of it
  }
});

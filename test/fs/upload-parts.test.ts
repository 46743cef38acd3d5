// One large file -> one object in parts: which uploads the ledger knows of, and that none is forgotten while it is open.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LedgerRow, UNHEARD_UPLOAD } from '../../src/ledger/ledger.ts';
import { rowFor } from '../../src/ledger/row.ts';
import type { RelPath } from '../../src/model/path.ts';
import { StoreError } from '../../src/store/errors.ts';
import type { Outcome } from '../../src/transfer/outcome.ts';
import { type UploadRequest, uploadFile } from '../../src/transfer/upload-file.ts';
import { ambiguousError, ended, type TransferBench, transferBench } from '../support/transfers.ts';

const F = 'f' as RelPath;
const SMALL = 'hello';
/** In parts. */
const LARGE = Buffer.alloc(1024 * 1024 + 1, 'l');

function upload(bench: TransferBench, request: Partial<UploadRequest> = {}): Promise<Outcome> {
  const { signal } = new AbortController();
  return uploadFile(bench.context, { path: F, content: 'send', row: bench.row(F), force: false, signal, ...request });
}

test('S6 that an upload in parts was asked for is durable before it is, and its id before its first part', async (t) => {
  const bench = transferBench(t);
  bench.write(F, LARGE);
  const durable: (string | null)[] = [];
  const look = (): void => void durable.push(bench.ledger.openUploads()[0]?.uploadId ?? null);
  const { putMultipart } = bench.store;
  bench.store.putMultipart = (key, source, attributes, options) => {
    look();
    const read = (at: number, bytes: number): Promise<Buffer> => {
      look();
      return source.read(at, bytes);
    };
    return putMultipart.call(bench.store, key, { ...source, read }, attributes, options);
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

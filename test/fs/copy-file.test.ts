// One renamed file -> one copy: what is read first, what the ledger is to believe, and what becomes an upload.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, renameSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import { fileKey } from '../../src/model/key.ts';
import type { RelPath } from '../../src/model/path.ts';
import { StoreError } from '../../src/store/errors.ts';
import { type CopyFileRequest, copyFile } from '../../src/transfer/copy-file.ts';
import type { Outcome } from '../../src/transfer/outcome.ts';
import { uploadFile } from '../../src/transfer/upload-file.ts';
import { ambiguousError, ended, type TransferBench, transferBench } from '../support/transfers.ts';

const FROM = 'from' as RelPath;
const TO = 'to' as RelPath;
const SMALL = 'hello';
/** In parts. */
const LARGE = Buffer.alloc(1024 * 1024 + 1, 'l');

/** A file that is stored under one name and has another one by now. */
async function renamed(bench: TransferBench, content: string | Buffer): Promise<LedgerRow> {
  const { signal } = new AbortController();
  bench.write(FROM, content);
  const { row } = ended(
    await uploadFile(bench.context, {
      path: FROM,
      content: 'send',
      row: undefined,
      force: false,
      overtaken: false,
      signal,
    }),
    'stored',
  );
  bench.context.journal.save(row);
  renameSync(join(bench.root, FROM), join(bench.root, TO));
  bench.store.calls.clear();
  return row;
}

function copy(bench: TransferBench, source: LedgerRow, request: Partial<CopyFileRequest> = {}): Promise<Outcome> {
  const stat = bench.context.tree.lstat(TO)!;
  const { signal } = new AbortController();
  const rest = { content: 'send', row: bench.row(TO), force: false, overtaken: false, proven: false } as const;
  return copyFile(bench.context, { path: TO, source, stat, ...rest, signal, ...request });
}

function calls(bench: TransferBench): Record<string, number> {
  return Object.fromEntries(bench.store.calls);
}

const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

test('S8 a renamed file of any size is one copy, and its row says what it is now', async (t) => {
  for (const [content, proven] of [
    [SMALL, false],
    [SMALL, true],
    ['', false],
    [LARGE, false],
    [LARGE, true],
  ] as const) {
    const bench = transferBench(t);
    const source = await renamed(bench, content);
    chmodSync(join(bench.root, TO), 0o640);
    const { row, how, bytes } = ended(await copy(bench, source, { proven }), 'stored');
    assert.deepEqual([how, bytes, calls(bench)], ['copied', 0, { copy: 1 }]);
    const stat = statSync(join(bench.root, TO), { bigint: true });
    const object = bench.store.objects.get('p/to')!;
    assert.deepEqual(
      [row.key, row.state, row.checksum, row.etag, row.ino, row.ctimeNs, row.mode],
      [fileKey(TO), 'known', sha256(content), object.etag, stat.ino, stat.ctimeNs, Number(stat.mode)],
    );
    assert.equal(object.attributes.metadata['mode'], '0100640');
    assert.ok(!bench.context.copies.isRead(source.key));
  }
});

test('S2 another file with the inode, size and mtime of the source is sent', async (t) => {
  for (const content of [SMALL, LARGE]) {
    const bench = transferBench(t);
    const source = await renamed(bench, content);
    const other = Buffer.from(content).fill('z');
    bench.write(TO, other);
    utimesSync(join(bench.root, TO), 1, 1);
    const { row, how } = ended(await copy(bench, source), 'stored');
    assert.deepEqual([how, row.checksum], ['uploaded', sha256(other)]);
    assert.ok(bench.store.objects.get('p/to')!.body.equals(other));
    assert.deepEqual(calls(bench), { put: 1 });
  }
});

test('S6 before the copy the ledger says durably that it may execute', async (t) => {
  const bench = transferBench(t);
  const source = await renamed(bench, SMALL);
  const seen: (string | undefined)[] = [];
  bench.store.before = () => seen.push(bench.ledger.get(fileKey(TO))?.state);
  const { row } = ended(await copy(bench, source), 'stored');
  bench.context.journal.save(row);
  await copy(bench, source, { row, proven: true });
  assert.deepEqual(seen, ['intent', 'unproven']);
});

test('S6 a copy whose outcome is unknown leaves its key unproven and is not followed by an upload', async (t) => {
  for (const proven of [false, true]) {
    const bench = transferBench(t);
    const source = await renamed(bench, SMALL);
    bench.store.lost = ambiguousError();
    const { row } = ended(await copy(bench, source, { proven }), 'failed');
    assert.deepEqual([row?.state, row?.proveAfterMs !== null], ['intent', true]);
    assert.deepEqual(calls(bench), { copy: 1 });
    bench.store.lost = undefined;
    const again = ended(await copy(bench, source, { proven, row: row! }), 'stored');
    assert.equal(again.row.state, 'unproven', 'the first one may still come');
  }
});

for (const reaction of ['conflict', 'not-found', 'denied', 'rejected'] as const) {
  test(`S2 a copy that is answered ${reaction} becomes an upload in the same go`, async (t) => {
    for (const proven of [false, true]) {
      for (const content of [SMALL, LARGE]) {
        const bench = transferBench(t);
        const source = await renamed(bench, content);
        bench.store.before = (action) => {
          if (action === 'copy') throw new StoreError('no', { reaction, code: 'No' });
        };
        const { how, row } = ended(await copy(bench, source, { proven }), 'stored');
        assert.deepEqual([how, row.state, calls(bench)['put']], ['uploaded', 'known', 1]);
      }
    }
  });
}

test('S2 a source that something else is about to overwrite is not copied', async (t) => {
  for (const change of [{ state: 'unproven', proveAfterMs: 1 }, { etag: 'another' }] as const) {
    const bench = transferBench(t);
    const source = await renamed(bench, SMALL);
    bench.context.journal.save({ ...source, ...change });
    for (const proven of [false, true]) {
      bench.store.calls.clear();
      assert.equal(ended(await copy(bench, source, { proven }), 'stored').how, 'uploaded');
      assert.deepEqual(calls(bench), { put: 1 });
    }
  }
});

test('S6 a put on the source waits until the copy has ended, even if the copy fails', async (t) => {
  for (const fails of [false, true]) {
    const bench = transferBench(t);
    const source = await renamed(bench, SMALL);
    bench.write(FROM, 'the next one');
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const { copy: really } = bench.store;
    bench.store.copy = async (...args) => {
      order.push('copy');
      await gate.promise;
      order.push('copied');
      if (fails) throw ambiguousError();
      return really.apply(bench.store, args);
    };
    bench.store.before = (action, key) => order.push(`${action} ${key}`);
    const copied = copy(bench, source, { proven: true });
    const { signal } = new AbortController();
    const put = uploadFile(bench.context, {
      path: FROM,
      content: 'send',
      row: source,
      force: false,
      overtaken: false,
      signal,
    });
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.deepEqual(order, ['copy']);
    gate.resolve();
    await copied;
    ended(await put, 'stored');
    assert.equal(order.at(-1), 'put p/from');
  }
});

test('S6 the upload of a copy by parts is known durably before its first part, and while it may be open', async (t) => {
  const bench = transferBench(t);
  const source = await renamed(bench, LARGE);
  bench.store.copyThresholdBytes = 256 * 1024;
  const durable: (string | null)[] = [];
  const { copy: really } = bench.store;
  bench.store.copy = (from, to, options) => {
    const onStarted = (uploadId: string): void => {
      options!.onStarted!(uploadId);
      durable.push(bench.ledger.openUploads()[0]?.uploadId ?? null);
      throw ambiguousError(); // its own abort did not get through
    };
    return really.call(bench.store, from, to, { ...options, onStarted });
  };
  const { row } = ended(await copy(bench, source, { proven: true }), 'failed');
  assert.deepEqual(durable, [row?.uploadId]);
  assert.notEqual(row?.uploadId ?? null, null);
  bench.context.journal.save(row!);
  bench.store.copy = really;
  const aborted: string[] = [];
  bench.store.abortMultipart = async (_key, id) => void aborted.push(id);
  const stored = ended(await copy(bench, source, { proven: true }), 'stored');
  assert.deepEqual(aborted, [row?.uploadId]);
  assert.equal(stored.row.uploadId, null);
  assert.match(stored.row.etag!, /-5$/);
});

// The small parts of a restore, each with the rule it keeps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { remoteFileSystem } from '../../src/model/file-system.ts';
import type { RelKey } from '../../src/model/key.ts';
import { forEachConcurrently } from '../../src/restore/concurrent.ts';
import { RowBuffer } from '../../src/restore/row-buffer.ts';
import { spaceShortage } from '../../src/restore/space.ts';
import { ledgerRow } from '../support/ledger-rows.ts';

const FREE = { bytes: 100 * 4096, inodes: 10, blockBytes: 4096 };

test('space: every file takes whole blocks', () => {
  const downloads = Array.from({ length: 10 }, () => ({ sizeBytes: 4097, replacedBytes: 0 }));
  assert.equal(spaceShortage(downloads, { free: { ...FREE, bytes: 20 * 4096 }, concurrency: 4 }), undefined);
  assert.match(
    spaceShortage(downloads, { free: { ...FREE, bytes: 20 * 4096 - 1 }, concurrency: 4 }) ?? '',
    /more, 0\.1 MiB are free/,
  );
});

test('space: a replaced file needs room twice while it is in work, and only then', () => {
  const downloads = Array.from({ length: 10 }, () => ({ sizeBytes: 4096, replacedBytes: 4096 }));
  assert.equal(spaceShortage(downloads, { free: { ...FREE, bytes: 2 * 4096, inodes: 0 }, concurrency: 2 }), undefined);
  assert.notEqual(spaceShortage(downloads, { free: { ...FREE, bytes: 4096 }, concurrency: 2 }), undefined);
});

test('space: new files need inodes', () => {
  const downloads = Array.from({ length: 11 }, () => ({ sizeBytes: 1, replacedBytes: 0 }));
  assert.equal(spaceShortage(downloads, { free: FREE, concurrency: 2 }), 'it needs 11 more inodes, 10 are free');
});

test('S9 the ledger calls a file restored only after its file system was synced', async () => {
  const { ledger } = openLedger({ file: ':memory:' });
  const rowsAtSync: number[] = [];
  const sync = Promise.withResolvers<number>();
  const began = Promise.withResolvers<void>();
  const calls = {
    syncFileSystem: () => {
      rowsAtSync.push(ledger.count().ours);
      began.resolve();
      return sync.promise;
    },
  };
  const rows = new RowBuffer(ledger, { calls, fd: 0, nowMs: () => 0 });
  await rows.save(ledgerRow('a'));
  const flushed = rows.flush();
  await began.promise;
  await rows.save(ledgerRow('b'));
  assert.equal(ledger.count().ours, 0);
  sync.resolve(0);
  await flushed;
  assert.deepEqual([rowsAtSync, ledger.get('a' as RelKey)?.key, ledger.get('b' as RelKey)], [[0], 'a', undefined]);
  ledger.close();
});

test('a file system that cannot be synced ends the restore with one clear line', async () => {
  const { ledger } = openLedger({ file: ':memory:' });
  const rows = new RowBuffer(ledger, {
    calls: { syncFileSystem: async () => -5 },
    fd: 0,
    nowMs: () => 0,
  });
  await rows.save(ledgerRow('a'));
  await assert.rejects(rows.flush(), /OperatorError: Cannot write restored files to the disk: .* errno 5/);
  assert.equal(ledger.count().ours, 0);
  ledger.close();
});

test('rows are written by age also while few come', async () => {
  const { ledger } = openLedger({ file: ':memory:' });
  let now = 0;
  const calls = { syncFileSystem: async () => 0 };
  const rows = new RowBuffer(ledger, { calls, fd: 0, nowMs: () => now });
  await rows.save(ledgerRow('a'));
  now = 5_000;
  await rows.save(ledgerRow('b'));
  assert.equal(ledger.count().ours, 2);
  ledger.close();
});

test('a queue is fed lazily: no more items are taken than there is room for', async () => {
  let taken = 0;
  let running = 0;
  let most = 0;
  function* items() {
    for (; taken < 1_000; taken++) yield taken;
  }
  await forEachConcurrently(items(), {
    concurrency: 3,
    work: async () => {
      most = Math.max(most, ++running);
      assert.ok(taken - most < 1_000 && running <= 3);
      const ahead = taken;
      await new Promise(setImmediate);
      assert.ok(taken - ahead <= 8, `${taken - ahead} items were taken in one turn`);
      running--;
    },
  });
  assert.deepEqual([taken, most], [1_000, 3]);
});

test('the first failure stops a queue and is passed on when what runs has ended', async () => {
  const done: number[] = [];
  const failing = forEachConcurrently(Array.from({ length: 100 }).keys(), {
    concurrency: 2,
    work: async (item) => {
      await new Promise(setImmediate);
      if (item === 5) throw new Error('five');
      done.push(item);
    },
  });
  await assert.rejects(failing, /five/);
  assert.ok(done.length < 10);
});

test('network file systems are told by their magic numbers, whatever their sign', () => {
  assert.equal(remoteFileSystem(0x6969n), 'NFS');
  assert.equal(remoteFileSystem(BigInt.asIntN(32, 0xff534d42n)), 'CIFS');
  assert.equal(remoteFileSystem(0xef53n), undefined);
});

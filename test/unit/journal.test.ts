// Group commit: nothing saved is lost, what is read is what was saved, and an intent is durable before it is relied on.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Journal } from '../../src/ledger/journal.ts';
import { type Ledger, LedgerError } from '../../src/ledger/ledger.ts';
import { rowFor } from '../../src/ledger/row.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { isAcknowledged, isUnchanged, sameFile, sameMetadata } from '../../src/ledger/unchanged.ts';
import type { Stat } from '../../src/model/entry.ts';
import type { RelKey } from '../../src/model/key.ts';
import { ledgerRow } from '../support/ledger-rows.ts';
import { directoryStat, fileStat, statOfRow } from '../support/stats.ts';

const A = 'a' as RelKey;
const B = 'b' as RelKey;

/** A journal whose flushes wait for the test, and the writes that reach the ledger. */
function bench(t: TestContext): { ledger: Ledger; journal: Journal; scheduled: (() => void)[]; writes: number[] } {
  const { ledger } = openLedger({ file: ':memory:' });
  t.after(() => ledger.close());
  const scheduled: (() => void)[] = [];
  const writes: number[] = [];
  const write = ledger.write.bind(ledger);
  ledger.write = (rows, forget) => {
    writes.push(rows.length + (forget?.length ?? 0));
    write(rows, forget);
  };
  return { ledger, journal: new Journal(ledger, (flush) => scheduled.push(flush)), scheduled, writes };
}

test('what was saved or forgotten is read back before it is written', (t) => {
  const { ledger, journal } = bench(t);
  journal.save(ledgerRow(A));
  assert.equal(journal.get(A)?.key, A);
  assert.equal(ledger.get(A), undefined);
  journal.flush();
  journal.forget(A);
  assert.equal(journal.get(A), undefined);
  assert.equal(ledger.get(A)?.key, A);
  assert.equal(journal.get(B), undefined);
});

test('many changes are one transaction, the last of each key wins', (t) => {
  const { ledger, journal, scheduled, writes } = bench(t);
  for (let i = 0; i < 100; i++) journal.save(ledgerRow(`k${i}`));
  journal.save(ledgerRow(A));
  journal.forget(A);
  journal.forget(B);
  journal.save(ledgerRow(B, { etag: 'last' }));
  assert.equal(scheduled.length, 1);
  scheduled[0]!();
  assert.deepEqual(writes, [102]);
  assert.equal(ledger.get(A), undefined);
  assert.equal(ledger.get(B)?.etag, 'last');
  journal.save(ledgerRow(A));
  assert.equal(scheduled.length, 2, 'the next change schedules the next flush');
  journal.flush();
  scheduled[1]!();
  assert.deepEqual(writes, [102, 1], 'nothing is written twice');
});

test('S6 a durable save resolves only when the row is in the ledger', async (t) => {
  const { ledger, journal, scheduled } = bench(t);
  let durable = false;
  const saved = journal.saveDurably(ledgerRow(A)).then(() => {
    durable = true;
    assert.equal(ledger.get(A)?.key, A);
  });
  await new Promise(setImmediate);
  assert.equal(durable, false);
  scheduled[0]!();
  await saved;
});

test('S6 a flush that fails rejects those who wait for it, throws, and the journal goes on', async (t) => {
  const { ledger, journal } = bench(t);
  const { write } = ledger;
  ledger.write = () => {
    throw new LedgerError('disk full');
  };
  const saved = assert.rejects(journal.saveDurably(ledgerRow(A)), LedgerError);
  assert.throws(() => journal.flush(), LedgerError);
  await saved;
  ledger.write = write;
  const again = journal.saveDurably(ledgerRow(A));
  journal.flush();
  await again;
});

test('a flush that fails when nobody asked for it is told, not thrown into the event loop', async (t) => {
  const { ledger, journal, scheduled } = bench(t);
  ledger.write = () => {
    throw new LedgerError('disk full');
  };
  journal.save(ledgerRow(A));
  scheduled[0]!();
  await assert.rejects(journal.failed, LedgerError);
});

test('ranges and counts see everything that was saved', (t) => {
  const { journal } = bench(t);
  journal.save(ledgerRow(A));
  journal.save(ledgerRow(B));
  assert.deepEqual(
    [...journal.settled.range('' as RelKey)].map(({ key }) => key),
    [A, B],
  );
});

test('a row has the size of a file and the facts it was given; a directory has no size', () => {
  const row = rowFor(A, fileStat({ sizeBytes: 9 }), { state: 'known', checksum: 'c', etag: 'e' });
  assert.deepEqual(row, ledgerRow(A, { sizeBytes: 9, checksum: 'c', etag: 'e' }));
  assert.equal(rowFor(A, directoryStat({ sizeBytes: 4096 }), { state: 'intent', checksum: null }).sizeBytes, 0);
});

const OTHERS: Partial<Stat>[] = [{ kind: 'symlink' }, { sizeBytes: 4 }, { mtimeNs: 1n }, { ctimeNs: 1n }, { ino: 1n }];

test('S8 a file is unchanged exactly if all five fields are equal and the row is a known one', () => {
  const row = ledgerRow(A);
  assert.ok(isUnchanged(row, fileStat()));
  assert.ok(isUnchanged(row, fileStat({ dev: 9n, nlink: 9, mode: 0, uid: 9, gid: 9 })), 'these are no content');
  for (const other of OTHERS) assert.equal(isUnchanged(row, fileStat(other)), false, Object.keys(other)[0]);
  for (const state of ['intent', 'unproven', 'fuzzy', 'foreign'] as const) {
    assert.equal(isUnchanged({ ...row, state }, fileStat()), false, state);
    assert.ok(sameFile({ ...row, state }, fileStat()));
  }
});

test('S13 metadata is mode, owner and time; the times of a directory do not count', () => {
  const row = ledgerRow(A);
  assert.ok(sameMetadata(row, fileStat({ ctimeNs: 1n, ino: 1n })));
  for (const other of [{ mode: 0 }, { uid: 9 }, { gid: 9 }, { mtimeNs: 1n }])
    assert.equal(sameMetadata(row, fileStat(other)), false);
  const directory = ledgerRow(A, { kind: 'directory', mode: 0o040755 });
  assert.ok(sameMetadata(directory, { ...statOfRow(directory), mtimeNs: 1n }));
});

test('S4 acknowledged is what S3 has confirmed and we wrote', () => {
  const acknowledged = (state: 'intent' | 'known' | 'unproven' | 'fuzzy' | 'foreign', etag: string | null): boolean =>
    isAcknowledged(ledgerRow(A, { state, etag }));
  assert.deepEqual(
    [acknowledged('known', null), acknowledged('fuzzy', 'e'), acknowledged('unproven', 'e')],
    [true, true, true],
  );
  assert.deepEqual(
    [acknowledged('unproven', null), acknowledged('intent', 'e'), acknowledged('foreign', 'e')],
    [false, false, false],
  );
});

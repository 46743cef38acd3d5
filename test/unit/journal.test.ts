// Group commit: nothing saved is lost, what is read is what was saved, and an intent is durable before it is relied on.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
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
import { tempDir } from '../support/temp-dir.ts';

const A = 'a' as RelKey;
const B = 'b' as RelKey;

/** The keys that a process would find that starts after this one has died at this very moment. */
function afterCrash(file: string): string[] {
  const copy = `${file}.copy`;
  for (const end of ['', '-wal']) if (existsSync(file + end)) copyFileSync(file + end, copy + end);
  const { ledger } = openLedger({ file: copy });
  const keys = [...ledger.range('' as RelKey)].map(({ key }) => key);
  ledger.close();
  for (const end of ['', '-wal']) rmSync(copy + end, { force: true });
  return keys;
}

interface Bench {
  readonly ledger: Ledger;
  readonly journal: Journal;
  readonly scheduled: (() => void)[];
  durable(): string[];
}

/** A journal whose flushes wait for the test. */
function bench(t: TestContext): Bench {
  const file = join(tempDir(t), 'ledger.sqlite');
  const { ledger } = openLedger({ file });
  t.after(() => ledger.close());
  const scheduled: (() => void)[] = [];
  const journal = new Journal(ledger, (flush) => scheduled.push(flush));
  return { ledger, journal, scheduled, durable: () => afterCrash(file) };
}

test('what was saved or forgotten is read back at once, and durable after the flush', (t) => {
  const { ledger, journal, durable } = bench(t);
  journal.save(ledgerRow(A));
  assert.equal(ledger.get(A)?.key, A);
  assert.deepEqual(durable(), []);
  journal.flush();
  assert.deepEqual(durable(), [A]);
  journal.forget(A);
  assert.equal(ledger.get(A), undefined);
  assert.deepEqual(durable(), [A]);
  journal.flush();
  assert.deepEqual(durable(), []);
});

test('many changes are one transaction, the last of each key wins', (t) => {
  const { ledger, journal, scheduled, durable } = bench(t);
  for (let i = 0; i < 100; i++) journal.save(ledgerRow(`k${i}`));
  journal.save(ledgerRow(A));
  journal.forget(A);
  journal.forget(B);
  journal.save(ledgerRow(B, { etag: 'last' }));
  assert.equal(scheduled.length, 1);
  assert.deepEqual(durable(), []);
  scheduled[0]!();
  assert.equal(durable().length, 101);
  assert.equal(ledger.get(A), undefined);
  assert.equal(ledger.get(B)?.etag, 'last');
  journal.save(ledgerRow(A));
  assert.equal(scheduled.length, 2, 'the next change schedules the next flush');
});

test('what the ledger is told beside the journal takes with it what was saved before', (t) => {
  const { ledger, journal, durable } = bench(t);
  journal.save(ledgerRow(A));
  ledger.write([ledgerRow(B)]);
  assert.deepEqual(durable(), [A, B]);
  journal.forget(A);
  ledger.setMeta({ restoring: true });
  assert.deepEqual(durable(), [B]);
  journal.flush();
});

test('S6 a durable save resolves only when the row would survive a crash', async (t) => {
  const { journal, scheduled, durable } = bench(t);
  let isDurable = false;
  const saved = journal.saveDurably(ledgerRow(A)).then(() => {
    isDurable = true;
    assert.deepEqual(durable(), [A]);
  });
  await new Promise(setImmediate);
  assert.equal(isDurable, false);
  scheduled[0]!();
  await saved;
});

for (const step of ['stage', 'commit'] as const) {
  test(`S6 a ${step} that fails rejects those who wait for it, throws, and the journal goes on`, async (t) => {
    const { ledger, journal } = bench(t);
    const waiting = assert.rejects(journal.saveDurably(ledgerRow(B)), LedgerError);
    const { [step]: healthy } = ledger;
    const full = (): never => {
      throw new LedgerError('disk full');
    };
    Object.assign(ledger, { [step]: full });
    const saved = assert.rejects(journal.saveDurably(ledgerRow(A)), LedgerError);
    if (step === 'commit') assert.throws(() => journal.flush(), LedgerError);
    await Promise.all([waiting, saved]);
    Object.assign(ledger, { [step]: healthy });
    const again = journal.saveDurably(ledgerRow(A));
    journal.flush();
    await again;
  });
}

test('a flush that fails when nobody asked for it is told, not thrown into the event loop', async (t) => {
  const { ledger, journal, scheduled } = bench(t);
  ledger.commit = () => {
    throw new LedgerError('disk full');
  };
  journal.save(ledgerRow(A));
  scheduled[0]!();
  await assert.rejects(journal.failed, LedgerError);
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

// A ledger is a sorted map: a plain Map ordered by Buffer.compare is the model it must not differ from.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ledger, LedgerOutline, LedgerRow } from '../../src/ledger/ledger.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import type { RelKey } from '../../src/model/key.ts';
import { arbitraryKey, arbitraryRow } from '../support/ledger-rows.ts';

type Model = Map<RelKey, LedgerRow>;

const bytes = (key: RelKey): Buffer => Buffer.from(key, 'latin1');

function modelRange(model: Model, from: RelKey, to?: RelKey): LedgerRow[] {
  return [...model.values()]
    .filter((row) => Buffer.compare(bytes(row.key), bytes(from)) >= 0)
    .filter((row) => to === undefined || Buffer.compare(bytes(row.key), bytes(to)) < 0)
    .sort((a, b) => Buffer.compare(bytes(a.key), bytes(b.key)));
}

function acknowledged(row: LedgerRow): boolean {
  return row.state === 'known' || row.state === 'fuzzy' || (row.state === 'unproven' && row.etag !== null);
}

function outlineOf({ checksum, etag, versionId, uploadId, proveAfterMs, ...outline }: LedgerRow): LedgerOutline {
  return outline;
}

const step = fc.oneof(
  fc.record({
    do: fc.constant('write' as const),
    rows: fc.array(arbitraryRow, { maxLength: 8 }),
    forget: fc.array(arbitraryKey, { maxLength: 4 }),
  }),
  fc.record({ do: fc.constant('stage' as const), row: arbitraryRow, forgotten: fc.boolean() }),
  fc.record({ do: fc.constant('forgetForeign' as const) }),
  fc.record({ do: fc.constant('commit' as const) }),
);

function apply(ledger: Ledger, model: Model, action: typeof step extends fc.Arbitrary<infer T> ? T : never): void {
  if (action.do === 'forgetForeign') {
    ledger.forgetForeign();
    for (const row of model.values()) if (row.state === 'foreign') model.delete(row.key);
    return;
  }
  if (action.do === 'commit') return ledger.commit();
  if (action.do === 'stage') {
    const { row, forgotten } = action;
    ledger.stage(row.key, forgotten ? null : row);
    if (forgotten) model.delete(row.key);
    else model.set(row.key, row);
    return;
  }
  ledger.write(action.rows, action.forget);
  for (const key of action.forget) model.delete(key);
  for (const row of action.rows) model.set(row.key, row);
}

test('every answer of a ledger is that of a map ordered by bytes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), arbitraryKey, arbitraryKey, (steps, from, to) => {
      const { ledger } = openLedger({ file: ':memory:' });
      const model: Model = new Map();
      for (const action of steps) apply(ledger, model, action);
      const rows = [...model.values()];

      assert.deepEqual([...ledger.range('' as RelKey)], modelRange(model, '' as RelKey));
      assert.deepEqual([...ledger.range(from, to)], modelRange(model, from, to));
      assert.deepEqual([...ledger.outlines('' as RelKey)], modelRange(model, '' as RelKey).map(outlineOf));
      assert.deepEqual([...ledger.outlines(from, to)], modelRange(model, from, to).map(outlineOf));
      assert.deepEqual(ledger.get(from), model.get(from));
      assert.equal(ledger.hasAcknowledged(from, to), modelRange(model, from, to).some(acknowledged));
      const foreign = rows.filter((row) => row.state === 'foreign').length;
      assert.deepEqual(ledger.count(), { ours: rows.length - foreign, foreign });
      const ours = modelRange(model, '' as RelKey).filter((row) => row.state !== 'foreign');
      assert.deepEqual(
        ledger.byInode(1n),
        ours.filter((row) => row.ino === 1n),
      );
      assert.deepEqual(
        ledger.openUploads(),
        modelRange(model, '' as RelKey).filter((row) => row.uploadId !== null),
      );
      const owed = rows.flatMap(({ proveAfterMs }) =>
        proveAfterMs !== null && proveAfterMs > 1_000 ? proveAfterMs : [],
      );
      const expected = owed.length === 0 ? undefined : { keys: owed.length, untilMs: Math.max(...owed) };
      assert.deepEqual(ledger.owedProofs(1_000), expected);
      ledger.close();
    }),
    { numRuns: 300 },
  );
});

test('a range read while its caller writes yields every untouched row once, in order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 450, max: 1_600 }), fc.integer({ min: 1, max: 7 }), (total, every) => {
      const { ledger } = openLedger({ file: ':memory:' });
      const [template] = fc.sample(arbitraryRow, 1) as [LedgerRow];
      // The key behind a page's last one follows it without a gap.
      const key = (i: number): RelKey =>
        `k${String((i + 1) >> 1).padStart(5, '0')}${i % 2 === 0 ? '\0' : ''}` as RelKey;
      ledger.write(Array.from({ length: total }, (_, i) => ({ ...template, key: key(i) })));
      const seen: RelKey[] = [];
      for (const row of ledger.range('' as RelKey)) {
        seen.push(row.key);
        // Forgets what was just seen and writes behind the cursor.
        if (seen.length % every === 0) ledger.write([{ ...template, key: `j${seen.length}` as RelKey }], [row.key]);
      }
      assert.deepEqual(
        seen,
        Array.from({ length: total }, (_, i) => key(i)),
      );
      ledger.close();
    }),
    { numRuns: 20 },
  );
});

// Whatever the disk and the ledger look like: what the planner may never do, and that doing what it says ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LedgerRow, RowState } from '../../src/ledger/ledger.ts';
import { rowFor } from '../../src/ledger/row.ts';
import { sameFile } from '../../src/ledger/unchanged.ts';
import type { Action, KeyKind } from '../../src/model/action.ts';
import type { Stat } from '../../src/model/entry.ts';
import type { RelKey } from '../../src/model/key.ts';
import { NO_XATTRS, xattrsOf } from '../../src/model/xattrs.ts';
import { type PathState, planPath } from '../../src/plan/plan-path.ts';
import { ledgerRow } from '../support/ledger-rows.ts';
import { fileStat } from '../support/stats.ts';

const NOW_MS = 100;

const stat: fc.Arbitrary<Stat> = fc
  .record({
    kind: fc.constantFrom('file' as const, 'directory' as const, 'symlink' as const, 'other' as const),
    sizeBytes: fc.constantFrom(3, 4),
    mtimeNs: fc.constantFrom(1n, 2n),
    ctimeNs: fc.constantFrom(1n, 2n),
    ino: fc.constantFrom(1n, 2n),
    mode: fc.constantFrom(0o644, 0o600),
    uid: fc.constantFrom(0, 1),
    nlink: fc.constantFrom(1, 2),
  })
  .map((change) => fileStat(change));

/** Rows as transfers write them: a checksum unless intent or foreign, an ETag unless intent or an unproven delete. */
function rowOf(kinds: LedgerRow['kind'][]): fc.Arbitrary<LedgerRow> {
  return fc
    .record({
      state: fc.constantFrom<RowState>('intent', 'known', 'unproven', 'fuzzy', 'foreign'),
      kind: fc.constantFrom(...kinds),
      at: stat,
      hasEtag: fc.boolean(),
      proveAfterMs: fc.constantFrom(NOW_MS - 1, NOW_MS, NOW_MS + 1),
    })
    .map(({ state, kind, at: { sizeBytes, mtimeNs, ctimeNs, ino, mode, uid }, hasEtag, proveAfterMs }) =>
      ledgerRow('f', {
        ...{ state, kind, sizeBytes, mtimeNs, ctimeNs, ino, mode, uid },
        checksum: state === 'intent' || state === 'foreign' ? null : 'c',
        etag: state === 'intent' || (state === 'unproven' && !hasEtag) ? null : 'e',
        proveAfterMs: state === 'unproven' ? proveAfterMs : null,
      }),
    );
}

const state: fc.Arbitrary<PathState> = fc.record({
  stat: fc.option(stat, { nil: undefined }),
  fileRow: fc.option(rowOf(['file', 'symlink']), { nil: undefined }),
  source: fc.option(fc.record({ row: rowOf(['file']), written: fc.boolean() }), { nil: undefined }),
  markerRow: fc.option(rowOf(['directory']), { nil: undefined }),
  needsMarker: fc.boolean(),
  keeps: fc.record({ xattrs: fc.boolean(), hardLinks: fc.boolean() }),
  xattrs: fc.constantFrom(null, NO_XATTRS, xattrsOf(Buffer.from('x'))),
  dirTimeCounts: fc.boolean(),
  hasRowsBelow: fc.boolean(),
  hasStoredBelow: fc.boolean(),
  deleteForeign: fc.boolean(),
  written: fc.boolean(),
  snapshot: fc.constantFrom(undefined, 'stored' as const, 'due' as const),
  nowMs: fc.constant(NOW_MS),
});

function always(claim: string, holds: (state: PathState, actions: readonly Action[]) => void): void {
  test(claim, () => {
    fc.assert(
      fc.property(state, (s) => holds(s, planPath(s))),
      { numRuns: 5_000 },
    );
  });
}

function deletes(actions: readonly Action[]): KeyKind[] {
  return actions.flatMap((action) => (action.do === 'delete' ? [action.target] : []));
}

always('S4 nothing of a name that a special file occupies is deleted', (s, actions) => {
  if (s.stat?.kind === 'other') assert.deepEqual(deletes(actions), []);
});

always('S4 a key is deleted only if it has a row, and that of another only on the word of the user', (s, actions) => {
  for (const target of deletes(actions)) {
    const row = target === 'file' ? s.fileRow : s.markerRow;
    assert.ok(row !== undefined);
    if (row.state === 'foreign') assert.ok(s.deleteForeign);
  }
});

always('S4 the key of what is on disk is not deleted', (s, actions) => {
  const kind = s.stat?.kind;
  if (kind === 'file' || kind === 'symlink') assert.ok(!deletes(actions).includes('file'));
  if (kind === 'directory' && (s.needsMarker || !s.hasStoredBelow)) assert.ok(!deletes(actions).includes('marker'));
});

always('S5 every put comes before every delete', (_, actions) => {
  const order = actions.map((action) => action.do);
  const firstDelete = order.indexOf('delete');
  const lastPut = order.findLastIndex((what) => what.startsWith('put-'));
  if (firstDelete >= 0) assert.ok(lastPut < firstDelete);
});

always(
  'S3 only a file whose stat is that of its source, and of which no write is known, is copied unread',
  (s, actions) => {
    for (const action of actions) {
      if (action.do !== 'put-file' || action.from === undefined) continue;
      assert.ok(s.stat?.kind === 'file' && s.source?.row.key === action.from.key);
      if (action.from.proven) assert.ok(sameFile(s.source.row, s.stat) && !s.written && !s.source.written);
    }
  },
);

always('S8 a known row and an equal stat without a write that was told of cost nothing', (s) => {
  fc.pre(s.stat?.kind === 'file' && !s.written && s.snapshot !== 'due');
  const fileRow = ledgerRow(
    'f',
    rowFor('f' as RelKey, s.stat, { state: 'known', xattrs: '', linkGroup: 'g', checksum: 'c', etag: 'e' }),
  );
  assert.deepEqual(planPath({ ...s, fileRow, markerRow: undefined, hasRowsBelow: false }), []);
});

always('S3 of what a command makes no content is taken for granted', (s, actions) => {
  fc.pre(s.stat?.kind === 'file' && s.snapshot !== undefined);
  for (const action of actions)
    if (action.do === 'put-file') assert.ok(action.content === 'send' || action.content === 'compare');
});

always('S6 only an unproven key is proven, not before its time', (s, actions) => {
  for (const action of actions) {
    if (action.do !== 'prove') continue;
    const row = action.target === 'file' ? s.fileRow : s.markerRow;
    assert.ok(row?.state === 'unproven' && row.proveAfterMs === action.notBeforeMs);
  }
});

/** The state after the first action has been done as the transfers do it. */
function perform(s: PathState, action: Action): PathState {
  const xattrs = s.keeps.xattrs || s.stat?.kind === 'directory' ? (s.xattrs?.digest ?? '') : null;
  const stored = (key: string): LedgerRow =>
    rowFor(key as RelKey, s.stat!, { state: 'known', xattrs, linkGroup: 'g', checksum: 'c', etag: 'e' });
  switch (action.do) {
    case 'put-file':
    case 'put-symlink':
      return { ...s, fileRow: stored('f'), written: false, snapshot: s.snapshot && 'stored' };
    case 'put-marker':
      return { ...s, markerRow: stored('f/') };
    case 'delete':
      return action.target === 'file' ? { ...s, fileRow: undefined } : { ...s, markerRow: undefined };
    case 'prove': {
      const row = action.target === 'file' ? s.fileRow! : s.markerRow!;
      const proven = row.etag === null ? undefined : { ...row, state: 'known' as const, proveAfterMs: null };
      return action.target === 'file' ? { ...s, fileRow: proven } : { ...s, markerRow: proven };
    }
    case 'expand':
      return { ...s, hasRowsBelow: false };
    case 'skip-special':
      return s;
  }
}

always('S2 doing what is planned, one action at a time, ends with intents settled and no key too many', (start) => {
  let s = start;
  for (let round = 0; round < 8; round++) {
    const action = planPath(s).find((each) => each.do !== 'skip-special');
    if (action === undefined) break;
    s = perform(s, action);
  }
  assert.deepEqual(
    planPath(s).filter((action) => action.do !== 'skip-special'),
    [],
    'it does not end',
  );
  const kind = s.stat?.kind;
  if (kind === 'other') return;
  const isFile = kind === 'file' || kind === 'symlink';
  if (isFile) assert.ok(s.fileRow?.state === 'known' && s.fileRow.kind === kind);
  else assert.ok(s.fileRow === undefined || s.fileRow.state === 'foreign');
  // A marker may outlive its need until something beneath the directory is stored.
  if (kind === 'directory' && s.needsMarker) assert.ok(s.markerRow !== undefined && s.markerRow.state !== 'intent');
  else if (kind !== 'directory') assert.ok(s.markerRow === undefined || s.markerRow.state === 'foreign');
});

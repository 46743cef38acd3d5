// One row per line of planPath's truth table, and per line of the rules beside it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import type { Action } from '../../src/model/action.ts';
import type { Stat } from '../../src/model/entry.ts';
import { NO_XATTRS, xattrsOf } from '../../src/model/xattrs.ts';
import { exceedsBudget } from '../../src/plan/delete-budget.ts';
import { DEFAULT_DIRECTORY_MODE, needsMarker } from '../../src/plan/marker.ts';
import { type PathState, planPath, type Source } from '../../src/plan/plan-path.ts';
import { ledgerRow } from '../support/ledger-rows.ts';
import { directoryStat, fileStat, symlinkStat } from '../support/stats.ts';

const NOW_MS = 4_000_000_000_000;

function plan(state: Partial<PathState>): readonly Action[] {
  return planPath({
    stat: undefined,
    fileRow: undefined,
    source: undefined,
    markerRow: undefined,
    needsMarker: false,
    keeps: { xattrs: false, hardLinks: false },
    xattrs: null,
    dirTimeCounts: false,
    hasRowsBelow: false,
    hasStoredBelow: false,
    deleteForeign: false,
    written: false,
    nowMs: NOW_MS,
    ...state,
  });
}

function row(change: Partial<LedgerRow> = {}): LedgerRow {
  return ledgerRow('f', change);
}

const FOREIGN = { state: 'foreign', checksum: null } as const;
const INTENT = { state: 'intent', checksum: null, etag: null } as const;
const marker = (change: Partial<LedgerRow> = {}): LedgerRow => ({ ...rowOfStat(directoryStat()), ...change });
const link = (change: Partial<LedgerRow> = {}): LedgerRow => ({ ...rowOfStat(symlinkStat()), ...change });

function rowOfStat({ kind, mode, ino }: Stat): LedgerRow {
  return row({ kind: kind as LedgerRow['kind'], mode, ino });
}

const file = fileStat();
const edited: Stat = { ...file, ctimeNs: file.ctimeNs + 1n };
const grown: Stat = { ...edited, sizeBytes: file.sizeBytes + 1 };
const directory = directoryStat();
const symlink = symlinkStat();
const fifo: Stat = { ...file, kind: 'other', mode: 0o010644 };

const send = (reason: string): Action => ({ do: 'put-file', content: 'send', reason });
const compare: Action = { do: 'put-file', content: 'compare', reason: 'changed' };
const UNPROVEN = { state: 'unproven', proveAfterMs: NOW_MS } as const;
const source: Source = { row: ledgerRow('former'), written: false };
const copy = (content: 'send' | 'compare', proven: boolean): Action => {
  return { do: 'put-file', content, from: { key: source.row.key, proven }, reason: 'renamed' };
};
const remove = (target: 'file' | 'marker', reason: string): Action => ({ do: 'delete', target, reason });

/** Extended attributes are kept, and a directory has none. */
const KEPT = { keeps: { xattrs: true, hardLinks: false }, xattrs: NO_XATTRS } as const;
const LINKS = { keeps: { xattrs: false, hardLinks: true } } as const;
const named: Stat = { ...file, nlink: 2 };

const TABLE: [claim: string, state: Partial<PathState>, actions: Action[]][] = [
  ['a new file is sent', { stat: file }, [send('new')]],
  ['a file with an intent is sent', { stat: file, fileRow: row(INTENT) }, [send('unfinished')]],
  ['a file that was a link is sent', { stat: file, fileRow: link() }, [send('other kind')]],
  [
    'a foreign object of equal size is adopted if equal',
    { stat: file, fileRow: row(FOREIGN) },
    [{ do: 'put-file', content: 'adopt', reason: 'foreign' }],
  ],
  ['a foreign object of another size is replaced', { stat: grown, fileRow: row(FOREIGN) }, [send('foreign')]],
  ['S8 five equal fields of a known file: nothing', { stat: file, fileRow: row() }, []],
  ['S13 a row that tells of no attributes is nothing where they are not kept', { stat: file, fileRow: row() }, []],
  ['S8 one that tells of them, be it of none, is complete', { ...KEPT, stat: file, fileRow: row({ xattrs: '' }) }, []],
  [
    'S13 one that tells nothing of them is completed',
    { ...KEPT, stat: file, fileRow: row() },
    [{ do: 'put-file', content: 'stored', reason: 'what goes with it' }],
  ],
  ['S8 a file with one name is in no group', { ...LINKS, stat: file, fileRow: row() }, []],
  ['S8 a row that tells of a group is complete', { ...LINKS, stat: named, fileRow: row({ linkGroup: 'g' }) }, []],
  [
    'S13 a row that tells of no group is completed if the file has another name',
    { ...LINKS, stat: named, fileRow: row() },
    [{ do: 'put-file', content: 'stored', reason: 'what goes with it' }],
  ],
  ['S8 but not where links are not kept', { stat: named, fileRow: row() }, []],
  ['S13 a link has none to be told of', { ...KEPT, stat: symlink, fileRow: link() }, []],
  [
    'S13 an unproven file whose attributes are not told of is sent',
    { ...KEPT, stat: file, fileRow: row(UNPROVEN) },
    [send('unproven')],
  ],
  [
    'S6 an unproven file whose attributes are told of is proven',
    { ...KEPT, stat: file, fileRow: row({ ...UNPROVEN, xattrs: '' }) },
    [{ do: 'prove', target: 'file', notBeforeMs: NOW_MS }],
  ],
  ['a write that was told of forces a comparison', { stat: file, fileRow: row(), written: true }, [compare]],
  ['an edit of the same size is compared', { stat: edited, fileRow: row() }, [compare]],
  ['an edit of another size is sent', { stat: grown, fileRow: row() }, [send('changed')]],
  ['S3 a fuzzy file is compared however equal its stat', { stat: file, fileRow: row({ state: 'fuzzy' }) }, [compare]],
  [
    'a comparison cannot settle a ctime in the future: there is none before its time',
    { stat: file, fileRow: row({ state: 'fuzzy' }), nowMs: -3_600_000 },
    [],
  ],
  [
    'a write on a ctime in the future is compared',
    { stat: file, fileRow: row({ state: 'fuzzy' }), nowMs: -3_600_000, written: true },
    [compare],
  ],
  [
    'without a checksum there is nothing to compare with',
    { stat: edited, fileRow: row({ checksum: null }) },
    [send('changed')],
  ],
  ['a file that a command makes is sent where S3 has none', { stat: file, snapshot: 'due' }, [send('new')]],
  ['its foreign object is replaced', { stat: file, fileRow: row(FOREIGN), snapshot: 'due' }, [send('foreign')]],
  ['it is made anew however equal its stat', { stat: file, fileRow: row(), snapshot: 'due' }, [compare]],
  [
    'S8 it is not made anew when its state was stored, whatever an event told of a write',
    { stat: file, fileRow: row(), snapshot: 'stored', written: true },
    [],
  ],
  ['what is made of a grown file is compared', { stat: grown, fileRow: row(), snapshot: 'due' }, [compare]],
  [
    'S3 what was made of a file that did not rest is made anew',
    { stat: file, fileRow: row({ state: 'fuzzy' }), snapshot: 'due' },
    [compare],
  ],
  [
    'S6 what was made of an unproven file is proven, unless there is something else to make',
    { stat: edited, fileRow: row({ state: 'unproven', proveAfterMs: NOW_MS }), snapshot: 'stored' },
    [{ do: 'prove', target: 'file', notBeforeMs: NOW_MS }],
  ],
  [
    'S13 what was made is not taken for what a command makes now, though only what goes with it is not told of',
    { ...KEPT, stat: file, fileRow: row(), snapshot: 'stored' },
    [compare],
  ],
  [
    'S8 what was made, with all that goes with it, is complete',
    { ...KEPT, stat: file, fileRow: row({ xattrs: '' }), snapshot: 'stored' },
    [],
  ],
  [
    'S13 an unproven file that was made is sent where the row does not tell what goes with it',
    { ...KEPT, stat: file, fileRow: row(UNPROVEN), snapshot: 'stored' },
    [send('unproven')],
  ],
  [
    'S6 an unproven file that is to be made anew is sent',
    { stat: file, fileRow: row({ state: 'unproven', proveAfterMs: NOW_MS }), snapshot: 'due' },
    [send('unproven')],
  ],
  [
    'S6 an unproven file is proven, but not before the late request can no longer come',
    { stat: file, fileRow: row({ state: 'unproven', proveAfterMs: NOW_MS + 1 }) },
    [{ do: 'prove', target: 'file', notBeforeMs: NOW_MS + 1 }],
  ],
  [
    'S6 an unproven file whose time has come is proven',
    { stat: file, fileRow: row({ state: 'unproven', proveAfterMs: NOW_MS }) },
    [{ do: 'prove', target: 'file', notBeforeMs: NOW_MS }],
  ],
  [
    'S6 an unproven file that was edited is sent at once',
    { stat: edited, fileRow: row({ state: 'unproven', proveAfterMs: NOW_MS + 1 }) },
    [send('unproven')],
  ],
  [
    'a write that was told of on an unproven file is sent',
    { stat: file, written: true, fileRow: row({ state: 'unproven', proveAfterMs: NOW_MS }) },
    [send('unproven')],
  ],
  [
    'S6 a file that came back after an unproven delete is sent',
    { stat: file, fileRow: row({ state: 'unproven', etag: null, proveAfterMs: NOW_MS }) },
    [send('unproven')],
  ],
  [
    'S8 a renamed file is copied unread if its stat is that of its source',
    { stat: file, source },
    [copy('send', true)],
  ],
  [
    'S3 ... read first if an event told of a write, under its name',
    { stat: file, source, written: true },
    [copy('send', false)],
  ],
  ['S3 ... or under the one it had', { stat: file, source: { ...source, written: true } }, [copy('send', false)]],
  [
    'S8 a file that may be its source, or another one with its inode, is read first',
    { stat: edited, source },
    [copy('send', false)],
  ],
  [
    'S8 a file renamed over another one of its size is compared with both objects',
    { stat: { ...edited, ino: 7n }, fileRow: row(), source },
    [copy('compare', false)],
  ],
  [
    'a file renamed to a foreign key is copied over it',
    { stat: file, fileRow: row(FOREIGN), source },
    [copy('send', true)],
  ],
  ['S6 ... to an unproven key', { stat: edited, fileRow: row(UNPROVEN), source }, [copy('send', false)]],
  ['a copy with an intent is made again', { stat: file, fileRow: row(INTENT), source }, [copy('send', true)]],
  ['a file that is as its own row says has no use for a source', { stat: file, fileRow: row(), source }, []],
  [
    'S6 ... nor one that only has to be proven',
    { stat: file, fileRow: row(UNPROVEN), source },
    [{ do: 'prove', target: 'file', notBeforeMs: NOW_MS }],
  ],
  ['a new link is put', { stat: symlink }, [{ do: 'put-symlink', reason: 'new' }]],
  ['an equal link: nothing', { stat: symlink, fileRow: link() }, []],
  [
    'a link of another owner is put',
    { stat: { ...symlink, uid: 7 }, fileRow: link() },
    [{ do: 'put-symlink', reason: 'changed' }],
  ],
  ['a link that was a file is put', { stat: symlink, fileRow: row() }, [{ do: 'put-symlink', reason: 'other kind' }]],
  [
    'a link is never adopted',
    { stat: symlink, fileRow: row({ ...FOREIGN, sizeBytes: symlink.sizeBytes }) },
    [{ do: 'put-symlink', reason: 'foreign' }],
  ],
  ['a needed marker is put', { stat: directory, needsMarker: true }, [{ do: 'put-marker', reason: 'new' }]],
  [
    'a foreign marker is overwritten where one is needed',
    { stat: directory, needsMarker: true, markerRow: marker(FOREIGN) },
    [{ do: 'put-marker', reason: 'new' }],
  ],
  [
    'a marker with an intent is put',
    { stat: directory, needsMarker: true, markerRow: marker(INTENT) },
    [{ do: 'put-marker', reason: 'new' }],
  ],
  [
    'a marker with another time is put where that counts',
    { stat: { ...directory, mtimeNs: 1n }, needsMarker: true, dirTimeCounts: true, markerRow: marker() },
    [{ do: 'put-marker', reason: 'changed' }],
  ],
  ['an equal marker: nothing', { stat: directory, needsMarker: true, markerRow: marker() }, []],
  [
    'S13 a marker that tells of the attributes, or of none where there are none: nothing',
    { ...KEPT, stat: directory, needsMarker: true, markerRow: marker() },
    [],
  ],
  [
    'S13 a marker that tells of other attributes is put',
    { ...KEPT, stat: directory, needsMarker: true, markerRow: marker({ xattrs: xattrsOf(Buffer.from('y')).digest }) },
    [{ do: 'put-marker', reason: 'changed' }],
  ],
  [
    "a directory's own times never make it dirty",
    { stat: { ...directory, mtimeNs: 1n, ctimeNs: 1n }, needsMarker: true, markerRow: marker() },
    [],
  ],
  [
    'a marker of another mode is put',
    { stat: { ...directory, mode: 0o040700 }, needsMarker: true, markerRow: marker() },
    [{ do: 'put-marker', reason: 'changed' }],
  ],
  [
    'S6 a marker after an unproven delete is put',
    { stat: directory, needsMarker: true, markerRow: marker({ state: 'unproven', etag: null }) },
    [{ do: 'put-marker', reason: 'changed' }],
  ],
  [
    'S6 an unproven marker is proven',
    { stat: directory, needsMarker: true, markerRow: marker({ state: 'unproven', proveAfterMs: 1 }) },
    [{ do: 'prove', target: 'marker', notBeforeMs: 1 }],
  ],
  [
    'S5 a marker that is no longer needed stays until something beneath it is stored',
    { stat: directory, markerRow: marker() },
    [],
  ],
  [
    'S5 and goes then',
    { stat: directory, markerRow: marker(), hasStoredBelow: true },
    [remove('marker', 'no longer needed')],
  ],
  [
    'S5 a file that became a directory: first the marker, then the file goes',
    { stat: directory, needsMarker: true, fileRow: row() },
    [{ do: 'put-marker', reason: 'new' }, remove('file', 'now a directory')],
  ],
  [
    'S5 a directory that became a file: first the file, then the marker goes, and what was beneath is looked at',
    { stat: file, markerRow: marker(), hasRowsBelow: true },
    [send('new'), remove('marker', 'now a file'), { do: 'expand' }],
  ],
  ['S4 an absent file of ours is deleted', { fileRow: row() }, [remove('file', 'gone')]],
  ['S4 an absent file with an intent is ours', { fileRow: row(INTENT) }, [remove('file', 'gone')]],
  [
    'S4 both keys of an absent path go',
    { fileRow: row(), markerRow: marker() },
    [remove('file', 'gone'), remove('marker', 'gone')],
  ],
  [
    'S6 an absent path that is believed absent is proven',
    { fileRow: row({ state: 'unproven', etag: null, proveAfterMs: NOW_MS }) },
    [{ do: 'prove', target: 'file', notBeforeMs: NOW_MS }],
  ],
  [
    'S6 but not before its time',
    { fileRow: row({ state: 'unproven', etag: null, proveAfterMs: NOW_MS + 5 }) },
    [{ do: 'prove', target: 'file', notBeforeMs: NOW_MS + 5 }],
  ],
  [
    'S6 an absent path that is believed stored is deleted without waiting',
    { fileRow: row({ state: 'unproven', proveAfterMs: NOW_MS + 5 }) },
    [remove('file', 'gone')],
  ],
  ['S4 what is foreign and absent stays', { fileRow: row(FOREIGN), markerRow: marker(FOREIGN) }, []],
  [
    'S4 unless the user said that foreign keys go too',
    { fileRow: row(FOREIGN), deleteForeign: true },
    [remove('file', 'gone')],
  ],
  ['S4 what is absent and has rows beneath is expanded', { hasRowsBelow: true }, [{ do: 'expand' }]],
  [
    'S4 a FIFO occupies its name: no delete of the same name',
    { stat: fifo, fileRow: row(), markerRow: marker(), deleteForeign: true },
    [{ do: 'skip-special' }],
  ],
  [
    'what was beneath a directory that is a FIFO now is looked at',
    { stat: fifo, hasRowsBelow: true },
    [{ do: 'skip-special' }, { do: 'expand' }],
  ],
  ['nothing on disk, nothing in the ledger: nothing', {}, []],
];

for (const [claim, state, actions] of TABLE) {
  test(claim, () => assert.deepEqual(plan(state), actions));
}

test('a directory needs a marker if it is empty or its mode or owner are not what a restore gives it', () => {
  const defaults = { mode: DEFAULT_DIRECTORY_MODE, uid: 1, gid: 2, times: false };
  const plain = { ...directory, ...defaults };
  assert.equal(needsMarker(plain, { isEmpty: false, xattrs: null }, defaults), false);
  assert.equal(needsMarker(plain, { isEmpty: true, xattrs: null }, defaults), true);
  assert.equal(needsMarker(plain, { isEmpty: false, xattrs: NO_XATTRS }, defaults), false);
  assert.equal(needsMarker(plain, { isEmpty: false, xattrs: xattrsOf(Buffer.from('x')) }, defaults), true);
  for (const odd of [{ mode: 0o040700 }, { uid: 2 }, { gid: 3 }])
    assert.equal(needsMarker({ ...plain, ...odd }, { isEmpty: false, xattrs: null }, defaults), true);
  assert.equal(needsMarker(plain, { isEmpty: false, xattrs: null }, { ...defaults, times: true }), true);
});

test('S4 unwitnessed deletes are held only if they exceed both the number and the share', () => {
  const budget = { count: 10, percent: 50 };
  assert.equal(
    exceedsBudget(10, () => 10, budget),
    false,
    'everything, but few',
  );
  assert.equal(
    exceedsBudget(50, () => 100, budget),
    false,
    'many, but half',
  );
  assert.equal(
    exceedsBudget(51, () => 100, budget),
    true,
  );
  assert.equal(
    exceedsBudget(11, () => 11, budget),
    true,
  );
  assert.equal(
    exceedsBudget(1, () => 100, { count: 0, percent: 0 }),
    true,
    'none is allowed',
  );
  assert.equal(
    exceedsBudget(0, () => 0, { count: 0, percent: 0 }),
    false,
  );
});

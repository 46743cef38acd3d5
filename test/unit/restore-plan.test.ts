// One test row per line of the tables in src/plan/restore-plan.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import type { Stat } from '../../src/model/entry.ts';
import {
  type Overwrite,
  planMarkerRestore,
  planRestore,
  type RestoreAnswers,
  type RestoreDecision,
} from '../../src/plan/restore-plan.ts';
import { ledgerRow } from '../support/ledger-rows.ts';

const BASE = ledgerRow('f');
const AS_BASE: Stat = { ...BASE, kind: 'file', dev: 1n, nlink: 1 };
const MOVED: Stat = { ...AS_BASE, ino: 99n, ctimeNs: 5n };
const EDITED: Stat = { ...AS_BASE, sizeBytes: 9, mtimeNs: 7n, ctimeNs: 7n };
const DIRECTORY: Stat = { ...AS_BASE, kind: 'directory', mode: 0o040755 };
const FIFO: Stat = { ...AS_BASE, kind: 'other' };
const SAME = { etag: 'e1', sizeBytes: 3 };
const NEWER = { etag: 'e2', sizeBytes: 3 };

interface Line {
  readonly title: string;
  readonly base?: LedgerRow;
  readonly local?: Stat;
  readonly remote?: typeof SAME;
  readonly missing?: boolean;
  readonly answers?: RestoreAnswers;
  readonly overwrite?: Overwrite;
  readonly expect:
    | RestoreDecision['do']
    | 'ask localIsBase'
    | 'ask localIsRemote'
    | 'ask remoteMtimeNs'
    | 'download, loser kept'
    | 'hand-over, forget';
}

const fuzzy: LedgerRow = { ...BASE, state: 'fuzzy' };
const intent: LedgerRow = { ...BASE, state: 'intent', checksum: null, etag: null };
const unproven: LedgerRow = { ...BASE, state: 'unproven', proveAfterMs: 9 };
const unprovenDelete: LedgerRow = { ...unproven, etag: null };
const foreign: LedgerRow = { ...BASE, state: 'foreign', checksum: null };

const LINES: readonly Line[] = [
  { title: 'as base | as base', base: BASE, local: AS_BASE, remote: SAME, expect: 'nothing' },
  { title: 'as base | changed', base: BASE, local: AS_BASE, remote: NEWER, expect: 'download' },
  { title: 'as base | gone', base: BASE, local: AS_BASE, expect: 'remove' },
  { title: 'ctime and ino differ | as base', base: BASE, local: MOVED, remote: SAME, expect: 'hand-over' },
  { title: 'ctime and ino differ | changed', base: BASE, local: MOVED, remote: NEWER, expect: 'ask localIsBase' },
  { title: 'ctime and ino differ | gone', base: BASE, local: MOVED, expect: 'ask localIsBase' },
  {
    title: 'equal by content | changed',
    base: BASE,
    local: MOVED,
    remote: NEWER,
    answers: { localIsBase: true },
    expect: 'download',
  },
  { title: 'equal by content | gone', base: BASE, local: MOVED, answers: { localIsBase: true }, expect: 'remove' },
  {
    title: 'other mode | as base',
    base: BASE,
    local: { ...AS_BASE, mode: 0o100600 },
    remote: SAME,
    expect: 'hand-over',
  },
  { title: 'changed | as base', base: BASE, local: EDITED, remote: SAME, expect: 'hand-over' },
  {
    title: 'changed, same size | changed',
    base: BASE,
    local: MOVED,
    remote: NEWER,
    answers: { localIsBase: false },
    expect: 'ask localIsRemote',
  },
  {
    title: 'changed | changed, equal content',
    base: BASE,
    local: MOVED,
    remote: NEWER,
    answers: { localIsBase: false, localIsRemote: true },
    expect: 'adopt',
  },
  {
    title: 'changed | changed',
    base: BASE,
    local: MOVED,
    remote: NEWER,
    answers: { localIsBase: false, localIsRemote: false },
    expect: 'save-remote',
  },
  { title: 'changed, other size | changed', base: BASE, local: EDITED, remote: NEWER, expect: 'save-remote' },
  { title: 'now a directory | changed', base: BASE, local: DIRECTORY, remote: NEWER, expect: 'save-remote' },
  { title: 'changed | gone', base: BASE, local: EDITED, expect: 'hand-over, forget' },
  { title: 'now a directory | gone', base: BASE, local: DIRECTORY, expect: 'hand-over, forget' },
  { title: 'gone | as base', base: BASE, remote: SAME, expect: 'hand-over' },
  { title: 'missing, no evidence | as base', base: BASE, remote: SAME, missing: true, expect: 'download' },
  { title: 'gone | changed', base: BASE, remote: NEWER, expect: 'download' },
  { title: 'gone | gone', base: BASE, expect: 'forget' },
  { title: 'no base, absent | there', remote: NEWER, expect: 'download' },
  { title: 'no base, same size | there', local: AS_BASE, remote: NEWER, expect: 'ask localIsRemote' },
  { title: 'no base, equal | there', local: AS_BASE, remote: NEWER, answers: { localIsRemote: true }, expect: 'adopt' },
  {
    title: 'no base, different | there',
    local: AS_BASE,
    remote: NEWER,
    answers: { localIsRemote: false },
    expect: 'ask remoteMtimeNs',
  },
  { title: 'no base, other size | there', local: EDITED, remote: NEWER, expect: 'ask remoteMtimeNs' },
  {
    title: 'no base | newer',
    local: EDITED,
    remote: NEWER,
    answers: { remoteMtimeNs: 8n },
    expect: 'download, loser kept',
  },
  {
    title: 'no base | equally old',
    local: EDITED,
    remote: NEWER,
    answers: { remoteMtimeNs: 7n },
    expect: 'download, loser kept',
  },
  {
    title: 'no base | without a time',
    local: EDITED,
    remote: NEWER,
    answers: { remoteMtimeNs: null },
    expect: 'download, loser kept',
  },
  {
    title: 'no base, newer | older',
    local: EDITED,
    remote: NEWER,
    answers: { remoteMtimeNs: 6n },
    expect: 'save-remote',
  },
  { title: 'no base, directory | there', local: DIRECTORY, remote: NEWER, expect: 'download' },
  { title: 'FIFO | there', base: BASE, local: FIFO, remote: NEWER, expect: 'blocked' },
  { title: 'FIFO | gone', base: BASE, local: FIFO, expect: 'forget' },
  {
    title: 'fuzzy, five fields equal | changed',
    base: fuzzy,
    local: AS_BASE,
    remote: NEWER,
    expect: 'ask localIsBase',
  },
  { title: 'fuzzy, five fields equal | as base', base: fuzzy, local: AS_BASE, remote: SAME, expect: 'hand-over' },
  { title: 'fuzzy, five fields equal | gone', base: fuzzy, local: AS_BASE, expect: 'ask localIsBase' },
  { title: 'intent, there | there', base: intent, local: AS_BASE, remote: SAME, expect: 'ask localIsRemote' },
  { title: 'intent, absent | there', base: intent, remote: SAME, expect: 'download' },
  { title: 'intent, there | gone', base: intent, local: AS_BASE, expect: 'hand-over' },
  { title: 'intent, absent | gone', base: intent, expect: 'hand-over' },
  { title: 'unproven, as base | its ETag', base: unproven, local: AS_BASE, remote: SAME, expect: 'hand-over' },
  { title: 'unproven, gone | its ETag', base: unproven, remote: SAME, expect: 'hand-over' },
  {
    title: 'unproven, as base | another ETag',
    base: unproven,
    local: AS_BASE,
    remote: NEWER,
    expect: 'ask localIsRemote',
  },
  { title: 'unproven, gone | another ETag', base: unproven, remote: NEWER, expect: 'download' },
  { title: 'unproven, as base | gone', base: unproven, local: AS_BASE, expect: 'hand-over' },
  { title: 'unproven delete, gone | there', base: unprovenDelete, remote: SAME, expect: 'download' },
  { title: 'foreign, there | there', base: foreign, local: AS_BASE, remote: SAME, expect: 'ask localIsRemote' },
  { title: 'foreign | gone', base: foreign, local: AS_BASE, expect: 'forget' },
];

const DIFFERENT: RestoreAnswers = { localIsBase: false, localIsRemote: false };
const EQUAL: RestoreAnswers = { localIsBase: false, localIsRemote: true };
const YOUNGER: RestoreAnswers = { ...DIFFERENT, remoteMtimeNs: 8n };
const AS_OLD: RestoreAnswers = { ...DIFFERENT, remoteMtimeNs: 7n };
const AGELESS: RestoreAnswers = { ...DIFFERENT, remoteMtimeNs: null };
const OLD: Stat = { ...AS_BASE, mtimeNs: 7n, ctimeNs: 7n };
const OLD_BASE: LedgerRow = { ...BASE, mtimeNs: 7n };
const AS_OLD_BASE: Stat = { ...AS_BASE, mtimeNs: 7n };

/** The lines that `overwrite` changes, and some that it must not. */
const OVERWRITE_LINES: readonly (Omit<Line, 'expect' | 'overwrite'> & {
  readonly expect: { readonly [K in NonNullable<Overwrite>]: Line['expect'] };
})[] = [
  {
    title: 'as base | as base',
    ...{ base: BASE, local: AS_BASE, remote: SAME },
    expect: { never: 'nothing', newer: 'nothing', always: 'nothing' },
  },
  {
    title: 'as base | changed, age not known yet',
    ...{ base: OLD_BASE, local: AS_OLD_BASE, remote: NEWER },
    expect: { never: 'keep', newer: 'ask remoteMtimeNs', always: 'download' },
  },
  {
    title: 'as base | changed, newer',
    ...{ base: OLD_BASE, local: AS_OLD_BASE, remote: NEWER, answers: { remoteMtimeNs: 8n } },
    expect: { never: 'keep', newer: 'download', always: 'download' },
  },
  {
    title: 'as base | changed, equally old',
    ...{ base: OLD_BASE, local: AS_OLD_BASE, remote: NEWER, answers: { remoteMtimeNs: 7n } },
    expect: { never: 'keep', newer: 'keep', always: 'download' },
  },
  {
    title: 'as base | changed, without a time',
    ...{ base: OLD_BASE, local: AS_OLD_BASE, remote: NEWER, answers: { remoteMtimeNs: null } },
    expect: { never: 'keep', newer: 'keep', always: 'download' },
  },
  {
    title: 'as base | gone',
    ...{ base: BASE, local: AS_BASE },
    expect: { never: 'remove', newer: 'remove', always: 'remove' },
  },
  {
    title: 'changed | as base',
    ...{ base: BASE, local: EDITED, remote: SAME },
    expect: { never: 'hand-over', newer: 'hand-over', always: 'download, loser kept' },
  },
  {
    title: 'ctime and ino differ | as base',
    ...{ base: BASE, local: MOVED, remote: SAME },
    expect: { never: 'hand-over', newer: 'hand-over', always: 'ask localIsBase' },
  },
  {
    title: 'equal by content | as base',
    ...{ base: BASE, local: MOVED, remote: SAME, answers: { localIsBase: true } },
    expect: { never: 'hand-over', newer: 'hand-over', always: 'hand-over' },
  },
  {
    title: 'now a directory | as base',
    ...{ base: BASE, local: DIRECTORY, remote: SAME },
    expect: { never: 'hand-over', newer: 'hand-over', always: 'download' },
  },
  {
    title: 'unproven, changed | its ETag',
    ...{ base: unproven, local: EDITED, remote: SAME },
    expect: { never: 'hand-over', newer: 'hand-over', always: 'download, loser kept' },
  },
  {
    title: 'unproven, equal by content | its ETag',
    ...{ base: unproven, local: MOVED, remote: SAME, answers: { localIsBase: true } },
    expect: { never: 'hand-over', newer: 'hand-over', always: 'hand-over' },
  },
  {
    title: 'gone | as base',
    ...{ base: BASE, remote: SAME },
    expect: { never: 'hand-over', newer: 'hand-over', always: 'download' },
  },
  {
    title: 'gone | changed',
    ...{ base: BASE, remote: NEWER },
    expect: { never: 'download', newer: 'download', always: 'download' },
  },
  {
    title: 'changed | changed, equal content',
    ...{ base: BASE, local: OLD, remote: NEWER, answers: EQUAL },
    expect: { never: 'adopt', newer: 'adopt', always: 'adopt' },
  },
  {
    title: 'changed | changed, newer',
    ...{ base: BASE, local: OLD, remote: NEWER, answers: YOUNGER },
    expect: { never: 'save-remote', newer: 'download, loser kept', always: 'download, loser kept' },
  },
  {
    title: 'changed | changed, equally old',
    ...{ base: BASE, local: OLD, remote: NEWER, answers: AS_OLD },
    expect: { never: 'save-remote', newer: 'save-remote', always: 'download, loser kept' },
  },
  {
    title: 'now a directory | changed',
    ...{ base: BASE, local: DIRECTORY, remote: NEWER },
    expect: { never: 'save-remote', newer: 'ask remoteMtimeNs', always: 'download' },
  },
  {
    title: 'changed | gone',
    ...{ base: BASE, local: EDITED },
    expect: { never: 'hand-over, forget', newer: 'hand-over, forget', always: 'hand-over, forget' },
  },
  {
    title: 'no base, equal | there',
    ...{ local: OLD, remote: NEWER, answers: EQUAL },
    expect: { never: 'adopt', newer: 'adopt', always: 'adopt' },
  },
  {
    title: 'no base, different | newer',
    ...{ local: OLD, remote: NEWER, answers: YOUNGER },
    expect: { never: 'save-remote', newer: 'download, loser kept', always: 'download, loser kept' },
  },
  {
    title: 'no base, different | equally old',
    ...{ local: OLD, remote: NEWER, answers: AS_OLD },
    expect: { never: 'save-remote', newer: 'save-remote', always: 'download, loser kept' },
  },
  {
    title: 'no base, different | without a time',
    ...{ local: OLD, remote: NEWER, answers: AGELESS },
    expect: { never: 'save-remote', newer: 'save-remote', always: 'download, loser kept' },
  },
  {
    title: 'no base, newer | older',
    ...{ local: OLD, remote: NEWER, answers: { ...DIFFERENT, remoteMtimeNs: 6n } },
    expect: { never: 'save-remote', newer: 'save-remote', always: 'download, loser kept' },
  },
  {
    title: 'FIFO | there',
    ...{ base: BASE, local: FIFO, remote: NEWER },
    expect: { never: 'blocked', newer: 'blocked', always: 'blocked' },
  },
];

function show(decision: RestoreDecision): Line['expect'] {
  if (decision.do === 'ask') return `ask ${decision.question}`;
  if (decision.do === 'download' && decision.loser) return 'download, loser kept';
  return decision.do === 'hand-over' && decision.forget ? 'hand-over, forget' : decision.do;
}

for (const { title, base, local, remote, missing = false, answers = {}, expect } of LINES) {
  test(`S9 ${title}: ${expect}`, () => {
    assert.equal(show(planRestore({ base, local, remote, answers, absenceIsEvidence: !missing })), expect);
  });
}

for (const { title, base, local, remote, answers = {}, expect } of OVERWRITE_LINES) {
  for (const overwrite of ['never', 'newer', 'always'] as const) {
    test(`S9 overwrite ${overwrite}, ${title}: ${expect[overwrite]}`, () => {
      const decision = planRestore({ base, local, remote, answers, absenceIsEvidence: true, overwrite });
      assert.equal(show(decision), expect[overwrite]);
    });
  }
}

const MARKER = ledgerRow('d/', { kind: 'directory', mode: 0o040700, sizeBytes: 0 });
const CLOSED: Stat = { ...AS_BASE, kind: 'directory', mode: 0o040700 };

const MARKER_LINES: readonly (Pick<Line, 'title' | 'base' | 'local' | 'remote' | 'missing' | 'overwrite'> & {
  expect: string;
})[] = [
  { title: 'as base | as base', base: MARKER, local: { ...CLOSED, mtimeNs: 1n }, remote: SAME, expect: 'nothing' },
  { title: 'changed | as base', base: MARKER, local: DIRECTORY, remote: SAME, expect: 'hand-over' },
  { title: 'gone | as base', base: MARKER, remote: SAME, expect: 'hand-over' },
  { title: 'now a file | as base', base: MARKER, local: AS_BASE, remote: SAME, expect: 'hand-over' },
  { title: 'missing, no evidence | as base', base: MARKER, remote: SAME, missing: true, expect: 'apply' },
  { title: 'as base | changed', base: MARKER, local: CLOSED, remote: NEWER, expect: 'apply' },
  { title: 'no base, there | there', local: DIRECTORY, remote: SAME, expect: 'apply' },
  { title: 'no base, absent | there', remote: SAME, expect: 'apply' },
  { title: 'no base, a file | there', local: AS_BASE, remote: SAME, expect: 'blocked' },
  { title: 'as base | gone', base: MARKER, local: CLOSED, expect: 'remove' },
  { title: 'changed | gone', base: MARKER, local: DIRECTORY, expect: 'hand-over, forget' },
  { title: 'gone | gone', base: MARKER, expect: 'forget' },
  {
    title: 'changed | as base, always',
    base: MARKER,
    local: DIRECTORY,
    remote: SAME,
    overwrite: 'always',
    expect: 'apply',
  },
  {
    title: 'changed | as base, never',
    base: MARKER,
    local: DIRECTORY,
    remote: SAME,
    overwrite: 'never',
    expect: 'hand-over',
  },
  { title: 'gone | as base, always', base: MARKER, remote: SAME, overwrite: 'always', expect: 'apply' },
  {
    title: 'now a file | as base, always',
    base: MARKER,
    local: AS_BASE,
    remote: SAME,
    overwrite: 'always',
    expect: 'blocked',
  },
  {
    title: 'as base | as base, always',
    base: MARKER,
    local: CLOSED,
    remote: SAME,
    overwrite: 'always',
    expect: 'nothing',
  },
  { title: 'unproven | gone', base: { ...MARKER, state: 'unproven' }, local: CLOSED, expect: 'hand-over' },
];

for (const { title, base, local, remote, missing = false, overwrite, expect } of MARKER_LINES) {
  test(`a marker, ${title}: ${expect}`, () => {
    const decision = planMarkerRestore({ base, local, remote, absenceIsEvidence: !missing, overwrite });
    assert.equal(decision.do === 'hand-over' && decision.forget ? 'hand-over, forget' : decision.do, expect);
  });
}

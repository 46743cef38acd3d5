// Whatever the three sides look like: no version that exists nowhere else is ever dropped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import type { Stat } from '../../src/model/entry.ts';
import { planRestore, type RestoreAnswers, type RestoreDecision } from '../../src/plan/restore-plan.ts';
import { ledgerRow } from '../support/ledger-rows.ts';

/** The truth behind a state: which content each side has. Equal letters are equal contents. */
const content = fc.constantFrom('A', 'B', 'C');

const scenario = fc.record({
  row: fc.option(
    fc.record({
      state: fc.constantFrom('known', 'fuzzy', 'unproven', 'intent', 'foreign'),
      content,
      etag: fc.boolean(),
    }),
    { nil: undefined },
  ),
  local: fc.option(
    fc.record({
      kind: fc.constantFrom('file', 'symlink', 'directory', 'other'),
      content,
      mtimeNs: fc.constantFrom(1n, 2n, 3n),
      touched: fc.boolean(),
    }),
    { nil: undefined },
  ),
  remote: fc.option(fc.record({ content, mtimeNs: fc.option(fc.constantFrom(1n, 2n, 3n)) }), { nil: undefined }),
  absenceIsEvidence: fc.boolean(),
  overwrite: fc.constantFrom(undefined, 'never' as const, 'newer' as const, 'always' as const),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

function decide({ row, local, remote, absenceIsEvidence, overwrite }: Scenario): RestoreDecision {
  const base: LedgerRow | undefined =
    row &&
    ledgerRow('f', {
      state: row.state as 'known',
      etag: row.etag ? row.content : null,
      checksum: row.content,
      mtimeNs: 1n,
    });
  // The stat is that of the row exactly if nobody touched the file since the row was written for this content.
  const untouched = local !== undefined && !local.touched && local.content === row?.content && local.kind === 'file';
  const stat: Stat | undefined = local && {
    ...ledgerRow('f'),
    kind: local.kind as Stat['kind'],
    dev: 1n,
    nlink: 1,
    mtimeNs: untouched ? 1n : local.mtimeNs,
    ctimeNs: untouched ? ledgerRow('f').ctimeNs : 77n,
  };
  let answers: RestoreAnswers = {};
  for (let round = 0; round < 4; round++) {
    const decision = planRestore({
      base,
      local: stat,
      remote: remote && { etag: remote.content, sizeBytes: 3 },
      absenceIsEvidence,
      overwrite,
      answers,
    });
    if (decision.do !== 'ask') return decision;
    assert.equal(answers[decision.question], undefined, 'no question is asked twice');
    answers = {
      ...answers,
      ...{
        localIsBase: { localIsBase: local?.content === row?.content },
        localIsRemote: { localIsRemote: local?.kind === 'file' && local.content === remote?.content },
        remoteMtimeNs: { remoteMtimeNs: remote?.mtimeNs ?? null },
      }[decision.question],
    };
  }
  throw new Error('more questions than there are');
}

test('S9 a local version that S3 never acknowledged is never dropped', () => {
  fc.assert(
    fc.property(scenario, (s) => {
      fc.pre(s.local !== undefined && (s.local.kind === 'file' || s.local.kind === 'symlink'));
      const decision = decide(s);
      const drops = decision.do === 'remove' || (decision.do === 'download' && !decision.loser);
      if (!drops) return;
      const wasStored = (s.row?.state === 'known' || s.row?.state === 'fuzzy') && s.row.content === s.local!.content;
      assert.ok(wasStored, `${decision.do} drops ${s.local!.content}`);
    }),
    { numRuns: 3_000 },
  );
});

test('S9 a version in S3 is uploaded over only if it is the base of the local edit, or kept aside', () => {
  fc.assert(
    fc.property(scenario, (s) => {
      fc.pre(s.remote !== undefined);
      const decision = decide(s);
      if (decision.do !== 'hand-over') return;
      const isBase = s.row?.etag && s.row.content === s.remote!.content;
      assert.ok(isBase && s.row?.state !== 'foreign' && s.row?.state !== 'intent', 'handed over without a base');
    }),
    { numRuns: 3_000 },
  );
});

test('S9 with --overwrite never no file is replaced, with always none that differs stays', () => {
  fc.assert(
    fc.property(scenario, (s) => {
      fc.pre(s.local?.kind === 'file' && s.remote !== undefined && s.local.content !== s.remote.content);
      const decision = decide(s);
      if (s.overwrite === 'never') assert.notEqual(decision.do, 'download');
      if (s.overwrite === 'always') assert.equal(decision.do, 'download');
    }),
    { numRuns: 3_000 },
  );
});

test('S9 when everything S3 holds is on disk already, nothing is downloaded', () => {
  fc.assert(
    fc.property(scenario, (s) => {
      fc.pre(s.local?.kind === 'file' && s.local.content === s.remote?.content);
      const decision = decide(s);
      // A base that differs from both may only be read as: the same change came from S3 as well.
      if (s.row?.content !== s.local!.content)
        assert.ok(['adopt', 'hand-over', 'nothing'].includes(decision.do), decision.do);
    }),
    { numRuns: 3_000 },
  );
});

test('S4 an absent path is read as a deletion only on evidence', () => {
  fc.assert(
    fc.property(scenario, (s) => {
      fc.pre(s.local === undefined && s.remote !== undefined && !s.absenceIsEvidence);
      assert.equal(decide(s).do, 'download');
    }),
    { numRuns: 1_000 },
  );
});

// Each check by itself: whatever one does, the others are run, and nothing lasts for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Report } from '../../src/doctor/report.ts';
import { ok, type Verdict, warn } from '../../src/doctor/verdict.ts';
import { EXIT, OperatorError } from '../../src/model/errors.ts';
import { StoreError } from '../../src/store/errors.ts';

function reporting(signal = new AbortController().signal) {
  const told: Verdict[] = [];
  return { told, report: new Report((verdict) => told.push(verdict), signal) };
}

const denied = new StoreError('Cannot put', { reaction: 'denied', code: 'AccessDenied', hint: 'h' });

test('what a check throws is what was found out, and can not be built on', async () => {
  const { told, report } = reporting();
  assert.equal(await report.check('a', async () => ok('fine')), true);
  assert.equal(await report.check('b', async () => warn('so so', 'r')), true);
  const operator = new OperatorError('Cannot', { exitCode: EXIT.fatal, hint: 'do' });
  assert.equal(await report.check('c', () => Promise.reject(operator)), false);
  assert.equal(await report.check('d', () => Promise.reject(new Error('e'))), false);
  report.cannotAsk(['e', 'f'], 'c');
  const lines = told.map(({ check, state, text, remedy }) => [check, state, text, remedy]);
  assert.deepEqual(lines, [
    ['a', 'ok', 'fine', undefined],
    ['b', 'warn', 'so so', 'r'],
    ['c', 'fail', 'Cannot', 'do'],
    ['d', 'fail', 'e', undefined],
    ['e', 'skip', 'not asked: it needs c', undefined],
    ['f', 'skip', 'not asked: it needs c', undefined],
  ]);
});

test('a refused request is explained by who knows better, else by itself', async () => {
  const { told, report } = reporting();
  await report.check('a', () => Promise.reject(denied), { explain: () => warn('w', 'r') });
  await report.check('b', () => Promise.reject(denied), { explain: () => undefined });
  assert.deepEqual(
    told.map(({ state, text, remedy }) => [state, text, remedy]),
    [
      ['warn', 'w', 'r'],
      ['fail', 'Cannot put', 'h'],
    ],
  );
});

test('a check that does not end is given up, though it does not listen', async () => {
  const { told, report } = reporting();
  const never = new Promise<never>(() => {});
  assert.equal(await report.check('a', () => never, { limitMs: 5, endingMs: 5 }), false);
  assert.match(told[0]!.text, /^there was no answer for 0\.005 s$/);
});

test('a check that listens ends in order before anything else begins', async () => {
  const { report } = reporting();
  const done: string[] = [];
  const slowly = async (signal: AbortSignal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await new Promise(setImmediate);
    done.push('ended');
    throw signal.reason;
  };
  await report.check('a', slowly, { limitMs: 5 });
  assert.deepEqual(done, ['ended']);
});

test('once interrupted nothing is looked at any more, but what must be is done', async () => {
  const interrupt = new AbortController();
  const { told, report } = reporting(interrupt.signal);
  const until = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      interrupt.abort();
    });
  assert.equal(await report.check('a', until), false);
  let isRun = false;
  const run = async () => {
    isRun = true;
    return ok('');
  };
  assert.deepEqual([await report.check('b', run), isRun], [false, false]);
  report.cannotAsk(['c'], 'a');
  assert.equal(await report.check('d', async (signal) => ok(`${signal.aborted}`), { always: true }), true);
  assert.deepEqual(
    told.map(({ check, text }) => [check, text]),
    [['d', 'false']],
  );
});

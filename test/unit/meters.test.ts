import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Meters } from '../../src/agent/meters.ts';

test('requests are counted by operation, result and code', () => {
  const meters = new Meters();
  for (let n = 0; n < 2; n++) meters.answered('PutObject', undefined);
  meters.answered('PutObject', { reaction: 'throttled', code: 'SlowDown' });
  assert.deepEqual(meters.requests(), [
    { operation: 'PutObject', result: 'ok', code: 'ok', count: 2 },
    { operation: 'PutObject', result: 'throttled', code: 'SlowDown', count: 1 },
  ]);
});

test('a server that invents codes makes no time series without end, and the codes seen first stay', () => {
  const meters = new Meters();
  for (let n = 0; n < 1_000; n++) meters.answered('PutObject', { reaction: 'transient', code: `Invented${n % 500}` });
  const codes = new Map(meters.requests().map(({ code, count }) => [code, count]));
  assert.equal(codes.size, 51);
  assert.equal(codes.get('Invented49'), 2);
  assert.equal(codes.get('Other'), 900);
});

test('a code that is no word is not shown', () => {
  const meters = new Meters();
  for (const code of ['', 'a b', 'x'.repeat(65), '<html>'])
    meters.answered('GetObject', { reaction: 'transient', code });
  assert.deepEqual(meters.requests(), [{ operation: 'GetObject', result: 'transient', code: 'Other', count: 4 }]);
});

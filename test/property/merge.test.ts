import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RelKey } from '../../src/model/key.ts';
import { mergeByKey } from '../../src/plan/merge.ts';
import { arbitraryKey } from '../support/ledger-rows.ts';

const side = fc
  .uniqueArray(arbitraryKey, { maxLength: 12 })
  .map((keys) => keys.sort((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))));

test('two listings side by side give every key once, in order, with what either side holds', () => {
  fc.assert(
    fc.property(side, side, (left, right) => {
      const entries = (keys: RelKey[], from: string) => keys.map((key) => ({ key, from }));
      const merged = [...mergeByKey(entries(left, 'l').values(), entries(right, 'r').values())];
      const all = [...new Set([...left, ...right])].sort((a, b) =>
        Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')),
      );
      assert.deepEqual(
        merged,
        all.map((key) => ({
          key,
          left: left.includes(key) ? { key, from: 'l' } : undefined,
          right: right.includes(key) ? { key, from: 'r' } : undefined,
        })),
      );
    }),
  );
});

test('neither side is read ahead by more than one entry', () => {
  let read = 0;
  function* keys(): Generator<{ key: RelKey }> {
    for (const key of ['a', 'b', 'c', 'd']) {
      read++;
      yield { key: key as RelKey };
    }
  }
  const merged = mergeByKey(keys(), [][Symbol.iterator]());
  merged.next();
  assert.equal(read, 1);
  merged.next();
  assert.equal(read, 2);
});

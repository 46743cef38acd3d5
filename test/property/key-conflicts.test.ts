// `a` and `a/b`: compared with the definition, which looks at every pair.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isMarker, type RelKey } from '../../src/model/key.ts';
import { type DatedKey, findKeyConflicts } from '../../src/plan/key-conflicts.ts';

function losersByDefinition(objects: readonly DatedKey[]): Set<RelKey> {
  const losers = new Set<RelKey>();
  for (const file of objects.filter(({ key }) => !isMarker(key))) {
    const below = objects.filter(({ key }) => key.startsWith(`${file.key}/`));
    if (below.length === 0) continue;
    const fileWins = below.every(({ lastModifiedMs }) => lastModifiedMs < file.lastModifiedMs);
    for (const { key } of fileWins ? below : [file]) losers.add(key);
  }
  return losers;
}

test('the losers are those of the definition, and what is left fits on one disk', () => {
  const key = fc
    .array(fc.constantFrom('a', 'a-', 'a0', '-'), { minLength: 1, maxLength: 4 })
    .chain((names) => fc.constantFrom(names.join('/'), `${names.join('/')}/`));
  const listing = fc
    .uniqueArray(fc.record({ key, lastModifiedMs: fc.nat({ max: 3 }) }), {
      selector: (object) => object.key,
      maxLength: 14,
    })
    .map((objects) => objects.sort((a, b) => (a.key < b.key ? -1 : 1)) as unknown as DatedKey[]);
  fc.assert(
    fc.property(listing, (objects) => {
      const losers = findKeyConflicts(objects);
      assert.deepEqual(new Set(losers.keys()), losersByDefinition(objects));
      const left = objects.filter(({ key: one }) => !losers.has(one)).map(({ key: one }) => one);
      for (const file of left.filter((one) => !isMarker(one)))
        assert.ok(!left.some((other) => other.startsWith(`${file}/`)));
    }),
    { numRuns: 1_000 },
  );
});

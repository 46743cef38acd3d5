import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Arrivals } from '../../src/agent/arrivals.ts';
import { isWithin, type RelPath } from '../../src/model/path.ts';

const path = fc.constantFrom('', 'a', 'a/b', 'a/b/c', 'b').map((text) => text as RelPath);

const step = fc.oneof(
  fc.record({ do: fc.constant('heard' as const), path }),
  fc.record({ do: fc.constant('seen' as const), path }),
  fc.record({ do: fc.constant('scanned' as const), path, sinceMs: fc.nat(5), marked: fc.uniqueArray(path) }),
);

test('S5 the oldest arrival is the oldest of those that nobody has looked at, whatever came between', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.nat(2)), { maxLength: 40 }), (steps) => {
      const arrivals = new Arrivals();
      const known = new Map<RelPath, number>();
      let nowMs = 10;
      for (const [one, passedMs] of steps) {
        nowMs += passedMs;
        if (one.do === 'heard') {
          arrivals.heard(one.path, nowMs);
          if (!known.has(one.path)) known.set(one.path, nowMs);
        } else if (one.do === 'seen') {
          arrivals.seen(one.path);
          known.delete(one.path);
        } else {
          const startMs = nowMs - one.sinceMs;
          arrivals.scanned(one.path, { startMs, isMarked: (path) => one.marked.includes(path) });
          for (const [path, atMs] of [...known]) {
            if (!isWithin(path, one.path)) continue;
            if (one.marked.includes(path)) known.set(path, Math.max(atMs, startMs));
            else known.delete(path);
          }
        }
        assert.equal(arrivals.oldestMs(), Math.min(Number.POSITIVE_INFINITY, ...known.values()));
        assert.equal(arrivals.isEmpty, known.size === 0);
      }
    }),
    { numRuns: 1000 },
  );
});

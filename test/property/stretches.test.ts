import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stretchesOf } from '../../src/restore/stretches.ts';

const BLOCK = 4096;

/** Zeros or not, of these lengths. */
const runs = fc.array(
  fc.record({
    lengthBytes: fc.oneof(
      fc.integer({ min: 1, max: 3 * BLOCK }),
      fc.constantFrom(BLOCK - 1, BLOCK, BLOCK + 1, 8 * BLOCK),
    ),
    isZero: fc.boolean(),
  }),
  { maxLength: 12 },
);

test('stretches written over zeros are the content, and of its blocks of zeros none is written', () => {
  fc.assert(
    fc.property(runs, (pieces) => {
      const content = Buffer.concat(pieces.map(({ lengthBytes, isZero }) => Buffer.alloc(lengthBytes, isZero ? 0 : 7)));
      const written = Buffer.alloc(content.length);
      let last = -1;
      let writtenBytes = 0;
      for (const { start, end } of stretchesOf(content)) {
        assert.ok(start > last && end > start, 'in order, with a hole between them');
        last = end;
        writtenBytes += end - start;
        content.copy(written, start, start, end);
      }
      assert.ok(written.equals(content));
      const blocks = Array.from({ length: Math.ceil(content.length / BLOCK) }, (_, i) =>
        content.subarray(i * BLOCK, (i + 1) * BLOCK),
      );
      const neededBytes = blocks
        .filter((block) => block.some((byte) => byte !== 0))
        .reduce((sum, b) => sum + b.length, 0);
      assert.equal(writtenBytes, neededBytes);
    }),
  );
});

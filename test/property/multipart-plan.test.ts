import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MAX_OBJECT_BYTES, MAX_PARTS, MIN_PART_BYTES, partPlan } from '../../src/store/multipart-plan.ts';

const MIB = 2 ** 20;
const size = fc.oneof(
  fc.nat({ max: 100 * MIB }),
  fc.maxSafeNat().map((n) => n % (MAX_OBJECT_BYTES + 1)),
);
const wanted = fc.integer({ min: 1, max: 5 * 1024 * MIB });

describe('partPlan', () => {
  it('covers the object exactly, within the limits of S3', () => {
    fc.assert(
      fc.property(size, wanted, (sizeBytes, wantedBytes) => {
        const { partSizeBytes, parts } = partPlan(sizeBytes, { partSizeBytes: wantedBytes });
        assert.ok(Number.isInteger(partSizeBytes) && partSizeBytes >= MIN_PART_BYTES);
        assert.ok(partSizeBytes <= 5 * 1024 * MIB);
        assert.ok(parts >= 1 && parts <= MAX_PARTS);
        assert.ok(parts * partSizeBytes >= sizeBytes);
        assert.ok(parts === 1 || (parts - 1) * partSizeBytes < sizeBytes);
      }),
      {
        examples: [
          [MAX_OBJECT_BYTES, 1],
          [MAX_PARTS * 8 * MIB, 8 * MIB],
          [MAX_PARTS * 8 * MIB + 1, 8 * MIB],
          [0, 8 * MIB],
        ],
      },
    );
  });

  it('keeps the wanted size wherever 10,000 parts of it do', () => {
    fc.assert(
      fc.property(size, fc.integer({ min: MIN_PART_BYTES, max: 100 * MIB }), (sizeBytes, wantedBytes) => {
        fc.pre(sizeBytes <= wantedBytes * MAX_PARTS);
        assert.equal(partPlan(sizeBytes, { partSizeBytes: wantedBytes }).partSizeBytes, wantedBytes);
      }),
    );
  });

  it('takes smaller parts only when told that the server does', () => {
    assert.equal(partPlan(10, { partSizeBytes: 4 }).partSizeBytes, MIN_PART_BYTES);
    assert.deepEqual(partPlan(10, { partSizeBytes: 4, minPartSizeBytes: 1 }), { partSizeBytes: 4, parts: 3 });
  });

  it('refuses what no object can be', () => {
    assert.throws(
      () => partPlan(MAX_OBJECT_BYTES + 1, { partSizeBytes: 8 * MIB }),
      /^RangeError: Cannot plan parts: .*5497558138881$/,
    );
  });
});

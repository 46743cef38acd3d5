import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { compareKeys } from '../../src/store/key-order.ts';

const key = fc.string({
  unit: fc.constantFrom('a', '/', '-', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{1f600}'),
  maxLength: 4,
});

it('keys compare like the bytes of their UTF-8 form', () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    {
      examples: [
        ['\ue000', '\u{10000}'],
        ['a', 'a/'],
        ['a-', 'a/'],
      ],
    },
  );
});

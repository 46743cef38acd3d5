// The raw events of the addon's batches: whatever the bytes are, nothing is lost in silence.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeEvents, IN_Q_OVERFLOW, type InotifyEvent } from '../../src/watch/inotify.ts';

const name = fc
  .uint8Array({ maxLength: 255 })
  .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0 && byte !== 0x2f)).toString('latin1'));
const event: fc.Arbitrary<InotifyEvent> = fc.record(
  {
    wd: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
    mask: fc.nat({ max: 0xffffffff }),
    cookie: fc.nat({ max: 0xffffffff }),
    name,
  },
  { noNullPrototype: true },
);

/** As the kernel writes it: the name's length holds the NULs that align the next event. */
function encode(events: readonly InotifyEvent[]): Buffer {
  return Buffer.concat(
    events.map(({ wd, mask, cookie, name }) => {
      const padded = name === '' ? 0 : Math.ceil((name.length + 1) / 16) * 16;
      const bytes = Buffer.alloc(16 + padded);
      bytes.writeInt32LE(wd, 0);
      for (const [index, word] of [mask, cookie, padded].entries()) bytes.writeUInt32LE(word, 4 + 4 * index);
      bytes.write(name, 16, 'latin1');
      return bytes;
    }),
  );
}

const decode = (bytes: Uint8Array) => decodeEvents(Uint8Array.from(bytes).buffer);
const isOverflow = (last: InotifyEvent | undefined) => last?.wd === -1 && last.mask === IN_Q_OVERFLOW;

test('S14 what the kernel wrote is read back, names byte for byte', () => {
  fc.assert(fc.property(fc.array(event), (events) => assert.deepEqual(decode(encode(events)), events)));
});

test('S2 a batch that is cut anywhere ends in an overflow, after the events before the cut', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1 }), fc.nat(), (events, where) => {
      const bytes = encode(events);
      const end = where % bytes.length;
      const decoded = decode(bytes.subarray(0, end));
      const whole = events.filter((_, index) => encode(events.slice(0, index + 1)).length <= end);
      assert.deepEqual(decoded.slice(0, whole.length), whole);
      if (end === encode(whole).length) assert.equal(decoded.length, whole.length);
      else assert.ok(decoded.length === whole.length + 1 && isOverflow(decoded.at(-1)));
    }),
  );
});

test('S2 bytes that are no events never throw, and are read to their end or are an overflow', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.array(event).map(encode)),
      fc.nat(),
      fc.nat(255),
      (given, where, byte) => {
        const bytes = Uint8Array.from(given);
        if (bytes.length > 0) bytes[where % bytes.length] = byte;
        const decoded = decode(bytes);
        const lengths = decoded.reduce((sum, { name }) => sum + 16 + name.length, 0);
        assert.ok(isOverflow(decoded.at(-1)) || lengths <= bytes.length);
      },
    ),
  );
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { comparableBy, etagKind, plausiblePartSizes } from '../../src/store/etag.ts';
import { EtagHasher } from '../../src/store/etag-hasher.ts';
import { partPlan } from '../../src/store/multipart-plan.ts';

const MIB = 2 ** 20;
const MD5 = '5d41402abc4b2a76b9719d911017c592';

function hashed(chunks: readonly Uint8Array[], partSizeBytes: number | null): string {
  const hasher = new EtagHasher(partSizeBytes);
  for (const chunk of chunks) hasher.update(chunk);
  return hasher.digest();
}

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();

describe('etagKind', () => {
  const rows: readonly [string, ReturnType<typeof etagKind>][] = [
    [MD5, { kind: 'md5' }],
    [`${MD5}-1`, { kind: 'multipart', parts: 1 }],
    [`${MD5}-10000`, { kind: 'multipart', parts: 10_000 }],
    [`${MD5}-0`, { kind: 'opaque' }],
    [`${MD5}-x`, { kind: 'opaque' }],
    [`"${MD5}"`, { kind: 'opaque' }],
    ['0x8D1A2B3C4D5E6F7', { kind: 'opaque' }],
    ['', { kind: 'opaque' }],
  ];
  for (const [etag, expected] of rows)
    it(`${etag || 'nothing'} is ${expected.kind}`, () => assert.deepEqual(etagKind(etag), expected));
});

describe('EtagHasher', () => {
  it('gives the MD5 of an object stored by one request', () => {
    assert.equal(hashed([Buffer.from('hel'), Buffer.from('lo')], null), MD5);
    assert.equal(hashed([], null), 'd41d8cd98f00b204e9800998ecf8427e');
  });

  it('gives the MD5 of the MD5s of the parts, however the bytes arrive', () => {
    const chunking = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 10 });
    fc.assert(
      fc.property(chunking, fc.integer({ min: 1, max: 12 }), (chunks, partSizeBytes) => {
        const bytes = Buffer.concat(chunks);
        const parts: Buffer[] = [];
        for (let at = 0; at === 0 || at < bytes.length; at += partSizeBytes) {
          parts.push(md5(bytes.subarray(at, at + partSizeBytes)));
        }
        const expected = `${md5(Buffer.concat(parts)).toString('hex')}-${parts.length}`;
        assert.equal(hashed(chunks, partSizeBytes), expected);
      }),
    );
  });
});

describe('plausiblePartSizes', () => {
  it('holds the size of every customary client that cuts into so many parts, ours first', () => {
    assert.deepEqual(plausiblePartSizes(20 * MIB, 3), [8 * MIB]);
    assert.deepEqual(plausiblePartSizes(20 * MIB, 4), [5 * MIB]);
    assert.deepEqual(plausiblePartSizes(20 * MIB, 2), [15 * MIB, 16 * MIB, 10 * MIB]);
    assert.deepEqual(plausiblePartSizes(20 * MIB, 20), []);
  });

  it('takes any size for a single part', () => {
    assert.deepEqual(plausiblePartSizes(5, 1), [5]);
    assert.deepEqual(plausiblePartSizes(0, 1), [1]);
  });

  it('knows how we and aws-cli grow parts for very large objects', () => {
    const sizeBytes = 200 * 1024 * MIB;
    const ours = partPlan(sizeBytes, { partSizeBytes: 8 * MIB });
    assert.ok(plausiblePartSizes(sizeBytes, ours.parts).includes(ours.partSizeBytes));
    assert.ok(plausiblePartSizes(sizeBytes, Math.ceil(sizeBytes / (32 * MIB))).includes(32 * MIB));
  });

  it('gives up above what an object can be', () => {
    assert.deepEqual(plausiblePartSizes(6 * 1024 ** 4, 10_000), []);
  });
});

describe('comparableBy', () => {
  it('is one MD5 for one request, the plausible sizes for parts, nothing for the rest', () => {
    assert.deepEqual(comparableBy(MD5, 20 * MIB), [null]);
    assert.deepEqual(comparableBy(`${MD5}-4`, 20 * MIB), [5 * MIB]);
    assert.deepEqual(comparableBy('opaque', 20 * MIB), []);
  });
});

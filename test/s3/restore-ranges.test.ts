// Large objects are restored by several ranges at once: what that costs, and what can go wrong with a range.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { forEachConcurrently } from '../../src/restore/concurrent.ts';
import { RANGE_BYTES, RANGES_AT_ONCE, RangeMemory } from '../../src/restore/range-memory.ts';
import { rangesOf } from '../../src/restore/ranges.ts';
import { StoreError } from '../../src/store/errors.ts';
import type { GetBytesOptions } from '../../src/store/object-store.ts';
import { md5, patterned, sourceOf } from '../contract/ground.ts';
import { assertComplete, FILE, PREFIX, type RestoreGround, restoreGround, treeOf } from '../support/restoring.ts';

const MIB = 2 ** 20;

/** Stores an object of this size by one request, or in parts. */
async function putLarge(ground: RestoreGround, sizeBytes: number, partSizeBytes?: number): Promise<Buffer> {
  const bytes = patterned(sizeBytes);
  const attributes = { metadata: FILE };
  if (partSizeBytes === undefined) await ground.store.put(`${PREFIX}large`, bytes, attributes);
  else {
    const multipart = { partSizeBytes, concurrency: 1, onStarted: () => {} };
    await ground.store.putMultipart(`${PREFIX}large`, sourceOf(bytes), attributes, multipart);
  }
  return bytes;
}

/** Calls `before` at the start of each request of a range; what it returns is the answer, if it is one. */
function onRange(
  ground: RestoreGround,
  before: (options: GetBytesOptions, nth: number) => unknown,
): { readonly ranges: string[] } {
  const getBytes = ground.store.getBytes.bind(ground.store);
  const ranges: string[] = [];
  ground.store.getBytes = async (key, options) => {
    const { offset, lengthBytes } = options.range!;
    ranges.push(`${offset}+${lengthBytes}`);
    await before(options, ranges.length);
    return await getBytes(key, options);
  };
  return { ranges };
}

const once = async <T>(attempt: () => Promise<T>): Promise<T> => {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof StoreError && error.reaction === 'transient') return await attempt();
    throw error;
  }
};

for (const [title, sizeBytes, partSizeBytes, gets] of [
  ['one request', 20 * MIB + 1, undefined, 3],
  ['small parts', 20 * MIB + 1, 5 * MIB, 5],
  ['parts larger than a range', 51 * MIB, 50 * MIB, 8],
  ['parts of nobody knows what size', 20 * MIB, 7 * MIB, 3],
] as const) {
  test(`S9 an object stored by ${title} comes back by ranges and is compared with its ETag`, async (t) => {
    const ground = restoreGround(t);
    const bytes = await putLarge(ground, sizeBytes, partSizeBytes);
    const { ranges } = onRange(ground, () => {});
    const report = await ground.restore();
    assertComplete(report);
    assert.ok(readFileSync(ground.at('large')).equals(bytes));
    assert.equal(ranges.length, gets);
    assert.equal(new Set(ranges).size, gets, 'no byte is asked for twice');
    assert.equal(report.unverified, partSizeBytes === 7 * MIB ? 1 : 0);
    assert.equal(ground.store.calls.get('get'), gets);
    assert.equal(ground.store.calls.get('head'), undefined);
    ground.store.calls.clear();
    const again = await ground.restore();
    assert.deepEqual([again.unchanged, ground.store.calls.get('get')], [1, undefined]);
    assert.equal(ground.ledger.get('large' as never)?.checksum?.length, 64);
  });
}

test('S9 a range that fails is asked for again, and no other', async (t) => {
  const ground = restoreGround(t);
  const bytes = await putLarge(ground, 40 * MIB);
  const { ranges } = onRange(ground, (_options, nth) => {
    if (nth === 2)
      throw new StoreError('Cannot get s3://b/large: reset', { reaction: 'transient', code: 'ECONNRESET' });
  });
  assertComplete(await ground.restore({ retry: once }));
  assert.ok(readFileSync(ground.at('large')).equals(bytes));
  assert.deepEqual([ranges.length, new Set(ranges).size], [6, 5]);
});

test('S9 a range whose bytes are wrong is not believed: the object is fetched again', async (t) => {
  const ground = restoreGround(t);
  const bytes = await putLarge(ground, 40 * MIB);
  const getBytes = ground.store.getBytes.bind(ground.store);
  ground.store.getBytes = async (key, options) => {
    const answer = await getBytes(key, options);
    if (options.range?.offset === 16 * MIB) answer.bytes[5]! ^= 1;
    return answer;
  };
  const failed = await ground.restore();
  assert.match(failed.failures[0]?.reason ?? '', /does not have the MD5 of its ETag/);
  assert.deepEqual(treeOf(ground.root), {});
  const report = await ground.restore({ retry: once });
  assertComplete(report);
  assert.ok(readFileSync(ground.at('large')).equals(bytes));
  assert.deepEqual([report.unverified, readdirSync(ground.root)], [0, ['large']]);
});

test('S9 an object that is another one by now is no mixture of both', async (t) => {
  for (const knowsIfMatch of [true, false]) {
    const ground = restoreGround(t);
    await putLarge(ground, 40 * MIB);
    const newer = Buffer.alloc(40 * MIB, 'newer');
    const { ranges } = onRange(ground, async (options, nth) => {
      if (nth === 3) await ground.store.put(`${PREFIX}large`, newer, { metadata: FILE });
      if (!knowsIfMatch) delete (options as { ifMatch?: string }).ifMatch;
    });
    const report = await ground.restore();
    assertComplete(report);
    assert.ok(readFileSync(ground.at('large')).equals(newer), `If-Match is known: ${knowsIfMatch}`);
    assert.ok(ranges.length > 5);
    assert.equal(ground.ledger.get('large' as never)?.etag, md5(newer));
  }
});

test('a server that answers no ranges is asked for the whole object', async (t) => {
  const ground = restoreGround(t);
  const bytes = await putLarge(ground, 20 * MIB);
  onRange(ground, () => {
    throw new StoreError('Cannot get s3://b/large: no range', { reaction: 'rejected', code: 'InvalidRange' });
  });
  assertComplete(await ground.restore());
  assert.ok(readFileSync(ground.at('large')).equals(bytes));
  assert.equal(ground.store.calls.get('get'), 1);
});

test('S9 a large file that cannot be had leaves nothing, and what failed is said once', async (t) => {
  const ground = restoreGround(t);
  await putLarge(ground, 40 * MIB);
  onRange(ground, (_options, nth) => {
    if (nth === 3) throw new StoreError('Cannot get s3://b/large: no', { reaction: 'denied', code: 'AccessDenied' });
  });
  const report = await ground.restore();
  assert.deepEqual(report.failures, [{ path: 'large', reason: 'Cannot get s3://b/large: no' }]);
  assert.deepEqual([treeOf(ground.root), readdirSync(ground.root)], [{}, []]);
});

test('many large files share the memory for ranges, and all of them come back', async (t) => {
  const ground = restoreGround(t);
  const bytes = patterned(17 * MIB);
  for (let i = 0; i < 12; i++) await ground.store.put(`${PREFIX}f${i}`, bytes, { metadata: FILE });
  const memories = new Set<unknown>();
  let running = 0;
  let most = 0;
  const getBytes = ground.store.getBytes.bind(ground.store);
  ground.store.getBytes = async (key, options) => {
    memories.add(options.into!.buffer);
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    return await getBytes(key, options).finally(() => running--);
  };
  assertComplete(await ground.restore({ concurrency: 12 }));
  assert.ok(
    memories.size <= RANGES_AT_ONCE && most <= RANGES_AT_ONCE,
    `${memories.size} times ${RANGE_BYTES} bytes, ${most} requests at once`,
  );
  for (let i = 0; i < 12; i++) assert.ok(readFileSync(ground.at(`f${i}`)).equals(bytes));
});

test('ranges cover every byte once, and none lies in two parts', () => {
  for (const [size, part, range] of [
    [1, 8, 4],
    [100, 8, 4],
    [100, 7, 4],
    [100, 100, 8],
    [64, 8, 8],
  ] as const) {
    const ranges = [...rangesOf(size, { partSizeBytes: part, rangeBytes: range })];
    let next = 0;
    for (const one of ranges) {
      assert.equal(one.offset, next);
      next += one.lengthBytes;
      assert.equal(one.part, Math.floor(one.offset / part));
      assert.equal(one.part, Math.floor((next - 1) / part));
      assert.equal(one.begins, one.offset % part === 0);
      assert.equal(one.ends, next % part === 0 || next === size);
      assert.ok(one.lengthBytes > 0 && one.lengthBytes <= range);
    }
    assert.equal(next, size);
  }
});

test('memory is lent in the order it is asked for', async () => {
  const memory = new RangeMemory();
  const first = await Promise.all(Array.from({ length: RANGES_AT_ONCE }, () => memory.take()));
  const order: number[] = [];
  const waiting = [0, 1, 2].map(async (n) => {
    const bytes = await memory.take();
    order.push(n);
    memory.giveBack(bytes);
  });
  await forEachConcurrently(first, { concurrency: 1, work: async (bytes) => memory.giveBack(bytes) });
  await Promise.all(waiting);
  assert.deepEqual(order, [0, 1, 2]);
});

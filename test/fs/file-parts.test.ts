// A file as parts: read in order, whatever the order in which reads and hashes end.
import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HashThreadError } from '../../src/hash/hash-threads.ts';
import type { RelPath } from '../../src/model/path.ts';
import type { TransferContext } from '../../src/transfer/context.ts';
import { FileParts } from '../../src/transfer/file-parts.ts';
import { RacedError, StableFile } from '../../src/transfer/stable-file.ts';
import { transferBench } from '../support/transfers.ts';

const MIB = 1024 ** 2;

function partsOf(t: TestContext, content: Buffer): { parts: FileParts; path: string; context: TransferContext } {
  const { context, root, write } = transferBench(t);
  write('f', content);
  const file = StableFile.open(context.tree, 'f' as RelPath);
  const parts = new FileParts(file, { ...context, verify: () => {} });
  t.after(() => {
    parts.close();
    file.close();
  });
  return { parts, path: join(root, 'f'), context };
}

test('parts that are asked for at once are the bytes in their order, and so is the checksum', async (t) => {
  // The first takes long to read, the others are there at once.
  const sizes = [6 * MIB, 1, 1000, 1, 200 * 1024];
  const content = randomBytes(sizes.reduce((sum, size) => sum + size));
  const { parts } = partsOf(t, content);
  const given = await Promise.all(sizes.map((size) => parts.next(size, {})));
  assert.ok(Buffer.concat(given.map(({ bytes }) => bytes)).equals(content));
  for (const { bytes, sha256 } of given) assert.equal(sha256, hash('sha256', bytes));
  await parts.verify();
  assert.equal(parts.checksum, hash('sha256', content));
});

test('S3 a file that has become shorter gives no part, nor one after it', async (t) => {
  const { parts, path, context } = partsOf(t, Buffer.alloc(3 * MIB));
  (await parts.next(MIB, {})).release();
  truncateSync(path, 2 * MIB - 1);
  for (const one of [parts.next(MIB, {}), parts.next(MIB, {})]) await assert.rejects(one, RacedError);
  (await context.memory.take(8 * MIB)).giveBack(); // all of it
});

test('a hash thread that fails fails the part it has, and nothing stays lent', async (t) => {
  const { parts, context } = partsOf(t, Buffer.alloc(3 * MIB));
  t.mock.method(context.hashes, 'hash', () => Promise.reject(new HashThreadError('Cannot hash')));
  await assert.rejects(parts.next(MIB, {}), HashThreadError);
  (await context.memory.take(8 * MIB)).giveBack();
});

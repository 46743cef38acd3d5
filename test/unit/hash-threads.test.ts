// Hashing in the thread pool: the same digests, in order, whatever is hashed side by side.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { HashThreadError, HashThreads } from '../../src/hash/hash-threads.ts';
import { Md5Lanes } from '../../src/hash/md5-lanes.ts';
import { loadAddon } from '../../src/native/addon.ts';

const addon = loadAddon();

test('bytes have the digests they have', async () => {
  const threads = new HashThreads();
  const bytes = randomBytes(100_000);
  assert.equal(await threads.hash('md5', bytes), hash('md5', bytes));
  assert.equal(await threads.hash('sha256', bytes.subarray(7)), hash('sha256', bytes.subarray(7)));
  assert.equal(await threads.hash('sha256', Buffer.alloc(0)), hash('sha256', ''));
});

test('a running hash takes its pieces in the order of the calls, however many there are side by side', async () => {
  const threads = new HashThreads();
  const contents = Array.from({ length: 5 }, (_, n) => randomBytes(50_000 + n));
  const digests = contents.map((content) => {
    const running = threads.start('sha256');
    for (let at = 0; at < content.length; at += 999) running.update(content.subarray(at, at + 999));
    return running.digest();
  });
  assert.deepEqual(
    await Promise.all(digests),
    contents.map((content) => hash('sha256', content)),
  );
});

test('a thread that fails fails the hash it computed, at once and in the end, and no other', async () => {
  let fails = true;
  const threads = new HashThreads({ ...addon, updateHash: async (...of) => (fails ? -5 : addon.updateHash(...of)) });
  const running = threads.start('sha256');
  await assert.rejects(running.update(Buffer.from('x')), HashThreadError);
  fails = false;
  await assert.rejects(running.digest(), /Cannot hash: the thread failed with errno 5/);
  assert.equal(await threads.hash('md5', Buffer.from('x')), hash('md5', 'x'));
});

test('what waits to be read is not read when the hash is discarded', async () => {
  const read: string[] = [];
  const updateHash: typeof addon.updateHash = (of, bytes) => {
    read.push(String(bytes));
    running.discard();
    return addon.updateHash(of, bytes);
  };
  const running = new HashThreads({ ...addon, updateHash }).start('md5');
  await Promise.all([running.update(Buffer.from('a')), running.update(Buffer.from('b'))]);
  assert.deepEqual(read, ['a']);
});

test('MD5s of any lengths are right, alone and side by side', async () => {
  const source = randomBytes(10_000);
  const lengths = [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000, 4096, 9999];
  for (let count = 0; count <= 8; count++) {
    for (let first = 0; first < lengths.length; first++) {
      const strings = Array.from({ length: count }, (_, n) =>
        source.subarray(n, lengths[(first + 5 * n) % lengths.length]),
      );
      const digests = await addon.md5OfEach(strings);
      assert.equal(digests.toString('hex'), strings.map((string) => hash('md5', string)).join(''));
    }
  }
  assert.throws(() => addon.md5OfEach(Array(9).fill(source)), /more than eight/);
});

test('MD5s are computed when there are enough of them, or when no more are about to come', async () => {
  const batches: number[] = [];
  const lanes = new Md5Lanes(async (strings) => {
    batches.push(strings.length);
    return addon.md5OfEach(strings);
  });
  const arrivals = Array.from({ length: 7 }, () => Promise.withResolvers<Buffer>());
  const digests = arrivals.map(({ promise }) => lanes.md5(promise));
  const lost = assert.rejects(digests[6]!, /lost/);
  for (const [n, { resolve }] of arrivals.slice(0, 6).entries()) resolve(Buffer.from([n]));
  assert.equal(await digests[0], hash('md5', Buffer.from([0])));
  arrivals[6]!.reject(new Error('lost'));
  await lost;
  const found = await Promise.all(digests.slice(0, 6));
  assert.deepEqual(
    found,
    found.map((_, n) => hash('md5', Buffer.from([n]))),
  );
  assert.deepEqual(batches, [4, 2]);
});

test('MD5s that cannot be computed fail those who wait for them, and no others', async () => {
  let fails = true;
  const lanes = new Md5Lanes(async (strings) => {
    if (fails) throw new Error('out of memory');
    return addon.md5OfEach(strings);
  });
  await assert.rejects(lanes.md5(Promise.resolve(Buffer.from('x'))), /out of memory/);
  fails = false;
  assert.equal(await lanes.md5(Promise.resolve(Buffer.from('x'))), hash('md5', 'x'));
});

test('hashing keeps the process alive, and not when it is done', { timeout: 20_000 }, () => {
  const module = new URL('../../src/hash/hash-threads.ts', import.meta.url).href;
  const program = `
    import { HashThreads } from '${module}';
    new HashThreads().hash('md5', Buffer.from('x')).then(console.log);`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(printed, `${hash('md5', 'x')}\n`);
});

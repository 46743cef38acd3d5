// Hashing in other threads: the same digests, in order, and a thread that dies takes nothing along but its own work.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { HashThreadError, HashThreads, sharedBytes } from '../../src/hash/hash-threads.ts';
import { until } from '../support/until.ts';

function shared(bytes: Buffer): Buffer {
  const copy = sharedBytes(bytes.length);
  bytes.copy(copy);
  return copy;
}

test('bytes have the digests they have, shared or not', async () => {
  const threads = new HashThreads();
  const bytes = randomBytes(100_000);
  assert.equal(await threads.hash('md5', shared(bytes)), hash('md5', bytes));
  assert.equal(await threads.hash('sha256', bytes.subarray(7)), hash('sha256', bytes.subarray(7)));
  assert.equal(await threads.hash('sha256', sharedBytes(0)), hash('sha256', ''));
});

test('a running hash takes its pieces in the order of the calls, however many there are side by side', async () => {
  const threads = new HashThreads({ max: 2 });
  const contents = Array.from({ length: 5 }, (_, n) => randomBytes(50_000 + n));
  const digests = contents.map(async (content) => {
    const running = threads.start('sha256');
    const updates = [];
    for (let at = 0; at < content.length; at += 999)
      updates.push(running.update(shared(content.subarray(at, at + 999))));
    await Promise.all(updates);
    return running.digest();
  });
  assert.equal(threads.count, 2);
  assert.deepEqual(
    await Promise.all(digests),
    contents.map((content) => hash('sha256', content)),
  );
});

test('threads end when nothing is left to do, not while a hash is open, and are there again when they are needed', async () => {
  const threads = new HashThreads({ idleMs: 1 });
  const running = threads.start('sha256');
  await running.update(Buffer.from('a'));
  await threads.hash('md5', Buffer.from(''));
  await until('the other thread has ended', () => threads.count === 1);
  await running.update(Buffer.from('b'));
  assert.equal(await running.digest(), hash('sha256', 'ab'));
  running.discard();
  threads.start('md5').discard();
  await until('all have ended', () => threads.count === 0);
  assert.equal(await threads.hash('md5', Buffer.from('x')), hash('md5', 'x'));
});

test('a thread that dies fails what it had, says so, and is replaced', async () => {
  const threads = new HashThreads({ max: 1 });
  const running = threads.start('sha256');
  const broken = threads.hash('no such algorithm' as 'md5', Buffer.from('x'));
  const behind = threads.hash('md5', Buffer.from('x'));
  for (const promise of [broken, behind, running.update(Buffer.from('x'))])
    await assert.rejects(promise, HashThreadError);
  await assert.rejects(running.digest(), /Cannot hash: the thread has ended/);
  running.discard();
  assert.equal(await threads.hash('md5', Buffer.from('x')), hash('md5', 'x'));
});

test('a thread keeps the process alive while it hashes, and not when it has', { timeout: 20_000 }, () => {
  const module = new URL('../../src/hash/hash-threads.ts', import.meta.url).href;
  const program = `
    import { HashThreads } from '${module}';
    console.log(await new HashThreads({ idleMs: 2 ** 30 }).hash('md5', Buffer.from('x')));`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(printed, `${hash('md5', 'x')}\n`);
});

// Files that change while they are read, and files that never stop changing: what is published, and how often.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sized } from '../support/long-form.ts';
import { makeImage } from '../support/mounts.ts';
import { type Ground, makeGround, settledGround } from '../support/strict-agent.ts';
import { UNCLONABLE } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';
import { PAGE_BYTES, Writer, wasAState } from '../support/writers.ts';

const MIB = 1024 ** 2;

/** The versions of a path's object, oldest first. */
const versionsOf = (ground: Ground, path: string) =>
  ground.bucket
    .versions(`p/${path}`)
    .flatMap((version) => (version.kind === 'object' ? [version] : []))
    .reverse();

const isMarked = ({ properties }: { properties: { metadata: Readonly<Record<string, string>> } }): boolean =>
  properties.metadata['awssyncer-fuzzy'] !== undefined;

test('S3 of a file that is overwritten in place all the time only states it was in are published unmarked', async (t) => {
  const ground = await settledGround(t, {
    files: { f: '0'.repeat(1024 * PAGE_BYTES) },
    config: { maxWaitMs: 150 },
  });
  ground.bucket.keepVersions();
  const writer = new Writer(t, 'generations', ground.at('f'));
  const unmarked = () => versionsOf(ground, 'f').filter((version) => !isMarked(version));
  await until('some versions that rested', () => unmarked().length > 4);
  await writer.stop();
  await ground.settle();
  for (const { bytes } of unmarked()) assert.ok(wasAState(bytes));
  ground.assertEqual();
  assert.deepEqual(ground.problems('fuzzy'), []);
});

test('S3 a write(2) that takes long is published when it is complete, though the times were set when it began', async (t) => {
  const ground = await settledGround(t, { files: { f: '0'.repeat(2 * PAGE_BYTES) } });
  const before = statSync(ground.at('f')).mtimeMs;
  const writer = new Writer(t, 'halting', ground.at('f'));
  await until('it has begun', () => writer.process.exitCode !== null || statSync(ground.at('f')).mtimeMs !== before);
  if (writer.process.exitCode !== null) return console.log(`${t.name}: not run, this user may not use userfaultfd`);
  await ground.audit();
  const { mtimeNs } = statSync(ground.at('f'), { bigint: true });
  assert.equal(ground.row('f')?.mtimeNs, mtimeNs, 'what it looked like meanwhile is published');
  await writer.tell('go on');
  assert.equal(statSync(ground.at('f'), { bigint: true }).mtimeNs, mtimeNs, 'no stat tells of the end');
  await ground.settle();
  ground.assertEqual();
});

test('S3 parts that were allowed to be torn and are not lose their mark by one copy', async (t) => {
  const config = { maxWaitMs: 1, multipartThresholdBytes: 5 * MIB };
  const ground = await settledGround(t, { config, under: UNCLONABLE });
  ground.bucket.keepVersions();
  const marked = () => versionsOf(ground, 'large').filter(isMarked).length;
  // Looked at within 20 ms of a write it cannot be told to rest, and has been dirty for longer than it may be.
  for (let round = 0; round < 50 && marked() === 0; round++) {
    ground.write('large', Buffer.alloc(5 * MIB, `${round}`));
    await ground.settle();
  }
  assert.equal(marked(), 1);
  assert.equal(ground.count('CopyObject', 'large'), 1);
  assert.ok(!isMarked(versionsOf(ground, 'large').at(-1)!));
  assert.equal(ground.row('large')?.state, 'known');
  ground.assertEqual();
  assert.deepEqual(ground.problems('fuzzy'), []);
});

/** With every pause doubled up to max-wait, few PUTs come before there is one in each max-wait. */
function assertBounded(requests: number, { sinceMs, writes }: { sinceMs: number; writes: number }): void {
  const elapsedMs = performance.now() - sinceMs;
  assert.ok(requests <= 6 + (2 * elapsedMs) / HOT.maxWaitMs, `${requests} requests in ${Math.round(elapsedMs)} ms`);
  assert.ok(requests * 5 < writes, `${requests} requests for ${writes} writes`);
}

const HOT = { coalesceMs: 20, maxWaitMs: 200 };

for (const [kind, what] of [
  ['rewrite', 'rewritten a thousand times a second'],
  ['replace', 'replaced by rename as editors do, as fast as it goes'],
  ['recreate', 'deleted and made anew, as fast as it goes'],
] as const) {
  test(`S7 a file that is ${what} costs a bounded number of requests, and its last state is stored`, async (t) => {
    const ground = await settledGround(t, { files: { hot: '' }, config: HOT });
    const sinceMs = performance.now();
    const writer = new Writer(t, kind, ground.at('hot'));
    await until('it is stored again and again', () => ground.count('PutObject', 'hot') >= 6);
    const writes = await writer.stop();
    await ground.settle();
    assertBounded(ground.count('PutObject', 'hot'), { sinceMs, writes });
    assertBounded(ground.requests().length / 2, { sinceMs, writes });
    ground.assertEqual();
    assert.deepEqual(ground.problems('fuzzy'), []);
  });
}

test('S7 a hot file with two names is stored under both, each a bounded number of times', async (t) => {
  const ground = await settledGround(t, { files: { hot: '' }, config: HOT });
  linkSync(ground.at('hot'), ground.at('other'));
  await ground.settle();
  ground.server.clearRequests();
  const sinceMs = performance.now();
  const writer = new Writer(t, 'rewrite', ground.at('hot'));
  await until('it is stored again and again', () => ground.count('PutObject', 'other') >= 4);
  const writes = await writer.stop();
  await ground.settle();
  for (const name of ['hot', 'other']) assertBounded(ground.count('PutObject', name), { sinceMs, writes });
  ground.assertEqual();
});

test('S3 S7 of a log that is appended to all the time every version is a beginning of it, and they are few', async (t) => {
  const ground = await settledGround(t, { files: { log: '' }, config: HOT });
  ground.bucket.keepVersions();
  const sinceMs = performance.now();
  const writer = new Writer(t, 'append', ground.at('log'));
  await until('it is stored again and again', () => ground.count('PutObject', 'log') >= 4);
  const writes = await writer.stop();
  assertBounded(ground.count('PutObject', 'log'), { sinceMs, writes });
  await ground.settle();
  const log = readFileSync(ground.at('log'));
  for (const { bytes } of versionsOf(ground, 'log')) assert.ok(log.subarray(0, bytes.length).equals(bytes));
  ground.assertEqual();
  assert.ok(!isMarked(versionsOf(ground, 'log').at(-1)!), 'it rests, though nobody has closed it');
  assert.equal(ground.row('log')?.state, 'known');
});

const LARGE_MIB = sized(32, 1024);

for (const [what, change] of [
  ['overwritten', ['dd', 'if=/dev/urandom', 'bs=1M', 'count=1', 'conv=notrunc']],
  ['truncated', ['dd', 'if=/dev/urandom', 'bs=1M', 'count=7']],
] as const) {
  test(`S3 a large file that is ${what} while its parts are sent is not completed, but aborted and sent anew`, async (t) => {
    const ground = await settledGround(t, { config: { multipartThresholdBytes: 5 * MIB, maxWaitMs: 600_000 } });
    const dd = (...args: string[]) => execFileSync('dd', [...args, `of=${ground.at('large')}`], { stdio: 'ignore' });
    const gate = ground.server.faults.add({ operation: 'UploadPart', after: 2, effect: { kind: 'gate' } });
    dd('if=/dev/urandom', 'bs=1M', `count=${LARGE_MIB}`);
    await gate.waiting();
    dd(...change.slice(1));
    await gate.open();
    await until('it is stored', () => ground.bucket.object('p/large') !== undefined, { deadlineMs: 100_000 });
    await ground.settle();
    const steps = ground.requests().filter((request) => !request.startsWith('UploadPart '));
    const [create, complete, abort] = ['Create', 'Complete', 'Abort'].map((step) => `${step}MultipartUpload p/large`);
    // The abort is repeated if nobody knows that the first one got through.
    assert.deepEqual(
      steps.filter((step, i) => step !== steps[i - 1]),
      [create, abort, create, complete],
    );
    assert.deepEqual(ground.bucket.uploads(), []);
    assert.ok(ground.bucket.object('p/large')!.bytes.equals(readFileSync(ground.at('large'))));
    assert.equal(ground.row('large')?.state, 'known');
  });
}

test('S8 equal size and mtime hide no other content', async (t) => {
  const ground = await settledGround(t, { files: { f: '00', reference: '' } });
  for (let i = 10; i < 18; i++) {
    execFileSync('sh', ['-c', `printf ${i} > f && touch -r reference f`], { cwd: ground.root });
    await ground.settle();
    assert.equal(ground.stored('f'), `${i}`);
  }
});

test('S8 chown -R to the owner they have, and times set to what they are, of thousands of files cost no request', async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: sized(1500, 10_000) }, (_, i) => [`d${i % 100}/f${i}`, `${i}`]),
  );
  const ground = await makeGround(t, { files });
  // What is there already is adopted, which is quicker than storing it.
  for (const [path, content] of Object.entries(files)) ground.bucket.put(`p/${path}`, content);
  await ground.start();
  await ground.settle();
  ground.server.clearRequests();
  execFileSync('chown', ['-R', `${process.getuid!()}:${process.getgid!()}`, ground.root]);
  await ground.settle();
  const { ctimeNs } = statSync(ground.at('d0/f0'), { bigint: true });
  assert.equal(ground.row('d0/f0')?.ctimeNs, ctimeNs, 'it was seen');
  execFileSync('sh', ['-c', 'for f in d0/*; do touch -r "$f" "$f"; done'], { cwd: ground.root });
  await ground.settle();
  assert.notEqual(ground.row('d0/f0')?.ctimeNs, ctimeNs);
  assert.deepEqual(ground.requests(), []);
});

const O_TMPFILE = `
import os, sys
fd = os.open(sys.argv[1], os.O_TMPFILE | os.O_WRONLY)
os.write(fd, b'nameless at first')
# With a descriptor it is linkat(2), which can follow.
os.link('/proc/self/fd/%d' % fd, sys.argv[2], src_dir_fd=fd, follow_symlinks=True)
`;

test('S2 a file that gets its name when it is complete (O_TMPFILE), holes that are punched, ranges that are copied', async (t) => {
  const ground = await settledGround(t, { files: { holes: 'x'.repeat(64 * 1024), from: 'y'.repeat(8192) } });
  execFileSync('python3', ['-c', O_TMPFILE, ground.root, ground.at('named')]);
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.count('PutObject', 'named'), 1);
  execFileSync('fallocate', ['--punch-hole', '--offset', '4096', '--length', '8192', ground.at('holes')]);
  const copy = 'import os, sys; os.copy_file_range(os.open(sys.argv[1], 0), os.open(sys.argv[2], 1), 4096, 0, 100)';
  execFileSync('python3', ['-c', copy, ground.at('from'), ground.at('named')]);
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.stored('named')?.length, 100 + 4096);
});

test('S2 what shares its blocks with another file (reflink) is stored as what it is', async (t) => {
  const ground = await makeGround(t);
  const image = join(ground.base, 'image');
  if (!makeImage(image, 'xfs')) return console.log(`${t.name}: not run, there is no mkfs.xfs`);
  if (ground.mount(ground.root, { image }) === undefined) return;
  ground.write('a', 'a'.repeat(100_000));
  await ground.start();
  for (const letter of ['b', 'c']) {
    execFileSync('cp', ['--reflink=always', ground.at('a'), ground.at('copy')]);
    await ground.settle();
    ground.assertEqual();
    ground.write('a', letter.repeat(100_000));
  }
  await ground.settle();
  ground.assertEqual();
});

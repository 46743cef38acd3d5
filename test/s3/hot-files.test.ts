// Files that change while they are read, and files that never stop changing: what is published, and how often.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { type Ground, settledGround } from '../support/strict-agent.ts';
import { until } from '../support/until.ts';
import { Writer } from '../support/writers.ts';

const MIB = 1024 ** 2;
const PAGE_BYTES = 4096;
/** Of writers.py. */
const STRIDE = 617;

/** The versions of a path's object, oldest first. */
const versionsOf = (ground: Ground, path: string) =>
  ground.bucket
    .versions(`p/${path}`)
    .flatMap((version) => (version.kind === 'object' ? [version] : []))
    .reverse();

const isMarked = ({ properties }: { properties: { metadata: Readonly<Record<string, string>> } }): boolean =>
  properties.metadata['awssyncer-fuzzy'] !== undefined;

/**
 * Whether a file whose pages are overwritten one after the other in the order of writers.py, again and again, ever
 * looked like this: what is overwritten already is of one generation, the rest of the one before.
 */
function wasAState(bytes: Buffer): boolean {
  const pages = bytes.length / PAGE_BYTES;
  const generationOf = (page: number): number =>
    Number(bytes.toString('latin1', page * PAGE_BYTES, page * PAGE_BYTES + 8));
  const inOrder = Array.from({ length: pages }, (_, k) => generationOf((k * STRIDE) % pages));
  return inOrder.every((one, k) => k === 0 || one <= inOrder[k - 1]!) && inOrder[0]! - inOrder.at(-1)! <= 1;
}

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
  const ground = await settledGround(t, { config: { maxWaitMs: 1, multipartThresholdBytes: 5 * MIB } });
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

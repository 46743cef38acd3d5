// Files that never rest, on file systems that can clone them, and on one that cannot: what S3 holds of them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeImage } from '../support/mounts.ts';
import { type Ground, makeGround } from '../support/strict-agent.ts';
import { until } from '../support/until.ts';
import { Writer, type WriterKind, wasAState } from '../support/writers.ts';

const MIB = 1024 ** 2;

interface RestlessOptions {
  readonly type: 'xfs' | 'btrfs' | 'ext4';
  readonly mib: number;
  readonly writes?: WriterKind;
  readonly maxWaitMs?: number;
}

/** An agent on a file of this size, on a new file system; undefined, and a line that says so, where there can be none. */
async function restless(t: TestContext, { type, mib, writes = 'restless', maxWaitMs = 200 }: RestlessOptions) {
  const config = { maxWaitMs, multipartThresholdBytes: 5 * MIB };
  const ground = await makeGround(t, { config });
  const image = join(ground.base, 'image');
  if (!makeImage(image, type)) return console.log(`${t.name}: not run, ${type} cannot be made`);
  if (ground.mount(ground.root, { image }) === undefined) return;
  ground.write('f', '0'.repeat(mib * MIB));
  await ground.start();
  await ground.settle();
  ground.bucket.keepVersions();
  return { ground, writer: new Writer(t, writes, ground.at('f')) };
}

const versionsOf = (ground: Ground) =>
  ground.bucket.versions('p/f').flatMap((version) => (version.kind === 'object' ? [version] : []));

for (const [type, mib] of [
  ['xfs', 2],
  ['xfs', 6],
  ['btrfs', 2],
  ['btrfs', 6],
] as const) {
  test(`S3 S7 S10 a file of ${mib} MiB on ${type} that never rests is stored again and again as what it was at one instant, and a flush has it`, async (t) => {
    const stage = await restless(t, { type, mib });
    if (stage === undefined) return;
    const { ground, writer } = stage;
    await until('it is stored again and again', () => versionsOf(ground).length >= 4);
    const { complete } = await ground.agent.watching.flush(AbortSignal.timeout(30_000));
    assert.equal(complete, true);
    assert.deepEqual(ground.problems('fuzzy'), []);
    for (const { bytes, properties } of versionsOf(ground)) {
      assert.ok(wasAState(bytes));
      assert.equal(properties.metadata['awssyncer-fuzzy'], undefined);
    }
    // A writer that a busy machine holds up may have rested for once.
    await until('it is not taken for unchanged', () => ground.row('f')?.state === 'fuzzy');
    await writer.stop();
    await ground.settle();
    ground.assertEqual();
    assert.equal(ground.row('f')?.state, 'known');
  });
}

test('S3 S10 on ext4 it is stored as a marked snapshot, reported, and missing from a flush', async (t) => {
  const stage = await restless(t, { type: 'ext4', mib: 2 });
  if (stage === undefined) return;
  const { ground, writer } = stage;
  await until('it is stored', () => versionsOf(ground).length > 1);
  let kinds: string[] = [];
  // A writer that a busy machine holds up may rest for once, and then a flush is complete.
  await until('a flush finds it moving', async () => {
    const { missing } = await ground.agent.watching.flush(AbortSignal.timeout(30_000));
    kinds = missing.first.map(({ kind }) => kind);
    return kinds.length > 0;
  });
  assert.deepEqual(kinds, ['fuzzy']);
  assert.ok(versionsOf(ground).some(({ properties }) => properties.metadata['awssyncer-fuzzy'] === '1'));
  await writer.stop();
  await ground.settle();
  ground.assertEqual();
});

test('S3 S7 a large file that rests for moments only, long before --max-wait, is stored as it was then', async (t) => {
  const stage = await restless(t, { type: 'xfs', mib: 24, writes: 'generations', maxWaitMs: 600_000 });
  if (stage === undefined) return;
  const { ground, writer } = stage;
  // Longer than it ever rests.
  ground.server.faults.add({ operation: 'UploadPart', effect: { kind: 'delay', ms: 100 } });
  await until('it is stored while it is written', () => versionsOf(ground).length >= 3, { deadlineMs: 50_000 });
  await writer.stop();
  for (const { bytes, properties } of versionsOf(ground)) {
    assert.ok(wasAState(bytes));
    assert.equal(properties.metadata['awssyncer-fuzzy'], undefined);
  }
  await ground.settle();
  ground.assertEqual();
});

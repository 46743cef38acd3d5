// Every size at which something else begins to happen, there and back.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { availableTargets, withTarget } from '../support/s3-targets.ts';
import { stageOn } from '../support/stage.ts';

const MIB = 1024 ** 2;
const PART_BYTES = 5 * MIB;
const THRESHOLD_BYTES = 6 * MIB;

/** Empty, one byte, one part, two parts, the threshold; each one less and one more. */
const SIZES = [
  ...[0, 1, 64 * 1024, 64 * 1024 + 1],
  ...[PART_BYTES, THRESHOLD_BYTES, 2 * PART_BYTES].flatMap((size) => [size - 1, size, size + 1]),
];

for (const choice of availableTargets().filter(({ claims }) => claims === undefined || claims.has('bodiesOver11MiB'))) {
  test(`S13 files of every size around a boundary come back byte for byte, from ${choice.name}`, async (t) => {
    await withTarget(choice, async (target) => {
      const { dir, local, url, run, write, at } = stageOn(t, target, await target.makeBucket());
      const random = randomBytes(2 * PART_BYTES + 1);
      const pathOf = (size: number): string => `${size} bytes`;
      for (const size of SIZES) write(pathOf(size), random.subarray(0, size));
      const limits = ['--part-size', `${PART_BYTES}`, '--multipart-threshold', `${THRESHOLD_BYTES}`];
      const stored = await run(['sync', '--json', ...limits, local, url]);
      assert.equal(stored.code, 0, stored.stderr);
      const bytes = SIZES.reduce((sum, size) => sum + size, 0);
      assert.deepEqual([JSON.parse(stored.stdout).uploaded, JSON.parse(stored.stdout).bytes], [SIZES.length, bytes]);

      const copy = join(dir, 'copy');
      const restored = await run(['restore', '--state-dir', join(dir, 'other'), url, copy]);
      assert.equal(restored.code, 0, restored.stderr);
      for (const size of SIZES) assert.ok(readFileSync(join(copy, pathOf(size))).equals(random.subarray(0, size)));
      assert.equal((await run(['verify', local, url])).code, 0);

      // Across the boundary: each is one byte larger now.
      for (const size of SIZES) appendFileSync(at(pathOf(size)), '!');
      assert.equal((await run(['sync', ...limits, local, url])).code, 0);
      assert.equal((await run(['verify', local, url])).code, 0);
      // Without a ledger they are recognised by their ETags, however they were sent.
      const adopted = await run(['sync', '--json', '--state-dir', 'none', ...limits, local, url]);
      assert.deepEqual([adopted.code, JSON.parse(adopted.stdout).adopted], [0, SIZES.length], adopted.stderr);
    });
  });
}

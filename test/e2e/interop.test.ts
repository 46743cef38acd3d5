// Other clients read what we wrote, and we take over what they wrote.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { installedClients } from '../support/other-clients.ts';
import { availableTargets, type S3Target } from '../support/s3-targets.ts';
import { PREFIX, type Stage, stageOn } from '../support/stage.ts';

const CLIENTS = installedClients();

/** What every client can carry: regular files. The large one is sent in parts by all that do such a thing. */
function plant({ write, at }: Stage): void {
  write('a.txt');
  write('deep/er/b.txt');
  write('a space & \u00fcml\u00e4ut +%41.txt', 'odd');
  write('empty', '');
  write('large', Buffer.alloc(17 * 2 ** 20, 'abcdefg'));
  utimesSync(at('a.txt'), 1_600_000_000, 1_600_000_000.5);
}

/** Path -> SHA-256 of the content. Other clients know nothing of our own keys, and copy them as well. */
function filesOf(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1)).sort();
  const theirs = paths.filter((path) => !path.startsWith('.awssyncer/'));
  return Object.fromEntries(theirs.map((path) => [path, digest(readFileSync(join(root, path)))]));
}

function digest(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** One that the project did not write, where there is one. */
const SERVER = availableTargets().findLast(({ name }) => name === 'strict' || name === 'RGW')!;

describe(`interoperation on ${SERVER.name}`, () => {
  let target: S3Target;
  before(async () => {
    target = await SERVER.start();
  });
  after(() => target.close());

  for (const client of CLIENTS) {
    test(`${client.name} reads what awssyncer wrote`, async (t) => {
      const bucket = await target.makeBucket();
      const stage = stageOn(t, target, bucket);
      plant(stage);
      const { code, stderr } = await stage.run(['sync', stage.local, stage.url]);
      assert.equal(code, 0, stderr);
      const copy = join(stage.dir, 'copy');
      mkdirSync(copy);
      await client.download({ target, bucket, prefix: PREFIX.slice(0, -1), home: join(stage.dir, 'home') }, copy);
      assert.deepEqual(filesOf(copy), filesOf(stage.local));
      if (client.restoresTimes) assert.equal(lstatSync(join(copy, 'a.txt')).mtimeMs, 1_600_000_000_500);
    });

    test(`S8 a tree from ${client.name} restores, and is adopted where it is already on disk`, async (t) => {
      const bucket = await target.makeBucket();
      const stage = stageOn(t, target, bucket);
      const { dir, local, url, run } = stage;
      plant(stage);
      await client.upload(local, { target, bucket, prefix: PREFIX.slice(0, -1), home: join(dir, 'home') });

      const copy = join(dir, 'copy');
      const restored = await run(['restore', '--state-dir', join(dir, 'other'), url, copy]);
      assert.equal(restored.code, 0, restored.stderr);
      assert.deepEqual(filesOf(copy), filesOf(local));

      const synced = await run(['sync', '--json', local, url]);
      assert.equal(synced.code, 0, synced.stderr);
      const { uploaded, adopted, copied, bytes } = JSON.parse(synced.stdout);
      // Whose objects have times by the second are copied onto themselves, with the whole time.
      assert.deepEqual({ uploaded, bytes, rest: adopted + copied }, { uploaded: 0, bytes: 0, rest: 5 }, synced.stderr);
      const { storesTimesByMs: step } = client;
      const { mtimeMs } = lstatSync(join(copy, 'a.txt'));
      if (step !== undefined) assert.equal(mtimeMs, Math.floor(1_600_000_000_500 / step) * step);
    });
  }
});

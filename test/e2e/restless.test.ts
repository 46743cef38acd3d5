// The built CLI on files that never rest.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeImage, mountOn } from '../support/mounts.ts';
import { strictStage } from '../support/stage.ts';
import { PAGE_BYTES, Writer, wasAState } from '../support/writers.ts';

test('S3 a sync of a file that never rests is complete where it can be cloned', async (t) => {
  let mounted: ReturnType<typeof mountOn>;
  t.after(() => mounted?.unmount({ lazily: true }));
  const { local, dir, url, run, write, at, bucket } = await strictStage(t);
  const image = join(dir, 'image');
  mkdirSync(local, { recursive: true });
  if (makeImage(image, 'xfs')) mounted = mountOn(local, { image });
  if (mounted === undefined) return console.log(`${t.name}: not run, xfs cannot be made or mounted here`);
  write('f', '0'.repeat(512 * PAGE_BYTES));
  const writer = new Writer(t, 'restless', at('f'));
  const { code, stderr } = await run(['sync', local, url]);
  assert.equal(code, 0, stderr);
  const { bytes, metadata } = bucket.object('p/f')!;
  assert.ok(wasAState(bytes));
  assert.equal(metadata['awssyncer-fuzzy'], undefined);
  await writer.stop();
});

// What a restore makes of attributes that somebody else had a hand in.
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inlineXattrs } from '../../src/model/xattrs.ts';
import { readXattrs } from '../../src/tree/xattrs.ts';
import { assertComplete, FILE, type RestoreGround, restoreGround } from '../support/restoring.ts';
import { tempDir } from '../support/temp-dir.ts';
import { attributesOf, setAcl } from '../support/xattrs.ts';

test('S13 the mode is the one that is stored, whatever the ACL says', async (t) => {
  const ground = restoreGround(t);
  const dir = tempDir(t);
  const model = join(dir, 'f');
  writeFileSync(model, '');
  setAcl(model, 'u:7:rwx,m::rwx');
  setAcl(dir, 'u:7:rwx,m::rwx,d:u:9:rwx');
  const acl = inlineXattrs(readXattrs(Buffer.from(model)));
  await ground.put('small', 'small', { ...FILE, ...acl });
  await ground.put('large', Buffer.alloc(300_000), { ...FILE, ...acl });
  await ground.put('d/', '', { ...FILE, mode: '40710', ...inlineXattrs(readXattrs(Buffer.from(dir))) });
  await ground.put('d/f', 'f', FILE);
  assertComplete(await ground.restore({ xattrs: true }));
  for (const path of ['small', 'large', 'd/f']) assert.equal(lstatSync(ground.at(path)).mode & 0o7777, 0o640, path);
  assert.equal(lstatSync(ground.at('d')).mode & 0o7777, 0o710);
  assert.match(attributesOf(ground.at('d')), /posix_acl_default/);
  assert.equal(attributesOf(ground.at('d/f')), '');
  assert.match(attributesOf(ground.at('small')), /posix_acl_access/);
});

test('S13 what is no encoding of attributes is reported, and the file is there without', async (t) => {
  const ground = restoreGround(t);
  const damaged = { ...FILE, 'awssyncer-xattrs': 'bm8gYXR0cmlidXRlcw==' };
  await ground.put('f', 'f', damaged);
  mkdirSync(ground.at('d'));
  await ground.put('d/', '', { ...damaged, mode: '40700' });
  const report = await ground.restore({ xattrs: true });
  assert.equal(report.complete, true);
  const reason = 'its extended attributes cannot be set (EBADMSG)';
  assert.deepEqual(
    report.partial,
    ['f', 'd/'].map((path) => ({ path, reason })),
  );
  assert.equal(lstatSync(ground.at('d')).mode & 0o7777, 0o700);
  assert.equal(attributesOf(ground.at('f')), '');
});

test('S9 a server that does not tell of attributes now is asked again, and nothing is placed without them', async (t) => {
  const ground: RestoreGround = restoreGround(t);
  const digest = 'ab'.repeat(32);
  for (const [path, content] of [
    ['small', 'small'],
    ['large', Buffer.alloc(300_000)],
  ] as const)
    await ground.put(path, content, { ...FILE, 'awssyncer-xattrs-sha256': digest });
  const { getBytes } = ground.store;
  let asked = 0;
  ground.store.getBytes = async (key, options) => {
    if (!key.includes('.awssyncer/')) return await getBytes.call(ground.store, key, options);
    asked++;
    throw new Error('no answer');
  };
  const report = await ground.restore({ xattrs: true, concurrency: 1 });
  assert.deepEqual([report.complete, report.failures.length, asked], [false, 2, 2]);
  assert.throws(() => lstatSync(ground.at('small')), { code: 'ENOENT' });
  ground.store.getBytes = getBytes;
  const again = await ground.restore({ xattrs: true });
  assert.deepEqual([again.complete, again.downloaded, again.partial.length], [true, 2, 2]);
});

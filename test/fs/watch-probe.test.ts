// Whether events arrive is found out without making one that others would have to look at.
import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { InotifyError, openInotify } from '../../src/watch/inotify.ts';
import { tellsOfOpening } from '../../src/watch/probe.ts';
import { tempDir } from '../support/temp-dir.ts';

test('S1 the kernel tells of an opened directory, which stays as it is', async (t) => {
  const directory = tempDir(t);
  const before = statSync(directory, { bigint: true });
  assert.equal(await tellsOfOpening(directory), true);
  const after = statSync(directory, { bigint: true });
  assert.deepEqual([after.mtimeNs, after.ctimeNs, readdirSync(directory)], [before.mtimeNs, before.ctimeNs, []]);
});

test('a kernel that tells nothing, or of something else, is found out', async (t) => {
  const directory = tempDir(t);
  assert.equal(await tellsOfOpening(directory, (onEvents) => openInotify(() => onEvents([]))), false);
  const others = { wd: 1, mask: 0x1, cookie: 0, name: '' };
  assert.equal(await tellsOfOpening(directory, (onEvents) => openInotify(() => onEvents([others]))), false);
});

test('what is no directory cannot be watched as one', async (t) => {
  const file = join(tempDir(t), 'file');
  writeFileSync(file, '');
  await assert.rejects(tellsOfOpening(file), (error) => error instanceof InotifyError && error.code === 'ENOTDIR');
});

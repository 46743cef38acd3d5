import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RelPath } from '../../src/model/path.ts';
import { isCovered, mountOf, mountsBeneath } from '../../src/tree/mounts.ts';

const MOUNTINFO = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:25 / /data rw - tmpfs none rw
31 30 0:26 / /data/sub rw - tmpfs none rw
32 30 254:0 /x /data/with\\040space\\134\\012 rw - ext4 /dev/vda rw
33 22 0:27 / /database rw - tmpfs none rw
34 30 0:28 / /data/b\xc3\xa9 rw - tmpfs none rw
`;

test('S4 mount points strictly beneath the root are found, with their names as bytes', () => {
  assert.deepEqual([...mountsBeneath('/data', MOUNTINFO)].sort(), ['b\xc3\xa9', 'sub', 'with space\\\n']);
  assert.deepEqual([...mountsBeneath('/data/sub', MOUNTINFO)], []);
  assert.equal(mountsBeneath('/', MOUNTINFO).size, 5);
  assert.ok(!mountsBeneath('/', MOUNTINFO).has('' as RelPath), 'the root itself is no mount beneath the root');
});

test('S4 a mount covers itself and what is beneath it, no neighbour', () => {
  const mounts = new Set(['a/b'] as RelPath[]);
  for (const path of ['a/b', 'a/b/c', 'a/b/c/d']) assert.equal(isCovered(path as RelPath, mounts), true, path);
  for (const path of ['', 'a', 'a/bc', 'a/b-', 'b']) assert.equal(isCovered(path as RelPath, mounts), false, path);
  assert.equal(isCovered('x' as RelPath, new Set(['' as RelPath])), true, 'everything is unknown');
  assert.equal(isCovered('x' as RelPath, new Set()), false);
});

test('a path lies on what was mounted last on the longest part of it', () => {
  const twice = `${MOUNTINFO}35 30 0:29 / /data/sub rw shared:1 master:2 - fuse.sshfs a-b: rw\n`;
  const typeOf = (path: string) => mountOf(path, twice)?.type;
  assert.deepEqual(['/', '/dat', '/data', '/data/x', '/data/sub/x', '/database', '/databases'].map(typeOf), [
    ...['ext4', 'ext4', 'tmpfs', 'tmpfs', 'fuse.sshfs', 'tmpfs', 'ext4'],
  ]);
  assert.equal(mountOf('/data/with space\\\n/x', twice)?.point, '/data/with space\\\n');
  assert.equal(mountOf('/', ''), undefined);
});

// Linking what was restored, while somebody else is at it.
import assert from 'node:assert/strict';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import type { RelKey } from '../../src/model/key.ts';
import { loadAddon } from '../../src/native/addon.ts';
import { linkedNames } from '../support/links.ts';
import { assertComplete, FILE, type RestoreGround, restoreGround, treeOf } from '../support/restoring.ts';

const GROUP = 'ab'.repeat(16);

async function put(ground: RestoreGround, ...names: string[]): Promise<void> {
  for (const name of names) await ground.put(name, 'content', { ...FILE, 'awssyncer-links': GROUP });
}

/** Does something when the temporary link is about to be made: after the looks, before the last one. */
function meddling(what: () => void): { randomName: () => string } {
  let calls = 0;
  // Each of the files had one for itself.
  return {
    randomName: () => {
      if (++calls === 3) what();
      return String(calls).padStart(16, '0');
    },
  };
}

test('S9 a name that somebody writes to, replaces or takes away meanwhile is left alone', async (t) => {
  const ways: Record<string, (at: (path: string) => string) => void> = {
    written: (at) => writeFileSync(at('b'), 'CONTENT'),
    replaced: (at) => {
      writeFileSync(at('new'), 'new');
      renameSync(at('new'), at('b'));
    },
    'replaced by what looks alike': (at) => {
      const { mtimeNs, mode } = lstatSync(at('b'), { bigint: true });
      writeFileSync(at('new'), 'CONTENT');
      chmodSync(at('new'), Number(mode) & 0o7777);
      assert.equal(loadAddon().setModified(Buffer.from(at('new')), mtimeNs), 0);
      renameSync(at('new'), at('b'));
    },
    'another kind': (at) => {
      rmSync(at('b'));
      symlinkSync('elsewhere', at('b'));
    },
    gone: (at) => rmSync(at('b')),
  };
  for (const [title, way] of Object.entries(ways)) {
    const ground = restoreGround(t);
    await put(ground, 'a', 'b');
    let left: Record<string, string | null> = {};
    const meddler = meddling(() => {
      way(ground.at);
      left = treeOf(ground.root);
    });
    const report = await ground.restore({ hardLinks: true, ...meddler });
    assert.deepEqual([report.complete, report.partial, report.dirty], [true, [], ['b']], title);
    assert.deepEqual(treeOf(ground.root), left, title);
    assert.deepEqual(linkedNames(ground.root), []);
    assert.equal(ground.ledger.get('b' as RelKey)?.ino, 0n, 'it never counts as unchanged');
  }
});

test('S9 what is linked to is what was looked at; a directory that became a link is not gone through', async (t) => {
  const changed = restoreGround(t);
  await put(changed, 'a', 'b');
  const report = await changed.restore({
    hardLinks: true,
    ...meddling(() => {
      rmSync(changed.at('a'));
      writeFileSync(changed.at('a'), 'another');
    }),
  });
  assert.deepEqual(report.dirty, ['a']);
  assert.deepEqual(treeOf(changed.root), { a: 'another', b: 'content' });

  const moved = restoreGround(t);
  await put(moved, 'a', 'd/b');
  mkdirSync(`${moved.root}-elsewhere`);
  writeFileSync(`${moved.root}-elsewhere/b`, 'untouched');
  const later = await moved.restore({
    hardLinks: true,
    ...meddling(() => {
      renameSync(moved.at('d'), `${moved.root}-moved`);
      symlinkSync(`${moved.root}-elsewhere`, moved.at('d'));
    }),
  });
  assert.equal(readFileSync(`${moved.root}-elsewhere/b`, 'utf8'), 'untouched');
  assert.equal(lstatSync(`${moved.root}-moved/b`).nlink, 1);
  assert.deepEqual(later.dirty, ['d/b']);
});

test('S9 only an unfinished restore links what was there before', async (t) => {
  const ground = restoreGround(t);
  await put(ground, 'a', 'b');
  assertComplete(await ground.restore());
  ground.ledger.write([], ['a', 'b'] as RelKey[]);
  const { adopted, dirty } = await ground.restore({ hardLinks: true });
  assert.deepEqual([adopted, dirty], [2, ['a', 'b']], 'S3 is to learn that they are apart');
  assert.deepEqual(linkedNames(ground.root), []);

  const unfinished = restoreGround(t);
  await put(unfinished, 'a', 'b', 'c');
  assertComplete(await unfinished.restore());
  unfinished.ledger.write([], ['a', 'b', 'c'] as RelKey[]);
  unfinished.ledger.setMeta({ restoring: true });
  assertComplete(await unfinished.restore({ hardLinks: true }));
  assert.deepEqual(linkedNames(unfinished.root), [['a', 'b', 'c']]);
  const stats = ['a', 'b', 'c'].map((name) => {
    const { ino, ctimeNs } = lstatSync(unfinished.at(name), { bigint: true });
    const row = unfinished.ledger.get(name as RelKey)!;
    assert.deepEqual([row.ino, row.ctimeNs, row.linkGroup], [ino, ctimeNs, GROUP]);
    return ino;
  });
  assert.equal(new Set(stats).size, 1);
});

test('S9 a name that cannot be linked stays a file of its own and is reported', async (t) => {
  const ground = restoreGround(t);
  await put(ground, 'a', 'd/b');
  let n = 0;
  const report = await ground.restore({
    hardLinks: true,
    randomName: () => {
      if (++n === 3) writeFileSync(ground.at(`d/.awssyncer-tmp-${'f'.repeat(16)}`), 'in the way');
      return (n === 3 ? 'f' : String(n)).repeat(16).slice(0, 16);
    },
  });
  assert.equal(report.complete, true);
  assert.deepEqual(report.partial, [
    { path: 'd/b', reason: 'it cannot be linked with a: EEXIST: file already exists (link)' },
  ]);
  assert.equal(readFileSync(ground.at('d/b'), 'utf8'), 'content');
  rmSync(ground.at(`d/.awssyncer-tmp-${'f'.repeat(16)}`));
  assertComplete(await ground.restore({ hardLinks: true }));
  assert.deepEqual(linkedNames(ground.root), [['a', 'd/b']], 'the next restore tries again');
});

test('S9 what is linked already is not touched, and what joins it becomes one of its names', async (t) => {
  const ground = restoreGround(t);
  await put(ground, 'b', 'c');
  assertComplete(await ground.restore({ hardLinks: true }));
  const { ino, ctimeNs } = lstatSync(ground.at('b'), { bigint: true });
  assertComplete(await ground.restore({ hardLinks: true }));
  assert.equal(lstatSync(ground.at('b'), { bigint: true }).ctimeNs, ctimeNs);
  await put(ground, 'a');
  assertComplete(await ground.restore({ hardLinks: true }));
  assert.deepEqual(linkedNames(ground.root), [['a', 'b', 'c']]);
  assert.equal(lstatSync(ground.at('a'), { bigint: true }).ino, ino, 'that of most names stays');
  const report = await ground.restore({ hardLinks: true });
  assert.deepEqual([report.unchanged, report.dirty], [3, []]);
  linkSync(ground.at('a'), ground.at('d'));
  assert.deepEqual((await ground.restore({ hardLinks: true })).dirty, ['a', 'b', 'c'], 'they have another name now');
});

test('S13 files of two groups stay two files, whatever they have in common', async (t) => {
  const ground = restoreGround(t);
  await put(ground, 'a', 'b');
  for (const name of ['c', 'd']) await ground.put(name, 'content', { ...FILE, 'awssyncer-links': 'cd'.repeat(16) });
  await ground.put('e', 'content', { ...FILE, 'awssyncer-links': '../no group' });
  await ground.put('f', 'content', { ...FILE, 'awssyncer-links': '../no group' });
  for (const name of ['g', 'h'])
    await ground.put(name, 'target', { ...FILE, mode: '120777', 'awssyncer-links': GROUP });
  assertComplete(await ground.restore({ hardLinks: true }));
  assert.deepEqual(linkedNames(ground.root), [
    ['a', 'b'],
    ['c', 'd'],
  ]);
  assert.notEqual(lstatSync(ground.at('g')).ino, lstatSync(ground.at('h')).ino);
});

test('S9 what was written to before it is linked is left alone, though size and time are what they were', async (t) => {
  for (const victim of ['a', 'b']) {
    const ground = restoreGround(t);
    await put(ground, 'a', 'b');
    const report = await ground.restore({
      hardLinks: true,
      onProgress: ({ files }) => {
        if (files !== 2) return;
        const { mtimeNs } = lstatSync(ground.at(victim), { bigint: true });
        writeFileSync(ground.at(victim), 'CONTENT');
        assert.equal(loadAddon().setModified(Buffer.from(ground.at(victim)), mtimeNs), 0);
      },
    });
    assert.deepEqual([report.complete, report.dirty], [true, [victim]]);
    assert.equal(readFileSync(ground.at(victim), 'utf8'), 'CONTENT');
    assert.deepEqual(linkedNames(ground.root), []);
  }
});

test('S8 where nothing is to be linked the disk is not made to write once more', async (t) => {
  const ground = restoreGround(t);
  await ground.put('f', 'f', { ...FILE, 'awssyncer-links': GROUP });
  await ground.put('d/', '', { ...FILE, mode: '40700' });
  let syncs = 0;
  const addon = loadAddon();
  const syncFileSystem = (fd: number) => {
    syncs++;
    return addon.syncFileSystem(fd);
  };
  assertComplete(await ground.restore({ hardLinks: true, calls: { ...addon, syncFileSystem } }));
  assert.equal(syncs, 1);
});

// S3 -> disk on real files: nothing edited here or stored there is lost, and nothing is written outside of the root.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EXIT, OperatorError, RefusedError } from '../../src/model/errors.ts';
import { type RelKey, TEMPORARY_PREFIX } from '../../src/model/key.ts';
import type { RestoreReport } from '../../src/restore/options.ts';
import { StoreError } from '../../src/store/errors.ts';
import { type RestoreGround, restoreGround, treeOf } from '../support/restoring.ts';
import { tempDir } from '../support/temp-dir.ts';

const FILE = { mtime: '1600000000.123456789', mode: '100640', uid: '0', gid: '0' };

function assertComplete(report: RestoreReport): void {
  assert.deepEqual(report.failures, []);
  assert.deepEqual(report.refused, []);
  assert.equal(report.complete, true);
}

/** The base of most lines of the table: `f` restored once, known to the ledger. */
async function restored(ground: RestoreGround): Promise<void> {
  await ground.put('f', 'base', FILE);
  await ground.put('other', 'other', FILE);
  assertComplete(await ground.restore());
}

test('S13 files, links, empty directories, modes and times to the nanosecond come back', async (t) => {
  const ground = restoreGround(t);
  await ground.put('dir/file', 'content', FILE);
  await ground.put('dir/link', '../no/where', { mode: '120777', mtime: '1500000000.000000001' });
  await ground.put('empty/', '', { mode: '40700' });
  await ground.put('closed/', '', { mode: '40555' });
  await ground.put('closed/inside', 'x', FILE);
  await ground.put('plain', 'no metadata');
  const report = await ground.restore();
  assertComplete(report);
  assert.deepEqual(treeOf(ground.root), {
    closed: null,
    'closed/inside': 'x',
    dir: null,
    'dir/file': 'content',
    'dir/link': '-> ../no/where',
    empty: null,
    plain: 'no metadata',
  });
  const stat = (path: string) => lstatSync(ground.at(path), { bigint: true });
  assert.equal(stat('dir/file').mtimeNs, 1_600_000_000_123_456_789n);
  assert.equal(stat('dir/file').mode, 0o100640n);
  assert.equal(stat('dir/link').mtimeNs, 1_500_000_000_000_000_001n);
  assert.equal(stat('dir').mode, 0o40755n);
  assert.equal(stat('empty').mode, 0o40700n);
  assert.equal(stat('closed').mode, 0o40555n);
  assert.equal(stat('plain').mode, 0o100644n);
  assert.equal(stat('plain').mtimeNs, BigInt(ground.store.objects.get('prefix/plain')!.lastModifiedMs) * 1_000_000n);
  const row = ground.ledger.get('dir/file' as RelKey);
  assert.deepEqual([row?.state, row?.ino, row?.ctimeNs], ['known', stat('dir/file').ino, stat('dir/file').ctimeNs]);
  assert.deepEqual(ground.ledger.meta().restoring, false);
});

test('S8 a second restore downloads nothing and asks for nothing but the listing', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  await ground.put('d/', '', { mode: '40700' });
  await ground.restore();
  ground.store.calls.clear();
  const report = await ground.restore();
  assert.equal(report.unchanged, 3);
  assert.deepEqual([...ground.store.calls.keys()], ['list']);
});

test('local as base, S3 changed: downloaded', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  await ground.put('f', 'newer', FILE);
  assertComplete(await ground.restore());
  assert.equal(treeOf(ground.root)['f'], 'newer');
});

test('local as base but for ctime and inode, S3 changed: the content is hashed and the change downloaded', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  execFileSync('cp', ['-p', ground.at('f'), ground.at('copy')]);
  renameSync(ground.at('copy'), ground.at('f'));
  await ground.put('f', 'newer', FILE);
  const report = await ground.restore();
  assert.deepEqual(report.conflicts, []);
  assert.equal(treeOf(ground.root)['f'], 'newer');
});

test('local as base, S3 gone: removed, with the directories that only it kept', async (t) => {
  const ground = restoreGround(t);
  await ground.put('d/e/f', 'base', FILE);
  await ground.put('other', 'other', FILE);
  await ground.restore();
  ground.store.objects.delete('prefix/d/e/f');
  const report = await ground.restore({ deleteBudget: { count: 1, percent: 50 } });
  assert.equal(report.removed, 1);
  assert.deepEqual(treeOf(ground.root), { other: 'other' });
  assert.equal(ground.ledger.get('d/e/f' as RelKey), undefined);
});

test('S4 more removals than the budget: nothing is removed, and the restore is not complete', async (t) => {
  const ground = restoreGround(t);
  for (const name of ['a', 'b', 'c']) await ground.put(name, name, FILE);
  await ground.restore();
  for (const name of ['a', 'b']) ground.store.objects.delete(`prefix/${name}`);
  const report = await ground.restore({ deleteBudget: { count: 1, percent: 50 } });
  assert.deepEqual([report.removed, report.complete], [0, false]);
  assert.deepEqual([...report.heldRemovals].sort(), ['a', 'b']);
  assert.deepEqual(Object.keys(treeOf(ground.root)), ['a', 'b', 'c']);
  assert.equal(ground.ledger.meta().restoring, true);
});

test('S4 an empty listing while the ledger knows objects is refused', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  ground.store.objects.clear();
  await assert.rejects(ground.restore(), RefusedError);
  assert.deepEqual(Object.keys(treeOf(ground.root)), ['f', 'other']);
});

test('S4 a listing that fails half-way removes nothing', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  ground.store.objects.delete('prefix/f');
  ground.store.list = async function* () {
    yield [];
    throw new StoreError('Cannot list', { reaction: 'transient', code: 'InternalError' });
  };
  await assert.rejects(ground.restore(), StoreError);
  assert.equal(treeOf(ground.root)['f'], 'base');
});

test('S9 local changed, S3 as base: kept and handed over', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  writeFileSync(ground.at('f'), 'edited');
  const report = await ground.restore();
  assert.deepEqual([report.dirty, report.complete], [['f'], true]);
  assert.equal(treeOf(ground.root)['f'], 'edited');
});

test('local gone, S3 as base: stays gone and is handed over', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  unlinkSync(ground.at('f'));
  const report = await ground.restore();
  assert.deepEqual(report.dirty, ['f']);
  assert.deepEqual(Object.keys(treeOf(ground.root)), ['other']);
});

test('S4 in an emptied root nothing counts as deleted: everything is downloaded again', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  rmSync(ground.at('f'));
  rmSync(ground.at('other'));
  const report = await ground.restore();
  assert.deepEqual([report.downloaded, report.dirty], [2, []]);
});

test('S4 after an unfinished restore a missing file is not a deletion', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  ground.ledger.setMeta({ restoring: true });
  unlinkSync(ground.at('f'));
  const report = await ground.restore();
  assert.deepEqual([report.downloaded, report.dirty], [1, []]);
});

test('local gone, S3 changed: downloaded', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  unlinkSync(ground.at('f'));
  await ground.put('f', 'newer', FILE);
  assertComplete(await ground.restore());
  assert.equal(treeOf(ground.root)['f'], 'newer');
});

test('both gone: the row is forgotten', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  unlinkSync(ground.at('f'));
  ground.store.objects.delete('prefix/f');
  await ground.restore();
  assert.equal(ground.ledger.get('f' as RelKey), undefined);
});

test('S9 local changed, S3 gone: kept, forgotten and handed over', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  writeFileSync(ground.at('f'), 'edit');
  ground.store.objects.delete('prefix/f');
  const report = await ground.restore();
  assert.deepEqual([report.dirty, report.removed], [['f'], 0]);
  assert.equal(ground.ledger.get('f' as RelKey), undefined);
  assert.equal(treeOf(ground.root)['f'], 'edit');
});

test('S9 changed on both sides: local stays, S3’s version is kept aside', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  writeFileSync(ground.at('f'), 'local');
  await ground.put('f', 'other edit', FILE);
  const report = await ground.restore();
  assert.equal(treeOf(ground.root)['f'], 'local');
  assert.equal(report.conflicts.length, 1);
  const [{ winner, keptAs }] = report.conflicts as [RestoreReport['conflicts'][0]];
  assert.equal(winner, 'local');
  assert.ok(keptAs.startsWith(join(ground.stateDir, 'conflicts/2023-11-14T22-13-20.000Z/')), keptAs);
  assert.equal(readFileSync(keptAs, 'utf8'), 'other edit');
  assert.deepEqual(report.dirty, ['f']);
  assert.equal(ground.ledger.get('f' as RelKey)?.ctimeNs, 0n, 'the row never counts as unchanged');
});

test('changed on both sides to the same content: adopted, for a crash may have hidden the upload from the ledger', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  writeFileSync(ground.at('f'), 'edit');
  await ground.put('f', 'edit', FILE);
  const report = await ground.restore();
  assert.deepEqual([report.adopted, report.conflicts], [1, []]);
});

test('no base, equal content and attributes: adopted without a download', async (t) => {
  const ground = restoreGround(t);
  await ground.put('f', 'same', FILE);
  await ground.restore();
  ground.ledger.clear();
  ground.store.calls.clear();
  const report = await ground.restore();
  assert.deepEqual([report.adopted, report.downloaded, report.dirty], [1, 0, []]);
  assert.equal(ground.store.calls.get('get'), undefined);
  assert.equal(ground.ledger.get('f' as RelKey)?.state, 'known');
});

test('S13 no base, equal content, other mode: adopted, and the local mode handed over', async (t) => {
  const ground = restoreGround(t);
  await ground.put('f', 'same', FILE);
  await ground.restore();
  ground.ledger.clear();
  chmodSync(ground.at('f'), 0o600);
  const report = await ground.restore();
  assert.deepEqual([report.adopted, report.dirty], [1, ['f']]);
  assert.equal(ground.ledger.get('f' as RelKey)?.mode, 0o100640);
});

test('S9 no base, different, newer in S3: S3 takes the path, the local version is kept aside with its inode', async (t) => {
  const ground = restoreGround(t);
  writeFileSync(ground.at('f'), 'old local');
  utimesSync(ground.at('f'), 1_500_000_000, 1_500_000_000);
  const { ino } = lstatSync(ground.at('f'));
  await ground.put('f', 'newer', FILE);
  const report = await ground.restore();
  assert.equal(treeOf(ground.root)['f'], 'newer');
  const [conflict] = report.conflicts;
  assert.equal(conflict?.winner, 's3');
  assert.equal(readFileSync(conflict.keptAs, 'utf8'), 'old local');
  assert.equal(lstatSync(conflict.keptAs).ino, ino);
  assert.deepEqual(report.dirty, []);
});

test('S9 no base, different, newer on disk: local stays, S3’s version is kept aside', async (t) => {
  const ground = restoreGround(t);
  writeFileSync(ground.at('f'), 'new local');
  await ground.put('f', 'older', FILE);
  const report = await ground.restore();
  assert.equal(treeOf(ground.root)['f'], 'new local');
  assert.equal(readFileSync(report.conflicts[0]!.keptAs, 'utf8'), 'older');
  assert.deepEqual(report.dirty, ['f']);
});

test('S9 no base, different, no stored time: S3 wins, whatever its upload time', async (t) => {
  const ground = restoreGround(t);
  writeFileSync(ground.at('f'), 'new local');
  await ground.put('f', 'other tool', {});
  const report = await ground.restore();
  assert.equal(treeOf(ground.root)['f'], 'other tool');
  assert.equal(readFileSync(report.conflicts[0]!.keptAs, 'utf8'), 'new local');
});

test('S9 without a state directory a conflict touches neither version, and the restore is not complete', async (t) => {
  const ground = restoreGround(t);
  writeFileSync(ground.at('f'), 'local');
  await ground.put('f', 'remote', {});
  const report = await ground.restore({ stateDir: null });
  assert.equal(report.complete, false);
  assert.match(report.failures[0]?.reason ?? '', /without a state directory/);
  assert.equal(treeOf(ground.root)['f'], 'local');
});

test('S9 keys that would leave the tree are refused and reported, and do not keep it from being ready', async (t) => {
  const ground = restoreGround(t);
  for (const key of ['../escape', 'a/../../escape', '/absolute', 'a//b', './x', 'n'.repeat(256), 'nul\0byte', 'ok'])
    await ground.put(key, 'x', FILE);
  await ground.put('', '');
  const report = await ground.restore();
  assert.equal(report.refused.length, 7);
  assert.deepEqual([report.complete, report.downloaded], [true, 1]);
  assert.deepEqual(treeOf(ground.root), { ok: 'x' });
  assert.equal(existsSync(join(ground.root, '../escape')), false);
});

test('S9 nothing is written through a local symbolic link', async (t) => {
  const ground = restoreGround(t);
  const outside = tempDir(t);
  symlinkSync(outside, ground.at('link'));
  mkdirSync(ground.at('deep'));
  symlinkSync(outside, ground.at('deep/link'));
  for (const key of ['link/f', 'link/sub/f', 'deep/link/f', 'link/empty/']) await ground.put(key, 'x', FILE);
  const report = await ground.restore();
  assert.deepEqual(readdirSync(outside), []);
  assert.equal(report.refused.length, 4);
  assert.match(
    report.refused.find(({ path }) => path === 'deep/link/f')?.reason ?? '',
    /a symbolic link is in the way at deep\/link/,
  );
  assert.equal(ground.ledger.get('link/f' as RelKey)?.state, 'foreign', 'what was left alone is not ours to delete');
});

test('S9 nothing is written through a symbolic link that S3 itself holds', async (t) => {
  const ground = restoreGround(t);
  const outside = tempDir(t);
  await ground.put('a', outside, { mode: '120777' });
  await ground.put('a/b', 'x', FILE);
  const report = await ground.restore();
  assert.deepEqual(readdirSync(outside), []);
  assert.deepEqual(treeOf(ground.root), { a: null, 'a/b': 'x' });
  assert.match(report.refused[0]?.reason ?? '', /newer a\/b/);
});

test('S9 a file that turns into a symbolic link while S3 answers is not followed', async (t) => {
  const ground = restoreGround(t);
  const outside = tempDir(t);
  writeFileSync(join(outside, 'victim'), 'untouched');
  await restored(ground);
  await ground.put('f', 'newer', FILE);
  const get = ground.store.get.bind(ground.store);
  ground.store.get = async (key, options) => {
    if (key === 'prefix/f' && lstatSync(ground.at('f')).isFile()) {
      unlinkSync(ground.at('f'));
      symlinkSync(join(outside, 'victim'), ground.at('f'));
    }
    return await get(key, options);
  };
  const report = await ground.restore();
  assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'untouched');
  assert.equal(treeOf(ground.root)['f'], `-> ${join(outside, 'victim')}`, 'a change made meanwhile is a local edit');
  assert.equal(report.conflicts[0]?.winner, 'local');
});

test('S9 a directory moved away while a file is fetched does not take the file with it', async (t) => {
  const ground = restoreGround(t);
  const outside = tempDir(t);
  await ground.put('d/f', 'x', FILE);
  const get = ground.store.get.bind(ground.store);
  ground.store.get = async (key, options) => {
    const answer = await get(key, options);
    renameSync(ground.at('d'), join(outside, 'd'));
    return answer;
  };
  const report = await ground.restore();
  assert.deepEqual(readdirSync(join(outside, 'd')), []);
  assert.match(report.refused[0]?.reason ?? '', /moved away/);
});

test('a and a/b in S3: the newer one wins, the other is reported and left alone', async (t) => {
  for (const [first, second, tree] of [
    ['a', 'a/b', { a: null, 'a/b': 'x' }],
    ['a/b', 'a', { a: 'x' }],
  ] as const) {
    const ground = restoreGround(t);
    await ground.put(first, 'x', FILE);
    await ground.put(second, 'x', FILE);
    const report = await ground.restore();
    assert.deepEqual(treeOf(ground.root), tree);
    assert.deepEqual(
      report.refused.map(({ path }) => path),
      [first],
    );
    assert.equal(ground.ledger.get(first as RelKey)?.state, 'foreign');
    assert.equal(report.complete, true);
  }
});

test('S9 a local directory that holds something is not replaced by a file', async (t) => {
  const ground = restoreGround(t);
  mkdirSync(ground.at('a'));
  writeFileSync(ground.at('a/mine'), 'x');
  mkdirSync(ground.at('empty'));
  await ground.put('a', 'file', FILE);
  await ground.put('empty', 'file', FILE);
  const report = await ground.restore();
  assert.deepEqual(treeOf(ground.root), { a: null, 'a/mine': 'x', empty: 'file' });
  assert.deepEqual(report.refused, [{ path: 'a', reason: 'a directory that is not empty has this name' }]);
});

test('a file that became a directory in S3 follows', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  ground.store.objects.delete('prefix/f');
  await ground.put('f/inside', 'x', FILE);
  assertComplete(await ground.restore());
  assert.deepEqual(treeOf(ground.root), { f: null, 'f/inside': 'x', other: 'other' });
});

test('a directory that became a file in S3 follows', async (t) => {
  const ground = restoreGround(t);
  await ground.put('d/inside', 'x', FILE);
  await ground.put('d/', '', { mode: '40700' });
  await ground.put('other', 'other', FILE);
  await ground.restore();
  for (const key of ['d/inside', 'd/']) ground.store.objects.delete(`prefix/${key}`);
  await ground.put('d', 'now a file', FILE);
  assertComplete(await ground.restore());
  assert.deepEqual(treeOf(ground.root), { d: 'now a file', other: 'other' });
});

test('a FIFO that has the name of an object stays', async (t) => {
  const ground = restoreGround(t);
  execFileSync('mkfifo', [ground.at('f')]);
  await ground.put('f', 'x', FILE);
  const report = await ground.restore();
  assert.match(report.refused[0]?.reason ?? '', /FIFO/);
  assert.equal(lstatSync(ground.at('f')).isFIFO(), true);
});

test('S9 an interrupted restore leaves whole files only, and resumes where it was', async (t) => {
  const ground = restoreGround(t);
  for (let i = 0; i < 60; i++) await ground.put(`d${i % 5}/f${i}`, `content ${i}`, FILE);
  const controller = new AbortController();
  const interrupted = ground.restore({
    signal: controller.signal,
    onProgress: ({ files }) => {
      if (files === 20) controller.abort(new Error('killed'));
    },
  });
  await assert.rejects(interrupted, /killed/);
  const done = Object.entries(treeOf(ground.root)).filter(([, content]) => content !== null);
  assert.ok(done.length >= 20 && done.length < 60, `${done.length} files`);
  for (const [path, content] of done) assert.equal(content, `content ${path.slice(path.indexOf('f') + 1)}`);
  assert.equal(ground.ledger.meta().restoring, true);
  ground.store.calls.clear();
  assertComplete(await ground.restore());
  assert.equal(ground.store.calls.get('get'), 60 - done.length);
});

test('S9 5,000 small files come back, each by one GET, and a second restore costs none', async (t) => {
  const ground = restoreGround(t);
  const expected: Record<string, string> = {};
  for (let i = 0; i < 5_000; i++) {
    expected[`d${i % 50}/f${i}`] = `content ${i}`;
    await ground.put(`d${i % 50}/f${i}`, `content ${i}`, FILE);
  }
  assertComplete(await ground.restore({ concurrency: 32 }));
  const files = Object.entries(treeOf(ground.root)).filter(([, content]) => content !== null);
  assert.deepEqual(Object.fromEntries(files), expected);
  const again = await ground.restore();
  assert.deepEqual([again.unchanged, ground.store.calls.get('get')], [5_000, 5_000]);
});

test('S9 what a killed restore left under its temporary names is swept; what users named alike stays', async (t) => {
  const ground = restoreGround(t);
  mkdirSync(ground.at('d'));
  writeFileSync(ground.at(`d/${TEMPORARY_PREFIX}0123456789abcdef`), 'half a file');
  writeFileSync(ground.at(`d/${TEMPORARY_PREFIX}notes`), 'mine');
  await ground.put('d/f', 'x', FILE);
  await ground.restore();
  assert.deepEqual(readdirSync(ground.at('d')).sort(), [`${TEMPORARY_PREFIX}notes`, 'f']);
});

test('S9 a truncated or damaged body is never placed, and is tried again', async (t) => {
  const ground = restoreGround(t);
  await ground.put('cut', 'x'.repeat(100_000), FILE);
  await ground.put('flipped', 'x'.repeat(100_000), FILE);
  const get = ground.store.get.bind(ground.store);
  const spoiled = new Set<string>();
  ground.store.get = async (key, options) => {
    const answer = await get(key, options);
    if (spoiled.has(key)) return answer;
    spoiled.add(key);
    const body = Buffer.concat(await answer.body.toArray());
    body[5] = 0;
    const { Readable } = await import('node:stream');
    return {
      ...answer,
      body: Readable.from([key.endsWith('cut') ? body.subarray(0, 50_000) : body], { objectMode: false }),
    };
  };
  const failed = await ground.restore();
  assert.equal(failed.failures.length, 2);
  assert.deepEqual([failed.complete, treeOf(ground.root)], [false, {}]);
  spoiled.clear();
  const retry: Parameters<RestoreGround['restore']>[0] = {
    retry: async (attempt) => {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof StoreError && error.reaction === 'transient') return await attempt();
        throw error;
      }
    },
  };
  const report = await ground.restore(retry);
  assertComplete(report);
  assert.deepEqual([report.downloaded, report.unverified], [2, 0]);
});

test('an ETag that looks like an MD5 and is none (SSE-KMS) is believed when two downloads agree', async (t) => {
  const ground = restoreGround(t);
  for (const key of ['a', 'b', 'c']) {
    await ground.put(key, key, FILE);
    const object = ground.store.objects.get(`prefix/${key}`)!;
    ground.store.objects.set(`prefix/${key}`, { ...object, etag: '0'.repeat(31) + key });
  }
  const report = await ground.restore({
    concurrency: 1,
    retry: async (attempt) => await attempt().catch(() => attempt()),
  });
  assertComplete(report);
  assert.deepEqual([report.unverified, ground.store.calls.get('get')], [3, 4]);
});

test('one denied object fails alone: the others are restored, and it is reported', async (t) => {
  const ground = restoreGround(t);
  for (const key of ['a', 'b', 'c']) await ground.put(key, key, FILE);
  const get = ground.store.get.bind(ground.store);
  ground.store.get = async (key, options) => {
    if (key.endsWith('b'))
      throw new StoreError('Cannot get b: AccessDenied', { reaction: 'denied', code: 'AccessDenied' });
    return await get(key, options);
  };
  const report = await ground.restore();
  assert.deepEqual(report.failures, [{ path: 'b', reason: 'Cannot get b: AccessDenied' }]);
  assert.deepEqual([report.complete, report.downloaded], [false, 2]);
});

test('an object deleted while the restore runs is no failure', async (t) => {
  const ground = restoreGround(t);
  await ground.put('a', 'a', FILE);
  await ground.put('b', 'b', FILE);
  const get = ground.store.get.bind(ground.store);
  ground.store.get = async (key, options) => {
    ground.store.objects.delete('prefix/b');
    return await get(key, options);
  };
  assertComplete(await ground.restore({ concurrency: 1 }));
  assert.deepEqual(treeOf(ground.root), { a: 'a' });
});

test('refused credentials end everything at once', async (t) => {
  const ground = restoreGround(t);
  for (let i = 0; i < 50; i++) await ground.put(`f${i}`, 'x', FILE);
  ground.store.get = async () => {
    ground.store.calls.set('get', (ground.store.calls.get('get') ?? 0) + 1);
    throw new StoreError('Cannot get: ExpiredToken', { reaction: 'credentials', code: 'ExpiredToken' });
  };
  await assert.rejects(ground.restore({ concurrency: 4 }), /ExpiredToken/);
  assert.ok((ground.store.calls.get('get') ?? 0) <= 5);
});

test('S16 what is excluded is neither restored nor removed', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  await ground.put('cache/x', 'x', FILE);
  ground.store.objects.delete('prefix/f');
  const rules = [
    { include: false, glob: 'cache/' },
    { include: false, glob: '/f' },
  ];
  assertComplete(await ground.restore({ rules }));
  assert.deepEqual(treeOf(ground.root), { f: 'base', other: 'other' });
  assert.equal(ground.ledger.get('f' as RelKey)?.state, 'known');
});

test('the original’s ready marker and the agent’s own keys are left alone', async (t) => {
  const ground = restoreGround(t);
  for (const key of ['.volume_ready', '.awssyncer/lease', 'f']) await ground.put(key, 'x', FILE);
  const report = await ground.restore();
  assert.deepEqual([Object.keys(treeOf(ground.root)), report.refused], [['f'], []]);
});

test('names come back byte for byte', async (t) => {
  const ground = restoreGround(t);
  const names = ['é', 'e\u0301', '日本', '\u{1f600}', 'a b+%2F', 'new\nline', '\'"\\', '-rf', ' '];
  for (const name of names) await ground.put(`d/${name}`, 'x', FILE);
  assertComplete(await ground.restore());
  assert.deepEqual(readdirSync(ground.at('d')).sort(), names.sort());
});

test('S12 a late request that may still execute keeps its warning, and the path is handed over', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  const row = ground.ledger.get('f' as RelKey)!;
  ground.ledger.write([{ ...row, state: 'unproven', proveAfterMs: 5 }]);
  assert.deepEqual((await ground.restore()).dirty, ['f']);
  await ground.put('f', 'late', FILE);
  const report = await ground.restore();
  assert.deepEqual(
    report.conflicts.map(({ winner }) => winner),
    ['s3'],
    'an unproven row is no base: nothing is dropped on its word',
  );
  assert.deepEqual(
    [ground.ledger.get('f' as RelKey)?.state, ground.ledger.get('f' as RelKey)?.proveAfterMs],
    ['unproven', 5],
  );
});

/** Runs with a file system of 1 MiB, or says why it cannot. */
async function onSmallDisk(t: TestContext, run: (mount: string) => Promise<void>): Promise<void> {
  const mount = join(tempDir(t), 'disk');
  mkdirSync(mount);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', mount], { stdio: 'ignore' });
  } catch {
    console.log('restore onto a full disk: not run, this user cannot mount a tmpfs');
    return;
  }
  try {
    await run(mount);
  } finally {
    execFileSync('umount', ['--lazy', mount]);
  }
}

test('S9 too little space is said before anything is downloaded, and a full disk leaves whole files only', (t) =>
  onSmallDisk(t, async (mount) => {
    const ground = restoreGround(t, { root: mount });
    for (const key of ['a', 'b', 'c']) await ground.put(key, 'x'.repeat(400_000), FILE);
    await assert.rejects(
      ground.restore(),
      (error) =>
        error instanceof OperatorError &&
        error.exitCode === EXIT.fatal &&
        /needs 1\.1 MiB more, 1\.0 MiB/.test(error.message),
    );
    assert.deepEqual([treeOf(mount), ground.store.calls.get('get')], [{}, undefined]);

    const list = ground.store.list.bind(ground.store);
    ground.store.list = async function* (prefix, options) {
      for await (const page of list(prefix, options)) yield page.map((object) => ({ ...object, sizeBytes: 1 }));
    };
    await assert.rejects(ground.restore({ concurrency: 1 }), /OperatorError: Cannot restore: the disk is full/);
    const sizes = Object.entries(treeOf(mount)).map(([name, content]) => [name, content?.length]);
    assert.deepEqual(sizes, [
      ['a', 400_000],
      ['b', 400_000],
    ]);
  }));

// Restores that do not go well: interrupted, damaged, refused, without space.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EXIT, OperatorError, RefusedError } from '../../src/model/errors.ts';
import { type RelKey, TEMPORARY_PREFIX } from '../../src/model/key.ts';
import { StoreError } from '../../src/store/errors.ts';
import { assertComplete, FILE, type RestoreGround, restored, restoreGround, treeOf } from '../support/restoring.ts';
import { tempDir } from '../support/temp-dir.ts';

test('S4 an empty listing while the ledger knows objects is refused', async (t) => {
  const ground = restoreGround(t);
  await restored(ground);
  ground.store.objects.clear();
  await ground.put('.awssyncer/lease', 'not a file of the tree');
  await assert.rejects(ground.restore(), RefusedError);
  assert.equal(ground.ledger.meta().restoring, false, 'nothing was changed, so nothing is unfinished');
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

test('S9 an object that becomes a symbolic link while it is tried again is restored as one', async (t) => {
  const ground = restoreGround(t);
  await ground.put('f', 'content', FILE);
  const getBytes = ground.store.getBytes.bind(ground.store);
  ground.store.getBytes = async (key, options) => {
    const answer = await getBytes(key, options);
    ground.store.getBytes = getBytes;
    await ground.put('f', 'target', { mode: '120777' });
    return { ...answer, bytes: Buffer.from('damaged') };
  };
  await ground.restore({ retry: async (attempt) => await attempt().catch(() => attempt()) });
  assert.deepEqual(treeOf(ground.root), { f: '-> target' });
  assert.equal(ground.ledger.get('f' as RelKey)?.kind, 'symlink');
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

test('a directory whose attributes cannot be applied fails alone', async (t) => {
  const ground = restoreGround(t);
  await ground.put('x/', '', { mode: '40700' });
  await ground.put('y/', '', { mode: '40700' });
  const get = ground.ledger.get.bind(ground.ledger);
  let looks = 0;
  ground.ledger.get = (key) => {
    // The first look decides, the second comes when the directory was made.
    if (key === 'x/' && ++looks === 2) throw Object.assign(new Error('EPERM: not permitted'), { code: 'EPERM' });
    return get(key);
  };
  const report = await ground.restore();
  assert.deepEqual(report.failures, [{ path: 'x/', reason: 'EPERM: not permitted' }]);
  assert.deepEqual([report.complete, ground.ledger.get('y/' as RelKey)?.mode], [false, 0o040700]);
});

// `--hard-links`: files with several names come back as such, and what is apart stays apart.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CrashGround, crashTools } from '../support/crashes.ts';
import { linkedNames } from '../support/links.ts';
import { type StrictStage, strictStage } from '../support/stage.ts';
import { differencesByRsync, removeAttribute, setAttributes } from '../support/xattrs.ts';

const LINKS = 'awssyncer-links';

/** To the nanosecond, which Node's own way is not. */
function copyExactly(from: string, to: string): void {
  execFileSync('cp', ['--preserve=all', from, to]);
}

/** Writes and links: the first path is a file, the others are names of it. */
function plant({ write, at }: Pick<StrictStage, 'write' | 'at'>): void {
  for (const [path, ...others] of [
    ['a', 'b', 'd/c'],
    ['large', 'd/large'],
    ['d/apart', 'd/sub/apart'],
    ['alone'],
  ] as const) {
    write(path, path.includes('large') ? Buffer.alloc(300_000, 'large') : path);
    for (const other of others) {
      mkdirSync(join(at(other), '..'), { recursive: true });
      linkSync(at(path), at(other));
    }
  }
  copyExactly(at('a'), at('d/equal'));
}

const PLANTED = [
  ['a', 'b', 'd/c'],
  ['d/apart', 'd/sub/apart'],
  ['d/large', 'large'],
];

function writes({ requests }: StrictStage): string[] {
  return requests().filter((request) => /^(Put|Copy|Delete|CreateM)/.test(request));
}

test('S13 the names of a file come back as names of one file, and are known again', async (t) => {
  const stage = await strictStage(t);
  const { server, bucket, dir, local, url, run, at } = stage;
  plant(stage);
  setAttributes(at('d/large'), { 'user.a': '1' });
  const keep = ['--hard-links', '--xattrs'];
  const synced = await run(['sync', ...keep, local, url]);
  assert.equal(synced.code, 0, synced.stderr);
  const groups = new Set(bucket.keys('p/').map((key) => bucket.object(key)!.metadata[LINKS]));
  assert.equal(groups.size, PLANTED.length + 1);
  const verified = await run(['verify', ...keep, local, url]);
  assert.equal(verified.code, 0, verified.stdout);
  const plain = join(dir, 'plain');
  assert.equal((await run(['restore', '--state-dir', join(dir, 'three'), url, plain])).code, 0);
  assert.deepEqual(linkedNames(plain), []);
  const apart = await run(['verify', ...keep, plain, url]);
  assert.equal(apart.code, 5);
  assert.match(apart.stdout, /^metadata +b: one file with a in S3, not on disk$/m);

  const copy = join(dir, 'copy');
  const restore = ['restore', ...keep, '--json', '--state-dir', join(dir, 'two'), url, copy];
  const restored = await run(restore);
  assert.equal(restored.code, 0, restored.stderr);
  assert.deepEqual(linkedNames(copy), PLANTED);
  assert.equal(differencesByRsync(local, copy, '-HAX'), '');
  server.clearRequests();
  const again = await run(restore);
  assert.equal(JSON.parse(again.stdout).unchanged, JSON.parse(restored.stdout).downloaded, again.stdout);
  assert.equal((await run(['sync', ...keep, '--delete', '--state-dir', join(dir, 'two'), copy, url])).code, 0);
  assert.deepEqual(writes(stage), []);
  linkSync(at('alone'), at('other'));
  assert.equal((await run(['sync', local, url])).code, 0);
  const unstored = await run(['verify', '--hard-links', local, url]);
  assert.match(unstored.stdout, /^metadata +other: one file with alone on disk, not in S3$/m);
});

test('S8 S13 a new name costs one request for each name, another one only its own, a lost one none', async (t) => {
  const stage = await strictStage(t);
  const { server, bucket, dir, local, url, at, start, run, write } = stage;
  write('small');
  write('large', Buffer.alloc(100_000));
  const cli = start(['watch', '--hard-links', local, url]);
  await cli.waitForLine(/ watching /);
  const change = async (what: () => void): Promise<string[]> => {
    assert.equal((await run(['flush', local])).code, 0);
    server.clearRequests();
    what();
    assert.equal((await run(['flush', local])).code, 0);
    return writes(stage).sort();
  };
  const group = (path: string) => bucket.object(`p/${path}`)?.metadata[LINKS];
  assert.deepEqual(await change(() => linkSync(at('small'), at('a'))), ['PutObject p/a', 'PutObject p/small']);
  assert.deepEqual(await change(() => linkSync(at('large'), at('b'))), ['CopyObject p/large', 'PutObject p/b']);
  assert.ok(group('a') !== undefined && group('a') === group('small') && group('b') === group('large'));
  assert.notEqual(group('a'), group('b'));
  assert.deepEqual(await change(() => linkSync(at('b'), at('c'))), ['PutObject p/c']);
  assert.deepEqual(await change(() => rmSync(at('c'))), ['DeleteObjects']);
  assert.deepEqual(await change(() => renameSync(at('b'), at('d'))), ['CopyObject p/d', 'DeleteObjects']);
  assert.equal(group('d'), group('large'));
  // Taken apart without a change of content, time or mode.
  copyExactly(at('a'), at('spare'));
  const broken = await change(() => renameSync(at('spare'), at('a')));
  assert.ok(broken.includes('PutObject p/a') || broken.includes('CopyObject p/a'), `${broken}`);
  assert.equal(group('a'), undefined);
  appendFileSync(at('d'), 'through one of its names');
  await change(() => {});
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, 0, cli.output());
  assert.equal(bucket.text('p/large'), bucket.text('p/d'));
  const verified = await run(['verify', '--hard-links', local, url]);
  assert.equal(verified.code, 0, verified.stdout);
  const copy = join(dir, 'copy');
  assert.equal((await run(['restore', '--hard-links', '--state-dir', join(dir, 'two'), url, copy])).code, 0);
  assert.deepEqual(linkedNames(copy), [['d', 'large']]);
  assert.equal(differencesByRsync(local, copy, '-H'), '');
  // Another machine goes on with the groups that it finds.
  linkSync(join(copy, 'd'), join(copy, 'e'));
  server.clearRequests();
  assert.equal((await run(['sync', '--hard-links', '--state-dir', join(dir, 'two'), copy, url])).code, 0);
  assert.deepEqual(writes(stage), ['PutObject p/e']);
  assert.equal(group('e'), group('d'));
});

test('S8 S13 the option that is turned on later completes what has several names, and reads nothing', async (t) => {
  const stage = await strictStage(t);
  const { server, dir, local, url, run, requests } = stage;
  plant(stage);
  const sync = async (...options: string[]): Promise<string[]> => {
    server.clearRequests();
    const { code, stderr } = await run(['sync', ...options, local, url]);
    assert.equal(code, 0, stderr);
    return requests().filter((request) => !request.startsWith('Head'));
  };
  await sync();
  assert.deepEqual(
    (await sync('--hard-links')).sort(),
    PLANTED.flat()
      .map((path) => `CopyObject p/${path}`)
      .sort(),
  );
  for (const options of [['--hard-links'], [], ['--hard-links']]) assert.deepEqual(await sync(...options), []);
  // Without its ledger it adopts what S3 holds.
  assert.deepEqual(
    (await sync('--hard-links', '--state-dir', join(dir, 'two'))).filter((request) => !request.startsWith('List')),
    [],
  );
});

test('S13 names whose content or mode differ in S3 stay files of their own', async (t) => {
  const stage = await strictStage(t);
  const { bucket, dir, local, url, run } = stage;
  plant(stage);
  assert.equal((await run(['sync', '--hard-links', local, url])).code, 0);
  // As when an agent was stopped between the two.
  bucket.put('p/b', 'B', bucket.object('p/b')!.metadata);
  const large = bucket.object('p/d/large')!;
  bucket.put('p/d/large', large.bytes, { ...large.metadata, mode: '100600' });
  const copy = join(dir, 'copy');
  const restored = await run(['restore', '--hard-links', '--state-dir', join(dir, 'two'), url, copy]);
  assert.equal(restored.code, 0, restored.stderr);
  assert.deepEqual(linkedNames(copy), [
    ['a', 'd/c'],
    ['d/apart', 'd/sub/apart'],
  ]);
  assert.equal(readFileSync(join(copy, 'b'), 'utf8'), 'B');
  assert.equal(statSync(join(copy, 'd/large')).mode & 0o777, 0o600);
});

test('S9 S13 kill -9 at any step of linking: the next restore ends with the same names, and nothing is left', async (t) => {
  const tools = await crashTools(t);
  const keep = ['--hard-links'];
  const restored = async (at: number, known: boolean): Promise<readonly string[]> => {
    const ground = new CrashGround(t, { ...tools, others: false });
    const place = { write: ground.write.bind(ground), at: ground.at.bind(ground) };
    plant(place);
    assert.equal((await ground.crash('sync', 0, keep)).killed, false);
    if (known) {
      // What another machine adds is to become one with what is known and in place.
      const [a, added] = ['a', 'z'].map((name) => ground.prefix + name);
      const { bytes, metadata } = ground.bucket.object(a!)!;
      ground.bucket.put(added!, bytes, metadata);
    } else {
      rmSync(ground.root, { recursive: true });
      rmSync(ground.state, { recursive: true });
    }
    const expected = known ? PLANTED.map((set) => (set[0] === 'a' ? [...set, 'z'] : set)) : PLANTED;
    const { killed, steps } = await ground.crash('restore', at, keep);
    try {
      if (killed) assert.equal((await ground.crash('restore', 0, keep)).killed, false);
      assert.deepEqual(linkedNames(ground.root), expected);
      for (const name of ['a', 'b', 'd/c']) assert.equal(readFileSync(ground.at(name), 'utf8'), 'a');
      const objects = ground.bucket.objects(ground.prefix);
      assert.equal((await ground.crash('sync', 0, keep)).killed, false);
      for (const [key, { etag, metadata }] of ground.bucket.objects(ground.prefix))
        if (!key.includes('.awssyncer/'))
          assert.deepEqual([etag, metadata[LINKS]], [objects.get(key)!.etag, objects.get(key)!.metadata[LINKS]], key);
    } catch (error) {
      throw new Error(`killed at step ${at}: ${steps.at(-1)}`, { cause: error });
    }
    return steps;
  };
  for (const known of [false, true]) {
    const steps = await restored(0, known);
    const first = steps.findIndex((step) => step.startsWith('link'));
    assert.ok(first >= 0, steps.join('\n'));
    for (let at = first; at <= Math.min(steps.length, first + 4); at++) await restored(at + 1, known);
  }
});

test('S13 what was taken apart while nobody looked at links is not joined by who does', async (t) => {
  const stage = await strictStage(t);
  const { bucket, dir, local, url, run, at } = stage;
  plant(stage);
  setAttributes(at('alone'), { 'user.a': '1' });
  const keep = ['--hard-links', '--xattrs'];
  const sync = async (...options: string[]): Promise<void> => {
    const { code, stderr } = await run(['sync', '--delete', ...options, local, url]);
    assert.equal(code, 0, stderr);
  };
  await sync(...keep);
  copyExactly(at('a'), at('spare'));
  renameSync(at('spare'), at('a'));
  removeAttribute(at('alone'), 'user.a');
  await sync();
  assert.deepEqual(
    Object.keys(bucket.object('p/alone')!.metadata).filter((name) => /xattr/.test(name)),
    [],
  );
  await sync(...keep);
  const verified = await run(['verify', ...keep, local, url]);
  assert.equal(verified.code, 0, verified.stdout);
  const copy = join(dir, 'copy');
  assert.equal((await run(['restore', ...keep, '--state-dir', join(dir, 'two'), url, copy])).code, 0);
  assert.deepEqual(linkedNames(copy), linkedNames(local));
  assert.equal(differencesByRsync(local, copy, '-HAX'), '');
});

test('S13 verify --repair makes one file of those that are one on disk, and none of others', async (t) => {
  const stage = await strictStage(t);
  const { local, url, run } = stage;
  plant(stage);
  assert.equal((await run(['sync', local, url])).code, 0);
  const repaired = await run(['verify', '--hard-links', '--repair', local, url]);
  assert.equal(repaired.code, 0, `${repaired.stdout}${repaired.stderr}`);
  const verified = await run(['verify', '--hard-links', local, url]);
  assert.equal(verified.code, 0, verified.stdout);
});

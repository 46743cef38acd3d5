// `--xattrs`: extended attributes and ACLs of files and directories go to S3 and come back.
import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { countCalls } from '../support/count-calls.ts';
import { makeImage, mountOn } from '../support/mounts.ts';
import { availableTargets, withTarget } from '../support/s3-targets.ts';
import { type Stage, type StrictStage, stageOn, strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { attributesOf, differencesByRsync, removeAttribute, setAcl, setAttributes } from '../support/xattrs.ts';

/** CAP_NET_BIND_SERVICE, effective and permitted. */
const CAPABILITY = '0x0100000200040000000000000000000000000000';
const LARGE = 'v'.repeat(1800);

/** Everything that is kept, on files of both sizes that a restore tells apart. */
function fill({ write, at }: Stage): void {
  for (const path of ['plain', 'd/one', 'd/two', 'd/three', 'd/sub/four', 'bare/five']) write(path);
  write('large', Buffer.alloc(300_000, 'x'));
  mkdirSync(at('empty'));
  setAttributes(at('d/one'), { 'user.mime_type': 'text/plain', 'user.empty': '', 'user.caf\xe9': '0xff00' });
  setAttributes(at('d/two'), { 'user.large': LARGE, 'trusted.by': 'root' });
  setAttributes(at('d/three'), { 'user.large': LARGE, 'trusted.by': 'root' });
  setAttributes(at('large'), { 'security.capability': CAPABILITY, 'user.a': '1' });
  setAttributes(at('empty'), { 'user.a': 'of a directory' });
  setAcl(at('plain'), 'u:7:rwx,g:8:r,m::rx');
  chmodSync(at('d/sub/four'), 0o4711);
  setAcl(at('d/sub/four'), 'u:7:rw');
  setAcl(at('d/sub'), 'd:u:9:rwx,d:g::-,u:9:x');
  chmodSync(at('bare'), 0o2750);
  setAttributes(at('bare'), { 'trusted.b': '2' });
}

/** Writes among the requests, without what the agent keeps for itself. */
function writes({ requests }: StrictStage): string[] {
  return requests().filter((request) => /^(Put|Copy|Delete|CreateM|CompleteM)/.test(request));
}

test('S13 attributes and ACLs of all kinds come back, exactly, and are known again', async (t) => {
  const stage = await strictStage(t);
  const { server, bucket, dir, local, url, run } = stage;
  fill(stage);
  const synced = await run(['sync', '--xattrs', local, url]);
  assert.equal(synced.code, 0, synced.stderr);
  const own = bucket.keys('p/.awssyncer/xattrs/');
  assert.equal(own.length, 1, 'equal attributes that do not fit into metadata share an object');
  const verified = await run(['verify', '--xattrs', local, url]);
  assert.equal(verified.code, 0, verified.stdout);

  const copy = join(dir, 'copy');
  const restore = ['restore', '--xattrs', '--state-dir', join(dir, 'two'), url, copy];
  const restored = await run(restore);
  assert.equal(restored.code, 0, restored.stderr);
  assert.equal(differencesByRsync(local, copy, '-AX'), '');
  assert.equal(attributesOf(join(copy, 'large')), attributesOf(join(local, 'large')));
  assert.match(attributesOf(join(copy, 'd/sub')), /^system.posix_acl_default=/m);
  assert.equal(statSync(join(copy, 'd/sub/four')).mode & 0o7777, 0o4711 | 0o060);

  server.clearRequests();
  assert.equal((await run(restore)).code, 0);
  assert.equal((await run(['sync', '--xattrs', '--delete', '--state-dir', join(dir, 'two'), copy, url])).code, 0);
  assert.deepEqual(writes(stage), [], 'what was restored is what S3 holds');
});

test('S13 what a directory gives its files is taken from those that are restored into it', async (t) => {
  const stage = await strictStage(t);
  const { dir, local, url, run, write, at } = stage;
  for (const path of ['d/new', 'd/there', 'd/with', 'd/deep/er']) write(path);
  write('d/large', Buffer.alloc(300_000));
  chmodSync(at('d/new'), 0o640);
  setAcl(at('d/with'), 'u:7:rw,m::r');
  assert.equal((await run(['sync', '--xattrs', local, url])).code, 0);
  const copy = join(dir, 'copy');
  mkdirSync(join(copy, 'd'), { recursive: true });
  cpSync(at('d/there'), join(copy, 'd/there'));
  utimesSync(join(copy, 'd/there'), 1, 1);
  setAttributes(join(copy, 'd/there'), { 'user.old': 'of the file that is replaced' });
  chmodSync(join(copy, 'd/there'), 0o600);
  write('d/there', 'another');
  assert.equal((await run(['sync', '--xattrs', local, url])).code, 0);
  for (const path of ['', 'd']) setAcl(join(copy, path), 'd:u:9:rwx');
  const restored = await run(['restore', '--xattrs', '--state-dir', join(dir, 'two'), url, copy]);
  assert.equal(restored.code, 0, restored.stderr);
  for (const path of ['d/new', 'd/there', 'd/with', 'd/deep', 'd/deep/er', 'd/large']) {
    assert.equal(attributesOf(join(copy, path)), attributesOf(at(path)), path);
    assert.equal(lstatSync(join(copy, path)).mode, lstatSync(at(path)).mode, path);
  }
});

test('S8 S13 a change of attributes alone is one request, on a directory too', async (t) => {
  const stage = await strictStage(t);
  const { server, bucket, local, url, at, start, run, write } = stage;
  write('d/small');
  write('d/large', Buffer.alloc(100_000));
  const cli = start(['watch', '--xattrs', local, url]);
  await cli.waitForLine(/ watching /);
  const change = async (what: () => void): Promise<string[]> => {
    assert.equal((await run(['flush', local])).code, 0);
    server.clearRequests();
    what();
    assert.equal((await run(['flush', local])).code, 0);
    return writes(stage);
  };
  const small = () => setAttributes(at('d/small'), { 'user.a': '1' });
  assert.deepEqual(await change(small), ['PutObject p/d/small']);
  assert.deepEqual(await change(small), [], 'the same once more');
  assert.deepEqual(await change(() => setAcl(at('d/large'), 'u:7:r')), ['CopyObject p/d/large']);
  assert.deepEqual(await change(() => removeAttribute(at('d/small'), 'user.a')), ['PutObject p/d/small']);
  assert.deepEqual(await change(() => setAttributes(at('d'), { 'user.a': '1' })), ['PutObject p/d/']);
  assert.deepEqual(await change(() => setAttributes(at('d'), { 'user.a': '2' })), ['PutObject p/d/']);
  assert.deepEqual(await change(() => removeAttribute(at('d'), 'user.a')), ['DeleteObjects']);
  assert.deepEqual(await change(() => setAttributes(at('d/small'), { 'user.large': LARGE })), ['PutObject p/d/small']);
  assert.equal(bucket.keys('p/.awssyncer/xattrs/').length, 1);
  // The directory's name changes, and with it the names of unread files.
  setAttributes(at('d/large'), { 'user.b': '1' });
  assert.deepEqual((await change(() => renameSync(at('d'), at('e')))).sort(), [
    'CopyObject p/e/large',
    'CopyObject p/e/small',
    'DeleteObjects',
  ]);
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, 0, cli.output());
  const verified = await run(['verify', '--xattrs', local, url]);
  assert.equal(verified.code, 0, verified.stdout);
});

test('S8 S13 the option that is turned on later completes what has attributes, and reads nothing', async (t) => {
  const stage = await strictStage(t);
  const { server, local, url, run, write, requests } = stage;
  fill(stage);
  const sync = async (...options: string[]): Promise<string[]> => {
    server.clearRequests();
    const { code, stderr } = await run(['sync', ...options, local, url]);
    assert.equal(code, 0, stderr);
    return requests();
  };
  await sync();
  assert.equal((await run(['verify', local, url])).code, 0);
  const before = await run(['verify', '--xattrs', local, url]);
  assert.equal(before.code, 5);
  assert.match(before.stdout, /^metadata +d\/one: extended attributes: user.*user\.mime_type on disk, none in S3$/m);
  const completed = (await sync('--xattrs')).filter((request) => !/^Head/.test(request));
  assert.deepEqual(completed.sort(), [
    ...['d/one', 'd/sub/four', 'd/three', 'd/two', 'large', 'plain'].map((path) => `CopyObject p/${path}`),
    ...['bare/', 'd/sub/', 'empty/'].map((path) => `PutObject p/${path}`),
  ]);
  assert.equal((await run(['verify', '--xattrs', local, url])).code, 0);
  assert.deepEqual(await sync('--xattrs'), [], 'it is complete');
  assert.deepEqual(await sync(), [], 'what is stored stays');
  assert.deepEqual(await sync('--xattrs'), []);
  write('d/one', 'written without the option');
  assert.deepEqual(await sync(), ['HeadBucket', 'PutObject p/d/one']);
  assert.deepEqual(
    (await sync('--xattrs')).filter((request) => !/^Head/.test(request)),
    ['CopyObject p/d/one'],
  );
  assert.equal((await run(['verify', '--xattrs', local, url])).code, 0);
});

test('S8 S13 objects are adopted with the attributes they have, and given those they lack', async (t) => {
  const stage = await strictStage(t);
  const { server, dir, local, url, run, at } = stage;
  fill(stage);
  assert.equal((await run(['sync', '--xattrs', local, url])).code, 0);
  const adopt = async (state: string): Promise<string[]> => {
    server.clearRequests();
    const { code, stderr } = await run(['sync', '--xattrs', '--state-dir', join(dir, state), local, url]);
    assert.equal(code, 0, stderr);
    return writes(stage).filter((request) => !request.endsWith('/'));
  };
  assert.deepEqual(await adopt('two'), []);
  setAttributes(at('d/one'), { 'user.more': '1' });
  removeAttribute(at('large'), 'user.a');
  assert.deepEqual((await adopt('three')).sort(), ['CopyObject p/d/one', 'CopyObject p/large']);
  assert.equal((await run(['verify', '--xattrs', local, url])).code, 0);
  // A restore onto what is there adopts too: the local ones are kept, and stored by whoever goes on from there.
  setAttributes(at('d/one'), { 'user.more': '2' });
  const there = attributesOf(at('d/one'));
  const state = ['--state-dir', join(dir, 'four')];
  const restored = await run(['restore', '--xattrs', ...state, url, local]);
  assert.equal(restored.code, 0, restored.stderr);
  assert.equal(attributesOf(at('d/one')), there);
  server.clearRequests();
  assert.equal((await run(['sync', '--xattrs', ...state, local, url])).code, 0);
  assert.deepEqual(writes(stage), ['PutObject p/d/one']);
});

test('S13 attributes that cannot be had or set are reported, and the files are there', async (t) => {
  const stage = await strictStage(t);
  const { bucket, dir, local, url, run, write, at } = stage;
  write('f');
  write('large');
  setAttributes(at('f'), { 'user.a': '1', 'user.b': '2' });
  setAttributes(at('large'), { 'user.a': '1', 'user.large': LARGE, 'user.larger': LARGE, 'user.z': '2' });
  assert.equal((await run(['sync', '--xattrs', local, url])).code, 0);
  const poor = join(dir, 'poor');
  mkdirSync(poor);
  // Its blocks have 1 KiB, and the attributes of a file no more than that.
  const image = join(dir, 'image');
  const mounted = makeImage(image, 'ext4') ? mountOn(poor, { image }) : undefined;
  assert.ok(mounted !== undefined, 'this test makes and mounts an ext4 file system');
  try {
    const restored = await run(['restore', '--xattrs', '--json', '--state-dir', join(dir, 'two'), url, poor]);
    assert.equal(restored.code, 3, restored.stderr);
    const report = JSON.parse(restored.stdout) as { complete: boolean; partial: unknown[] };
    assert.equal(report.complete, true);
    assert.deepEqual(report.partial, [{ path: 'large', reason: 'user.large, user.larger cannot be set (ENOSPC)' }]);
    assert.match(restored.stderr, /restored in part/);
    assert.equal(readFileSync(join(poor, 'large'), 'utf8'), 'large');
    assert.equal(attributesOf(join(poor, 'large')), 'user.a=0x31\nuser.z=0x32');
    assert.equal(attributesOf(join(poor, 'f')), attributesOf(at('f')));
  } finally {
    mounted.unmount();
  }

  const [key] = bucket.keys('p/.awssyncer/xattrs/');
  for (const change of ['damage', 'remove'] as const) {
    if (change === 'damage') bucket.put(key!, 'something else');
    else bucket.remove(key!);
    const copy = join(dir, change);
    const incomplete = await run(['restore', '--xattrs', '--state-dir', `${copy}-state`, url, copy]);
    assert.equal(incomplete.code, 3, incomplete.stderr);
    assert.match(incomplete.stderr, /S3 does not hold \.awssyncer\/xattrs\/[0-9a-f]{64}/);
    assert.equal(readFileSync(join(copy, 'large'), 'utf8'), 'large');
    assert.equal(attributesOf(join(copy, 'f')), attributesOf(at('f')));
    const verified = await run(['verify', '--xattrs', local, url]);
    assert.equal(verified.code, 5);
    assert.match(verified.stdout, /^metadata +large: S3 does not hold/);
  }
});

test('S8 without the option no attribute is looked at; with it those of directories are, and of what has changed', async (t) => {
  const stage = await strictStage(t);
  const { dir, local, url, run, write } = stage;
  const counter = countCalls(t, local);
  const xattrCalls = async (...args: string[]): Promise<number> => {
    const { code, stderr } = await run(args, { within: counter.within });
    assert.equal(code, 0, stderr);
    return counter.calls().xattr;
  };
  for (let n = 0; n < 50; n++) write(`d${n % 2}/file-${n}`);
  write('d0/large', Buffer.alloc(300_000));
  assert.equal(await xattrCalls('sync', '--lease=off', local, url), 0);
  assert.equal(await xattrCalls('restore', '--state-dir', join(dir, 'two'), url, join(dir, 'copy')), 0);
  assert.equal(
    await xattrCalls('sync', '--lease=off', '--xattrs', local, url),
    53,
    'of every file once, as its row tells of none',
  );
  assert.equal(await xattrCalls('sync', '--lease=off', '--xattrs', local, url), 2);
  write('d0/file-0', 'changed');
  assert.equal(await xattrCalls('sync', '--lease=off', '--xattrs', local, url), 3, 'when the file is sent');
});

for (const choice of availableTargets()) {
  test(`S13 ${choice.name} holds attributes, and which names are one file`, async (t) => {
    await withTarget(choice, async (target) => {
      const stage = stageOn(t, target, await target.makeBucket());
      const { dir, local, url, run, at } = stage;
      fill(stage);
      linkSync(at('d/one'), at('d/also one'));
      const keep = ['--xattrs', '--hard-links'];
      const synced = await run(['sync', ...keep, local, url]);
      assert.equal(synced.code, 0, synced.stderr);
      // Above 64 KiB it is a copy with other metadata.
      setAttributes(at('large'), { 'user.large': LARGE });
      assert.equal((await run(['sync', ...keep, local, url])).code, 0);
      const copy = join(dir, 'copy');
      const restored = await run(['restore', ...keep, '--state-dir', join(dir, 'two'), url, copy]);
      assert.equal(restored.code, 0, restored.stderr);
      assert.equal(differencesByRsync(local, copy, '-HAX'), '');
      const verified = await run(['verify', ...keep, local, url]);
      assert.equal(verified.code, 0, verified.stdout);
    });
  });
}

test('S13 a restore of what S3 held brings the attributes of then, a checkpoint those of its own', async (t) => {
  const { bucket, dir, local, url, run, start, write, at } = await strictStage(t);
  bucket.keepVersions();
  write('f');
  setAttributes(at('f'), { 'user.large': LARGE });
  const cli = start(['watch', '--xattrs', '--checkpoint-interval', '1h', local, url]);
  await cli.waitForLine(/ watching /);
  assert.equal((await run(['flush', local])).code, 0);
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, 0, cli.output());
  const then = attributesOf(at('f'));
  // Listings have dates by the second.
  const nextSecond = async (): Promise<Date> => {
    const second = Math.floor(Date.now() / 1000);
    await until('the second is over', () => Math.floor(Date.now() / 1000) > second);
    return new Date((second + 1) * 1000 - 1);
  };
  const moment = (await nextSecond()).toISOString();
  removeAttribute(at('f'), 'user.large');
  assert.equal((await run(['sync', '--xattrs', local, url])).code, 0);
  for (const when of [
    ['--at', moment, '--exact-versions'],
    ['--checkpoint', 'latest'],
  ]) {
    const copy = join(dir, when[0]!);
    const restored = await run(['restore', '--xattrs', ...when, '--state-dir', `${copy} state`, url, copy]);
    assert.equal(restored.code, 0, restored.stderr);
    assert.equal(attributesOf(join(copy, 'f')), then);
  }
});

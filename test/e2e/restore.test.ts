// `restore`: the built CLI on real files.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { strictStage } from '../support/stage.ts';
import { fullTree } from '../support/trees.ts';

test('S13 content, modes, nanoseconds, links, empty directories and modes of directories come back', async (t) => {
  const { dir, local, url, run, write, at } = await strictStage(t);
  write('file', Buffer.from([0, 255, 10, 13]));
  write('script');
  write('a/b/c/deep');
  write('\u00fcml\u00e4ut \ud83d\ude00 + %20 & #');
  write('private/key');
  mkdirSync(at('empty/nested'), { recursive: true });
  chmodSync(at('script'), 0o4755);
  chmodSync(at('file'), 0o400);
  chmodSync(at('private'), 0o500);
  chmodSync(at('empty/nested'), 0o1777);
  utimesSync(at('a/b/c/deep'), 1, 1.25);
  symlinkSync('a/b', at('link'));
  symlinkSync('/nowhere/at all', at('dangling'));
  lutimesSync(at('dangling'), 5, 5);
  assert.equal((await run(['sync', local, url])).code, 0);

  const copy = join(dir, 'copy');
  const { code, stdout, stderr } = await run(['restore', '--json', '--state-dir', join(dir, 's'), url, copy]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(fullTree(copy), fullTree(local));
  const { ms, requests, ...result } = JSON.parse(stdout);
  assert.ok(ms > 0 && requests > 0);
  assert.deepEqual(result, {
    ...{
      command: 'restore',
      exitCode: 0,
      dryRun: false,
      complete: true,
      listed: 9,
      downloaded: 9,
      adopted: 0,
      unchanged: 0,
    },
    ...{ removed: 0, unverified: 0, kept: 0, failed: 0, skipped: 0, held: 0, bytes: result.bytes },
    ...{ conflicts: [], notOverwritten: [], refused: [], partial: [], failures: [] },
  });
});

test('S8 a second restore finds nothing to do and downloads nothing', async (t) => {
  const { server, bucket, local, url, run, requests } = await strictStage(t);
  for (const name of ['a', 'b/c', 'd']) bucket.put(`p/${name}`, name);
  assert.equal((await run(['restore', url, local])).code, 0);
  const before = fullTree(local);
  server.clearRequests();
  const { code, stdout, stderr } = await run(['restore', '--json', url, local]);
  assert.equal(code, 0, stderr);
  const { downloaded, unchanged } = JSON.parse(stdout);
  assert.deepEqual({ downloaded, unchanged }, { downloaded: 0, unchanged: 3 });
  assert.deepEqual(requests(), ['HeadBucket', 'ListObjectsV2']);
  assert.deepEqual(fullTree(local), before);
});

test('S9 killed in the middle it leaves no half file and no ready file, and the next one goes on from there', async (t) => {
  const { dir, server, bucket, local, url, start, run, requests } = await strictStage(t);
  const names = Array.from({ length: 60 }, (_, index) => `dir${index % 5}/file${index}`);
  for (const name of names) bucket.put(`p/${name}`, name.repeat(1000));
  const ready = join(dir, 'ready');
  writeFileSync(ready, 'of an earlier life');
  const inPlace = () =>
    readdirSync(local, { recursive: true, withFileTypes: true }).filter(
      (one) => one.isFile() && !one.name.startsWith('.'),
    ).length;

  const gate = server.faults.add({ operation: 'GetObject', key: /file/, after: 30, effect: { kind: 'gate' } });
  const first = start(['restore', '--concurrency', '4', '--ready-file', ready, url, local]);
  await gate.waiting(4);
  await first.until('what was not held is in place', () => inPlace() === 30);
  assert.ok(!existsSync(ready), 'a stale ready file is removed at start');
  first.signal('SIGKILL');
  await first.exited;
  await gate.open();
  assert.ok(!existsSync(ready));

  server.clearRequests();
  const second = await run(['restore', '--ready-file', ready, url, local]);
  assert.equal(second.code, 0, second.stderr);
  assert.ok(existsSync(ready));
  assert.equal(requests().filter((request) => request.startsWith('GetObject')).length, 30);
  assert.equal(readdirSync(local, { recursive: true }).length, 5 + names.length, 'nothing temporary is left');
  for (const name of names) assert.equal(readFileSync(join(local, name), 'utf8'), name.repeat(1000));
});

test('S4 an unfinished restore is not the truth: sync refuses to start from it', async (t) => {
  const { server, bucket, local, url, start, run, keys } = await strictStage(t);
  for (const name of ['a', 'b', 'c']) bucket.put(`p/${name}`, name);
  const gate = server.faults.add({ operation: 'GetObject', key: /p\/[abc]$/, after: 1, effect: { kind: 'gate' } });
  const restore = start(['restore', url, local]);
  await gate.waiting(2);
  restore.signal('SIGKILL');
  await restore.exited;
  await gate.open();
  const { code, stderr } = await run(['sync', '--delete', local, url]);
  assert.equal(code, 4, stderr);
  assert.match(stderr, /a restore into it was interrupted and not finished/);
  assert.deepEqual(keys(), ['a', 'b', 'c']);
});

test('S9 local edits that never reached S3 stay; where S3 changed as well its version is kept aside', async (t) => {
  const { bucket, state, local, url, run, write, at } = await strictStage(t);
  for (const name of ['same', 'edited', 'both', 'theirs', 'lost']) bucket.put(`p/${name}`, name);
  assert.equal((await run(['restore', url, local])).code, 0);
  write('edited', 'edited here');
  write('both', 'edited here');
  write('new here');
  bucket.put('p/both', 'edited there');
  bucket.put('p/theirs', 'edited there');
  bucket.remove('p/lost');
  const { code, stdout, stderr } = await run(['restore', '--json', url, local]);
  assert.equal(code, 0, stderr);
  const read = (name: string) => readFileSync(at(name), 'utf8');
  assert.deepEqual(readdirSync(local).sort(), ['both', 'edited', 'new here', 'same', 'theirs']);
  assert.deepEqual([read('edited'), read('both'), read('theirs')], ['edited here', 'edited here', 'edited there']);
  const [conflict] = JSON.parse(stdout).conflicts;
  assert.equal(conflict.path, 'both');
  assert.ok(conflict.keptAs.startsWith(join(state, 'conflicts')), conflict.keptAs);
  assert.equal(readFileSync(conflict.keptAs, 'utf8'), 'edited there');
});

test('S9 no key leaves the tree: through `..`, from the root, through a link of S3 or one that was there', async (t) => {
  const { dir, bucket, local, url, run, at } = await strictStage(t);
  const outside = join(dir, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'file'), 'mine');
  symlinkSync(outside, at('door'));
  for (const key of ['../evil', 'a/../../evil', '/evil', 'a//evil', './evil', 'door/file', 'door/evil'])
    bucket.put(`p/${key}`, 'evil');
  bucket.put('p/trap', outside, { mode: '120777' });
  bucket.put('p/trap/file', 'evil');
  bucket.put('p/good', 'good');

  const { code, stderr } = await run(['restore', url, local]);
  assert.equal(code, 3, stderr);
  for (const key of ['../evil', 'a/../../evil', '/evil', 'a//evil', './evil', 'door/file', 'door/evil'])
    assert.ok(
      stderr.split('\n').some((line) => line.includes(` ${key} reason=`)),
      `${key} is reported:\n${stderr}`,
    );
  assert.deepEqual(readdirSync(dir).sort(), ['data', 'home', 'outside', 'state']);
  assert.deepEqual(readdirSync(outside), ['file']);
  assert.equal(readFileSync(join(outside, 'file'), 'utf8'), 'mine');
  assert.equal(readFileSync(at('good'), 'utf8'), 'good');
});

test('S4 an emptied bucket empties no disk: exit 4', async (t) => {
  const { bucket, local, url, run } = await strictStage(t);
  for (const name of ['a', 'b']) bucket.put(`p/${name}`, name);
  await run(['restore', url, local]);
  for (const name of ['a', 'b']) bucket.remove(`p/${name}`);
  const { code, stderr } = await run(['restore', url, local]);
  assert.equal(code, 4);
  assert.match(stderr, /^awssyncer: Cannot restore from .* it holds nothing, the ledger knows 2 objects\n {2}hint: /m);
  assert.deepEqual(readdirSync(local).sort(), ['a', 'b']);
});

test('S9 an object that cannot be had ends it with 3 and without a ready file; the others are in place', async (t) => {
  const { dir, server, bucket, local, url, run } = await strictStage(t);
  for (const name of ['a', 'denied', 'z']) bucket.put(`p/${name}`, name);
  server.faults.add({ operation: 'GetObject', key: /denied$/, effect: { kind: 'status', code: 'AccessDenied' } });
  const { code, stderr } = await run(['restore', '--ready-file', join(dir, 'ready'), url, local]);
  assert.equal(code, 3, stderr);
  assert.deepEqual(readdirSync(local).sort(), ['a', 'z']);
  assert.ok(!existsSync(join(dir, 'ready')));
  assert.match(stderr, /error: cannot restore denied .*AccessDenied/);
});

test('--include and --exclude restore a part, and a later restore the rest', async (t) => {
  const { bucket, local, url, run, at } = await strictStage(t);
  for (const name of ['world/a', 'world/b', 'logs/c']) bucket.put(`p/${name}`, name);
  assert.equal((await run(['restore', '--exclude', '*', '--include', '/world/', url, local])).code, 0);
  assert.deepEqual(readdirSync(local, { recursive: true }).sort(), ['world', 'world/a', 'world/b']);
  rmSync(at('world/a'));
  assert.equal((await run(['restore', '--exclude', '/world/', url, local])).code, 0);
  assert.deepEqual(readdirSync(local, { recursive: true }).sort(), ['logs', 'logs/c', 'world', 'world/b']);
});

test('S9 --delete makes the disk what S3 holds: verify finds no difference, and what went is kept', async (t) => {
  const { bucket, local, url, run, write, at, env } = await strictStage(t);
  for (const name of ['a', 'd/b']) bucket.put(`p/${name}`, name, { mtime: '1600000000', mode: '100644' });
  for (const name of ['mine', 'd/mine', 'x/y/mine', 'keep.log']) write(name);
  const excludes = { ...env, SYNC_EXCLUDES: '*.log' };
  const { code, stdout, stderr } = await run(['restore', '--delete', '--json', url, local], { env: excludes });
  assert.equal(code, 0, stderr);
  const { removed, conflicts } = JSON.parse(stdout);
  assert.deepEqual([removed, conflicts.length], [3, 3]);
  for (const { path, keptAs } of conflicts) assert.equal(readFileSync(keptAs, 'utf8'), path);
  assert.deepEqual(readdirSync(local, { recursive: true }).sort(), ['a', 'd', 'd/b', 'keep.log']);
  const verified = await run(['verify', local, url], { env: excludes });
  assert.equal(verified.code, 0, verified.stdout);
  write('again');
  const held = await run(['restore', '--delete', '--max-delete', '0,0%', url, local]);
  assert.equal(held.code, 4, held.stderr);
  assert.match(held.stderr, /local files that S3 does not hold are kept: they are more than --max-delete files=2/);
  assert.ok(existsSync(at('again')));
});

test('S4 --delete refuses a prefix that holds nothing, and a state directory that cannot keep anything', async (t) => {
  const { local, url, run, write, at } = await strictStage(t);
  write('mine');
  const empty = await run(['restore', '--delete', url, local]);
  assert.equal(empty.code, 4, empty.stderr);
  assert.match(empty.stderr, /it holds nothing, and --delete would empty the disk/);
  const stateless = await run(['restore', '--delete', '--state-dir', 'none', url, local]);
  assert.equal(stateless.code, 2, stateless.stderr);
  assert.ok(existsSync(at('mine')));
});

test('--first is asked for before everything else, by a flag or the environment', async (t) => {
  const { dir, server, bucket, local, url, run, requests, env } = await strictStage(t);
  for (const name of ['a', 'b/1', 'b/2', 'c', 'z.key']) bucket.put(`p/${name}`, name);
  const asked = () => requests().filter((request) => request.startsWith('GetObject'));
  const { code, stderr } = await run(['restore', '--first', '*.key', '--first', '/b/', url, local]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    [asked()[0], asked().slice(1, 3).sort()],
    ['GetObject p/z.key', ['GetObject p/b/1', 'GetObject p/b/2']],
  );
  server.clearRequests();
  const other = join(dir, 'other');
  await run(['restore', url, other], { env: { ...env, AWSSYNCER_STATE_DIR: join(dir, 's'), AWSSYNCER_FIRST: 'c|a' } });
  assert.deepEqual(asked().slice(0, 2), ['GetObject p/c', 'GetObject p/a']);
});

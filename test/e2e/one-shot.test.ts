// `sync`, and what it stores verified and restored: the built CLI on real files.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { expectedObjects, storedObjects } from '../support/reference.ts';
import { availableTargets, withTarget } from '../support/s3-targets.ts';
import { type Stage, stageOn, strictStage } from '../support/stage.ts';
import { fullTree } from '../support/trees.ts';
import { until } from '../support/until.ts';

const WRITES = new Set(['PutObject', 'CopyObject', 'DeleteObjects', 'DeleteObject', 'CreateMultipartUpload']);

/** A tree with one of everything. */
function plant({ write, at }: Stage): void {
  write('a.txt');
  write('deep/er/b.txt');
  write('empty file', '');
  write('a space & <odd> "name" \u00e9', 'odd');
  mkdirSync(at('empty'));
  mkdirSync(at('closed'));
  write('closed/secret');
  chmodSync(at('closed'), 0o700);
  chmodSync(at('a.txt'), 0o640);
  symlinkSync('../nowhere', at('deep/link'));
}

describe('sync', () => {
  test('S2 S8 makes S3 what is on disk; again: no request; one changed file: one PUT', async (t) => {
    const stage = await strictStage(t);
    const { server, local, url, run, write, requests } = stage;
    plant(stage);
    const first = await run(['sync', local, url]);
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(storedObjects(server), expectedObjects(local));

    server.clearRequests();
    const second = await run(['sync', local, url]);
    assert.equal(second.code, 0, second.stderr);
    assert.deepEqual(server.requests, []);

    write('a.txt', 'b.txt'); // as long as before
    const third = await run(['sync', local, url]);
    assert.equal(third.code, 0, third.stderr);
    assert.deepEqual(requests(), ['HeadBucket', 'PutObject p/a.txt']);
    assert.deepEqual(storedObjects(server), expectedObjects(local));
  });

  test('who has nothing to send does not mind a dead endpoint; who has, is told in one line', async (t) => {
    const { server, local, url, run, write, keys } = await strictStage(t);
    write('f');
    await run(['sync', local, url]);
    await server.close();
    const idle = await run(['sync', local, url]);
    assert.equal(idle.code, 0, idle.stderr);
    write('g');
    const busy = await run(['sync', local, url]);
    assert.equal(busy.code, 1);
    assert.match(busy.stderr, /^awssyncer: Cannot use s3:\/\/test-bucket: .*\n {2}hint: .*\n$/m);
    assert.deepEqual(keys(), ['f']);
  });

  test('S4 deletes nothing without --delete, and with it everything that is not on disk', async (t) => {
    const { bucket, local, url, run, write, at, keys } = await strictStage(t);
    for (const name of ['kept', 'gone', 'dir/gone']) write(name);
    await run(['sync', local, url]);
    bucket.put('p/foreign', 'of somebody else');
    bucket.put('pelican', 'not beneath the prefix');
    rmSync(at('gone'));
    rmSync(at('dir'), { recursive: true });

    const kept = await run(['sync', local, url]);
    assert.equal(kept.code, 0, kept.stderr);
    assert.deepEqual(keys(), ['dir/gone', 'foreign', 'gone', 'kept']);

    const deleted = await run(['sync', '--delete', local, url]);
    assert.equal(deleted.code, 0, deleted.stderr);
    assert.deepEqual(keys(), ['kept']);
    assert.ok(bucket.keys().includes('pelican'));
  });

  test('--dry-run changes nothing and says exactly what a run then does', async (t) => {
    const { server, bucket, local, url, run, write, at } = await strictStage(t);
    for (const name of ['same', 'changed', 'gone', 'dir/gone']) write(name);
    await run(['sync', local, url]);
    bucket.put('p/foreign', 'foreign');
    write('changed', 'otherwise');
    write('new/file');
    mkdirSync(at('new/empty'));
    rmSync(at('gone'));
    rmSync(at('dir'), { recursive: true });
    const before = bucket.objects();

    server.clearRequests();
    const dry = await run(['sync', '--delete', '--dry-run', local, url]);
    assert.equal(dry.code, 0, dry.stderr);
    assert.deepEqual(bucket.objects(), before);
    assert.deepEqual(
      server.requests.filter(({ operation }) => WRITES.has(operation ?? '')),
      [],
    );

    const wet = await run(['sync', '--delete', local, url]);
    assert.equal(wet.code, 0, wet.stderr);
    const actions = (text: string) =>
      [...text.matchAll(/ (uploaded|copied|deleted) ([a-z/]+)/g)].map(([, what, path]) => `${what} ${path}`).sort();
    assert.deepEqual(actions(wet.stderr), [
      'deleted dir/gone',
      'deleted foreign',
      'deleted gone',
      'uploaded changed',
      'uploaded new/empty',
      'uploaded new/file',
    ]);
    assert.deepEqual(
      [...dry.stderr.matchAll(/ would (upload|delete) ([a-z/]+)/g)].map(([, what, path]) => `${what} ${path}`).sort(),
      actions(wet.stderr).map((action) => action.replace(/^(upload|delete)e?d/, '$1')),
    );
    assert.ok(
      dry.stderr
        .split('\n')
        .filter((line) => /uploaded|deleted/.test(line))
        .every((line) => line.includes('dry run')),
      dry.stderr,
    );
  });

  test('S16 --exclude and --include leave out of uploads and of deletes alike, the last match wins', async (t) => {
    const { bucket, local, url, run, write, keys } = await strictStage(t);
    for (const name of ['a.tmp', 'keep.tmp', 'b.txt', 'cache/c.txt', 'deep/cache/d.txt']) write(name);
    bucket.put('p/old.tmp', 'excluded is not deleted');
    bucket.put('p/old.txt', 'old');
    const filters = ['--exclude', '*.tmp', '--include', 'keep.tmp', '--exclude', '/cache/'];
    const { code, stderr } = await run(['sync', '--delete', ...filters, local, url]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(keys(), ['b.txt', 'deep/cache/d.txt', 'keep.tmp', 'old.tmp']);
  });

  test('FILTER_REGEX hides nothing from a scan; SYNC_EXCLUDES does, with a star that crosses /', async (t) => {
    const { local, url, run, write, keys, env } = await strictStage(t);
    for (const name of ['watched', 'scratch/unwatched', 'deep/er/x.log', 'deep/er/x.txt']) write(name);
    const { code, stderr } = await run(['sync', local, url], {
      env: { ...env, FILTER_REGEX: '/scratch/', SYNC_EXCLUDES: 'deep*.log|*.tmp' },
    });
    assert.equal(code, 0, stderr);
    assert.deepEqual(keys(), ['deep/er/x.txt', 'scratch/unwatched', 'watched']);
  });

  test('--json prints one object with the counts on standard output, and nothing else', async (t) => {
    const { local, url, run, write, at } = await strictStage(t);
    write('a', '12345');
    write('b', '123');
    execFileSync('mkfifo', [at('pipe')]);
    const { code, stdout, stderr } = await run(['sync', '--json', '--quiet', local, url]);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    assert.equal(stdout.split('\n').length, 2);
    const { ms, requests, ...result } = JSON.parse(stdout);
    assert.ok(Number.isInteger(ms) && Number.isInteger(requests) && requests >= 4, stdout);
    assert.deepEqual(result, {
      ...{ command: 'sync', exitCode: 0, dryRun: false },
      ...{ uploaded: 2, copied: 0, adopted: 0, deleted: 0, unchanged: 0, skipped: 1, failed: 0, held: 0, bytes: 8 },
      heldDeletes: [],
      problems: [{ path: 'pipe', kind: 'special', reason: 'sockets, FIFOs and devices are not stored' }],
    });
  });

  test('S8 --state-dir=none remembers nothing, and still sends no content twice', async (t) => {
    const stage = await strictStage(t);
    const { server, local, state, url, run, requests } = stage;
    plant(stage);
    const first = await run(['sync', '--state-dir', 'none', local, url]);
    assert.equal(first.code, 0, first.stderr);
    server.clearRequests();
    const second = await run(['sync', '--state-dir', 'none', '--json', local, url]);
    assert.equal(second.code, 0, second.stderr);
    // Their listing does not tell whether a link or a directory is as it should be, and it costs as much to ask as to put.
    const puts = requests().filter((request) => request.startsWith('PutObject'));
    assert.deepEqual(puts.sort(), ['PutObject p/closed/', 'PutObject p/deep/link', 'PutObject p/empty/']);
    assert.equal(JSON.parse(second.stdout).adopted, 5);
    assert.ok(!existsSync(state));
    assert.deepEqual(storedObjects(server), expectedObjects(local));
  });

  test('S8 S13 what was stored long after its file is adopted by its content alone; what differs is sent, a rename is in order', async (t) => {
    let laterMs = 3_600_000;
    const stage = await strictStage(t, { now: () => Date.now() + laterMs });
    const { server, bucket, at, local, url, run, write, requests } = stage;
    const names = Array.from({ length: 700 }, (_, i) => `d${i % 7}/f${i}`);
    for (const name of [...names, 'same size', 'former']) {
      write(name);
      bucket.put(`p/${name}`, name === 'same size' ? 'SAME SIZE' : name, { mtime: '1.5', mode: '100600' });
    }
    renameSync(at('former'), at('renamed'));
    bucket.put('p/renamed', 'FORMER');
    laterMs = 0;
    await until('the files have rested', () => Date.now() - statSync(at('renamed')).ctimeMs > 50);
    const first = await run(['sync', '--json', '--delete', local, url]);
    assert.equal(first.code, 0, first.stderr);
    const { adopted, uploaded, deleted } = JSON.parse(first.stdout);
    assert.deepEqual({ adopted, uploaded, deleted }, { adopted: 700, uploaded: 2, deleted: 1 });
    const sent = requests().filter((request) => !/List|HeadBucket|awssyncer/.test(request));
    // The file of the same size has no part in the rename.
    const renaming = sent.filter((request) => request !== 'PutObject p/same size');
    assert.deepEqual([sent.length, ...renaming], [3, 'PutObject p/renamed', 'DeleteObjects']);
    assert.equal(bucket.object('p/same size')!.bytes.toString(), 'same size');
    assert.equal(bucket.object('p/former'), undefined);

    server.clearRequests();
    const second = await run(['sync', '--json', local, url]);
    assert.deepEqual([second.code, JSON.parse(second.stdout).unchanged, server.requests], [0, 702, []]);
  });

  test('one key that S3 refuses is listed and ends it with 3; the others arrive', async (t) => {
    const { server, local, url, run, write, keys } = await strictStage(t);
    for (const name of ['a', 'refused', 'z']) write(name);
    server.faults.add({ operation: 'PutObject', key: /refused$/, effect: { kind: 'status', code: 'AccessDenied' } });
    const { code, stdout, stderr } = await run(['sync', '--json', local, url]);
    assert.equal(code, 3, stderr);
    assert.deepEqual(keys(), ['a', 'z']);
    const { failed, problems } = JSON.parse(stdout);
    assert.equal(failed, 1);
    assert.equal(problems[0].path, 'refused');
    assert.match(problems[0].reason, /AccessDenied/);
    assert.match(stderr, /warn: cannot store refused .*AccessDenied/);
  });

  test('an interrupted one ends with 128 + n, and the next one completes it', async (t) => {
    const { server, local, url, start, run, write } = await strictStage(t);
    for (const name of ['a', 'b', 'c']) write(name);
    const gate = server.faults.add({ operation: 'PutObject', after: 1, effect: { kind: 'gate' } });
    const cli = start(['sync', '--request-timeout', '1s', local, url]);
    await gate.waiting(2);
    cli.signal('SIGINT');
    assert.equal((await cli.exited).code, 130, cli.output());
    await gate.open();
    // The requests that were cut off may still arrive for as long as a request can take: the next run waits that long.
    assert.equal((await run(['sync', '--request-timeout', '1s', local, url])).code, 0);
    assert.deepEqual(storedObjects(server), expectedObjects(local));
  });

  test('S4 an empty LOCAL is not the truth: exit 4, nothing is deleted', async (t) => {
    const { bucket, local, url, run, keys } = await strictStage(t);
    bucket.put('p/only copy', 'x');
    const { code, stderr } = await run(['sync', '--quiet', '--delete', local, url]);
    assert.equal(code, 4);
    assert.match(stderr, /^awssyncer: Cannot synchronise .*: it is empty and S3 is not\n {2}hint: .*\n$/);
    assert.deepEqual(keys(), ['only copy']);
  });
});

describe('sync, verify and restore', () => {
  for (const choice of availableTargets()) {
    test(`S2 S13 a tree goes to ${choice.name}, is verified there, and comes back as it was`, async (t) => {
      await withTarget(choice, async (target) => {
        const stage = stageOn(t, target, await target.makeBucket());
        const { local, url, run, dir, write } = stage;
        plant(stage);
        write('large', Buffer.alloc(11 * 2 ** 20, 'x'));
        const parts = ['--multipart-threshold', '5MiB', '--part-size', '5MiB'];
        const up = await run(['sync', ...parts, local, url]);
        assert.equal(up.code, 0, up.stderr);
        const again = await run(['sync', '--json', ...parts, local, url]);
        assert.deepEqual([again.code, JSON.parse(again.stdout).uploaded], [0, 0], again.stderr);
        const same = await run(['verify', local, url]);
        assert.deepEqual([same.code, same.stdout], [0, ''], same.stderr);
        const copy = join(dir, 'copy');
        const down = await run(['restore', '--state-dir', join(dir, 'other state'), url, copy]);
        assert.equal(down.code, 0, down.stderr);
        assert.deepEqual(fullTree(copy), fullTree(local));
        writeFileSync(join(copy, 'a.txt'), 'another');
        assert.equal((await run(['verify', copy, url])).code, 5);
      });
    });
  }
});

test('S2 S4 regression_state_of_other_url: with one state directory for two URLs nothing of one is believed of the other', async (t) => {
  const { local, url, at, run, write, bucket, text } = await strictStage(t);
  for (const name of ['a', 'b']) write(name);
  assert.equal((await run(['sync', local, `${url}one`])).code, 0);
  bucket.put('p/two/c', 'c', { mtime: '1600000000', mode: '0100644' });
  const ran = await run(['run', local, `${url}two`, '--', 'true']);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /the ledger is of another URL or server/);
  for (const name of ['a', 'b', 'c']) {
    assert.ok(existsSync(at(name)), name);
    assert.equal(text(`two/${name}`), name);
  }
  const synced = await run(['sync', local, `${url}three`]);
  assert.equal(synced.code, 0, synced.stderr);
  for (const name of ['a', 'b', 'c']) assert.equal(text(`three/${name}`), name);
  assert.deepEqual([text('one/a'), text('one/c')], ['a', undefined]);
});

test('S2 S4 regression_state_of_other_endpoint: what a bucket of that name holds on one server is not believed of another', async (t) => {
  const { local, url, run, write, env, text } = await strictStage(t);
  const other = await strictStage(t);
  write('a');
  assert.equal((await run(['sync', local, url])).code, 0);
  const elsewhere = { ...env, AWS_ENDPOINT_URL: other.server.endpoint };
  const moved = await run(['sync', local, url], { env: elsewhere });
  assert.equal(moved.code, 0, moved.stderr);
  assert.match(moved.stderr, /the ledger is of another URL/);
  assert.equal(other.text('a'), 'a');
  // And back, by the option: nothing is sent twice.
  const back = await run(['sync', '--endpoint-url', `${env['AWS_ENDPOINT_URL']}/`, '--json', local, url], {
    env: elsewhere,
  });
  assert.equal(JSON.parse(back.stdout).uploaded, 0, back.stderr);
  assert.equal(text('a'), 'a');
  assert.doesNotMatch((await run(['sync', local, url])).stderr, /another URL/);
});

test('S2 an endpoint that does not answer costs no ledger: what was deleted meanwhile is still known', async (t) => {
  const { local, url, run, write, env, text } = await strictStage(t);
  write('a');
  write('kept');
  assert.equal((await run(['sync', local, url])).code, 0);
  rmSync(join(local, 'a'));
  const slip = { ...env, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' };
  assert.equal((await run(['sync', local, url], { env: slip })).code, 1);
  const { code, stderr } = await run(['run', local, url, '--', 'true']);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /another URL/);
  assert.equal(existsSync(join(local, 'a')), false);
  assert.equal(text('a'), undefined);
});

// `restore --at`: the tree as it was, from a bucket that keeps versions.
import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { expectedObjects } from '../support/reference.ts';
import { availableTargets, keepVersions, plainClient } from '../support/s3-targets.ts';
import { type Stage, stageOn, strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const LARGE_BYTES = 6 * 2 ** 20;
const OPTIONS = ['--part-size', '5MiB', '--multipart-threshold', '5MiB', '--max-delete', '2000,50%'];

/** Too long to be a key. */
const LONG = Array.from({ length: 6 }, (_, n) => String(n).repeat(200)).join('/');

/** What happens to the tree, one step after the other: all kinds of things come, change, move and go. */
const STEPS: readonly ((stage: Stage) => void)[] = [
  ({ write, at }) => {
    for (const name of ['a', 'd/b', 'd/c', 'first', LONG]) write(name);
    mkdirSync(at('empty'));
    symlinkSync('a', at('link'));
    write('large', Buffer.alloc(LARGE_BYTES, 'one'));
  },
  ({ write, at }) => {
    write('a', 'changed');
    write(LONG, 'changed');
    rmSync(at('d/b'));
    chmodSync(at('d/c'), 0o600);
    writeFileSync(`${at('d')}/\x01`, 'odd');
  },
  ({ write, at }) => {
    write('d/b', 'back again');
    rmSync(at('link'));
    write('link', 'no link any more');
    write('large', Buffer.alloc(LARGE_BYTES, 'two'));
    rmSync(at('first'));
  },
  ({ at }) => {
    rmSync(at('d'), { recursive: true });
    rmSync(at('0'.repeat(200)), { recursive: true });
    rmSync(at('large'));
    rmSync(at('empty'), { recursive: true });
  },
  ({ write }) => {
    write('d', 'a file where a directory was');
    write('first', 'again');
  },
];

/** Lives through all steps, and restores each moment after the last. */
async function relive(stage: Stage, pass: () => Promise<number>): Promise<void> {
  const { dir, local, url, run } = stage;
  const moments: { readonly atMs: number; readonly saved: string }[] = [];
  for (const [n, step] of STEPS.entries()) {
    step(stage);
    const { code, stderr } = await run(['sync', '--delete', ...OPTIONS, local, url]);
    assert.equal(code, 0, stderr);
    const saved = join(dir, `saved-${n}`);
    cpSync(local, saved, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    moments.push({ atMs: await pass(), saved });
  }
  for (const [n, { atMs, saved }] of moments.entries()) {
    const restored = join(dir, `restored-${n}`);
    const at = new Date(atMs).toISOString();
    const { code, stderr } = await run(['restore', '--at', at, url, restored]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(expectedObjects(restored), expectedObjects(saved), `step ${n}`);
  }
}

for (const choice of availableTargets().filter(({ name }) => name === 'RGW' || name === 'endpoint')) {
  test(`S9 S13 on ${choice.name} each moment of a history comes back as it was`, async (t) => {
    const target = await choice.start();
    t.after(() => target.close());
    const bucket = await target.makeBucket();
    await keepVersions(target, bucket);
    const client = plainClient(target);
    t.after(() => client.destroy());
    /** How the server dates, as listings tell it, what is stored now. */
    const dateMs = async (): Promise<number> => {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'probe' }));
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'probe' }));
      return Contents[0]!.LastModified!.getTime();
    };
    await relive(stageOn(t, target, bucket), async () => {
      const atMs = await dateMs();
      await until('what comes next has a later date', async () => (await dateMs()) > atMs);
      return atMs;
    });
  });
}

test('S9 S13 each moment of a history comes back as it was, page by page, by dates of whole seconds', async (t) => {
  let nowMs = Date.now() - 600_000;
  const stage = await strictStage(t, { now: () => nowMs });
  await keepVersions(stage.server, 'test-bucket');
  for (let n = 0; n < 1_200; n++) stage.bucket.put(`p/many/${n}`, `${n}`);
  rmSync(stage.local, { recursive: true });
  mkdirSync(stage.local);
  const before = new Date(nowMs + 500).toISOString();
  nowMs += 10_000;
  await relive(stage, async () => {
    nowMs += 10_000;
    return nowMs - 5_000;
  });
  const restored = join(stage.dir, 'many');
  const { code, stdout } = await stage.run(['restore', '--json', '--at', before, stage.url, restored]);
  assert.deepEqual([code, JSON.parse(stdout).downloaded], [0, 1_200], 'they were deleted since');
});

test('S9 a file with more versions than a page holds comes back as it was in the midst of them', async (t) => {
  let nowMs = Date.now() - 600_000;
  const stage = await strictStage(t, { now: () => nowMs });
  await keepVersions(stage.server, 'test-bucket');
  const moments: number[] = [];
  for (let n = 0; n < 2_500; n++) {
    stage.bucket.put('p/busy', `${n}`);
    moments.push(nowMs);
    nowMs += 20;
  }
  nowMs += 2_000;
  stage.bucket.put('p/quiet', 'later');
  const wholeSecond = Math.ceil(moments[1_800]! / 1000) * 1000; // what is dated just then was there
  for (const atMs of [moments[2_499]!, moments[1_200]!, moments[3]!, wholeSecond]) {
    const restored = join(stage.dir, `restored-${atMs}`);
    const at = new Date(atMs).toISOString();
    // The server's dates are of whole seconds.
    const n = moments.findLastIndex((ms) => Math.floor(ms / 1000) * 1000 <= atMs);
    const { code, stderr } = await stage.run(['restore', '--at', at, stage.url, restored]);
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(join(restored, 'busy'), 'utf8'), `${n}`);
    assert.ok(!existsSync(join(restored, 'quiet')));
  }
});

test('S4 regression_past_taken_for_present: what is not restored of the past yet is no deletion', async (t) => {
  const stage = await strictStage(t);
  const { server, local, url, run, start, write, keys } = stage;
  await keepVersions(server, 'test-bucket');
  const names = Array.from({ length: 600 }, (_, i) => `d/f${i}`);
  for (const name of names) write(name);
  assert.equal((await run(['sync', local, url])).code, 0);
  const emptied = (): void => rmSync(stage.at('d'), { recursive: true, force: true });
  emptied();
  // In the directory that is synchronised it is refused: there, absence would be evidence.
  const refused = await run(['restore', '--at', '-0', url, local]);
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /as it was: .* was synchronised with it before\n {2}hint: Restore into a new directory/);
  // In another one nothing is remembered, also of a restore that was killed.
  const other = join(stage.dir, 'other');
  const gate = server.faults.add({ operation: 'GetObject', key: /d\/f/, after: 200, effect: { kind: 'gate' } });
  const cli = start(['restore', '--at', '-0', url, other]);
  await gate.waiting();
  cli.signal('SIGKILL');
  await cli.exited;
  await gate.open();
  for (const dir of [other, local]) {
    const agent = start(['run', dir, url]);
    await agent.waitForLine(/ watching /);
    assert.equal((await run(['flush', dir])).code, 0);
    agent.signal('SIGTERM');
    assert.equal((await agent.exited).code, 0, agent.output());
    assert.equal(keys().length, 600, agent.output());
  }
});

test('S4 regression_unfinished_past: sync --delete refuses what a restore of the past has not completed', async (t) => {
  const { dir, env, server, local, url, run, start, write, keys } = await strictStage(t);
  await keepVersions(server, 'test-bucket');
  const names = Array.from({ length: 20 }, (_, i) => `f${i + 10}`);
  for (const name of names) write(name);
  assert.equal((await run(['sync', local, url])).code, 0);
  const killed = async (name: string): Promise<string> => {
    const other = join(dir, name);
    const gate = server.faults.add({ operation: 'GetObject', key: /f/, after: 10, effect: { kind: 'gate' } });
    const cli = start(['restore', '--at', '-0', '--concurrency', '1', url, other], {
      env: { ...env, AWSSYNCER_STATE_DIR: `${other}.state` },
    });
    await gate.waiting();
    await until('something is there', () => readdirSync(other).length > 0);
    cli.signal('SIGKILL');
    await cli.exited;
    await gate.open();
    return other;
  };
  const one = await killed('one');
  const refused = await run(['sync', '--delete', '--state-dir', `${one}.state`, one, url]);
  assert.equal(refused.code, 4, refused.stderr);
  assert.match(refused.stderr, /a restore into it was interrupted and not finished/);
  assert.deepEqual(keys(), names);
  // Once more, into the same directory when it is empty: then it is what S3 is to be.
  const two = await killed('two');
  for (const name of readdirSync(two)) rmSync(join(two, name));
  const whole = await run(['restore', '--at', '-0', '--state-dir', `${two}.state`, url, two]);
  assert.equal(whole.code, 0, whole.stderr);
  rmSync(join(two, 'f10'));
  const synced = await run(['sync', '--delete', '--state-dir', `${two}.state`, two, url]);
  assert.equal(synced.code, 0, synced.stderr);
  assert.deepEqual(keys(), names.slice(1));
});

test('who asks for a past that there is not is told so, and nothing is written', async (t) => {
  const stage = await strictStage(t);
  const { server, dir, local, url, run, write } = stage;
  write('a');
  await run(['sync', local, url]);
  const empty = join(dir, 'new');
  const restoreAt = (moment: string, to = empty) =>
    run(['restore', '--state-dir', `${to}.state`, '--at', moment, url, to]);

  const unversioned = await restoreAt('-1s');
  assert.equal(unversioned.code, 1);
  assert.match(
    unversioned.stderr,
    /^awssyncer: Cannot use s3:\/\/test-bucket as it was: it keeps no versions\n {2}hint: /,
  );
  await keepVersions(server, 'test-bucket');
  const full = await restoreAt('-1s', local);
  assert.equal(full.code, 4);
  assert.match(full.stderr, /^awssyncer: Cannot restore s3:.* as it was: .* is not empty\n {2}hint: /);
  const future = await restoreAt('2999-01-01T00:00:00Z');
  assert.equal(future.code, 2);
  assert.match(future.stderr, /--at: it must not be in the future, current value is 2999-01-01/);
  const nothing = await restoreAt('1999-01-01T00:00:00Z');
  assert.equal(nothing.code, 0);
  assert.match(nothing.stderr, /there is nothing in S3 under this URL remote=.* as of 1999-/);
  // What may not be asked is found out by looking.
  server.faults.add({ operation: 'GetBucketVersioning', effect: { kind: 'status', code: 'AccessDenied' } });
  rmSync(empty, { recursive: true });
  assert.equal((await restoreAt('-0')).code, 0);
  assert.ok(existsSync(join(empty, 'a')));
});

test('S9 one object comes back as it was, though it is gone now', async (t) => {
  let nowMs = Date.now() - 600_000;
  const { server, bucket, dir, url, run } = await strictStage(t, { now: () => nowMs });
  await keepVersions(server, 'test-bucket');
  for (const name of ['f', 'f.old']) bucket.put(`p/${name}`, 'before');
  nowMs += 10_000;
  bucket.put('p/f', 'after');
  bucket.remove('p/f.old');
  const at = ['--at', new Date(nowMs - 5_000).toISOString()];
  const restored = async (name: string, ...options: string[]) => {
    const place = join(dir, name, options.join());
    const { code, stderr } = await run(['restore', ...at, ...options, `${url}${name}`, place]);
    assert.equal(code, 0, stderr);
    return readFileSync(join(place, name), 'utf8');
  };
  assert.deepEqual([await restored('f'), await restored('f', '--object')], ['before', 'before']);
  assert.equal(await restored('f.old'), 'before');
  const { code } = await run(['restore', ...at, '--object', `${url}never`, join(dir, 'never')]);
  assert.equal(code, 1);
});

// Checkpoints: moments at which S3 held exactly what was on disk, brought back as they were.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { momentOf } from '../../src/checkpoint/document.ts';
import { EXIT } from '../../src/model/errors.ts';
import type { AgentStatus, FlushReport } from '../../src/ops/control.ts';
import type { Cli } from '../support/cli.ts';
import { expectedObjects } from '../support/reference.ts';
import { availableTargets, keepVersions } from '../support/s3-targets.ts';
import { type Stage, type StrictStage, stageOn, strictStage } from '../support/stage.ts';
import { isInvisible, operate, operation } from '../support/tree-operations.ts';
import { until } from '../support/until.ts';

const PARTS = ['--part-size', '5MiB', '--multipart-threshold', '5MiB'];
/** Only when a flush asks for them. */
const SELDOM = ['--checkpoint-interval', '1h'];

async function watch(stage: Stage, ...args: string[]): Promise<Cli> {
  const cli = stage.start(['watch', ...PARTS, ...args, stage.local, stage.url]);
  await cli.waitForLine(/ watching /);
  return cli;
}

async function flush({ run, local }: Stage): Promise<FlushReport> {
  const { code, stdout, stderr } = await run(['flush', '--json', local]);
  assert.equal(code, EXIT.ok, `${stdout}${stderr}`);
  return JSON.parse(stdout) as FlushReport;
}

async function stop(cli: Cli): Promise<void> {
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code: EXIT.ok, signal: null }, cli.output());
}

async function checkpointIds({ run, url }: Stage): Promise<string[]> {
  const { code, stdout, stderr } = await run(['checkpoints', '--json', url]);
  assert.equal(code, EXIT.ok, stderr);
  return JSON.parse(stdout).checkpoints.map(({ id }: { id: string }) => id);
}

function copyOf(from: string, to: string): void {
  execFileSync('cp', ['--archive', from, to]); // Node's own drops nanoseconds
}

const SEED = Number(process.env['AWSSYNCER_TEST_SEED'] ?? Date.now() % 1e9);
const LARGE_BYTES = 6 * 2 ** 20;
const MOMENTS = 20;
/** Too long to be a key. */
const LONG = Array.from({ length: 6 }, (_, n) => String(n).repeat(200)).join('/');

/** A few operations of all kinds; every third time an object that goes in parts. */
function change(stage: Stage, n: number): void {
  const operations = fc.sample(operation(), { numRuns: 12, seed: SEED + n });
  for (const each of operations) if (!isInvisible(each)) operate(stage.local, each);
  if (n % 3 === 0) stage.write(`large-${n % 2}`, Buffer.alloc(LARGE_BYTES, `${n}`));
  if (n % 5 === 4) rmSync(stage.at(LONG).replace(/\/1.*/, ''), { recursive: true });
  else stage.write(LONG, `${n}`);
  stage.write('always', `${n}`);
}

for (const choice of availableTargets().filter(({ name }) => ['RGW', 'strict', 'endpoint'].includes(name))) {
  test(`S9 S13 on ${choice.name} each of ${MOMENTS} moments of a random history comes back exactly (seed ${SEED})`, async (t) => {
    const target = await choice.start();
    t.after(() => target.close());
    const bucket = await target.makeBucket();
    await keepVersions(target, bucket);
    const stage = stageOn(t, target, bucket);
    mkdirSync(join(stage.dir, 'out'));
    const cli = await watch(stage, ...SELDOM);
    const moments: { readonly id: string; readonly atMs: number; readonly saved: string }[] = [];
    for (let n = 0; n < MOMENTS; n++) {
      change(stage, n);
      const { checkpoint: id } = await flush(stage);
      assert.ok(id, cli.output());
      const saved = join(stage.dir, `saved-${n}`);
      copyOf(stage.local, saved);
      moments.push({ id, atMs: Date.now(), saved });
    }
    await stop(cli);
    const ids = await checkpointIds(stage);
    const missing = moments.filter(({ id }) => !ids.includes(id));
    assert.deepEqual(missing, []);
    for (const [n, { id, atMs, saved }] of moments.entries()) {
      const restored = join(stage.dir, `restored-${n}`);
      const when = n % 2 === 0 ? ['--checkpoint', id] : ['--at', new Date(atMs).toISOString()];
      const { code, stderr } = await stage.run(['restore', ...when, stage.url, restored]);
      assert.equal(code, EXIT.ok, stderr);
      const [is, was] = [restored, saved].map(briefly);
      assert.deepEqual(is, was, `moment ${n}: ${when.join(' ')}\n${stderr}`);
      rmSync(restored, { recursive: true });
    }
  });
}

/** What is there, long contents by their digest. */
function briefly(root: string): Record<string, string> {
  const brief = (text: string) => (text.length < 200 ? text : `${text.slice(0, 60)} ${hash('sha256', text)}`);
  return Object.fromEntries(
    Object.entries(expectedObjects(root, { fully: true })).map(([key, text]) => [key, brief(text)]),
  );
}

/** One that keeps versions from the start. */
async function versionedStage(t: TestContext): Promise<StrictStage> {
  const stage = await strictStage(t);
  stage.bucket.keepVersions();
  return stage;
}

test('S9 while a program writes one file after the other no checkpoint shows the second before the first', async (t) => {
  const stage = await versionedStage(t);
  const { local, url, dir } = stage;
  const cli = await watch(stage, '--checkpoint-interval', '1s', '--coalesce', '5ms');
  let isDone = false;
  const writing = (async () => {
    // New names every time: what is written again and again waits longer and longer.
    for (let n = 1; !isDone; n++) {
      writeFileSync(join(local, `first-${n}`), '');
      if (n % 2 === 0) await sleep(n % 40);
      writeFileSync(join(local, `second-${n}`), '');
      await sleep((n * 37) % 300);
    }
  })();
  try {
    await until('there are six checkpoints', async () => (await checkpointIds(stage)).length >= 6, {
      deadlineMs: 60_000,
    });
  } finally {
    isDone = true;
    await writing;
  }
  await stop(cli);
  const seen = new Set<number>();
  for (const id of await checkpointIds(stage)) {
    const restored = join(dir, id);
    const { code, stderr } = await stage.run(['restore', '--checkpoint', id, url, restored]);
    assert.equal(code, EXIT.ok, stderr);
    const names = new Set(readdirSync(restored));
    const last = Math.max(0, ...[...names].map((name) => Number(name.split('-')[1])));
    for (let n = 1; n < last; n++) assert.ok(names.has(`first-${n}`) && names.has(`second-${n}`), `${id} lacks ${n}`);
    assert.ok(last === 0 || names.has(`first-${last}`), `${id} shows the second of ${last} alone`);
    seen.add(names.size);
  }
  assert.ok(seen.size >= 5, 'they are of different moments');
});

test('S8 a checkpoint costs what changed, one of nothing new nothing', async (t) => {
  const stage = await versionedStage(t);
  for (let n = 0; n < 2_500; n++) stage.write(`d${n % 7}/f${n}`, 'x');
  const cli = await watch(stage, ...SELDOM);
  const puts = (): string[] =>
    stage.server.requests
      .filter(({ key, operation }) => operation === 'PutObject' && key.startsWith('p/.awssyncer/checkpoint'))
      .map(({ key }) => key.split('/')[2]!);
  const first = await flush(stage);
  assert.deepEqual(puts(), ['checkpoint-segments', 'checkpoints'], 'what is much is told once');
  assert.equal((await flush(stage)).checkpoint, first.checkpoint, 'nothing has changed since');
  stage.write('d0/f0', 'changed');
  const second = await flush(stage);
  assert.deepEqual(puts().slice(2), ['checkpoints']);
  const sizeOf = (id: string) => stage.bucket.object(`p/.awssyncer/checkpoints/${id}`)!.bytes.length;
  assert.ok(sizeOf(second.checkpoint!) < 500, 'it tells of one file');
  await stop(cli);

  const again = await watch(stage, ...SELDOM);
  rmSync(stage.at('d0/f0'));
  const third = await flush(stage);
  assert.deepEqual(new Set(puts().slice(2)), new Set(['checkpoints']), 'a restart goes on with what was told');
  await stop(again);
  for (const [id, content] of [
    [first.checkpoint!, 'x'],
    [second.checkpoint!, 'changed'],
    [third.checkpoint!, undefined],
  ] as const) {
    const restored = join(stage.dir, id);
    assert.equal((await stage.run(['restore', '--checkpoint', id, stage.url, restored])).code, EXIT.ok);
    assert.equal(
      existsSync(join(restored, 'd0/f0')) ? readFileSync(join(restored, 'd0/f0'), 'utf8') : undefined,
      content,
    );
    assert.equal(readdirSync(restored, { recursive: true }).length, content === undefined ? 2_506 : 2_507);
  }
});

test('S9 what was stored before anybody took checkpoints belongs to them: it is asked for its version, once', async (t) => {
  const stage = await versionedStage(t);
  for (const name of ['a', 'b', 'c']) stage.write(name);
  assert.equal((await stage.run(['sync', stage.local, stage.url])).code, EXIT.ok);
  rmSync(stage.state, { recursive: true });
  const cli = await watch(stage, ...SELDOM);
  const { checkpoint } = await flush(stage);
  stage.write('a', 'changed');
  await flush(stage);
  await stop(cli);
  const heads = stage.requests().filter((request) => /^HeadObject p\/[abc]$/.test(request));
  assert.deepEqual(heads.sort(), ['HeadObject p/a', 'HeadObject p/b', 'HeadObject p/c']);
  const restored = join(stage.dir, 'restored');
  assert.equal((await stage.run(['restore', '--checkpoint', checkpoint!, stage.url, restored])).code, EXIT.ok);
  assert.equal(readFileSync(join(restored, 'a'), 'utf8'), 'a');
});

test('S9 a checkpoint of which a version is missing is refused before anything is written, and names it', async (t) => {
  const stage = await versionedStage(t);
  for (const name of ['a', 'b']) stage.write(name);
  const cli = await watch(stage, ...SELDOM);
  const { checkpoint } = await flush(stage);
  stage.write('b', 'later');
  await stop(cli);
  const [, lost] = stage.bucket.versions('p/b');
  stage.bucket.removeVersion('p/b', lost!.versionId);
  const restored = join(stage.dir, 'restored');
  for (const when of [
    ['--checkpoint', checkpoint!],
    ['--at', new Date(momentOf(checkpoint!)! + 1).toISOString()],
  ]) {
    const { code, stderr } = await stage.run(['restore', ...when, stage.url, restored]);
    assert.equal(code, EXIT.fatal);
    assert.match(stderr, new RegExp(`it lacks p/b \\(version ${lost!.versionId}\\)`));
    assert.deepEqual(readdirSync(restored), []);
  }
  const { code, stderr } = await stage.run([
    'restore',
    '--exclude',
    'b',
    '--checkpoint',
    checkpoint!,
    stage.url,
    restored,
  ]);
  assert.equal(code, EXIT.ok, stderr);
  assert.deepEqual(readdirSync(restored), ['a']);
});

test('a bucket that keeps no versions is refused at the start, and one that ceases to is told of', async (t) => {
  const stage = await strictStage(t);
  for (const command of ['watch', 'run']) {
    const { code, stderr } = await stage.run([command, ...SELDOM, stage.local, stage.url]);
    assert.equal(code, EXIT.fatal);
    assert.match(stderr, /keeps no versions\n +hint: /);
  }
  stage.bucket.suspendVersions();
  stage.write('a');
  const cli = await watch(stage, ...SELDOM);
  await cli.waitForLine(/no checkpoint .*keeps no versions/);
  assert.equal((await flush(stage)).checkpoint, null);
  await stop(cli);
  assert.deepEqual(await checkpointIds(stage), []);
});

test('status tells the age of what a checkpoint brings back: of a tree that rests it is 0', async (t) => {
  const stage = await versionedStage(t);
  const cli = await watch(stage, '--checkpoint-interval', '1s');
  const checkpoint = async () => {
    const { stdout } = await stage.run(['status', '--json', stage.local]);
    return (JSON.parse(stdout) as AgentStatus).checkpoint;
  };
  await until('one was taken', async () => (await checkpoint())?.id != null);
  const before = await checkpoint();
  await until('it would be older than a second', () => Date.now() - momentOf(before!.id!)! > 1_500);
  assert.deepEqual(await checkpoint(), { id: before!.id, ageSeconds: 0 });
  stage.server.faults.add({ operation: 'PutObject', effect: { kind: 'status', code: 'AccessDenied' } });
  stage.write('refused');
  await until('it ages', async () => (await checkpoint())!.ageSeconds! >= 1);
  assert.match((await stage.run(['status', stage.local])).stdout, /^checkpoint: +\S+, [\d.]+ s old$/m);
  cli.signal('SIGTERM');
  await cli.exited;
});

test('what cannot be restored as a checkpoint is told in one line', async (t) => {
  const stage = await versionedStage(t);
  const restored = join(stage.dir, 'restored');
  const refusal = async (...when: string[]): Promise<readonly [number | null, string]> => {
    const { code, stderr } = await stage.run(['restore', ...when, stage.url, restored]);
    return [code, stderr.split('\n')[0]!];
  };
  assert.deepEqual(await refusal('--checkpoint', 'latest'), [
    EXIT.fatal,
    `awssyncer: Cannot restore ${stage.url}: no checkpoint was ever taken`,
  ]);
  const [code, line] = await refusal('--checkpoint', 'nonsense');
  assert.equal(code, EXIT.fatal);
  assert.match(line, /^awssyncer: Cannot restore checkpoint nonsense of s3:\/\/.*NoSuchKey|there is no such/);
  const id = '20260101T000000.000Z-ab';
  stage.bucket.put(`p/.awssyncer/checkpoints/${id}`, 'damaged');
  assert.equal((await refusal('--checkpoint', id))[0], EXIT.fatal);
  assert.match((await refusal('--checkpoint', id))[1], /Cannot restore checkpoint .*incorrect header/);
});

test('the versions of a file are listed, the newest first, without a directory', async (t) => {
  const stage = await versionedStage(t);
  for (const content of ['one', 'three']) {
    stage.write('d/a', content);
    assert.equal((await stage.run(['sync', stage.local, stage.url])).code, EXIT.ok);
  }
  stage.write('d/ab', 'of another');
  rmSync(stage.at('d/a'));
  assert.equal((await stage.run(['sync', '--delete', stage.local, stage.url])).code, EXIT.ok);
  const { code, stdout } = await stage.run(['restore', '--json', '--list-versions', 'd/a', stage.url]);
  assert.equal(code, EXIT.ok);
  const { versions } = JSON.parse(stdout);
  assert.deepEqual(
    versions.map(({ isDeleteMarker, sizeBytes }: Record<string, unknown>) => (isDeleteMarker ? 'deleted' : sizeBytes)),
    ['deleted', 5, 3],
  );
  const human = await stage.run(['restore', '--list-versions', '/d/a', stage.url]);
  assert.match(human.stdout, /^\S+Z +deleted +\S+\n\S+Z +5 B +\S+\n\S+Z +3 B +\S+\n$/);
  stage.write(LONG);
  assert.equal((await stage.run(['sync', stage.local, stage.url])).code, EXIT.ok);
  const long = await stage.run(['restore', '--list-versions', LONG, stage.url]);
  assert.equal(long.code, EXIT.ok, long.stderr);
  const none = await stage.run(['restore', '--list-versions', 'd', stage.url]);
  assert.equal(none.code, EXIT.fatal);
  assert.match(none.stderr, /there never was such a file/);
});

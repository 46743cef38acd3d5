// `watch`: the built CLI on a directory that changes.
import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Cli } from '../support/cli.ts';
import { expectedObjects, storedObjects } from '../support/reference.ts';
import { type StrictStage, strictStage } from '../support/stage.ts';

/** Starts `watch` and waits until it does. */
async function watch(stage: StrictStage, ...args: string[]): Promise<Cli> {
  const cli = stage.start(['watch', ...args, stage.local, stage.url]);
  await cli.waitForLine(/ watching /);
  return cli;
}

/** Resolves when S3 holds exactly what is on disk. */
async function converged({ server, local }: StrictStage, cli: Cli): Promise<void> {
  await cli.until('S3 holds what is on disk', () => {
    const [stored, expected] = [storedObjects(server), expectedObjects(local)];
    const keys = Object.keys(expected);
    return keys.length === Object.keys(stored).length && keys.every((key) => stored[key] === expected[key]);
  });
}

async function stopped(cli: Cli, code: number): Promise<void> {
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code, signal: null }, cli.output());
}

test('S2 creating, editing, renaming and deleting arrive; what is written into a renamed directory too', async (t) => {
  const stage = await strictStage(t);
  const { write, at, text, keys } = stage;
  write('before');
  const cli = await watch(stage);
  write('new/nested/deep/file');
  write('before', 'edited');
  await converged(stage, cli);
  assert.equal(text('before'), 'edited');

  renameSync(at('new'), at('renamed'));
  write('renamed/nested/deep/file', 'written after the rename');
  write('renamed/nested/later');
  await converged(stage, cli);
  assert.equal(text('renamed/nested/deep/file'), 'written after the rename');

  rmSync(at('before'));
  rmSync(at('renamed/nested/deep'), { recursive: true });
  await converged(stage, cli);
  assert.deepEqual(keys(), ['renamed/nested/later']);
  await stopped(cli, 0);
});

test('S8 idle is free, and one small change is one PUT', async (t) => {
  const stage = await strictStage(t);
  const { server, write, text, requests } = stage;
  write('a');
  const cli = await watch(stage);
  await converged(stage, cli);
  server.clearRequests();
  write('a', 'changed');
  await cli.until('the change arrived', () => text('a') === 'changed');
  await stopped(cli, 0);
  assert.deepEqual(requests(), ['PutObject p/a']);
});

test('S2 S8 killed and started again it uploads what changed meanwhile, nothing twice, and lists nothing', async (t) => {
  const stage = await strictStage(t);
  const { server, write, at, requests } = stage;
  for (let index = 0; index < 30; index++) write(`dir${index % 3}/file${index}`);
  const first = await watch(stage);
  await converged(stage, first);
  // Before the first request for a new key everything earlier is on record.
  write('last');
  await converged(stage, first);
  first.signal('SIGKILL');
  assert.deepEqual(await first.exited, { code: null, signal: 'SIGKILL' });

  write('dir0/file0', 'edited while it was down');
  write('new while it was down');
  rmSync(at('dir1/file1'));
  server.clearRequests();
  const second = await watch(stage);
  await converged(stage, second);
  await stopped(second, 0);
  const content = requests().filter((request) => !request.endsWith(' p/last'));
  assert.deepEqual(content.sort(), [
    'DeleteObjects',
    'HeadBucket',
    'PutObject p/dir0/file0',
    'PutObject p/new while it was down',
  ]);
});

test('S2 killed while uploads are in flight it leaves nothing behind that the next start does not settle', async (t) => {
  const stage = await strictStage(t);
  const { server, bucket, write } = stage;
  const gate = server.faults.add({ operation: ['PutObject', 'UploadPart'], effect: { kind: 'gate', at: 'answer' } });
  const options = ['--request-timeout', '1s', '--part-size', '5MiB', '--multipart-threshold', '5MiB'];
  const first = await watch(stage, ...options);
  write('small');
  write('large', Buffer.alloc(6 * 2 ** 20, 'x'));
  await gate.waiting(3);
  first.signal('SIGKILL');
  await first.exited;
  await gate.open();
  const second = await watch(stage, ...options);
  await converged(stage, second);
  await stopped(second, 0);
  assert.deepEqual(bucket.uploads(), [], 'no multipart upload is left open');
});

test('S11 SIGTERM with a slow server: the flush finishes, exit 0', async (t) => {
  const stage = await strictStage(t);
  const { server, write, local } = stage;
  const cli = await watch(stage, '--settle', '60s', '--max-wait', '120s', '--coalesce', '10s');
  server.faults.add({ operation: 'PutObject', effect: { kind: 'delay', ms: 300 } });
  for (let index = 0; index < 40; index++) write(`file${index}`);
  await stopped(cli, 0);
  assert.deepEqual(storedObjects(server), expectedObjects(local));
});

test('S11 SIGTERM with a server that hangs: exit 3 within --shutdown-timeout, what did not arrive is listed', async (t) => {
  const stage = await strictStage(t);
  const { server, write, keys } = stage;
  const cli = await watch(stage, '--shutdown-timeout', '1s');
  const hanging = server.faults.add({ operation: 'PutObject', key: /hangs/, effect: { kind: 'hang' } });
  for (const name of ['hangs 1', 'hangs 2', 'fine']) write(name);
  await hanging.waiting(2);
  await stopped(cli, 3);
  assert.deepEqual(keys(), ['fine']);
  const unsent = cli.stderr.filter((line) => /error: unsent /.test(line)).map((line) => line.replace(/.*unsent /, ''));
  assert.deepEqual(unsent.sort(), ['hangs 1', 'hangs 2']);
});

for (const [name, number] of [
  ['SIGTERM', 15],
  ['SIGINT', 2],
] as const) {
  test(`a second ${name} ends it at once with ${128 + number}`, async (t) => {
    const stage = await strictStage(t);
    const cli = await watch(stage, '--shutdown-timeout', '1h');
    const hanging = stage.server.faults.add({ operation: 'PutObject', effect: { kind: 'hang' } });
    stage.write('file');
    await hanging.waiting();
    cli.signal(name);
    await cli.waitForLine(/told to end/);
    cli.signal(name);
    assert.deepEqual(await cli.exited, { code: 128 + number, signal: null }, cli.output());
  });
}

test('SIGINT flushes like SIGTERM', async (t) => {
  const stage = await strictStage(t);
  const cli = await watch(stage, '--coalesce', '10s', '--settle', '60s', '--max-wait', '60s');
  stage.write('file');
  cli.signal('SIGINT');
  assert.deepEqual(await cli.exited, { code: 0, signal: null }, cli.output());
  assert.equal(stage.text('file'), 'file');
});

test('--linger goes on watching after SIGTERM as before it, then flushes', async (t) => {
  const stage = await strictStage(t);
  stage.write('before');
  const cli = await watch(stage, '--linger', '2s', '--shutdown-timeout', '10s', '--settle', '1h', '--max-wait', '2h');
  await converged(stage, cli); // so that the first scan, which takes every file for finished, is over
  const unfinished = openSync(stage.at('unfinished'), 'w');
  t.after(() => closeSync(unfinished));
  writeSync(unfinished, 'not closed');
  cli.signal('SIGTERM');
  await cli.waitForLine(/told to end/);
  stage.write('finished');
  await cli.until('it arrived', () => stage.text('finished') !== undefined);
  assert.equal(stage.text('unfinished'), undefined, 'a flush would have sent it first');
  assert.deepEqual(await cli.exited, { code: 0, signal: null }, cli.output());
  assert.equal(stage.text('unfinished'), 'not closed');
});

test('a second agent on the same state directory ends with 1 and one clear line; the first goes on', async (t) => {
  const stage = await strictStage(t);
  const first = await watch(stage);
  const second = await stage.run(['watch', stage.local, stage.url]);
  assert.equal(second.code, 1);
  assert.equal(
    second.stderr,
    `awssyncer: Cannot use state directory ${stage.state}: another awssyncer (pid ${first.pid}) uses it\n` +
      '  hint: Stop it first. Only another LOCAL or S3 URL may have an agent, and a --state-dir, of its own.\n',
  );
  stage.write('still there');
  await converged(stage, first);
  await stopped(first, 0);
});

test('S4 LOCAL replaced while it is watched: nothing is deleted, exit 4 at the end', async (t) => {
  const stage = await strictStage(t);
  const { local, write, keys } = stage;
  for (const name of ['a', 'dir/b']) write(name);
  const cli = await watch(stage);
  await converged(stage, cli);
  renameSync(local, `${local}.old`);
  mkdirSync(local);
  await cli.waitForLine(/LOCAL cannot be trusted as the source/);
  await stopped(cli, 4);
  assert.deepEqual(keys(), ['a', 'dir/b']);
});

test('S4 LOCAL gone while it is watched: nothing is deleted, exit 4 at the end; the next start refuses deletes too', async (t) => {
  const stage = await strictStage(t);
  const { local, write, keys } = stage;
  for (const name of ['a', 'dir/b']) write(name);
  // The deletes within are heard of first; what they are worth is seen when they are due.
  const first = await watch(stage, '--coalesce', '1s');
  await converged(stage, first);
  rmSync(local, { recursive: true });
  await first.waitForLine(/LOCAL cannot be trusted as the source/);
  await stopped(first, 4);
  assert.deepEqual(keys(), ['a', 'dir/b']);

  mkdirSync(local);
  const second = await watch(stage);
  await second.waitForLine(/LOCAL cannot be trusted as the source.*another directory/);
  write('new');
  await second.until('uploads go on', () => stage.text('new') !== undefined);
  await stopped(second, 4);
  assert.deepEqual(keys(), ['a', 'dir/b', 'new']);
});

test('S2 regression_swapped_then_removed: deletes do not wait for each other', async (t) => {
  const stage = await strictStage(t);
  const { server, write, at, keys } = stage;
  for (const name of ['a', 'b', 'other']) write(name);
  const cli = await watch(stage);
  await converged(stage, cli);
  const busy = server.faults.add({ operation: 'PutObject', effect: { kind: 'status', code: 'SlowDown' } });
  renameSync(at('a'), at('c'));
  renameSync(at('b'), at('a'));
  renameSync(at('c'), at('b'));
  await cli.until('both new contents are on their way', () => busy.hits >= 2);
  for (const name of ['a', 'b']) rmSync(at(name));
  await stopped(cli, 0);
  assert.deepEqual(keys(), ['other']);
});

test('S1 the agent writes nothing into LOCAL', async (t) => {
  const stage = await strictStage(t);
  for (const name of ['a', 'b/c']) stage.write(name);
  const cli = await watch(stage);
  await converged(stage, cli);
  writeFileSync(stage.at('d'), 'd');
  await converged(stage, cli);
  await stopped(cli, 0);
  assert.deepEqual(readdirSync(stage.local, { recursive: true }).sort(), ['a', 'b', 'b/c', 'd']);
  assert.deepEqual(readdirSync(stage.dir).sort(), ['data', 'home', 'state'], join(stage.dir));
});

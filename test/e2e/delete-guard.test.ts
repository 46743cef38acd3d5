// The rows of the delete-guard table that take a process of their own: a disk that fails, another user, kill -9,
// another mount namespace.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { Cli } from '../support/cli.ts';
import { type FaultyFiles, faultyFiles } from '../support/faulty-files.ts';
import { mountOn } from '../support/mounts.ts';
import { expectedObjects, storedObjects } from '../support/reference.ts';
import { type StrictStage, strictStage } from '../support/stage.ts';

const FILES = ['a', 'd/b', 'd/e/c', 'd/f'];

/** A stage whose files are in S3, and a disk that can be made to fail. */
async function faultyStage(t: TestContext): Promise<{ stage: StrictStage; disk: FaultyFiles }> {
  const stage = await storedStage(t);
  const disk = faultyFiles(stage.dir);
  return { stage: { ...stage, env: { ...stage.env, ...disk.env } }, disk };
}

async function storedStage(t: TestContext): Promise<StrictStage> {
  const stage = await strictStage(t);
  for (const name of FILES) stage.write(name);
  assert.equal((await stage.run(['sync', stage.local, stage.url])).code, 0);
  return stage;
}

async function watch({ start, env, local, url }: StrictStage, ...args: string[]): Promise<Cli> {
  const cli = start(['watch', '--poll-interval=1s', ...args, local, url], { env });
  await cli.waitForLine(/ watching /);
  return cli;
}

async function ended(cli: Cli, code: number): Promise<void> {
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code, signal: null }, cli.output());
}

async function converged({ server, local }: StrictStage, cli: Cli): Promise<void> {
  await cli.until('S3 is as the disk', () => {
    const [stored, expected] = [storedObjects(server), expectedObjects(local)];
    const keys = Object.keys(expected);
    return keys.length === Object.keys(stored).length && keys.every((key) => stored[key] === expected[key]);
  });
}

test('S4 a subtree cannot be listed or looked at (EIO, ESTALE)', async (t) => {
  const { stage, disk } = await faultyStage(t);
  const { at, env, keys, local, run, text, url, write } = stage;
  disk.fail({ call: 'stat', code: 'ESTALE', path: at('d') });
  const sync = await run(['sync', '--delete', local, url], { env });
  assert.equal(sync.code, 3, sync.stderr);
  assert.match(sync.stderr, /cannot read d reason=it cannot be read \(ESTALE\)/);

  disk.fail({ call: 'list', code: 'EIO', path: at('d') });
  rmSync(at('d/b'));
  const cli = await watch(stage);
  await cli.waitForLine(/cannot read d reason=it cannot be read \(EIO\)/);
  write('a', 'uploads go on');
  await cli.until('they do', () => text('a') === 'uploads go on');
  assert.deepEqual(keys(), FILES);
  disk.fail();
  await cli.until('what is gone is deleted', () => text('d/b') === undefined);
  await converged(stage, cli);
  // Now something that is told by an event.
  disk.fail({ call: 'stat', code: 'EIO', path: at('d') });
  rmSync(at('d/f'));
  await cli.waitForLine(/cannot read d\/f reason=EIO/);
  await ended(cli, 3);
  assert.deepEqual(keys(), ['a', 'd/e/c', 'd/f']);
});

test('S4 one file cannot be looked at or read (EIO)', async (t) => {
  const { stage, disk } = await faultyStage(t);
  const { at, keys, text, write } = stage;
  const cli = await watch(stage);
  disk.fail({ call: 'stat', code: 'EIO', path: at('a') }, { call: 'read', code: 'EIO', path: at('d/b') });
  rmSync(at('a'));
  write('d/b', 'changed');
  write('d/f', 'changed');
  await cli.waitForLine(/cannot read a reason=EIO/);
  await cli.waitForLine(/cannot read d\/b reason=EIO/);
  await cli.until('the others go on', () => text('d/f') === 'changed');
  assert.deepEqual([keys(), text('d/b')], [FILES, 'd/b']);
  disk.fail();
  await converged(stage, cli);
  assert.deepEqual(keys(), FILES.slice(1));
  await ended(cli, 0);
});

test('S4 LOCAL cannot be read (EIO, ESTALE)', async (t) => {
  const { stage, disk } = await faultyStage(t);
  const { at, env, keys, local, run, text, url, write } = stage;
  const cli = await watch(stage);
  disk.fail({ call: 'stat', code: 'EIO', path: local }, { call: 'open', code: 'EIO', path: local });
  rmSync(at('d'), { recursive: true });
  await cli.waitForLine(/LOCAL cannot be trusted .* \(EIO\).* remedy=/);
  disk.fail();
  write('a', 'uploads go on');
  await cli.until('they do', () => text('a') === 'uploads go on');
  await ended(cli, 4);
  assert.deepEqual(keys(), FILES, 'also after it can be read again');

  disk.fail({ call: 'stat', code: 'ESTALE', path: local });
  for (const command of [['sync', '--delete'], ['watch'], ['run']]) {
    const refused = await run([...command, local, url], { env });
    assert.equal(refused.code, 1, refused.stderr);
    assert.match(refused.stderr, /it cannot be read \(ESTALE\)\n {2}hint: /);
  }
  disk.fail({ call: 'list', code: 'EIO', path: local });
  const unlisted = await run(['sync', '--delete', local, url], { env });
  assert.equal(unlisted.code, 1, unlisted.stderr);
  assert.deepEqual(keys(), FILES);

  disk.fail();
  const again = await watch(stage);
  await converged(stage, again);
  await ended(again, 0);
  assert.deepEqual(keys(), ['a']);
});

/** Directories that are empty as yet are objects meanwhile. */
function missing(keys: readonly string[]): string[] {
  return [...FILES, 'new'].filter((name) => !keys.includes(name));
}

test('S4 S9 a restore is killed and nobody finishes it', async (t) => {
  const stage = await storedStage(t);
  const { keys, local, run, server, start, url, write } = stage;
  rmSync(local, { recursive: true });
  const gate = server.faults.add({ operation: 'GetObject', key: /d\/e\/c$/, effect: { kind: 'gate', at: 'answer' } });
  const restore = start(['restore', url, local]);
  await gate.waiting();
  await restore.until('another file is there', () => Object.keys(expectedObjects(local)).length > 0);
  restore.signal('SIGKILL');
  await restore.exited;
  await gate.open();

  const sync = await run(['sync', '--delete', local, url]);
  assert.equal(sync.code, 4, sync.stderr);
  assert.match(sync.stderr, /a restore into it was interrupted and not finished\n {2}hint: .*awssyncer restore/);
  const cli = await watch(stage);
  await cli.waitForLine(/LOCAL cannot be trusted .*a restore into it was interrupted.* remedy=.*restore/);
  write('new');
  await cli.until('uploads go on', () => keys().includes('new'));
  await ended(cli, 4);
  assert.deepEqual(missing(keys()), []);

  assert.equal((await run(['restore', url, local])).code, 0);
  assert.equal((await run(['sync', '--delete', local, url])).code, 0);
  assert.deepEqual(storedObjects(server), expectedObjects(local));
  assert.deepEqual(missing(keys()), []);
});

if (process.geteuid?.() === 0) {
  test('S4 a subtree is not readable for this user (chmod 000)', async (t) => {
    const stage = await strictStage(t);
    const { at, dir, keys, local, run, start, text, url, write } = stage;
    chmodSync(dir, 0o755);
    mkdirSync(stage.state, { mode: 0o700 });
    execFileSync('chown', ['65534:65534', stage.state]);
    const within = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
    for (const name of FILES) write(name);
    assert.equal((await run(['sync', local, url], { within })).code, 0);
    const before = keys();
    chmodSync(at('d'), 0);
    rmSync(at('d/b'));
    const sync = await run(['sync', '--delete', local, url], { within });
    assert.equal(sync.code, 3, sync.stderr);
    const cli = start(['watch', '--poll-interval=1s', local, url], { within });
    await cli.waitForLine(/cannot read d reason=it cannot be read \(EACCES\)/);
    write('a', 'uploads go on');
    await cli.until('they do', () => text('a') === 'uploads go on');
    assert.deepEqual(keys(), before);
    chmodSync(at('d'), 0o755);
    await cli.until('what is gone is deleted', () => text('d/b') === undefined);
    await ended(cli, 0);
    const { code } = await run(['run', local, url, '--', 'true'], { within });
    assert.equal(code, 0);
    assert.deepEqual(
      keys(),
      before.filter((key) => key !== 'd/b'),
    );
  });
} else {
  console.log('a subtree that is not readable for another user: not run (needs root)');
}

test('S4 a mount upon a subtree comes from another mount namespace', async (t) => {
  const stage = await storedStage(t);
  const { at, keys, local, start, url } = stage;
  const shared = mountOn(local, { bind: local });
  if (shared === undefined) return console.log(`${t.name}: not run, this user cannot mount`);
  try {
    execFileSync('mount', ['--make-shared', local]);
    const within = ['unshare', '--mount', '--propagation', 'slave', '--'];
    const cli = start(['watch', '--audit-interval=1s', local, url], { within });
    await cli.waitForLine(/ watching /);
    const cover = mountOn(at('d'))!;
    try {
      writeFileSync(at('d/alien'), 'alien');
      await cli.waitForLine(/cannot read d reason=it lies on another mount, see --cross-mounts/);
      stage.write('while it is covered');
      await cli.until('uploads go on', () => keys().includes('while it is covered'));
      assert.deepEqual(keys(), [...FILES, 'while it is covered']);
    } finally {
      cover.unmount();
    }
    rmSync(at('d/b'));
    await converged(stage, cli);
    await ended(cli, 0);
  } finally {
    shared.unmount({ lazily: true });
  }
});

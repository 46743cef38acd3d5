// An object goes only if it is ours and its file is known to be gone (S4).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { endWatching } from '../../src/agent/ending.ts';
import { EVERYTHING } from '../../src/agent/engine.ts';
import { type SyncConfig, type SyncResult, syncOnce } from '../../src/agent/sync-once.ts';
import { EXIT, type ExitCode, RefusedError } from '../../src/model/errors.ts';
import { pathFromText, type RelPath } from '../../src/model/path.ts';
import { type AgentConfig, openTestWorkspace, QUICK } from '../support/agent.ts';
import { breakDirectories } from '../support/directories.ts';
import { type Ground, makeGround, settledGround } from '../support/strict-agent.ts';
import { until } from '../support/until.ts';

const FILES = { a: 'a', 'd/b': 'b', 'd/e/c': 'c' };
const KEYS = ['p/a', 'p/d/b', 'p/d/e/c'];

/** Says of every path, as an event would, that it may be gone, has everything scanned, and waits. */
async function suspect(ground: Ground, paths = Object.keys(FILES)): Promise<void> {
  const { pipeline } = ground.agent.watching.engine;
  // A scan under way would take over what is said of single paths.
  await ground.settle();
  for (const path of paths) {
    pipeline.change({ path: pathFromText(path), scope: 'self', speed: 'finished', witnessed: true });
  }
  await ground.settle();
  pipeline.change({ ...EVERYTHING, witnessed: true });
  await ground.settle();
}

/** Ends the agent as a signal does. */
function end(ground: Ground): Promise<ExitCode> {
  return endWatching(ground.agent.workspace, ground.agent.watching, { shutdownTimeoutMs: 10_000 });
}

async function sync(
  ground: Ground,
  options: Partial<SyncConfig> & { config?: Partial<AgentConfig> } = {},
): Promise<SyncResult> {
  const workspace = await openTestWorkspace(ground.server, ground.root, {
    config: { ...ground.config, ...options.config },
  });
  try {
    const config = { ...QUICK, ...ground.config, ...options.config, delete: true, retryHorizonMs: 5000, ...options };
    return await syncOnce(workspace, config, new AbortController().signal);
  } finally {
    workspace.close();
  }
}

function assertNothingDeleted(ground: Ground, keys = KEYS): void {
  assert.deepEqual(ground.deleted(), []);
  assert.deepEqual(ground.bucket.keys(), keys);
}

test('S4 an unmounted root deletes nothing', async (t) => {
  const ground = await makeGround(t);
  const mounted = ground.mount(ground.root);
  if (mounted === undefined) return;
  for (const [path, content] of Object.entries(FILES)) ground.write(path, content);
  await ground.start();
  await ground.settle();
  await ground.agent.watching.barrier();
  mounted.unmount();
  assert.deepEqual(readdirSync(ground.root), []);
  await suspect(ground);
  assertNothingDeleted(ground);
  assert.equal(await end(ground), EXIT.refused);
});

test('S4 an empty mount upon the root deletes nothing, nor does what happens on it', async (t) => {
  const ground = await settledGround(t, { files: FILES });
  const mounted = ground.mount(ground.root);
  if (mounted === undefined) return;
  await suspect(ground);
  assertNothingDeleted(ground);
  assert.equal(await end(ground), EXIT.refused);
  await ground.agent.stop();
  mounted.unmount();
});

test('S4 another directory in place of the root deletes nothing', async (t) => {
  const ground = await settledGround(t, { files: FILES });
  renameSync(ground.root, `${ground.root}.old`);
  mkdirSync(ground.root);
  ground.write('a', 'a');
  await suspect(ground);
  rmSync(`${ground.root}.old`, { recursive: true });
  await suspect(ground);
  assertNothingDeleted(ground);
  assert.equal(await end(ground), EXIT.refused);
});

test('S4 a removed root deletes nothing', async (t) => {
  const ground = await settledGround(t, { files: { a: 'a' } });
  renameSync(ground.root, `${ground.root}.gone`);
  await suspect(ground, ['a']);
  assertNothingDeleted(ground, ['p/a']);
  assert.equal(await end(ground), EXIT.refused);
});

test('S4 a symbolic link LOCAL that points elsewhere deletes nothing', async (t) => {
  const base = await makeGround(t, { files: FILES });
  const link = join(base.base, 'link');
  symlinkSync(base.root, link);
  const ground = await settledGround(t, { root: link });
  assert.deepEqual(ground.bucket.keys(), KEYS);
  mkdirSync(join(base.base, 'elsewhere'));
  unlinkSync(link);
  symlinkSync(join(base.base, 'elsewhere'), link);
  await suspect(ground);
  rmSync(join(base.root, 'a'));
  await suspect(ground);
  assertNothingDeleted(ground);
  assert.equal(await end(ground), EXIT.refused);
});

test('S4 a root that is empty at the start deletes nothing, and uploads go on', async (t) => {
  for (const durable of [true, false]) {
    const ground = await settledGround(t, { files: FILES, durable });
    await ground.agent.stop();
    for (const name of readdirSync(ground.root)) rmSync(ground.at(name), { recursive: true });
    await ground.start();
    await suspect(ground);
    assertNothingDeleted(ground);
    ground.write('new', 'new');
    await ground.settle();
    rmSync(ground.at('new'));
    await suspect(ground);
    assertNothingDeleted(ground, [...KEYS, 'p/new']);
    assert.equal(await end(ground), EXIT.refused);
    await ground.agent.stop();
    await assert.rejects(sync(ground), RefusedError);
    assertNothingDeleted(ground, [...KEYS, 'p/new']);
  }
});

test('S4 a root that becomes empty while nobody sees it deletes nothing', async (t) => {
  const ground = await settledGround(t, { files: FILES, config: { maxDelete: { count: 1000, percent: 50 } } });
  ground.agent.watching.engine.watch!.close();
  for (const name of readdirSync(ground.root)) rmSync(ground.at(name), { recursive: true });
  ground.agent.watching.engine.pipeline.change(EVERYTHING);
  await ground.agent.watching.idle();
  assertNothingDeleted(ground);
  assert.equal(ground.agent.watching.engine.pipeline.heldDeletes?.reason, 'empty');
});

test('S4 removing everything under watch is believed', async (t) => {
  const ground = await settledGround(t, { files: FILES });
  for (const name of readdirSync(ground.root)) rmSync(ground.at(name), { recursive: true });
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), []);
  assert.equal(await end(ground), EXIT.ok);
});

test('S4 removing thousands of files under watch goes through, in few requests', async (t) => {
  const ground = await makeGround(t, { files: { stays: 'stays' } });
  mkdirSync(ground.at('many/d'), { recursive: true });
  for (let i = 0; i < 3000; i++) {
    // Equal objects: nothing has to be sent first.
    writeFileSync(ground.at(`many/d/${i}`), String(i));
    ground.bucket.put(`p/many/d/${i}`, String(i), { mode: '0100644' });
  }
  await ground.start();
  await ground.settle();
  ground.server.clearRequests();
  rmSync(ground.at('many'), { recursive: true });
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), ['p/stays']);
  const deletes = ground.server.countRequests('DeleteObjects');
  assert.ok(deletes <= 30, `${deletes} requests`);
  assert.equal(ground.agent.watching.engine.pipeline.heldDeletes, undefined);
});

test('S4 a directory moved out of the tree is gone', async (t) => {
  const ground = await settledGround(t, { files: FILES });
  renameSync(ground.at('d'), join(ground.base, 'out'));
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), ['p/a']);
  writeFileSync(join(ground.base, 'out/b'), 'nobody watches this');
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), ['p/a']);
});

for (const how of ['another file system', 'a directory of the same file system']) {
  test(`S4 a subtree covered by ${how} is not gone`, async (t) => {
    const ground = await settledGround(t, { files: FILES, config: { pollIntervalMs: 50 } });
    mkdirSync(join(ground.base, 'cover'));
    const isBind = how !== 'another file system';
    const mounted = ground.mount(ground.at('d'), isBind ? { bind: join(ground.base, 'cover') } : {});
    if (mounted === undefined) return;
    ground.write('d/alien', 'not of this tree');
    const { pipeline } = ground.agent.watching.engine;
    for (const path of ['d/b', 'd/e/c']) {
      pipeline.change({ path: pathFromText(path), scope: 'self', speed: 'finished', witnessed: true });
    }
    await until('they are reported', () => ground.problems('unreadable').length === 2);
    await ground.roundTrip('while they are');
    assert.deepEqual(ground.bucket.keys(), KEYS);
    pipeline.change({ ...EVERYTHING, witnessed: true });
    await until('it is reported', () => ground.problems('unreadable').includes('d'));
    await ground.roundTrip();
    assert.deepEqual(ground.bucket.keys(), KEYS);
    mounted.unmount();
    rmSync(ground.at('d/b'));
    await ground.settle();
    ground.assertEqual();
    assert.deepEqual(ground.problems('unreadable'), []);
  });
}

for (const code of ['EACCES', 'EIO', 'ESTALE']) {
  test(`S4 a directory that cannot be read (${code}) loses nothing in S3`, async (t) => {
    const ground = await settledGround(t, { files: FILES, config: { pollIntervalMs: 50 } });
    const { tree, directories } = ground.agent.workspace;
    const fails = { on: true };
    // Root may read everything, so the tree itself has to refuse.
    breakDirectories(directories, { read: (dir) => (fails.on && dir.startsWith('d') ? code : undefined) });
    for (const call of ['lstat', 'lstatBelow'] as const) {
      const original = tree[call].bind(tree) as (path: RelPath) => never;
      Object.assign(tree, {
        [call]: (path: RelPath) => {
          if (!fails.on || !path.startsWith('d/')) return original(path);
          throw Object.assign(new Error(code), { code, syscall: call });
        },
      });
    }
    rmSync(ground.at('d/e'), { recursive: true });
    ground.agent.watching.engine.pipeline.change(EVERYTHING);
    await until('it is reported', () => ground.problems('unreadable').includes('d'));
    await ground.roundTrip();
    assert.deepEqual(ground.bucket.keys(), KEYS);
    fails.on = false;
    await until('it is seen again', () => ground.bucket.keys().join() === 'p/a,p/d/b');
    await ground.settle();
    assert.deepEqual(ground.problems('unreadable'), []);
  });
}

test('S4 more unwitnessed deletes than --max-delete are held, at most so many are done; uploads go on', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`f${i}`, 'content']));
  const config = { maxDelete: { count: 5, percent: 50 } };
  for (const gone of [5, 6]) {
    const ground = await settledGround(t, { files, durable: true, config });
    await ground.agent.stop();
    for (let i = 0; i < gone; i++) rmSync(ground.at(`f${i}`));
    ground.write('new', 'new');
    await ground.start();
    await ground.settle();
    assert.equal(ground.stored('new'), 'new');
    assert.equal(ground.deleted().length, gone === 5 ? 5 : 0);
    assert.equal(ground.agent.watching.engine.pipeline.heldDeletes?.paths.length, gone === 5 ? undefined : 6);
    assert.equal(await end(ground), gone === 5 ? EXIT.ok : EXIT.refused);
  }
});

test('S4 what somebody else wrote is never deleted, unless that was asked for', async (t) => {
  const ground = await makeGround(t, { files: FILES });
  for (const key of ['p/foreign', 'p/d/foreign', 'p/x/y/', 'other/key']) ground.bucket.put(key, 'of somebody else');
  const all = ground.bucket.keys();
  await ground.start();
  await suspect(ground, ['foreign', 'd/foreign', 'x', 'x/y']);
  assertNothingDeleted(ground, [...all, ...KEYS].sort());
  await ground.start({ deleteForeign: true });
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), ['other/key', ...KEYS]);
});

test('S4 a file of ours that somebody else replaced meanwhile is theirs', async (t) => {
  const ground = await settledGround(t, { files: FILES });
  await ground.agent.stop();
  rmSync(ground.at('a'));
  ground.bucket.put('p/a', 'of somebody else');
  await ground.start();
  await ground.audit();
  assert.equal(ground.stored('a'), 'of somebody else');
});

test('S4 a socket, FIFO or device keeps the object whose name it has', async (t) => {
  const ground = await settledGround(t, { files: FILES, durable: true });
  rmSync(ground.at('a'));
  execFileSync('mkfifo', [ground.at('a')]);
  await ground.settle();
  assertNothingDeleted(ground);
  await ground.start();
  await suspect(ground);
  assertNothingDeleted(ground);
  assert.deepEqual(ground.problems('special'), ['a']);
  rmSync(ground.at('a'));
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), KEYS.slice(1));
});

test('S16 what is excluded is not deleted, whatever becomes of its file', async (t) => {
  const ground = await settledGround(t, { files: FILES, durable: true });
  await ground.start({
    rules: [
      { include: false, glob: 'd/' },
      { include: false, glob: 'a' },
    ],
  });
  rmSync(ground.at('d'), { recursive: true });
  rmSync(ground.at('a'));
  ground.write('kept', 'kept');
  await suspect(ground);
  assertNothingDeleted(ground, [...KEYS, 'p/kept']);
  await ground.agent.stop();
  await sync(ground, { config: { rules: [{ include: false, glob: 'd/' }] } });
  assert.deepEqual(ground.bucket.keys(), ['p/d/b', 'p/d/e/c', 'p/kept']);
});

test('S4 a ledger of another root is no evidence', async (t) => {
  const ground = await settledGround(t, { files: FILES, durable: true });
  await ground.agent.stop();
  renameSync(ground.root, `${ground.root}.old`);
  mkdirSync(ground.root);
  ground.write('new', 'new');
  await ground.start();
  await suspect(ground);
  assertNothingDeleted(ground, [...KEYS, 'p/new']);
});

test('S4 after an unfinished restore its gaps are not deletions', async (t) => {
  const ground = await settledGround(t, { files: FILES, durable: true });
  ground.agent.workspace.ledger.setMeta({ restoring: true });
  await ground.agent.stop();
  rmSync(ground.at('d'), { recursive: true });
  ground.write('new', 'new');
  await ground.start();
  await suspect(ground);
  assertNothingDeleted(ground, [...KEYS, 'p/new']);
  assert.equal(await end(ground), EXIT.refused);
  await ground.agent.stop();
  await assert.rejects(sync(ground), RefusedError);
});

test('S4 a key that may not be deleted keeps no other from going', async (t) => {
  const ground = await settledGround(t, { files: FILES });
  ground.server.faults.add({
    operation: 'DeleteObjectsKey',
    key: /p\/d\/b$/,
    effect: { kind: 'status', code: 'AccessDenied' },
  });
  for (const name of ['a', 'd']) rmSync(ground.at(name), { recursive: true });
  await until('the others are gone', () => ground.bucket.keys().join() === 'p/d/b');
  await until('it is reported', () => ground.problems('failed').join() === 'd/b');
  assert.equal(await end(ground), EXIT.partial);
});

test('S4 sync deletes nothing by itself; with --delete everything that is not on disk', async (t) => {
  const ground = await makeGround(t, { files: FILES });
  ground.bucket.put('p/foreign', 'of somebody else');
  assert.equal((await sync(ground, { delete: false })).exitCode, EXIT.ok);
  rmSync(ground.at('d'), { recursive: true });
  await sync(ground, { delete: false });
  assertNothingDeleted(ground, [...KEYS, 'p/foreign']);
  assert.equal((await sync(ground)).exitCode, EXIT.ok);
  assert.deepEqual(ground.bucket.keys(), ['p/a']);
});

test('S4 sync --delete holds what is more than --max-delete, and says so by its exit code', async (t) => {
  const ground = await makeGround(t, { files: FILES });
  for (let i = 0; i < 8; i++) ground.bucket.put(`p/foreign/${i}`, 'of somebody else');
  const { exitCode, engine } = await sync(ground, { maxDelete: { count: 5, percent: 50 } });
  assert.equal(exitCode, EXIT.refused);
  assert.equal(engine.pipeline.heldDeletes?.paths.length, 8);
  assert.equal(ground.bucket.keys().length, 11);
});

test('S5 sync --delete keeps an old name whose new one is refused, and ends', async (t) => {
  const ground = await settledGround(t, { files: { old: 'content', 'd/x': 'x', file: 'f', gone: '' }, durable: true });
  await ground.agent.stop();
  const operation = ['PutObject', 'CopyObject'] as const;
  ground.server.faults.add({ operation, effect: { kind: 'status', code: 'AccessDenied' } });
  renameSync(ground.at('old'), ground.at('new'));
  rmSync(ground.at('d'), { recursive: true });
  ground.write('d', 'a file now');
  rmSync(ground.at('file'));
  ground.write('file/inside', 'a directory now');
  rmSync(ground.at('gone'));
  const { exitCode } = await sync(ground);
  assert.equal(exitCode, EXIT.partial);
  assert.deepEqual(ground.bucket.keys(), ['p/d/x', 'p/file', 'p/old']);
});

test('S5 an agent told to end keeps an old name whose new one is refused, and ends', async (t) => {
  const ground = await settledGround(t, { files: { old: 'content' } });
  const operation = ['PutObject', 'CopyObject'] as const;
  ground.server.faults.add({ operation, effect: { kind: 'status', code: 'AccessDenied' } });
  renameSync(ground.at('old'), ground.at('new'));
  await until('it is refused', () => ground.problems('failed').includes('new'));
  assert.equal(await end(ground), EXIT.partial);
  assert.ok(!ground.agent.lines.some((line) => line.includes('time is up')), 'before its time');
  assert.deepEqual(ground.bucket.keys(), ['p/old']);
});

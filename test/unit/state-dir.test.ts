// One directory, one process, outside LOCAL, closed to others.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { defaultStateDir, examineStateDir, openStateDir } from '../../src/ledger/state-dir.ts';
import { EXIT, OperatorError, UsageError } from '../../src/model/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

function place(t: TestContext) {
  const base = tempDir(t);
  const local = join(base, 'local');
  mkdirSync(local);
  const open = (stateDir?: string) =>
    openStateDir({ local, url: 's3://bucket/prefix', stateDir, env: { HOME: base }, uid: 1000 });
  return { base, local, open };
}

test('the default place is per LOCAL and URL, by user', () => {
  const options = { local: '/data', url: 's3://b/p', env: { HOME: '/home/u' }, uid: 1000 };
  const path = defaultStateDir(options);
  assert.match(path, /^\/home\/u\/\.local\/state\/awssyncer\/[0-9a-f]{16}$/);
  assert.match(defaultStateDir({ ...options, uid: 0 }), /^\/var\/lib\/awssyncer\/[0-9a-f]{16}$/);
  assert.match(defaultStateDir({ ...options, env: { XDG_STATE_HOME: '/x' } }), /^\/x\/awssyncer\/[0-9a-f]{16}$/);
  assert.notEqual(defaultStateDir({ ...options, url: 's3://b/q' }), path);
  assert.notEqual(defaultStateDir({ ...options, local: '/data2' }), path);
  assert.throws(() => defaultStateDir({ ...options, env: {} }), UsageError);
});

test('S15 the state directory is made with mode 0700 and an existing empty one is closed', (t) => {
  const { base, open } = place(t);
  const first = open();
  assert.equal(statSync(first.path ?? '').mode & 0o777, 0o700);
  first.release();
  const given = join(base, 'given');
  mkdirSync(given);
  chmodSync(given, 0o755);
  const second = open(given);
  assert.equal(statSync(given).mode & 0o777, 0o700);
  second.release();
});

test('a directory that serves another purpose is refused, not closed to its users', (t) => {
  const { base, open } = place(t);
  const shared = join(base, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o777);
  writeFileSync(join(shared, 'theirs'), '');
  assert.throws(() => open(shared), /others can read it and it holds other files/);
  assert.equal(statSync(shared).mode & 0o777, 0o777);
});

test('a state directory inside LOCAL is refused, through symbolic links and before it exists', (t) => {
  const { base, local, open } = place(t);
  symlinkSync(local, join(base, 'link'));
  for (const path of [local, join(local, 'state'), join(base, 'link/a/b'), join(local, '../local/x')]) {
    assert.throws(() => open(path), UsageError, path);
  }
  const local2 = join(base, 'link');
  assert.throws(
    () => openStateDir({ local: local2, url: 's3://b', stateDir: join(local, 'x'), env: {}, uid: 1000 }),
    UsageError,
  );
  open(join(base, 'local-state')).release();
  assert.throws(() => openStateDir({ local: '/', url: 's3://b', env: { HOME: base }, uid: 1000 }), UsageError);
});

test('none keeps everything in memory', (t) => {
  const { open } = place(t);
  const state = open('none');
  assert.deepEqual([state.path, state.ledgerFile], [null, ':memory:']);
  state.release();
});

test('a directory that cannot be made is one line with a hint', (t) => {
  const { base, open } = place(t);
  writeFileSync(join(base, 'file'), '');
  assert.throws(
    () => open(join(base, 'file/state')),
    (error) => error instanceof OperatorError && error.exitCode === EXIT.fatal && /--state-dir/.test(error.hint ?? ''),
  );
});

test('regression_mkdir_in_proc: a directory that the kernel makes for nobody is refused, not tried for ever', () => {
  const options = { local: '/srv', url: 's3://bucket/', env: {}, uid: 0, stateDir: '/proc/none/state' };
  assert.throws(() => openStateDir(options), /ENOENT/);
});

test('a second agent is refused while the first lives, and let in after its kill -9', async (t) => {
  const { base, local, open } = place(t);
  const path = join(base, 'state');
  const script = `
    import { openStateDir } from ${JSON.stringify(new URL('../../src/ledger/state-dir.ts', import.meta.url).href)};
    openStateDir({ local: ${JSON.stringify(local)}, url: 's3://b', stateDir: ${JSON.stringify(path)}, env: {}, uid: 1000 });
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  assert.throws(
    () => open(path),
    (error) =>
      error instanceof OperatorError &&
      error.exitCode === EXIT.fatal &&
      error.message === `Cannot use state directory ${path}: another awssyncer (pid ${child.pid}) uses it`,
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  open(path).release();
});

test('the lock also holds within one process', (t) => {
  const { base, open } = place(t);
  const first = open(join(base, 'state'));
  assert.throws(() => open(join(base, 'state')), /another awssyncer/);
  first.release();
  open(join(base, 'state')).release();
});

/** Reads the lock's file in a transaction, says so, and ends it 20 ms later. */
const LOOK = `
const { DatabaseSync } = require('node:sqlite');
const db = new DatabaseSync(process.argv[1], { readOnly: true });
db.exec('BEGIN');
db.prepare('SELECT * FROM sqlite_schema').all();
process.stdout.write('looking');
setTimeout(() => db.exec('COMMIT'), 20);`;

test('who only looks whether the directory is in use does not keep an agent from starting', async (t) => {
  const { open } = place(t);
  const first = open();
  const path = first.path!;
  first.release();
  const child = spawn(process.execPath, ['-e', LOOK, join(path, 'lock.sqlite')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  await once(child.stdout, 'data');
  open().release();
  assert.deepEqual(await ended, [0, null]);
});

test('a look at a state directory makes nothing and changes nothing', (t) => {
  const { base, local, open } = place(t);
  const look = (stateDir: string) =>
    examineStateDir({ local, url: 's3://b/p', stateDir, env: { HOME: base }, uid: 1000 });
  const path = join(base, 'not', 'there');
  assert.deepEqual(
    { ...look(path), freeBytes: 0 },
    { path, exists: false, freeBytes: 0, warnings: [], holder: undefined },
  );
  assert.ok(look(path).freeBytes > 0);
  assert.equal(statSync(join(base, 'not'), { throwIfNoEntry: false }), undefined);
  const mine = open(join(base, 'mine'));
  mine.release();
  const before = readdirSync(join(base, 'mine'));
  assert.deepEqual([look(join(base, 'mine')).exists, look(join(base, 'mine')).holder], [true, undefined]);
  assert.deepEqual(readdirSync(join(base, 'mine')), before);
  assert.throws(() => look(join(local, 'state')), UsageError);
});

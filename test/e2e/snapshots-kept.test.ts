// --snapshot-hook together with what else is kept, compared, repaired, or only said.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { HOOK, hasSqlite } from '../support/sqlite.ts';
import { type StrictStage, strictStage } from '../support/stage.ts';
import { attributesOf, setAttributes } from '../support/xattrs.ts';

test('S9 restore --dry-run moves no log aside, whatever it would replace or remove', async (t) => {
  if (!hasSqlite(t)) return;
  const { local, url, at, dir, run } = await strictStage(t);
  new DatabaseSync(at('a.db')).exec('CREATE TABLE t (x)');
  assert.equal((await run(['sync', HOOK, local, url])).code, 0);
  const [target, state] = [join(dir, 'volume'), join(dir, 'other-state')];
  for (const more of [[], ['--overwrite', 'always', '--delete']]) {
    for (const there of [['a.db-wal'], ['a.db', 'a.db-journal', 'a.db-shm', 'a.db-wal']]) {
      rmSync(target, { recursive: true, force: true });
      mkdirSync(target);
      for (const name of there) writeFileSync(join(target, name), `old ${name}`);
      const dry = await run(['restore', '--dry-run', ...more, '--state-dir', state, url, target]);
      assert.equal(dry.code, 0, dry.stderr);
      assert.deepEqual(readdirSync(target), there);
      for (const name of there) assert.equal(readFileSync(join(target, name), 'utf8'), `old ${name}`);
      assert.ok(!existsSync(join(state, 'conflicts')));
    }
  }
  const real = await run(['restore', '--overwrite', 'always', '--delete', '--state-dir', state, url, target]);
  assert.equal(real.code, 0, real.stderr);
  assert.deepEqual(readdirSync(target), ['a.db']);
  const kept = execFileSync('find', [join(state, 'conflicts'), '-type', 'f', '-printf', '%f\n'], { encoding: 'utf8' });
  assert.deepEqual(kept.trim().split('\n').sort(), ['a.db', 'a.db-journal', 'a.db-shm', 'a.db-wal']);
});

/** Rows 1, which S3 gets, and 2 are in the log alone when whoever writes them is killed. */
async function killedDatabase(t: TestContext, { local, url, at, run }: StrictStage): Promise<void> {
  const program = `
    const db = new (require('node:sqlite').DatabaseSync)(process.argv[1]);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x); INSERT INTO t VALUES (1)');
    process.stdout.write('1');
    process.stdin.once('data', () => {
      db.exec('INSERT INTO t VALUES (2)');
      process.kill(process.pid, 'SIGKILL');
    });`;
  const child = spawn(process.execPath, ['--no-warnings', '-e', program, at('a.db')]);
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  assert.equal((await run(['sync', HOOK, local, url])).code, 0);
  child.stdin.write('2');
  await ended;
  assert.deepEqual(readdirSync(local), ['a.db', 'a.db-shm', 'a.db-wal']);
}

function rowsOf(path: string): number {
  const db = new DatabaseSync(path);
  try {
    return Number(db.prepare('SELECT count(*) AS count FROM t').get()?.['count']);
  } finally {
    db.close();
  }
}

test('S9 regression_log_of_snapshot_extra: --delete leaves the log of a database that S3 holds with what is in it', async (t) => {
  if (!hasSqlite(t)) return;
  const stage = await strictStage(t);
  const { local, url, at, run, write } = stage;
  await killedDatabase(t, stage);
  write('extra');
  const { code, stderr } = await run(['restore', '--delete', url, local]);
  assert.equal(code, 0, stderr);
  assert.ok(!existsSync(at('extra')));
  assert.equal(rowsOf(at('a.db')), 2);
});

test('S9 regression_log_alone_changed: a database that S3 lost stays if its log has what S3 never had', async (t) => {
  if (!hasSqlite(t)) return;
  const stage = await strictStage(t);
  const { local, url, at, run, bucket } = stage;
  await killedDatabase(t, stage);
  bucket.remove('p/a.db');
  bucket.put('p/other', 'other');
  const { code, stderr } = await run(['restore', url, local]);
  assert.equal(code, 0, stderr);
  assert.equal(rowsOf(at('a.db')), 2);
});

test('S4 regression_log_stored_beside_snapshot: what S3 holds beside it comes back, and is no deletion later', async (t) => {
  if (!hasSqlite(t)) return;
  const stage = await strictStage(t);
  const { local, url, dir, run, keys, server } = stage;
  await killedDatabase(t, stage);
  // Without the hook the logs are files like others.
  assert.equal((await run(['sync', local, url])).code, 0);
  const all = ['a.db', 'a.db-shm', 'a.db-wal'];
  assert.deepEqual(keys(), all);
  // The database comes last.
  server.faults.add({ operation: 'GetObject', key: /a\.db$/, effect: { kind: 'delay', ms: 500 } });
  const fresh = join(dir, 'fresh');
  const state = ['--state-dir', join(dir, 'fresh-state')];
  const { code, stderr } = await run(['restore', ...state, url, fresh]);
  assert.equal(code, 3, stderr);
  assert.match(stderr, /restored in part a\.db reason=.*S3 also holds a\.db-wal/);
  assert.deepEqual(readdirSync(fresh), all);
  assert.equal((await run(['sync', '--delete', ...state, fresh, url])).code, 0);
  assert.deepEqual(keys(), all);
});

test('S13 verify --repair has made anew what differs, and leaves alone what does not', async (t) => {
  if (!hasSqlite(t)) return;
  const { local, url, at, run, requests, server, bucket, text, write } = await strictStage(t);
  for (const name of ['lost.db', 'mode.db', 'same.db']) {
    const db = new DatabaseSync(at(name));
    t.after(() => db.close());
    db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  }
  write('plain', 'plain');
  const repair = async () => {
    server.clearRequests();
    const { code, stdout } = await run(['verify', '--repair', '--json', HOOK, local, url]);
    const { differences } = JSON.parse(stdout) as { differences: { kind: string; path: string; repaired: boolean }[] };
    const found = differences.map(({ kind, path, repaired }) => `${kind} ${path} ${repaired}`).sort();
    return { code, found, written: requests().filter((request) => /^(Put|Copy|Create|Delete)/.test(request)) };
  };
  assert.equal((await run(['sync', HOOK, local, url])).code, 0);
  const objectOf = (name: string) => bucket.object(`p/${name}`)!;
  assert.notEqual(objectOf('same.db').bytes.length, statSync(at('same.db')).size, 'it is not the file that is stored');
  assert.deepEqual(await repair(), { code: 0, found: [], written: [] });
  bucket.remove('p/lost.db');
  const { bytes, metadata } = objectOf('mode.db');
  bucket.put('p/mode.db', bytes, { ...metadata, mode: '0100600' });
  bucket.put('p/plain', 'PLAIN', objectOf('plain').metadata);
  const { code, found, written } = await repair();
  assert.equal(code, 0);
  assert.deepEqual(found, ['content plain true', 'metadata mode.db true', 'missing lost.db true']);
  assert.deepEqual(written.sort(), ['PutObject p/lost.db', 'PutObject p/mode.db', 'PutObject p/plain']);
  for (const name of ['lost.db', 'mode.db', 'same.db']) {
    assert.deepEqual(objectOf(name).bytes, bytes, name);
    assert.equal(objectOf(name).metadata['awssyncer-snapshot'], '1', name);
  }
  assert.equal(text('plain'), 'plain');
  assert.deepEqual(await repair(), { code: 0, found: [], written: [] });
});

test('S13 attributes and links of a database are those of the file, and come back with what was made of it', async (t) => {
  const { local, url, at, dir, run, write } = await strictStage(t);
  const keeps = ['--xattrs', '--hard-links'];
  write('a.db', 'content');
  linkSync(at('a.db'), at('b.db'));
  linkSync(at('a.db'), at('raw'));
  setAttributes(at('a.db'), { 'user.a': '1' });
  // What is made of two of the three names is not what the third holds.
  const hook = `--snapshot-hook=*.db=(cat "$AWSSYNCER_SOURCE"; echo made) > "$AWSSYNCER_SNAPSHOT"`;
  for (let times = 0; times < 2; times++) {
    const synced = await run(['sync', hook, ...keeps, local, url]);
    assert.equal(synced.code, 0, synced.stderr);
    const verified = await run(['verify', hook, ...keeps, local, url]);
    assert.equal(verified.code, 0, verified.stdout);
  }
  const target = join(dir, 'elsewhere');
  const { code, stderr } = await run(['restore', ...keeps, '--state-dir', join(dir, 'other-state'), url, target]);
  assert.equal(code, 0, stderr);
  for (const name of ['a.db', 'b.db', 'raw'])
    assert.equal(attributesOf(join(target, name)), attributesOf(at(name)), name);
  const inode = (name: string) => statSync(join(target, name)).ino;
  assert.equal(inode('a.db'), inode('b.db'));
  assert.notEqual(inode('a.db'), inode('raw'));
  const contents = ['a.db', 'raw'].map((name) => readFileSync(join(target, name), 'utf8'));
  assert.deepEqual(contents, ['contentmade\n', 'content']);
});

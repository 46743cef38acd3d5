// --snapshot-hook, with SQLite: the built CLI on databases that are in use, and what a restore brings back.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { HOOK, hasSqlite } from '../support/sqlite.ts';
import { type StrictStage, strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

/** Moves money between accounts in transactions of several pages, as fast as it goes; says how many it has committed. */
const BANK = `
  const { DatabaseSync } = require('node:sqlite');
  const [path, mode] = process.argv.slice(1);
  const db = new DatabaseSync(path);
  db.exec('PRAGMA busy_timeout = 10000; PRAGMA journal_mode = ' + mode);
  db.exec('CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, money INTEGER, note TEXT)');
  db.exec('CREATE TABLE IF NOT EXISTS done (count INTEGER)');
  db.exec('DELETE FROM account; DELETE FROM done; INSERT INTO done VALUES (0)');
  const insert = db.prepare('INSERT INTO account VALUES (?, 100, ?)');
  db.exec('BEGIN');
  for (let id = 0; id < 500; id++) insert.run(id, 'x'.repeat(1000));
  db.exec('COMMIT');
  const move = db.prepare('UPDATE account SET money = money + ?, note = ? WHERE id = ?');
  let count = 0;
  const step = () => {
    db.exec('BEGIN IMMEDIATE');
    for (let k = 0; k < 10; k++) {
      const amount = k % 2 ? -(count % 7) : count % 7;
      move.run(amount, String(count).padEnd(1000, '.'), (count * 31 + k * 17) % 500);
    }
    db.exec('UPDATE done SET count = ' + ++count + '; COMMIT');
    if (count % 50 === 0) console.log(count);
    setTimeout(step, 1);
  };
  step();
`;

/** A bank that is open until the test ends or `kill` is called. */
function startBank(t: TestContext, path: string, mode: 'WAL' | 'DELETE') {
  const child = spawn(process.execPath, ['--no-warnings', '-e', BANK, path, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let committed = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    committed = Number(line);
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    committed: () => committed,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** What a program that opens the database finds: the number of transactions. @throws if it is not whole */
function audit(path: string): number {
  const db = new DatabaseSync(path);
  try {
    assert.deepEqual({ ...db.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
    assert.deepEqual(
      { ...db.prepare('SELECT sum(money) AS money, count(*) AS n FROM account').get() },
      { money: 50_000, n: 500 },
    );
    return (db.prepare('SELECT count FROM done').get() as { count: number }).count;
  } finally {
    db.close();
  }
}

/** What is stored of the database, restored elsewhere. */
async function restored({ run, url, dir }: StrictStage, name: string): Promise<string> {
  const target = join(dir, name);
  const { code, stderr } = await run(['restore', '--state-dir', join(dir, `${name}.state`), url, target]);
  assert.equal(code, 0, stderr);
  return target;
}

for (const mode of ['WAL', 'DELETE'] as const) {
  test(`S3 S10 a database that never rests (journal_mode ${mode}) is stored whole, again and again, and a flush has all that was committed`, async (t) => {
    if (!hasSqlite(t)) return;
    const stage = await strictStage(t);
    const { local, url, at, run, bucket, keys } = stage;
    const bank = startBank(t, at('bank.db'), mode);
    const cli = stage.start(['watch', HOOK, '--settle', '100ms', '--max-wait', '300ms', local, url]);
    await cli.waitForLine(/ watching /);
    const etags = new Set<string>();
    await cli.until('it is stored again and again', () => {
      const object = bucket.object('p/bank.db');
      if (object !== undefined) etags.add(object.etag);
      return etags.size >= 4;
    });
    const before = bank.committed();
    assert.ok(before > 0);
    const flush = await run(['flush', local, url]);
    assert.equal(flush.code, 0, flush.stderr);
    assert.deepEqual(keys(), ['bank.db'], 'nothing of what lies beside it is stored');
    const target = await restored(stage, 'elsewhere');
    assert.deepEqual(readdirSync(target), ['bank.db']);
    assert.ok(audit(join(target, 'bank.db')) >= before);

    // The machine dies, and the log keeps what no file holds.
    await bank.kill();
    const last = bank.committed();
    cli.signal('SIGTERM');
    assert.deepEqual(await cli.exited, { code: 0, signal: null }, cli.output());
    assert.ok(audit(join(await restored(stage, 'later'), 'bank.db')) >= last);
    assert.deepEqual(readdirSync(join(stage.state, 'snapshots')), []);
  });
}

test('S8 a database that rests is asked once at the start, and again only when it or its log changes', async (t) => {
  if (!hasSqlite(t)) return;
  const stage = await strictStage(t);
  const { local, url, at, requests, server } = stage;
  const db = new DatabaseSync(at('rest.db'));
  t.after(() => db.close());
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  const log = join(stage.dir, 'runs');
  const hook = `${HOOK}; echo run >> '${log}'`;
  const runs = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0);
  const leftOver = join(stage.state, 'snapshots', 'snapshot-of-an-agent-that-died');
  mkdirSync(leftOver, { recursive: true });
  chmodSync(stage.state, 0o700);
  const { code } = await stage.run(['sync', HOOK, local, url]);
  assert.equal(code, 0);
  assert.equal(existsSync(leftOver), false);
  server.clearRequests();
  const cli = stage.start(['watch', hook, '--audit-interval', '1s', '--settle', '100ms', local, url]);
  await cli.waitForLine(/ watching /);
  await cli.until('it has run', () => runs() === 1);
  const flush = async () => assert.equal((await stage.run(['flush', local, url])).code, 0);
  await flush();
  assert.deepEqual(
    requests().filter((request) => request.startsWith('Put')),
    [],
    'equal content is not sent',
  );
  const { mtimeMs } = statSync(at('rest.db'));
  db.exec('INSERT INTO t VALUES (2)');
  assert.equal(statSync(at('rest.db')).mtimeMs, mtimeMs, 'only the log shows it');
  await flush();
  assert.equal(runs(), 2);
  assert.equal(requests().filter((request) => request === 'PutObject p/rest.db').length, 1);
  const restored = join(stage.dir, 'restored.db');
  execFileSync('sh', ['-c', 'cat > "$0"', restored], { input: stage.bucket.object('p/rest.db')!.bytes });
  const copy = new DatabaseSync(restored);
  assert.deepEqual(
    copy
      .prepare('SELECT x FROM t')
      .all()
      .map((row) => ({ ...row })),
    [{ x: 1 }, { x: 2 }],
  );
  copy.close();
  // Another file's events, flushes and audits do not run it.
  stage.write('other', 'other');
  await flush();
  await flush();
  assert.equal(runs(), 2);
  const verified = await stage.run(['verify', HOOK, local, url]);
  assert.equal(verified.code, 0, verified.stderr + verified.stdout);
});

test('S9 a restore sets aside the log of another state of a database, and what it replaces with it', async (t) => {
  if (!hasSqlite(t)) return;
  const stage = await strictStage(t);
  const { local, url, at, dir, run } = stage;
  const make = (path: string, value: number) => {
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (${value})`);
    return db;
  };
  const stored = make(at('a.db'), 1);
  assert.equal((await run(['sync', HOOK, local, url])).code, 0);
  stored.close();
  for (const left of ['both', 'log'] as const) {
    const target = join(dir, `volume-${left}`);
    mkdirSync(target);
    const other = make(join(target, 'a.db'), 2);
    // As after a crash: the log is there.
    execFileSync('cp', [join(target, 'a.db-wal'), join(dir, 'wal')]);
    other.close();
    execFileSync('cp', [join(dir, 'wal'), join(target, 'a.db-wal')]);
    execFileSync('touch', ['-d', '2001-01-01', join(target, 'a.db')]);
    if (left === 'log') rmSync(join(target, 'a.db'));
    const state = join(dir, `state-${left}`);
    const { code, stderr } = await run(['restore', '--state-dir', state, url, target]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(readdirSync(target), ['a.db']);
    const db = new DatabaseSync(join(target, 'a.db'));
    assert.deepEqual({ ...db.prepare('SELECT x FROM t').get() }, { x: 1 });
    db.close();
    const find = ['-type', 'f', '-printf', '%f\n'];
    const conflicts = execFileSync('find', [join(state, 'conflicts'), ...find], { encoding: 'utf8' })
      .trim()
      .split('\n');
    assert.deepEqual(conflicts.sort(), left === 'both' ? ['a.db', 'a.db-wal'] : ['a.db-wal']);
    assert.match(stderr, /a\.db-wal/);
  }
});

test('S9 commits that only a log holds are kept with their database when S3 has moved on', async (t) => {
  if (!hasSqlite(t)) return;
  const { local, url, at, dir, run, state } = await strictStage(t);
  const here = new DatabaseSync(at('a.db'));
  t.after(() => here.close());
  here.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1); PRAGMA wal_checkpoint(TRUNCATE)');
  assert.equal((await run(['sync', HOOK, local, url])).code, 0);
  const [elsewhere, otherState] = [join(dir, 'elsewhere'), join(dir, 'other-state')];
  assert.equal((await run(['restore', '--state-dir', otherState, url, elsewhere])).code, 0);
  const there = new DatabaseSync(join(elsewhere, 'a.db'));
  there.exec('INSERT INTO t VALUES (2)');
  there.close();
  assert.equal((await run(['sync', HOOK, '--state-dir', otherState, elsewhere, url])).code, 0);
  here.exec('INSERT INTO t VALUES (3)');
  const { code, stderr } = await run(['restore', url, local]);
  assert.equal(code, 0, stderr);
  const rowsOf = (path: string) => {
    const db = new DatabaseSync(path);
    const rows = db.prepare('SELECT x FROM t').all();
    db.close();
    return rows.map(({ x }) => x);
  };
  assert.deepEqual(rowsOf(at('a.db')), [1, 2]);
  const [kept] = readdirSync(join(state, 'conflicts'));
  assert.deepEqual(rowsOf(join(state, 'conflicts', kept!, 'a.db')), [1, 3]);
});

test('S9 without a place to keep it in, the log of another state stays, and so does the file: the restore is not complete', async (t) => {
  if (!hasSqlite(t)) return;
  const { local, url, at, dir, run } = await strictStage(t);
  new DatabaseSync(at('a.db')).exec('CREATE TABLE t (x)');
  assert.equal((await run(['sync', HOOK, local, url])).code, 0);
  const target = join(dir, 'volume');
  mkdirSync(target);
  writeFileSync(join(target, 'a.db-wal'), 'log');
  const { code, stderr } = await run(['restore', '--state-dir', 'none', url, target]);
  assert.equal(code, 3, stderr);
  assert.deepEqual(readdirSync(target), ['a.db-wal']);
  assert.match(stderr, /beside it lies a log of another state of it/);
});

test('S8 what was restored is made once, and not sent: the snapshot of a snapshot is the same', async (t) => {
  if (!hasSqlite(t)) return;
  const { local, url, at, dir, run, requests, server } = await strictStage(t);
  const db = new DatabaseSync(at('a.db'));
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES ('x')");
  t.after(() => db.close());
  assert.equal((await run(['sync', HOOK, local, url])).code, 0);
  const [target, state] = [join(dir, 'volume'), join(dir, 'other-state')];
  assert.equal((await run(['restore', '--state-dir', state, url, target])).code, 0);
  server.clearRequests();
  const { code, stderr } = await run(['sync', HOOK, '--state-dir', state, target, url]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    requests().filter((request) => /^Put|^Copy/.test(request)),
    [],
  );
});

test('a dry run runs no command', async (t) => {
  const { local, url, dir, run, write, requests } = await strictStage(t);
  write('a.db');
  const ran = join(dir, 'ran');
  const { code, stderr } = await run(['sync', '--dry-run', `--snapshot-hook=*.db=touch '${ran}'`, local, url]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /would upload.* a\.db/);
  assert.equal(existsSync(ran), false);
  assert.deepEqual(
    requests().filter((request) => /^Put/.test(request)),
    [],
  );
});

test('S11 a command that does not end in time is killed with all it started, and its file is listed', async (t) => {
  const stage = await strictStage(t);
  const { local, url, dir, write } = stage;
  write('a.db');
  write('other');
  const pidFile = join(dir, 'pid');
  const hook = `--snapshot-hook=*.db=echo $$ > '${pidFile}'; sleep 60 & wait`;
  const cli = stage.start(['watch', hook, '--shutdown-timeout', '1s', local, url]);
  await cli.until('it runs', () => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'));
  const group = readFileSync(pidFile, 'utf8').trim();
  await cli.until('others are stored', () => stage.text('other') !== undefined);
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code: 3, signal: null }, cli.output());
  assert.match(cli.output(), /a\.db/);
  assert.doesNotMatch(cli.output(), /AbortError|Error:/);
  await until('nobody of its process group is left', () => spawnSync('pgrep', ['-g', group]).status === 1);
  assert.deepEqual(readdirSync(join(stage.state, 'snapshots')), []);
});

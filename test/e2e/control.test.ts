// `status`, `flush` and `approve-deletes`: the built CLI asks the built CLI.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/model/errors.ts';
import type { AgentStatus, FlushReport } from '../../src/ops/control.ts';
import type { Cli, StartOptions } from '../support/cli.ts';
import { type StrictStage, strictStage } from '../support/stage.ts';

async function watch(stage: StrictStage, ...args: string[]): Promise<Cli> {
  const cli = stage.start(['watch', ...args, stage.local, stage.url]);
  await cli.waitForLine(/ watching /);
  return cli;
}

async function stopped(cli: Cli, code: number): Promise<void> {
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code, signal: null }, cli.output());
}

async function statusOf(stage: StrictStage, ...args: string[]): Promise<AgentStatus> {
  const { code, stdout, stderr } = await stage.run(['status', '--json', ...args]);
  assert.equal(code, EXIT.ok, stderr);
  return JSON.parse(stdout) as AgentStatus;
}

/**
 * Without a state directory of their own: agents are found where they are by default. For root that is one place on the
 * machine, so each process has a directory of this test mounted there.
 */
function atHome({ env }: StrictStage): Pick<StartOptions, 'env' | 'within'> {
  const { AWSSYNCER_STATE_DIR: _, ...rest } = env;
  const home = join(env['HOME']!, 'state');
  mkdirSync(home, { recursive: true });
  const script = 'mkdir -p /var/lib/awssyncer && mount --bind "$0" /var/lib/awssyncer && exec "$@"';
  const within = ['unshare', '--mount', 'sh', '-c', script, home];
  const canMount = process.getuid?.() === 0 && spawnSync(within[0]!, [...within.slice(1), 'true']).status === 0;
  return { env: { ...rest, XDG_STATE_HOME: home }, within: canMount ? within : [] };
}

test('status says whether S3 holds what is on disk, and who says so', async (t) => {
  const stage = await strictStage(t);
  stage.write('a');
  const cli = await watch(stage);
  assert.equal((await stage.run(['flush'])).code, EXIT.ok);
  const status = await statusOf(stage, stage.local, stage.url);
  const { inSync, local, remote, pid, state, dirty } = status;
  assert.deepEqual(
    { inSync, local, remote, pid, state, dirty },
    { inSync: true, local: stage.local, remote: stage.url, pid: cli.pid, state: 'watching', dirty: 0 },
  );
  assert.equal(status.counters['uploaded'], 1);
  assert.match((await stage.run(['status'])).stdout, /^in sync: +yes$/m);

  stage.server.faults.add({ operation: 'PutObject', effect: { kind: 'status', code: 'AccessDenied' } });
  stage.write('refused');
  await cli.waitForLine(/cannot store refused/);
  const { stdout } = await stage.run(['status']);
  assert.match(stdout, /^in sync: +no$/m);
  assert.match(stdout, /^ {2}refused: failed, /m);
  const dirtied = await statusOf(stage);
  assert.equal(dirtied.dirty, 1);
  assert.ok(dirtied.oldestDirtySeconds! > 0);
  assert.equal(status.oldestDirtySeconds, null);
  await stopped(cli, EXIT.partial);
});

test('S10 what was written before a flush is in S3 after it, whatever the pauses', async (t) => {
  const stage = await strictStage(t);
  const cli = await watch(stage, '--coalesce', '10m', '--settle', '10m', '--max-wait', '20m');
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++) stage.write(`d${round}/${i % 4}/f${i}`, `round ${round}`);
    stage.write('hot', `round ${round}`);
    if (round > 0) rmSync(stage.at(`d${round - 1}`), { recursive: true });
    const { code, stdout } = await stage.run(['flush', '--json']);
    assert.equal(code, EXIT.ok, stdout);
    assert.equal((JSON.parse(stdout) as FlushReport).complete, true);
    assert.equal(stage.text('hot'), `round ${round}`);
    assert.equal(stage.keys().length, 21);
  }
  await stopped(cli, EXIT.ok);
});

test('S10 a flush that S3 does not let end says so in time, with what is missing and why', async (t) => {
  const stage = await strictStage(t);
  const cli = await watch(stage);
  const faults = stage.server.faults;
  faults.add({ operation: 'PutObject', key: /hangs/, effect: { kind: 'hang' } });
  faults.add({ operation: 'PutObject', key: /refused/, effect: { kind: 'status', code: 'AccessDenied' } });
  for (const name of ['hangs', 'refused', 'fine']) stage.write(name);
  const flushed = await stage.run(['flush', '--timeout', '2s', '--json']);
  assert.equal(flushed.code, EXIT.partial);
  const { missing, complete } = JSON.parse(flushed.stdout) as FlushReport;
  assert.equal(complete, false);
  assert.deepEqual(missing.first.map(({ path, kind }) => `${path} ${kind}`).sort(), [
    'hangs pending',
    'refused failed',
  ]);
  assert.deepEqual(stage.keys(), ['fine']);
  const { stdout, stderr } = await stage.run(['flush', '--timeout', '1s']);
  assert.match(stdout, /^refused: failed, .*AccessDenied/m);
  assert.match(stderr, /error: flush: not in S3 after .* paths=2/);
  cli.signal('SIGKILL');
});

test('S10 Ctrl-C ends the flush command, not the agent', async (t) => {
  const stage = await strictStage(t);
  const cli = await watch(stage);
  const hanging = stage.server.faults.add({ operation: 'PutObject', effect: { kind: 'gate' } });
  stage.write('a');
  const flush = stage.start(['flush']);
  await hanging.waiting();
  await cli.waitForLine(/ flushing$/);
  flush.signal('SIGINT');
  assert.deepEqual(await flush.exited, { code: 130, signal: null });
  await hanging.open();
  assert.equal((await stage.run(['flush'])).code, EXIT.ok);
  await stopped(cli, EXIT.ok);
});

test('S4 held deletes are named, wait for approve-deletes, and then go; later ones are held again', async (t) => {
  const stage = await strictStage(t);
  for (let i = 0; i < 10; i++) stage.write(`f${i}`);
  const options = ['--max-delete', '2,10%'];
  await stopped(await watch(stage, ...options), EXIT.ok);
  for (let i = 0; i < 6; i++) rmSync(stage.at(`f${i}`));
  const cli = await watch(stage, ...options);
  await cli.waitForLine(/error: held f5$/);
  await cli.waitForLine(/deletes held back deletes=6 .*approve-deletes/);
  const { heldDeletes, inSync } = await statusOf(stage);
  assert.equal(inSync, false);
  assert.deepEqual([heldDeletes.count, heldDeletes.first], [6, ['f0', 'f1', 'f2', 'f3', 'f4', 'f5']]);
  assert.match(heldDeletes.reason ?? '', /--max-delete/);
  assert.match(
    (await stage.run(['status'])).stdout,
    /^deletes held: 6\n {2}f0\n(?:.*\n)*.*approve-deletes lets them go$/m,
  );

  const flushed = await stage.run(['flush', '--json']);
  assert.equal(flushed.code, EXIT.partial);
  assert.deepEqual((JSON.parse(flushed.stdout) as FlushReport).missing.first[0]?.kind, 'held');

  stage.write('f0', 'back again');
  const approved = await stage.run(['approve-deletes', '--json']);
  assert.equal(approved.code, EXIT.ok);
  await cli.until('they are gone', () => stage.keys().length === 5);
  assert.equal((await stage.run(['flush'])).code, EXIT.ok);
  assert.deepEqual(stage.keys(), ['f0', 'f6', 'f7', 'f8', 'f9']);
  assert.equal(stage.text('f0'), 'back again');
  assert.match((await stage.run(['approve-deletes'])).stderr, /no deletes are held/);
  await stopped(cli, EXIT.ok);

  for (let i = 6; i < 10; i++) rmSync(stage.at(`f${i}`));
  const next = await watch(stage, ...options);
  await next.waitForLine(/deletes held back deletes=4/);
  await stopped(next, EXIT.refused);
  assert.equal(stage.keys().length, 5);
});

test('S4 nothing is approved under a root that is broken', async (t) => {
  const stage = await strictStage(t);
  for (const name of ['a', 'b', 'c', 'd']) stage.write(name);
  await stopped(await watch(stage), EXIT.ok);
  for (const name of readdirSync(stage.local)) rmSync(stage.at(name));
  const cli = await watch(stage);
  await cli.waitForLine(/cannot be trusted/);
  const { code, stderr } = await stage.run(['approve-deletes']);
  assert.equal(code, EXIT.refused);
  assert.match(stderr, /it is empty and S3 is not/);
  assert.match((await statusOf(stage)).rootBroken ?? '', /it is empty/);
  await stopped(cli, EXIT.refused);
  assert.equal(stage.keys().length, 4);
});

test('sync --delete names what it holds and says how to let it go', async (t) => {
  const stage = await strictStage(t);
  for (let i = 0; i < 10; i++) stage.bucket.put(`p/f${i}`, 'of somebody else');
  stage.write('a');
  const { code, stdout, stderr } = await stage.run([
    ...['sync', '--delete', '--max-delete', '2,10%', '--json', stage.local, stage.url],
  ]);
  assert.equal(code, EXIT.refused);
  const { held, heldDeletes } = JSON.parse(stdout) as { held: number; heldDeletes: string[] };
  assert.equal(held, 10);
  assert.deepEqual(heldDeletes.slice(0, 2), ['f0', 'f1']);
  assert.match(stderr, /deletes held back deletes=10 .*higher --max-delete/);
});

test('an agent is found by LOCAL; where several keep it, status tells of each, and flush asks for the URL', async (t) => {
  const stage = await strictStage(t);
  const home = atHome(stage);
  stage.write('a');
  symlinkSync(stage.local, join(stage.dir, 'link'));
  const first = stage.start(['watch', stage.local, stage.url], home);
  await first.waitForLine(/ watching /);
  const status = async (...args: string[]) => stage.run(['status', '--json', ...args], home);
  for (const args of [[], [stage.local], [join(stage.dir, 'link')], [stage.local, stage.url], [stage.url]]) {
    const { stdout, stderr } = await status(...args);
    assert.equal((JSON.parse(stdout || '{}') as AgentStatus).pid, first.pid, `${args}: ${stderr}`);
  }
  const { stderr: hint } = await status(join(stage.dir, 'nobody'));
  assert.match(hint, /none is running\n {2}hint: There are others: \S+\/data s3:\S+\/\. Ask/);
  const other = `s3://${stage.url.split('/')[2]}/other/`;
  const second = stage.start(['watch', stage.local, other], home);
  await second.waitForLine(/ watching /);
  const all = (await status()).stdout.trimEnd().split('\n');
  assert.deepEqual(all.map((line) => JSON.parse(line).remote).sort(), [other, stage.url].sort());
  const shown = await stage.run(['status'], home);
  assert.equal(shown.stdout.match(/^in sync: /gm)?.length, 2, shown.stderr);
  const asked = await stage.run(['flush', stage.local], home);
  assert.equal(asked.code, EXIT.fatal);
  assert.match(asked.stderr, /Cannot choose an agent of .*: 2 are running\n {2}hint: Name the S3 URL: /);
  assert.equal((JSON.parse((await status(stage.local, other)).stdout) as AgentStatus).pid, second.pid);
  await Promise.all([stopped(first, EXIT.ok), stopped(second, EXIT.ok)]);
});

test('where no agent runs, or only the socket of a killed one is left, every command says so', async (t) => {
  const stage = await strictStage(t);
  const cli = await watch(stage);
  cli.signal('SIGKILL');
  await cli.exited;
  assert(existsSync(join(stage.state, 'control.sock')));
  const elsewhere = { env: { ...stage.env, AWSSYNCER_STATE_DIR: join(stage.dir, 'nothing') } };
  for (const options of [{}, elsewhere, atHome(stage)]) {
    const { code, stderr, stdout } = await stage.run(['flush', stage.local], options);
    assert.equal(code, EXIT.fatal);
    assert.equal(stdout, '');
    assert.match(stderr, /^awssyncer: Cannot reach an agent of .*\/data: none is running\n {2}hint: .*\n$/);
  }
  assert.equal((await stage.run(['status', join(stage.dir, 'other')])).code, EXIT.fatal);
  const next = await watch(stage);
  assert.equal((await statusOf(stage)).pid, next.pid);
  await stopped(next, EXIT.ok);
  assert.equal(existsSync(join(stage.state, 'control.sock')), false);
  assert.equal((await stage.run(['approve-deletes', '--state-dir=none'])).code, EXIT.usage);
});

test('S15 the path of the state directory may be long; the socket is for its user alone', async (t) => {
  const stage = await strictStage(t);
  const state = join(stage.dir, 'a long name '.repeat(10), 'and another '.repeat(10));
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const env = { ...stage.env, AWSSYNCER_STATE_DIR: state };
  const cli = stage.start(['watch', stage.local, stage.url], { env });
  await cli.waitForLine(/ watching /);
  assert.equal((await stage.run(['status'], { env })).code, EXIT.ok);
  assert.equal(statSync(join(state, 'control.sock')).mode & 0o777, 0o600);
  await stopped(cli, EXIT.ok);
});

test('what a command cannot use is said before anything is asked', async (t) => {
  const stage = await strictStage(t);
  const rows: [args: string[], message: RegExp][] = [
    [['status', '--include', '*.txt'], /Cannot use --include with status: it belongs to run and /],
    [['flush', '--max-delete', '1,1%'], /Cannot use --max-delete with flush/],
    [['flush', '--timeout', 'soon'], /Cannot use --timeout: it must be a duration/],
    [['status', '--timeout', '1s'], /Cannot use --timeout with status: it belongs to flush/],
    [['flush', stage.url, stage.local], /Cannot flush: LOCAL comes first/],
    [['flush', 'a', 's3://bucket', 'c'], /this is a third argument/],
    [['watch', '--http', 'nowhere', stage.local, stage.url], /Cannot use --http: it must be an address/],
    [['watch', '--http-control', 'file', stage.local, stage.url], /Cannot use --http-control: it needs --http/],
  ];
  for (const [args, message] of rows) {
    const { code, stderr } = await stage.run(args);
    assert.equal(code, EXIT.usage, stderr);
    assert.match(stderr, message);
  }
});

test('--http answers GET /status; POST /flush for who has the token', async (t) => {
  const stage = await strictStage(t);
  const file = join(stage.dir, 'token');
  const token = 'a-token-of-many-letters';
  const arguments_ = ['watch', '--http', '0', '--http-control', file, stage.local, stage.url];
  for (const [content, reason] of [
    [undefined, 'ENOENT'],
    ['short', 'it must hold one word'],
  ] as const) {
    if (content !== undefined) writeFileSync(file, content);
    const { code, stderr } = await stage.run(arguments_);
    assert.equal(code, EXIT.fatal);
    assert.match(stderr, new RegExp(`Cannot use --http-control .*: ${reason}`));
  }
  writeFileSync(file, `${token}\n`);
  const cli = stage.start(arguments_);
  const base = `http://${/address=(\S+)/.exec(await cli.waitForLine(/answering over HTTP/))![1]}`;
  await cli.waitForLine(/ watching /);
  assert.match(base, /^http:\/\/127\.0\.0\.1:/);
  stage.write('a');
  const post = (authorization: string) =>
    fetch(`${base}/flush?timeout=20`, { method: 'POST', headers: { authorization } });
  assert.equal((await post('Bearer wrong')).status, 401);
  const flushed = await post(`Bearer ${token}`);
  assert.equal(flushed.status, 200);
  assert.equal(((await flushed.json()) as FlushReport).complete, true);
  assert.deepEqual(stage.keys(), ['a']);
  const status = (await (await fetch(`${base}/status`)).json()) as AgentStatus;
  assert.equal(status.inSync, true);
  assert.equal((await fetch(`${base}/approve-deletes`, { method: 'POST' })).status, 403);
  assert(!JSON.stringify(status).includes(token) && !cli.output().includes(token));
  await stopped(cli, EXIT.ok);
});

test('an address that is taken ends the start with one line', async (t) => {
  const stage = await strictStage(t);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const { code, stderr } = await stage.run(['watch', '--http', `${port}`, stage.local, stage.url]);
  assert.equal(code, EXIT.fatal);
  assert.match(stderr, new RegExp(`Cannot listen on --http 127.0.0.1:${port}: EADDRINUSE`));
});

test('during the restore of `run` an agent can be asked, and says why it cannot flush', async (t) => {
  const stage = await strictStage(t);
  stage.bucket.put('p/a', 'a', { mode: '100644' });
  const gate = stage.server.faults.add({ operation: 'GetObject', effect: { kind: 'gate' } });
  const cli = stage.start(['run', stage.local, stage.url]);
  await gate.waiting();
  assert.equal((await statusOf(stage)).state, 'starting');
  const { code, stderr } = await stage.run(['flush']);
  assert.equal(code, EXIT.fatal);
  assert.match(stderr, /nothing is watched yet/);
  await gate.open();
  await cli.waitForLine(/ watching /);
  assert.equal((await stage.run(['flush'])).code, EXIT.ok);
  assert.equal((await statusOf(stage)).inSync, true);
  await stopped(cli, EXIT.ok);
});

test('status says what a path waits for that differs in nothing: that a request which was cut off can no longer execute', async (t) => {
  const stage = await strictStage(t);
  const cli = await watch(stage, '--request-timeout', '5s');
  const hang = stage.server.faults.add({ operation: 'PutObject', key: /^p\/a$/, times: 1, effect: { kind: 'gate' } });
  stage.write('a');
  await hang.waiting();
  await cli.until('it is stored by another request', () => stage.text('a') === 'a');
  const deadline = AbortSignal.timeout(20_000);
  let status = await statusOf(stage);
  while (status.awaitingProof === 0 && !deadline.aborted) status = await statusOf(stage);
  const { dirty, inFlight, awaitingProof, oldestDirtySeconds } = status;
  assert.deepEqual(
    { dirty, inFlight, awaitingProof, oldestDirtySeconds },
    { dirty: 1, inFlight: 0, awaitingProof: 1, oldestDirtySeconds: null },
  );
  assert.match((await stage.run(['status'])).stdout, /^waiting: +1: requests that were cut off may yet execute/m);
  await hang.open();
  await stopped(cli, EXIT.ok);
});

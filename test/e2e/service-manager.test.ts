// What an agent tells systemd by sd_notify(3), and what its program is not told.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/model/errors.ts';
import { type Notification, notifySocket } from '../support/notify-socket.ts';
import { strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const says = (line: string | RegExp) => (notification: Notification) =>
  notification.lines.some((said) => (typeof line === 'string' ? said === line : line.test(said)));

test('ready when the restore is complete and not before, ending when it is told to, the status in between', async (t) => {
  const stage = await strictStage(t);
  stage.bucket.put('p/a', 'a', { mode: '100644' });
  const gate = stage.server.faults.add({ operation: 'GetObject', effect: { kind: 'gate' } });
  const socket = join(stage.dir, 'notify');
  const heard = await notifySocket(t, socket);
  const ready = join(stage.dir, 'ready');
  const env = { ...stage.env, NOTIFY_SOCKET: socket };
  const cli = stage.start(['run', '--ready-file', ready, stage.local, stage.url], { env });
  await gate.waiting();
  await until('it is heard', () => heard.length > 0, { detail: cli.output });
  assert.deepEqual(
    heard.map(({ lines }) => lines),
    [['STATUS=Restoring or listing']],
  );
  await gate.open();
  await until('it is ready', () => heard.some(says('READY=1')), { detail: cli.output });
  assert.ok(existsSync(ready), 'whoever waits for the service finds the ready file');
  stage.server.faults.add({ operation: 'PutObject', effect: { kind: 'status', code: 'SlowDown' } });
  stage.write('b');
  cli.signal('SIGTERM');
  await until('it is ending', () => heard.some(says('STOPPING=1')), { detail: cli.output });
  assert.ok(heard.at(-1)!.lines.some((line) => line.startsWith('STATUS=Ending: ')));
  stage.server.faults.clear();
  assert.deepEqual(await cli.exited, { code: EXIT.ok, signal: null }, cli.output());
  assert.equal(stage.text('b'), 'b');
  assert.ok(!heard.some(says(/^WATCHDOG/)), 'nobody asked for it');
  // NotifyAccess=main believes nobody else.
  assert.deepEqual(new Set(heard.map(({ pid }) => pid)), new Set([cli.pid]));
});

test('it is ending as soon as it is told to, though it lingers', async (t) => {
  const stage = await strictStage(t);
  const socket = join(stage.dir, 'notify');
  const heard = await notifySocket(t, socket);
  const env = { ...stage.env, NOTIFY_SOCKET: socket };
  const args = ['watch', '--linger', '1h', '--shutdown-timeout', '2h', stage.local, stage.url];
  const cli = stage.start(args, { env });
  await until('it is ready', () => heard.some(says('READY=1')), { detail: cli.output });
  cli.signal('SIGTERM');
  await until('it is ending', () => heard.some(says('STOPPING=1')), { detail: cli.output });
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code: 143, signal: null });
});

test('it is ending as soon as it is told to, though its program takes its time', async (t) => {
  const stage = await strictStage(t);
  const socket = join(stage.dir, 'notify');
  const heard = await notifySocket(t, socket);
  const env = { ...stage.env, NOTIFY_SOCKET: socket };
  const program = ['sh', '-c', 'trap "" TERM; echo started; while :; do sleep 1; done'];
  const grace = ['--command-grace', '1h', '--shutdown-timeout', '2h'];
  const cli = stage.start(['run', ...grace, stage.local, stage.url, '--', ...program], { env });
  await cli.waitForLine(/^started$/);
  cli.signal('SIGTERM');
  await until('it is ending', () => heard.some(says('STOPPING=1')), { detail: cli.output });
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code: 143, signal: null });
});

test('a watchdog hears signs of life, during a restore too, and none of a process that is stuck', async (t) => {
  const stage = await strictStage(t);
  stage.bucket.put('p/a', 'a', { mode: '100644' });
  const gate = stage.server.faults.add({ operation: 'GetObject', effect: { kind: 'gate' } });
  const socket = `@awssyncer-test-${process.pid}`;
  const heard = await notifySocket(t, socket);
  const env = { ...stage.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000' };
  const cli = stage.start(['run', stage.local, stage.url], { env });
  const alive = (pid: number) => heard.filter((said) => said.pid === pid && says('WATCHDOG=1')(said)).length;
  await gate.waiting();
  await until('it lives during the restore', () => alive(cli.pid) >= 3, { detail: cli.output });
  assert.ok(!heard.some(says('READY=1')));
  await gate.open();
  await until('it is ready', () => heard.some(says('READY=1')), { detail: cli.output });
  const before = alive(cli.pid);
  await until('it lives while nothing happens', () => alive(cli.pid) >= before + 3, { detail: cli.output });
  cli.signal('SIGSTOP');
  await until('it is stopped', () => / T /.test(readFileSync(`/proc/${cli.pid}/stat`, 'utf8')));
  const other = [stage.at('x'), `${stage.url}x/`, '--state-dir', join(stage.dir, 's'), '--lease=off'];
  const second = stage.start(['run', ...other], { env });
  await until('another one lives', () => alive(second.pid) >= 1, { detail: second.output });
  const stuck = alive(cli.pid);
  await until('another one lives on', () => alive(second.pid) >= 6, { detail: second.output });
  assert.equal(alive(cli.pid), stuck);
});

test('the watchdog of another process hears nothing of us', async (t) => {
  const stage = await strictStage(t);
  const socket = join(stage.dir, 'notify');
  const heard = await notifySocket(t, socket);
  const env = { ...stage.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '20000', WATCHDOG_PID: String(process.pid) };
  const cli = stage.start(['watch', stage.local, stage.url], { env });
  await until('it is ready', () => heard.some(says('READY=1')), { detail: cli.output });
  cli.signal('SIGTERM');
  await cli.exited;
  assert.ok(!heard.some(says(/^WATCHDOG/)));
});

test('the program of run is not told of the service manager, whose unit it is not', async (t) => {
  const stage = await strictStage(t);
  const socket = join(stage.dir, 'notify');
  const heard = await notifySocket(t, socket);
  const env = { ...stage.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '60000000', OURS: '1' };
  const [seen, script] = [join(stage.dir, 'seen'), join(stage.dir, 'program')];
  writeFileSync(script, `#!/bin/sh\nenv > '${seen}'\n`, { mode: 0o755 });
  const ended = await stage.run(['run', stage.local, stage.url, '--', script], { env });
  assert.equal(ended.code, EXIT.ok, ended.stderr);
  const names = readFileSync(seen, 'utf8').match(/^\w+(?==)/gm)!;
  assert.ok(names.includes('OURS') && !names.some((name) => /^(NOTIFY|WATCHDOG)_/.test(name)), names.join(' '));
  await until('both are heard', () => heard.some(says('READY=1')) && heard.some(says('STOPPING=1')));
});

test('a service manager that is gone is told of once, and nothing else comes of it', async (t) => {
  const stage = await strictStage(t);
  const env = { ...stage.env, NOTIFY_SOCKET: join(stage.dir, 'nobody'), WATCHDOG_USEC: '20000' };
  const cli = stage.start(['watch', stage.local, stage.url], { env });
  await cli.waitForLine(/ watching /);
  stage.write('a');
  await cli.until('the upload', () => stage.text('a') === 'a');
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code: EXIT.ok, signal: null }, cli.output());
  assert.equal(cli.stderr.filter((line) => line.includes('cannot tell the service manager')).length, 1);
});

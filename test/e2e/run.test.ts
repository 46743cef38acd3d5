// `run`: restore, watch, and a command in between.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

/** Ended, and nobody has asked how. */
const isZombie = (pid: number) => /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

describe('run', () => {
  test('S9 the ready file appears when the restore is complete, not before; a stale one goes; none is uploaded', async (t) => {
    const { server, bucket, local, url, start, at, keys } = await strictStage(t);
    for (const name of ['a', 'b', 'c']) bucket.put(`p/${name}`, name);
    bucket.put('p/.volume_ready', 'of the original');
    writeFileSync(at('ready'), 'stale');
    const gate = server.faults.add({ operation: 'GetObject', key: /c$/, effect: { kind: 'gate' } });
    const cli = start(['run', '--ready-file', at('ready'), local, url]);
    await gate.waiting();
    await cli.until('all but one are restored', () => existsSync(at('a')) && existsSync(at('b')));
    assert.ok(!existsSync(at('ready')));
    await gate.open();
    await cli.until('the ready file', () => existsSync(at('ready')));
    assert.equal(readFileSync(at('c'), 'utf8'), 'c');
    assert.ok(!existsSync(at('.volume_ready')));

    writeFileSync(at('d'), 'd');
    await cli.until('the upload', () => bucket.text('p/d') === 'd');
    writeFileSync(at('e'), 'e');
    cli.signal('SIGTERM');
    assert.deepEqual(await cli.exited, { code: 0, signal: null }, cli.output());
    assert.deepEqual(keys(), ['.volume_ready', 'a', 'b', 'c', 'd', 'e']);
  });

  test('S9 an incomplete restore is not ready, and is no start for the command: exit 3', async (t) => {
    const { server, bucket, local, url, run, at, keys } = await strictStage(t);
    for (const name of ['a', 'b']) bucket.put(`p/${name}`, name);
    server.faults.add({ operation: 'GetObject', key: /b$/, effect: { kind: 'status', code: 'AccessDenied' } });
    const ended = await run(['run', '--ready-file', at('ready'), local, url, '--', 'touch', at('started')]);
    assert.equal(ended.code, 3, ended.stderr);
    assert.ok(!existsSync(at('ready')) && !existsSync(at('started')));
    assert.deepEqual(keys(), ['a', 'b']);
  });

  test('S11 a signal during the restore ends it, without a ready file and without a delete', async (t) => {
    const { server, bucket, local, url, start, at, keys } = await strictStage(t);
    for (const name of ['a', 'b']) bucket.put(`p/${name}`, name);
    const gate = server.faults.add({ operation: 'GetObject', key: /b$/, effect: { kind: 'gate' } });
    const cli = start(['run', '--ready-file', at('ready'), local, url]);
    await gate.waiting();
    cli.signal('SIGTERM');
    assert.deepEqual(await cli.exited, { code: 143, signal: null }, cli.output());
    assert.ok(!existsSync(at('ready')));
    assert.deepEqual(keys(), ['a', 'b']);
  });

  test('S9 LOCAL is made if it is missing', async (t) => {
    const { dir, bucket, url, start } = await strictStage(t);
    bucket.put('p/a', 'a');
    const local = join(dir, 'not', 'yet');
    const cli = start(['run', local, url]);
    await cli.waitForLine(/ watching /);
    assert.equal(readFileSync(join(local, 'a'), 'utf8'), 'a');
  });
});

describe('run -- COMMAND', () => {
  test('S9 S11 it starts after the restore, is synchronised while it runs, and flushed after it has ended', async (t) => {
    const { server, bucket, local, url, start, text } = await strictStage(t);
    bucket.put('p/count', '41');
    const gate = server.faults.add({ operation: 'PutObject', key: /last$/, effect: { kind: 'gate' } });
    const script =
      'read n < count; echo $((n + 1)) > count; until [ -e go ]; do sleep 0.01; done; echo bye > last; exit 7';
    const cli = start(['run', local, url, '--', 'sh', '-c', `cd "${local}"; ${script}`]);
    await cli.until('what it wrote arrives while it runs', () => text('count') === '42\n');
    writeFileSync(join(local, 'go'), '');
    await gate.waiting();
    await cli.waitForLine(/the program has ended, flushing code=7/);
    await gate.open();
    assert.deepEqual(await cli.exited, { code: 7, signal: null }, cli.output());
    assert.equal(text('last'), 'bye\n');
  });

  test('its exit code is ours: 0, 7, 128 + n, 126, 127', async (t) => {
    const { dir, local, url, run } = await strictStage(t);
    writeFileSync(join(dir, 'text'), 'no program');
    chmodSync(join(dir, 'text'), 0o644);
    const codeOf = async (...command: string[]) => (await run(['run', local, url, '--', ...command])).code;
    assert.equal(await codeOf('true'), 0);
    assert.equal(await codeOf('sh', '-c', 'exit 7'), 7);
    assert.equal(await codeOf('sh', '-c', 'kill -KILL $$'), 137);
    assert.equal(await codeOf('sh', '-c', 'kill -TERM $$'), 143);
    assert.equal(await codeOf(join(dir, 'no such program')), 127);
    assert.equal(await codeOf(join(dir, 'text')), 126);
    assert.equal(await codeOf(dir), 126);
  });

  test('S11 what did not arrive counts more than its exit code: 3', async (t) => {
    const { server, local, url, run, at } = await strictStage(t);
    server.faults.add({ operation: 'PutObject', key: /file/, effect: { kind: 'hang' } });
    const ended = await run([
      'run',
      '--shutdown-timeout',
      '1s',
      '--command-grace',
      '1s',
      local,
      url,
      '--',
      'touch',
      at('file'),
    ]);
    assert.equal(ended.code, 3, ended.stderr);
    assert.match(ended.stderr, /error: unsent file$/m);
  });

  test('it has our arguments as they are, our environment and our standard streams', async (t) => {
    const { local, url, run, env } = await strictStage(t);
    const ended = await run(
      ['run', '--quiet', local, url, '--', 'sh', '-c', 'echo "$1|$2|$HELLO"; echo oops >&2', 'sh', '--delete', 'a b'],
      {
        env: { ...env, HELLO: 'world' },
      },
    );
    assert.deepEqual([ended.code, ended.stdout, ended.stderr], [0, '--delete|a b|world\n', 'oops\n']);
  });

  test('signals are forwarded, those that end nothing too', async (t) => {
    const { local, url, start } = await strictStage(t);
    const waiting = 'while :; do sleep 0.05; done';
    for (const last of ['TERM', 'HUP', 'QUIT', 'INT']) {
      const traps = ['USR1', 'USR2', 'WINCH'].map((name) => `trap 'echo got ${name}' ${name};`).join(' ');
      const script = `${traps} trap 'echo got ${last}; exit 5' ${last}; echo up; ${waiting}`;
      const cli = start(['run', '--state-dir', 'none', local, url, '--', 'bash', '-c', script]);
      await cli.waitForLine(/^up$/);
      for (const name of ['USR1', 'USR2', 'WINCH', last]) {
        cli.signal(`SIG${name}` as NodeJS.Signals);
        await cli.waitForLine(new RegExp(`^got ${name}$`));
      }
      assert.deepEqual(await cli.exited, { code: 5, signal: null }, cli.output());
      assert.doesNotMatch(cli.output(), /Debugger/); // which Node starts on SIGUSR1
    }
  });

  test('--command-grace ends a command that ignores SIGTERM; what it wrote is flushed', async (t) => {
    const { local, url, start, text } = await strictStage(t);
    const script = `trap '' TERM; echo up; while [ -e "${local}" ]; do sleep 0.05; done`;
    const cli = start(['run', '--command-grace', '500ms', local, url, '--', 'bash', '-c', script]);
    await cli.waitForLine(/^up$/);
    cli.signal('SIGTERM');
    writeFileSync(join(local, 'after the signal'), 'x');
    assert.deepEqual(await cli.exited, { code: 128 + constants.signals.SIGKILL, signal: null }, cli.output());
    assert.equal(text('after the signal'), 'x');
  });

  test('a second SIGTERM ends it at once with 143, and the command with it', async (t) => {
    const { local, url, start } = await strictStage(t);
    const script = `trap '' TERM; echo up $$; while [ -e "${local}" ]; do sleep 0.05; done`;
    const cli = start(['run', local, url, '--', 'bash', '-c', script]);
    const [, pid] = (await cli.waitForLine(/^up \d+$/)).split(' ');
    cli.signal('SIGTERM');
    await cli.waitForLine(/told to end/);
    cli.signal('SIGTERM');
    assert.deepEqual(await cli.exited, { code: 143, signal: null }, cli.output());
    await until('the command is gone', () => !existsSync(`/proc/${pid}`) || isZombie(Number(pid)));
  });
});

if (process.geteuid?.() === 0) {
  describe('run as process 1', () => {
    /** Zombies too. */
    const childrenOf = (pid: number) =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    const within = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];

    test('S11 SIGTERM is forwarded and flushed', async (t) => {
      const { local, url, start, text } = await strictStage(t);
      const script = `trap 'echo "$$" > "${local}/last"; exit 4' TERM; echo "up $$ $PPID"; while :; do sleep 0.05; done`;
      const cli = start(['run', local, url, '--', 'bash', '-c', script], { within });
      const [, own, parent] = (await cli.waitForLine(/^up /)).split(' ');
      assert.equal(parent, '1');
      process.kill(childrenOf(cli.pid)[0]!, 'SIGTERM');
      assert.deepEqual(await cli.exited, { code: 4, signal: null }, cli.output());
      assert.equal(text('last'), `${own}\n`);
    });

    test('orphans are reaped while the command runs, and its own exit code is kept', async (t) => {
      const { local, url, start } = await strictStage(t);
      // Each is left behind by its parent, and by its own end becomes a zombie of process 1.
      const orphans = 'for i in 1 2 3 4 5; do (sleep 0.$i &); done';
      const script = `${orphans}; echo up; until [ -e "${local}/go" ]; do sleep 0.05; done; exit 6`;
      const cli = start(['run', local, url, '--', 'bash', '-c', script], { within });
      await cli.waitForLine(/^up$/);
      const main = childrenOf(cli.pid)[0]!;
      assert.equal(childrenOf(main).length, 6, 'the command and five orphans');
      await cli.until('the orphans are gone', () => childrenOf(main).length === 1);
      writeFileSync(join(local, 'go'), '');
      assert.deepEqual(await cli.exited, { code: 6, signal: null }, cli.output());
    });

    test('orphans are reaped without a command too', async (t) => {
      const { local, url, start } = await strictStage(t);
      const cli = start(['watch', local, url], { within });
      await cli.waitForLine(/ watching /);
      const main = childrenOf(cli.pid)[0]!;
      // What `docker exec` leaves behind.
      execFileSync('nsenter', [`--target=${main}`, '--pid', 'sh', '-c', 'sleep 1 > /dev/null 2>&1 &'], {
        stdio: 'ignore',
      });
      await cli.until('it is inherited', () => childrenOf(main).length === 1);
      await cli.until('it is reaped', () => childrenOf(main).length === 0);
      process.kill(main, 'SIGTERM');
      assert.deepEqual(await cli.exited, { code: 0, signal: null }, cli.output());
    });

    test('without a command it watches, and SIGTERM ends it', async (t) => {
      const { local, url, start, text } = await strictStage(t);
      const cli = start(['run', '--coalesce', '10s', '--settle', '60s', '--max-wait', '60s', local, url], { within });
      await cli.waitForLine(/ watching /);
      writeFileSync(join(local, 'file'), 'x');
      process.kill(childrenOf(cli.pid)[0]!, 'SIGTERM');
      assert.deepEqual(await cli.exited, { code: 0, signal: null }, cli.output());
      assert.equal(text('file'), 'x');
    });
  });
}

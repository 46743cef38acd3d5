// When and what systemd is told, beat by beat, on a real socket.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadAddon } from '../../src/native/addon.ts';
import { type AgentStatus, some } from '../../src/ops/control.ts';
import type { Log } from '../../src/ops/log.ts';
import { notification, openServiceManager } from '../../src/ops/service-manager.ts';
import { notifySocket } from '../support/notify-socket.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';

const WATCHING: AgentStatus = {
  ...{
    local: '/data',
    remote: 's3://b/p/',
    pid: 1,
    version: '1',
    commit: null,
    since: '',
    state: 'watching',
    inSync: true,
  },
  ...{
    dirty: 0,
    awaitingProof: 0,
    inFlight: 0,
    oldestDirtySeconds: null,
    counters: {},
    problems: some([]),
    rootBroken: null,
  },
  ...{ heldDeletes: { ...some([]), reason: null }, unwatched: some([]), overflows: 0, checkpoint: null },
};

/** A manager that is told at the beats of this test. */
function beaten(t: TestContext, env: Record<string, string>) {
  let [status, beat, ms] = [WATCHING, () => {}, 0];
  const warnings: string[] = [];
  const manager = openServiceManager({
    ...{ env, pid: 7, status: () => status },
    log: { warn: (message: string) => warnings.push(message) } as unknown as Log,
    timer: (callback, afterMs) => {
      [beat, ms] = [callback, afterMs];
      return () => {};
    },
  });
  t.after(() => manager?.close());
  return {
    manager,
    warnings,
    beat: () => beat(),
    intervalMs: () => ms,
    become: (change: Partial<AgentStatus>) => {
      status = { ...status, ...change };
    },
  };
}

test('what is said of each state', () => {
  const said = (change: Partial<AgentStatus>) => notification({ ...WATCHING, ...change });
  assert.equal(said({ state: 'starting' }), 'STATUS=Restoring or listing');
  assert.equal(said({}), 'READY=1\nSTATUS=Watching: in sync');
  assert.equal(
    said({ dirty: 3, oldestDirtySeconds: 4.4, problems: { count: 2, first: [] } }),
    'READY=1\nSTATUS=Watching: 3 to store, the oldest for 4 s; 2 with problems',
  );
  assert.equal(
    said({ heldDeletes: { count: 9, first: [], reason: 'x' }, rootBroken: 'x' }),
    'READY=1\nSTATUS=Watching: 9 deletes held; nothing is deleted: LOCAL is not what it was',
  );
  assert.equal(said({ state: 'ending' }), 'STOPPING=1\nSTATUS=Ending: in sync');
});

test('without a watchdog only what is new is told, and at once when asked', async (t) => {
  const socket = join(tempDir(t), 'notify');
  const heard = await notifySocket(t, socket);
  const { manager, beat, become, intervalMs } = beaten(t, { NOTIFY_SOCKET: socket });
  assert.equal(intervalMs(), 10_000);
  beat();
  become({ dirty: 1 });
  beat();
  become({ state: 'ending' });
  manager!.tell();
  await until('three were heard', () => heard.length >= 3);
  assert.deepEqual(
    heard.map(({ lines }) => lines[0]),
    ['READY=1', 'READY=1', 'STOPPING=1'],
  );
});

test('what did not arrive is said again with the next beat, and warned of once', async (t) => {
  const socket = join(tempDir(t), 'notify');
  const { beat, warnings } = beaten(t, { NOTIFY_SOCKET: socket });
  beat();
  assert.deepEqual(warnings, ['cannot tell the service manager']);
  const heard = await notifySocket(t, socket);
  beat();
  await until('it was heard', () => heard.length > 0);
  assert.deepEqual(heard[0]!.lines, ['READY=1', 'STATUS=Watching: in sync']);
});

test('a watchdog is told at half of its time, whatever is new; one of another process is not', async (t) => {
  const socket = join(tempDir(t), 'notify');
  const heard = await notifySocket(t, socket);
  const asked = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '3000000' };
  const { beat, intervalMs } = beaten(t, { ...asked, WATCHDOG_PID: '7' });
  assert.equal(intervalMs(), 1_500);
  beat();
  await until('both were heard', () => heard.length === 2);
  assert.ok(heard.every(({ lines }) => lines.at(-1) === 'WATCHDOG=1'));
  assert.equal(beaten(t, { ...asked, WATCHDOG_PID: '8' }).intervalMs(), 10_000);
  for (const usec of ['', '0', 'soon', '-1']) {
    assert.equal(beaten(t, { ...asked, WATCHDOG_USEC: usec }).intervalMs(), 10_000, usec);
  }
});

test('nobody is told where nobody asked', (t) => {
  for (const env of [{}, { NOTIFY_SOCKET: '' }, { WATCHDOG_USEC: '1000' }] as Record<string, string>[]) {
    assert.equal(beaten(t, env).manager, undefined);
  }
});

test('a socket that does not read, a name that is too long, empty or nobody\u2019s: an error, and no wait', async (t) => {
  const send = (socket: string) => loadAddon().sendDatagram(Buffer.from(socket), Buffer.from('x'));
  assert.equal(send(''), -22);
  assert.equal(send(`/${'x'.repeat(107)}`), -36);
  assert.equal(send(`@${'x'.repeat(107)}`), -36);
  assert.equal(send(`@awssyncer-nobody-${process.pid}`), -111);
  const longest = `@${`${process.pid}`.padEnd(106, 'x')}`;
  const heard = await notifySocket(t, longest);
  assert.equal(send(longest), 0);
  await until('it was heard', () => heard.length === 1);
  const deaf = join(tempDir(t), 'deaf');
  await notifySocket(t, deaf, { deaf: true });
  const answers = Array.from({ length: 10_000 }, () => send(deaf));
  assert.equal(answers[0], 0);
  assert.equal(answers.at(-1), -11);
});

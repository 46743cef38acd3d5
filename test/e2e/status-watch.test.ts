// `awssyncer status --watch`: a running agent, live, at a real terminal and elsewhere.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { EXIT } from '../../src/model/errors.ts';
import type { StrictStage } from '../support/stage.ts';
import { strictStage } from '../support/stage.ts';
import { type AtTerminal, shownBy, startAtTerminal } from '../support/terminal.ts';

const ENTERED = '\x1b[?1049h';
const LEFT = '\x1b[?7h\x1b[?25h\x1b[?1049l';

const agentOf = async (stage: StrictStage, ...more: string[]) => {
  const agent = stage.start(['watch', '--lease', 'off', ...more, stage.local, stage.url]);
  await agent.waitForLine(/ watching /);
  return agent;
};

const screenOf = (terminal: AtTerminal) => shownBy(terminal.output()).join('\n');

test('the numbers change while files arrive, the picture follows the size, Ctrl-C gives the terminal back', async (t) => {
  const stage = await strictStage(t);
  await agentOf(stage);
  const live = startAtTerminal(t, ['status', '--watch', stage.local], stage.env);
  await live.until('it is in sync', () => /● In sync/.test(screenOf(live)));
  stage.write('first', 'abc');
  await live.until('the first file is told of', () => /uploaded +first +3 B/.test(screenOf(live)));
  assert.match(screenOf(live), /Uploaded, copied, deleted 1, 0, 0/);
  const gate = stage.server.faults.add({ operation: 'PutObject', effect: { kind: 'gate' } });
  stage.write('second');
  await gate.waiting();
  await live.until('what waits is in flight', () =>
    /● 1 change behind[\s\S]*In flight\n +upload +second +6 B/.test(screenOf(live)),
  );
  assert.equal(shownBy(live.output()).length <= 24, true);
  live.resize(12, 40);
  await live.until('it is as small as the terminal', () => {
    const rows = shownBy(live.output());
    return rows.length <= 12 && rows.at(-1) === 'q ends' && rows.every((row) => row.length < 40);
  });
  await gate.open();
  live.resize(50, 200);
  await live.until('it is as large as there is something to say', () =>
    /● In sync[\s\S]*uploaded +second +6 B, .* after the change/.test(screenOf(live)),
  );
  live.type('\x03');
  assert.deepEqual(await live.ended, { code: 130, restored: true });
  assert.ok(live.output().startsWith(ENTERED), 'the screen of before is kept');
  assert.ok(live.output().trimEnd().endsWith(LEFT), 'and comes back, with its cursor');
});

test('an agent that ends and starts again is waited for; q ends with 0', async (t) => {
  const stage = await strictStage(t);
  const agent = await agentOf(stage);
  const live = startAtTerminal(t, ['status', '--watch', stage.local], { ...stage.env, NO_COLOR: '1' });
  await live.until('it is in sync', () => screenOf(live).includes(`process ${agent.pid}`));
  agent.signal('SIGKILL');
  await agent.exited;
  await live.until('it says so', () =>
    /● No answer +Since .*\n +The agent has ended. Waiting for it\.\n +Before that: In sync/.test(screenOf(live)),
  );
  const next = await agentOf(stage);
  await live.until('the next one is shown', () =>
    new RegExp(`process ${next.pid},[\\s\\S]*● In sync`).test(screenOf(live)),
  );
  assert.doesNotMatch(live.output(), /\x1b\[[\d;]*m/, 'NO_COLOR');
  live.type('q');
  assert.deepEqual(await live.ended, { code: 0, restored: true });
});

test('SIGTERM and a stop with Ctrl-Z give the terminal back too', async (t) => {
  const stage = await strictStage(t);
  await agentOf(stage);
  const live = startAtTerminal(t, ['status', '--watch', stage.local], stage.env);
  await live.until('it is in sync', () => /● In sync/.test(screenOf(live)));
  live.type('\x1a');
  await live.until('it is stopped', () => live.stop() !== undefined);
  assert.equal(live.stop()?.restored, true, 'the shell has a terminal that echoes and sends signals');
  assert.ok(live.output().endsWith(LEFT));
  process.kill(await live.pid, 'SIGCONT');
  await live.until('it draws again', () => live.output().split(ENTERED).length === 3 && /\x1b\[J$/.test(live.output()));
  process.kill(await live.pid, 'SIGTERM');
  assert.deepEqual(await live.ended, { code: 143, restored: true });
  assert.ok(live.output().trimEnd().endsWith(LEFT));
});

test('S15 names of files and what servers say steer no terminal', async (t) => {
  const stage = await strictStage(t);
  await agentOf(stage);
  const evil = '\x1b[2J\x1b]0;evil\x07\u009b31m\u202egnp.exe';
  stage.server.faults.add({
    ...{ operation: 'PutObject', key: /bad$/ },
    effect: { kind: 'status', code: 'AccessDenied' },
  });
  stage.write(evil);
  stage.write(`${evil}bad`);
  writeFileSync(Buffer.concat([Buffer.from(`${stage.local}/`), Buffer.of(0xff, 0x9b, 0x1b)]), '');
  const live = startAtTerminal(t, ['status', '--watch', stage.local], stage.env);
  await live.until(
    'both are told of',
    () => /uploaded +\\x1b/.test(screenOf(live)) && /gnp\.exebad/.test(screenOf(live)),
  );
  live.type('q');
  await live.ended;
  const steering = live.output().replace(/\x1b\[[\d;]*m|\x1b\[[HJK]|\x1b\[\?(1049|25|7)[hl]|\r+\n/g, '');
  assert.doesNotMatch(steering, /[\x00-\x1f\x7f-\x9f\u202e]/);
});

test('not at a terminal it says a line for each change, with --json an object a second', async (t) => {
  const stage = await strictStage(t);
  for (let n = 0; n < 3; n++) stage.write(`d/${n}`);
  const agent = await agentOf(stage, '--max-delete', '1,1%');
  const lines = stage.start(['status', '--watch', stage.local]);
  const objects = stage.start(['status', '--watch', '--json', stage.local]);
  await lines.waitForLine(/^\d\d:\d\d:\d\d In sync, 3 uploaded \(9 B\), 0 deleted$/);
  await objects.until('three answers', () => objects.stdout.length >= 3);
  const count = () => lines.stdout.length;
  const before = count();
  stage.write('e', 'four');
  await lines.waitForLine(/ In sync, 4 uploaded \(13 B\), 0 deleted$/);
  assert.ok(count() > before && count() <= before + 3, lines.output());
  agent.signal('SIGTERM');
  await agent.exited;
  await lines.waitForLine(/ no answer: The agent has ended$/);
  await objects.until('it is told', () => JSON.parse(objects.stdout.at(-1)!).status === null);
  const told = objects.stdout.map((line) => JSON.parse(line));
  assert.equal(told[0].status.local, stage.local);
  assert.deepEqual(Object.keys(told.at(-1)), ['at', 'status', 'reason']);
  for (const [one, next] of told.slice(1).map((next, n) => [told[n], next]))
    assert.ok(Date.parse(next.at) - Date.parse(one.at) >= 900, 'a second apart');
  lines.signal('SIGINT');
  assert.equal((await lines.exited).code, 130);
  objects.signal('SIGTERM');
  assert.equal((await objects.exited).code, 143);
});

test('what is held comes with the command that lets it go', async (t) => {
  const stage = await strictStage(t);
  for (let n = 0; n < 4; n++) stage.write(`d/${n}`);
  assert.equal((await stage.run(['sync', stage.local, stage.url])).code, EXIT.ok);
  rmSync(stage.at('d'), { recursive: true });
  stage.write('left');
  await agentOf(stage, '--max-delete', '2,10%');
  const live = startAtTerminal(t, ['status', '--watch', stage.local], stage.env);
  live.resize(40, 160);
  await live.until('the deletes are held', () =>
    screenOf(live).includes(`    awssyncer approve-deletes --state-dir ${stage.state}`),
  );
  assert.match(screenOf(live), /▲ 4 deletes held back/);
  assert.equal((await stage.run(['approve-deletes', stage.local])).code, EXIT.ok);
  await live.until('they are gone', () => /● In sync/.test(screenOf(live)) && !screenOf(live).includes('▲'));
});

test('who watches nobody is told at once; who reads no more ends it', async (t) => {
  const stage = await strictStage(t);
  const { code, stderr } = await stage.run(['status', '--watch', stage.local]);
  assert.deepEqual([code, /none is running/.test(stderr)], [EXIT.fatal, true]);
  await agentOf(stage);
  const piped = stage.start(['status', '--watch', '--json', stage.local], {
    within: ['sh', '-c', '"$@" | head -n 1', 'sh'],
  });
  assert.equal((await piped.exited).code, 0);
  assert.equal(piped.stdout.length, 1);
});

test('a new size is drawn at once, also while an answer is waited for; a silent agent is told of', async (t) => {
  const stage = await strictStage(t);
  const agent = await agentOf(stage);
  const live = startAtTerminal(t, ['status', '--watch', stage.local], stage.env);
  await live.until('it is in sync', () => /● In sync/.test(screenOf(live)));
  agent.signal('SIGSTOP');
  live.resize(10, 30);
  await live.until('it is small', () => shownBy(live.output()).length <= 10);
  assert.match(screenOf(live), /● In sync/, 'nobody has waited for the agent');
  await live.until('its silence is told of', () => /● No answer/.test(screenOf(live)));
  agent.signal('SIGCONT');
  await live.until('it answers again', () => /● In sync/.test(screenOf(live)));
  live.type('q');
  assert.deepEqual(await live.ended, { code: 0, restored: true });
});

// Several directories in one agent.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/model/errors.ts';
import type { FleetFlushReport } from '../../src/ops/fleet-control.ts';
import { startStrictS3 } from '../strict-s3/server.ts';
import { allWatch, directoryOf, FleetGround, fleetStatusOf, type Said } from '../support/fleet-agent.ts';
import { hasPromtool, promtool } from '../support/promtool.ts';
import { BUCKET, strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const codeOf = async (url: string, init?: RequestInit) => {
  const answer = await fetch(url, init);
  await answer.arrayBuffer();
  return answer.status;
};

test('S1 S2 each directory is restored and kept beneath its own prefix, with its own options, and SIGTERM flushes all', async (t) => {
  const stage = await strictStage(t);
  const ground = new FleetGround(stage);
  stage.bucket.put('wiki/page', 'of S3', { mode: '100644' });
  ground.say({ wiki: {}, game: { command: 'watch', exclude: ['*.tmp'], settle: '100ms' } });
  ground.put('game', 'level');
  ground.put('game', 'scratch.tmp');
  const { cli, base } = await ground.start();
  await allWatch(base, cli);
  assert.ok(existsSync(join(ground.local('wiki'), 'page')));
  await until('the first is stored', () => ground.stored('game', 'level') === 'level', { detail: cli.output });
  ground.put('wiki', 'new');
  await until('the change is stored', () => ground.stored('wiki', 'new') === 'new', { detail: cli.output });
  assert.equal(ground.stored('game', 'scratch.tmp'), undefined);
  assert.ok(
    cli.stderr.some((line) => /restored/.test(line) && /directory=wiki/.test(line)),
    cli.output(),
  );
  ground.put('wiki', 'last');
  ground.put('game', 'last');
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code: EXIT.ok, signal: null }, cli.output());
  assert.deepEqual([ground.stored('wiki', 'last'), ground.stored('game', 'last')], ['last', 'last']);
});

test('commands find each directory by LOCAL, and HTTP answers for all and for each', async (t) => {
  const stage = await strictStage(t);
  const ground = new FleetGround(stage);
  ground.say({ wiki: {}, game: {} });
  const token = join(stage.dir, 'token');
  writeFileSync(token, 'a-token-of-sixteen-letters');
  const { cli, base } = await ground.start('--http-control', token);
  await allWatch(base, cli);
  const control = { env: { ...ground.env, AWSSYNCER_STATE_DIR: join(stage.dir, 'game') } };
  const status = await stage.run(['status', '--json', ground.local('game')], control);
  assert.equal(JSON.parse(status.stdout).remote, 's3://test-bucket/game/', status.stderr);
  ground.put('game', 'a');
  assert.equal((await stage.run(['flush', ground.local('game')], control)).code, EXIT.ok);
  assert.equal(ground.stored('game', 'a'), 'a');

  const { directories, state, inSync } = await fleetStatusOf(base);
  assert.deepEqual([state, inSync], ['watching', true]);
  assert.deepEqual(
    directories.map(({ name, remote }) => [name, remote]),
    [
      ['wiki', 's3://test-bucket/wiki/'],
      ['game', 's3://test-bucket/game/'],
    ],
  );
  const own = await (await fetch(`${base}directories/game/status`)).json();
  assert.deepEqual(own, (await directoryOf(base, 'game'))!.status);
  for (const probe of ['livez', 'startupz', 'readyz']) assert.equal(await codeOf(base + probe), 200, probe);
  for (const path of ['directories/none/status', 'directories/game', 'directories/game/none', 'activity', 'x']) {
    assert.equal(await codeOf(base + path), 404, path);
  }
  assert.equal(await codeOf(`${base}flush`, { method: 'POST' }), 401);
  assert.equal(await codeOf(`${base}directories/game/flush`, { method: 'POST' }), 401);
  assert.equal(await codeOf(`${base}directories/game/approve-deletes`, { method: 'POST' }), 403);
  ground.put('wiki', 'b');
  const headers = { authorization: 'Bearer a-token-of-sixteen-letters' };
  const flushed = await fetch(`${base}flush?timeout=20`, { method: 'POST', headers });
  const report = (await flushed.json()) as FleetFlushReport;
  assert.deepEqual([flushed.status, report.complete, Object.keys(report.directories)], [200, true, ['wiki', 'game']]);
  assert.equal(ground.stored('wiki', 'b'), 'b');
  assert.equal(await codeOf(`${base}sync`, { method: 'POST', headers }), 202);

  const metrics = await (await fetch(`${base}metrics`)).text();
  for (const name of ['wiki', 'game']) {
    assert.ok(metrics.includes(`awssyncer_uploaded_objects_total{directory="${name}"} 1\n`), metrics);
    assert.ok(metrics.includes(`awssyncer_directory_failures_total{directory="${name}"} 0\n`), metrics);
  }
  assert.equal(metrics.match(/^process_resident_memory_bytes /gm)?.length, 1);
  if (hasPromtool()) assert.deepEqual(promtool(['check', 'metrics'], metrics), { ok: true, output: '' });
});

test('one that fails is tried again, and the others go on', async (t) => {
  const stage = await strictStage(t);
  const ground = new FleetGround(stage);
  const missing = join(stage.dir, 'not-there-yet');
  ground.say({ sound: {}, broken: { command: 'watch', local: missing } });
  const { cli, base } = await ground.start();
  await until('it has failed twice', async () => ((await directoryOf(base, 'broken'))?.failures ?? 0) >= 2, {
    detail: cli.output,
  });
  const { state, failure } = (await directoryOf(base, 'broken'))!;
  assert.equal(state, 'failed');
  assert.match(failure!.reason, /not-there-yet/);
  assert.equal(await codeOf(`${base}readyz`), 503);
  assert.equal(await codeOf(`${base}livez`), 200);
  assert.equal(await codeOf(`${base}directories/broken/status`), 503);
  const metrics = await (await fetch(`${base}metrics`)).text();
  assert.match(metrics, /^awssyncer_directory_failures_total\{directory="broken"\} [2-9]/m);
  ground.put('sound', 'a');
  await until('the other goes on', () => ground.stored('sound', 'a') === 'a', { detail: cli.output });

  mkdirSync(missing);
  writeFileSync(join(missing, 'late'), 'late');
  await allWatch(base, cli);
  await until('it is kept', () => ground.stored('broken', 'late') === 'late', { detail: cli.output });
  assert.equal((await directoryOf(base, 'broken'))!.failure, null);
  assert.equal(await codeOf(`${base}readyz`), 200);
});

test('the exit code is the worst: of one that waits to be tried again, its last', async (t) => {
  const stage = await strictStage(t);
  const ground = new FleetGround(stage);
  ground.say({ sound: {}, broken: { command: 'watch', local: join(stage.dir, 'missing') } });
  const { cli, base } = await ground.start();
  await until('it has failed', async () => ((await directoryOf(base, 'broken'))?.failures ?? 0) > 0);
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code: EXIT.fatal, signal: null }, cli.output());
});

test('S2 SIGHUP: what is new starts, what is gone is flushed and ends, what is the same is left alone', async (t) => {
  const stage = await strictStage(t);
  const ground = new FleetGround(stage);
  ground.say({ stays: {}, goes: {}, changes: {} });
  const { cli, base } = await ground.start();
  await allWatch(base, cli);
  const before = (await directoryOf(base, 'stays'))!.status!.since;
  ground.put('goes', 'written-before');
  ground.put('changes', 'a.tmp');
  ground.say({ stays: {}, changes: { exclude: ['*.tmp'] }, comes: {} });
  cli.signal('SIGHUP');
  const line = await cli.waitForLine(/the file was read again/);
  assert.match(line, /started="?changes, comes"? .*ended="?goes, changes"?/);
  await allWatch(base, cli);
  assert.equal(ground.stored('goes', 'written-before'), 'written-before');
  assert.deepEqual(
    (await fleetStatusOf(base)).directories.map(({ name }) => name),
    ['stays', 'changes', 'comes'],
  );
  assert.equal((await directoryOf(base, 'stays'))!.status!.since, before);
  ground.put('comes', 'b');
  ground.put('goes', 'written-after');
  ground.put('changes', 'c.tmp');
  ground.put('changes', 'd');
  await until(
    'what is kept is stored',
    () => ground.stored('comes', 'b') === 'b' && ground.stored('changes', 'd') === 'd',
  );
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, EXIT.ok, cli.output());
  assert.equal(ground.stored('goes', 'written-after'), undefined);
  assert.equal(ground.stored('changes', 'c.tmp'), undefined);
});

test('a file with a mistake changes nothing, and says where it is', async (t) => {
  const stage = await strictStage(t);
  const ground = new FleetGround(stage);
  ground.say({ stays: {} });
  const { cli, base } = await ground.start();
  await allWatch(base, cli);
  const before = (await directoryOf(base, 'stays'))!.status!.since;
  ground.write('directories:\n- local: /srv/x\n  url: s3://bucket\n  setle: 1s\n');
  cli.signal('SIGHUP');
  const line = await cli.waitForLine(/everything goes on as before/);
  assert.match(line, /awssyncer\.yaml:4: a directory has no 'setle'.*settle/);
  ground.put('stays', 'a');
  await until('it goes on', () => ground.stored('stays', 'a') === 'a', { detail: cli.output });
  assert.equal((await directoryOf(base, 'stays'))!.status!.since, before);
});

test('S6 a prefix that changes hands has one owner at a time', async (t) => {
  const stage = await strictStage(t);
  const ground = new FleetGround(stage);
  ground.say({ old: { url: 's3://test-bucket/shared' } });
  const { cli, base } = await ground.start();
  await allWatch(base, cli);
  ground.put('old', 'last-word');
  ground.say({ new: { url: 's3://test-bucket/shared' } });
  cli.signal('SIGHUP');
  await cli.waitForLine(/the file was read again/);
  await allWatch(base, cli);
  assert.ok(existsSync(join(ground.local('new'), 'last-word')), 'it was flushed before the other restored');
  assert.ok(!/another agent holds/.test(cli.output()), cli.output());
});

test('S2 S4 regression_ledger_of_other_server: a directory whose endpoint changes believes nothing of the server before', async (t) => {
  const stage = await strictStage(t);
  const other = await startStrictS3({ buckets: [BUCKET] });
  t.after(() => other.close());
  const ground = new FleetGround(stage);
  const names = ['restored', 'watched'];
  const kept = (more: Said) => ({ restored: more, watched: { ...more, command: 'watch' } });
  ground.say(kept({}));
  for (const name of names) {
    other.bucket(BUCKET).put(`${name}/seed`, 'seed', { mode: '100644' });
    for (const file of ['a', 'b']) ground.put(name, file);
  }
  const { cli, base } = await ground.start();
  await allWatch(base, cli);
  await until('all is stored', async () => (await fleetStatusOf(base)).inSync, { detail: cli.output });
  ground.say(kept({ 'endpoint-url': other.endpoint }));
  cli.signal('SIGHUP');
  await cli.waitForLine(/the file was read again/);
  await allWatch(base, cli);
  await until('all is stored there', async () => (await fleetStatusOf(base)).inSync, { detail: cli.output });
  for (const name of names) {
    for (const file of ['a', 'b']) {
      assert.ok(existsSync(join(ground.local(name), file)), `${name}/${file}\n${cli.output()}`);
      assert.equal(other.bucket(BUCKET).text(`${name}/${file}`), file, cli.output());
    }
  }
});

test('SIGTERM in the middle of a restore ends all; a second signal ends at once', async (t) => {
  const stage = await strictStage(t);
  const ground = new FleetGround(stage);
  stage.bucket.put('slow/a', 'a', { mode: '100644' });
  const gate = stage.server.faults.add({ operation: 'GetObject', key: /^slow\/a$/, effect: { kind: 'gate' } });
  ground.say({ slow: {}, sound: {} });
  const first = await ground.start();
  await gate.waiting();
  await until('the other is watched', async () => (await directoryOf(first.base, 'sound'))?.state === 'watching');
  assert.equal(await codeOf(`${first.base}startupz`), 503);
  ground.put('sound', 'a');
  first.cli.signal('SIGTERM');
  assert.equal((await first.cli.exited).code, 143, first.cli.output());
  assert.equal(ground.stored('sound', 'a'), 'a');

  const second = await ground.start();
  await until('it is watched', async () => (await directoryOf(second.base, 'sound'))?.state === 'watching');
  stage.server.faults.add({ operation: 'PutObject', key: /^sound\/b$/, effect: { kind: 'hang' } });
  ground.put('sound', 'b');
  await until('it is dirty', async () => (await directoryOf(second.base, 'sound'))?.status?.dirty === 1);
  second.cli.signal('SIGTERM');
  await second.cli.waitForLine(/told to end/);
  second.cli.signal('SIGTERM');
  assert.equal((await second.cli.exited).code, 143);
});

test('a file that cannot be used is refused at the start: one line, exit 2', async (t) => {
  const stage = await strictStage(t);
  const ground = new FleetGround(stage);
  const refused = async (...args: string[]) => {
    const { code, stderr } = await stage.run(['agent', ...args], { env: ground.env });
    assert.equal(code, EXIT.usage, stderr);
    return stderr;
  };
  assert.match(await refused('--config', ground.file), /^awssyncer: Cannot use --config \S+: there is no such file\n$/);
  assert.match(await refused('--config', stage.local), /: it is a directory\n$/);
  assert.match(await refused(), /--config must name a file/);
  ground.say({ one: {}, two: { url: 's3://test-bucket/one/deeper' } });
  assert.match(
    await refused('--config', ground.file),
    /^awssyncer: Cannot use \S+:1 beside \S+:1: .* within the other\n$/,
  );
  ground.say({ one: {} });
  const checked = await stage.run(['agent', '--check', '--config', ground.file], { env: ground.env });
  assert.deepEqual([checked.code, checked.stdout], [0, `one: run ${ground.local('one')} s3://test-bucket/one/\n`]);
});

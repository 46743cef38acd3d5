// What an agent tells of what it is doing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/model/errors.ts';
import { activityOf, baseOf, behind, HOSTILE, movedIn, watching } from '../support/http-agent.ts';
import { strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

test('the activity tells what is in flight, what was done, what was refused, and since when', async (t) => {
  const stage = await strictStage(t);
  const startMs = Date.now();
  const { cli, base } = await watching(stage);
  const timeOf = (iso: string | null) => {
    const ms = Date.parse(iso!);
    assert.ok(ms >= startMs - 1_000 && ms <= Date.now() + 1_000, `${iso}`);
    return ms;
  };
  await until('the start scan is over', async () => (await activityOf(base)).status.inSync);
  const gate = stage.server.faults.add({ operation: 'PutObject', effect: { kind: 'gate' } });
  stage.write('a/first', 'abc');
  await gate.waiting();
  const during = await activityOf(base);
  const [transfer, ...others] = during.transfers.first;
  assert.deepEqual([during.transfers.count, others], [1, []]);
  assert.deepEqual(
    { ...transfer, since: '' },
    { action: 'upload', path: 'a/first', count: 1, bytes: 3, sentBytes: null, since: '' },
  );
  assert.ok(timeOf(transfer!.since) >= timeOf(during.behindSince) - 5);
  assert.deepEqual([during.inSyncSince, during.watches.used, during.lease], [null, 2, null]);
  assert.ok(during.concurrencyLimit >= 1);
  await gate.open();
  await until('it is stored', async () => (await activityOf(base)).status.inSync);
  const after = await activityOf(base);
  assert.deepEqual([after.transfers, after.behindSince], [{ count: 0, first: [] }, null]);
  const deeds = after.recent.map(({ action, path, bytes }) => ({ action, path, bytes }));
  assert.deepEqual(deeds, [{ action: 'uploaded', path: 'a/first', bytes: 3 }]);
  // Two clocks, and milliseconds that are rounded.
  assert.ok(timeOf(after.inSyncSince) >= timeOf(after.recent[0]!.at) - 5);
  rmSync(stage.at('a'), { recursive: true });
  await until('it is deleted', async () => (await activityOf(base)).recent[0]?.action === 'deleted');
  const metrics = await (await fetch(`${base}metrics`)).text();
  assert.match(metrics, /^awssyncer_event_to_object_seconds_count 1$/m, 'a delete is no object');
  await behind(stage, base);
  const refused = await activityOf(base);
  assert.equal(
    refused.status.problems.first.some(({ path }) => path === '\\xff<'),
    true,
  );
  const trouble = refused.troubles.find(({ fields }) => fields['path'] === HOSTILE[0]);
  assert.deepEqual([trouble?.level, trouble?.message], ['warn', 'cannot store']);
  assert.match(trouble!.fields['reason']!, /AccessDenied/);
  await until('the history has it', async () => movedIn(await activityOf(base)) === 3);
  const { history } = await activityOf(base);
  assert.ok(history.every(({ seconds, lagSeconds }) => seconds > 0 && seconds < 20 && lagSeconds >= 0));
  stage.server.faults.clear();
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, EXIT.ok, cli.output());
});

test('held deletes come with the command that lets them go, and it does', async (t) => {
  const stage = await strictStage(t);
  for (let n = 0; n < 10; n++) stage.write(`dir/${n}`);
  assert.equal((await stage.run(['sync', stage.local, stage.url])).code, EXIT.ok);
  rmSync(stage.at('dir'), { recursive: true });
  stage.write('left');
  const state = join(stage.dir, "the agent's state");
  renameSync(stage.state, state);
  const { base } = await watching(stage, '--max-delete', '2,10%', '--state-dir', state);
  await until('they are held', async () => (await activityOf(base)).status.heldDeletes.count === 10);
  const { approveCommand, inSyncSince } = await activityOf(base);
  assert.equal(inSyncSince, null);
  const words = spawnSync('sh', ['-c', `printf '%s\\n' ${approveCommand}`], { encoding: 'utf8' }).stdout.trimEnd();
  const [program, ...args] = words.split('\n');
  assert.deepEqual([program, args.at(-1)], ['awssyncer', state]);
  assert.equal((await stage.run(args)).code, EXIT.ok);
  await until('they are gone', async () => (await activityOf(base)).status.inSync);
  assert.deepEqual([stage.keys(), (await activityOf(base)).approveCommand], [['left'], null]);
});

test('a restore tells how far it has come', async (t) => {
  const stage = await strictStage(t);
  for (let n = 0; n < 6; n++) stage.bucket.put(`p/${n}`, 'x'.repeat(1_000), { mode: '100644' });
  const gate = stage.server.faults.add({ operation: 'GetObject', key: /p\/5$/, effect: { kind: 'gate' } });
  const base = await baseOf(stage.start(['run', '--http', '0', stage.local, stage.url]));
  await gate.waiting();
  await until('the others are there', async () => (await activityOf(base)).restore?.files === 5);
  const { restore, status, transfers } = await activityOf(base);
  const { secondsLeft, ...counts } = restore!;
  assert.deepEqual(counts, { files: 5, totalFiles: 6, bytes: 5_000, totalBytes: 6_000 });
  assert.ok(secondsLeft === null || secondsLeft >= 0);
  assert.deepEqual([status.state, transfers.count], ['starting', 0]);
  await gate.open();
  await until('it watches', async () => (await activityOf(base)).status.inSync);
  const over = await activityOf(base);
  assert.equal(over.restore, null);
  assert.equal(movedIn(over), 6_000);
});

test('of what goes in parts it tells how much S3 has taken', async (t) => {
  const stage = await strictStage(t);
  const { cli, base } = await watching(stage, '--multipart-threshold=8MiB', '--part-size=8MiB');
  const gate = stage.server.faults.add({ operation: 'UploadPart', after: 2, effect: { kind: 'gate' } });
  // Parts of one size: which of them the gate holds is not known. At once: half a file would be sent first.
  writeFileSync(join(stage.dir, 'large'), Buffer.alloc(24 * 2 ** 20, 'x'));
  renameSync(join(stage.dir, 'large'), join(stage.local, 'large'));
  await gate.waiting();
  await until('two parts are told of', async () => (await activityOf(base)).transfers.first[0]?.sentBytes === 2 ** 24);
  await gate.open();
  await until('it is stored', async () => (await activityOf(base)).status.inSync);
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, EXIT.ok, cli.output());
});

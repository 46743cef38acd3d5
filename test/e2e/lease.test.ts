// S12 with the built CLI: agents that share nothing but a prefix.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ListObjectsV2Command, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { leaseOf, Pod } from '../support/lease-agents.ts';
import { ALL_TARGETS, availableTargets, plainClient, withTarget } from '../support/s3-targets.ts';
import { stageOn, strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

/** Short, and long enough for a machine that is busy with other things. */
const TTL = ['--lease-ttl', '3s'];

test('S12 of two agents on one prefix only one writes; the other waits, names it, and takes over with all it wrote', async (t) => {
  const stage = await strictStage(t);
  const [a, b] = [new Pod(stage, 'a'), new Pod(stage, 'b')];
  a.write('first', 'of a');
  const old = a.start('run', ...TTL);
  await old.until('it arrived', () => stage.text('first') === 'of a');
  const next = b.start('run', ...TTL);
  const line = await next.waitForLine(/waiting for the lease/);
  assert.match(line, new RegExp(`host=.* pid=${old.pid} .*since=`));
  b.write('of b', 'must wait');
  a.write('last', 'written before the end');
  old.signal('SIGTERM');
  assert.equal((await old.exited).code, 0, old.output());
  await next.waitForLine(/ watching /);
  assert.equal(readFileSync(b.at('first'), 'utf8'), 'of a');
  assert.equal(readFileSync(b.at('last'), 'utf8'), 'written before the end');
  await next.until('b writes', () => stage.text('of b') === 'must wait');
  const writer = stage.bucket.object('p/of b')?.metadata['awssyncer-generation'];
  assert.equal(writer, String(leaseOf(stage)?.generation));
  next.signal('SIGTERM');
  assert.equal((await next.exited).code, 0, next.output());
  assert.equal(leaseOf(stage)?.released, true);
});

test('S12 stopped beyond the TTL and woken, the old holder writes nothing, says who holds the lease, lists what it has: exit 4', async (t) => {
  const stage = await strictStage(t);
  const { server } = stage;
  const [a, b] = [new Pod(stage, 'a'), new Pod(stage, 'b')];
  const held = server.faults.add({ operation: 'PutObject', key: /p\/n\d/, effect: { kind: 'gate' } });
  const old = a.start('watch', ...TTL);
  await old.waitForLine(/ watching /);
  for (let index = 0; index < 40; index++) a.write(`n${index}`, 'of a');
  await held.waiting(16);
  old.signal('SIGSTOP');
  const next = b.start('run', ...TTL);
  await next.waitForLine(/ watching /);
  // What was sent while it was permitted is answered now: that is what the old holder wakes up to.
  await held.open();
  server.clearRequests();
  b.write('of b', 'of b');
  await next.until('b writes', () => stage.text('of b') === 'of b');
  const generation = String(leaseOf(stage)?.generation);
  old.signal('SIGCONT');
  assert.equal((await old.exited).code, 4, old.output());
  assert.match(old.output(), new RegExp(`the lease is not ours.*another agent has taken it.* pid=${next.pid} `));
  const unsent = old.stderr.filter((line) => /error: unsent n\d+$/.test(line));
  assert.ok(unsent.length >= 24, old.output());
  const writes = server.requests.filter(({ operation, executed }) => executed && operation === 'PutObject');
  for (const { key, headers } of writes) {
    if (key !== 'p/.awssyncer/lease') assert.equal(headers['x-amz-meta-awssyncer-generation'], generation, key);
  }
  assert.deepEqual(
    writes.filter(({ key }) => key.startsWith('p/n')),
    [],
  );
});

test('S12 a holder of another state directory that was killed is waited for until its lease has been seen for its TTL', async (t) => {
  const stage = await strictStage(t);
  const [a, b] = [new Pod(stage, 'a'), new Pod(stage, 'b')];
  const old = a.start('watch', ...TTL);
  await old.waitForLine(/ watching /);
  old.signal('SIGKILL');
  await old.exited;
  b.write('b', 'b');
  stage.server.clearRequests();
  const next = b.start('watch', ...TTL);
  await next.until('b writes', () => stage.text('b') === 'b');
  const lease = stage.server.requests.filter(({ key }) => key === 'p/.awssyncer/lease');
  const taken = lease.find(({ operation }) => operation === 'PutObject')!;
  const first = lease.find(({ operation }) => operation === 'GetObject')!;
  assert.ok(taken.atMs - first.atMs >= 3_000, `${taken.atMs - first.atMs} ms`);
});

test('S12 S8 killed and started again on its own state directory it waits for nobody and lists nothing', async (t) => {
  const stage = await strictStage(t);
  const pod = new Pod(stage, 'a');
  pod.write('a', 'a');
  const ttl = ['--lease-ttl', '1h'];
  const first = pod.start('run', ...ttl);
  await first.until('it arrived', () => stage.text('a') === 'a');
  pod.write('b', 'b');
  await first.until('it arrived', () => stage.text('b') === 'b');
  const { generation } = leaseOf(stage)!;
  first.signal('SIGKILL');
  await first.exited;
  stage.server.clearRequests();
  const second = pod.start('run', ...ttl);
  pod.write('c', 'c');
  await second.until('it writes', () => stage.text('c') === 'c');
  assert.equal(leaseOf(stage)?.generation, generation + 1);
  assert.equal(stage.server.countRequests('ListObjectsV2'), 0);
});

test('S12 S2 back on an old volume: run brings what another agent wrote, watch and sync refuse to write over it', async (t) => {
  const stage = await strictStage(t);
  const [a, b] = [new Pod(stage, 'a'), new Pod(stage, 'b')];
  for (const name of ['same', 'changed', 'edited']) a.write(name, 'of a');
  assert.equal((await a.run('sync')).code, 0);

  const other = b.start('run');
  await other.waitForLine(/ watching /);
  b.write('changed', 'newer, of b');
  b.write('new', 'of b');
  await other.until('b writes', () => stage.text('changed') === 'newer, of b' && stage.text('new') === 'of b');
  other.signal('SIGTERM');
  assert.equal((await other.exited).code, 0, other.output());

  a.write('edited', 'while it was away');
  for (const command of ['sync', 'watch'] as const) {
    stage.server.clearRequests();
    const refused = await a.run(command);
    assert.equal(refused.code, 4, refused.stderr);
    assert.match(refused.stderr, /has written there since this directory was synchronised/);
    assert.match(refused.stderr, /awssyncer run or awssyncer restore/);
    assert.deepEqual(stage.requests(), ['HeadBucket']);
  }
  const back = a.start('run');
  await back.until('the edit arrived', () => stage.text('edited') === 'while it was away');
  assert.equal(readFileSync(a.at('changed'), 'utf8'), 'newer, of b');
  assert.equal(readFileSync(a.at('new'), 'utf8'), 'of b');
  assert.equal(stage.text('changed'), 'newer, of b');
  back.signal('SIGTERM');
  assert.equal((await back.exited).code, 0, back.output());
  // Now it is the other one that is behind.
  assert.equal((await b.run('sync')).code, 0, 'nothing to write, nothing to refuse');
  b.write('more', 'of b');
  assert.equal((await b.run('sync')).code, 4);
  assert.equal(stage.text('more'), undefined);
});

test('S12 S8 a sync without anything to write asks nothing, of the lease neither', async (t) => {
  const stage = await strictStage(t);
  const pod = new Pod(stage, 'a');
  pod.write('a', 'a');
  assert.equal((await pod.run('sync')).code, 0);
  stage.server.clearRequests();
  assert.equal((await pod.run('sync')).code, 0);
  assert.deepEqual(
    stage.server.requests.map(({ operation }) => operation),
    [],
  );
});

test('S12 a sync beside a living agent ends with 4 and names it; with --lease-steal the agent ends with 4', async (t) => {
  const stage = await strictStage(t);
  const [a, b] = [new Pod(stage, 'a'), new Pod(stage, 'b')];
  const agent = a.start('watch', ...TTL);
  await agent.waitForLine(/ watching /);
  b.write('b', 'b');
  const refused = await b.run('sync', ...TTL);
  assert.equal(refused.code, 4, refused.stderr);
  assert.match(refused.stderr, new RegExp(`the lease is held by the agent on .* \\(pid ${agent.pid}, since `));
  assert.deepEqual(stage.keys(), []);
  const stolen = await b.run('sync', ...TTL, '--lease-steal');
  assert.equal(stolen.code, 0, stolen.stderr);
  assert.equal(stage.text('b'), 'b');
  assert.equal((await agent.exited).code, 4, agent.output());
});

test('S12 run -- COMMAND: with the lease lost the command is told to end, and the code is 4', async (t) => {
  const stage = await strictStage(t);
  const [a, b] = [new Pod(stage, 'a'), new Pod(stage, 'b')];
  const script = `trap 'touch ${stage.at('told')}; exit 0' TERM; echo up; while :; do sleep 0.1; done`;
  const cli = stage.start(['run', '--state-dir', a.state, ...TTL, a.local, stage.url, '--', 'bash', '-c', script]);
  await cli.waitForLine(/^up$/);
  b.write('b', 'b');
  assert.equal((await b.run('sync', '--lease-steal')).code, 0);
  assert.equal((await cli.exited).code, 4, cli.output());
  assert.ok(existsSync(stage.at('told')));
});

test('S12 a server that ignores conditions: auto says so once and goes on, active refuses with 4', async (t) => {
  const fauxqs = ALL_TARGETS.find(({ name }) => name === 'fauxqs')!;
  await withTarget(fauxqs, async (target) => {
    const stage = stageOn(t, target, await target.makeBucket());
    stage.write('a');
    const refused = await stage.run(['sync', '--lease', 'active', stage.local, stage.url]);
    assert.equal(refused.code, 4, refused.stderr);
    assert.match(refused.stderr, /the server ignores the conditions/);
    const cli = stage.start(['watch', stage.local, stage.url]);
    await cli.waitForLine(/ uploaded a /);
    cli.signal('SIGTERM');
    assert.equal((await cli.exited).code, 0, cli.output());
    assert.equal(cli.stderr.filter((line) => /there is no lease/.test(line)).length, 1);
    assert.equal((await stage.run(['sync', '--lease=off', '--quiet', stage.local, stage.url])).stderr, '');
  });
});

test('S12 regression_refused_for_ever: a server that refuses every condition is found out, and not asked for ever', async (t) => {
  const stage = await strictStage(t);
  const refusing = { operation: 'PutObject', key: /\.awssyncer\/lease$/ } as const;
  stage.server.faults.add({ ...refusing, effect: { kind: 'status', code: 'PreconditionFailed' } });
  stage.write('a');
  const refused = await stage.run(['sync', '--lease', 'active', stage.local, stage.url]);
  assert.equal(refused.code, 4, refused.stderr);
  assert.match(refused.stderr, /the server refuses conditional writes whose condition holds/);
  const went = await stage.run(['sync', stage.local, stage.url]);
  assert.equal(went.code, 0, went.stderr);
  assert.match(went.stderr, /there is no lease/);
  assert.deepEqual(stage.keys(), ['a']);
  assert.ok(stage.server.countRequests('PutObject') < 20);
});

test('S12 one that refuses only while others write at once is taken from', async (t) => {
  const stage = await strictStage(t);
  stage.server.faults.add({
    ...{ operation: 'PutObject', key: /\.awssyncer\/lease$/, times: 4 },
    effect: { kind: 'status', code: 'ConditionalRequestConflict' },
  });
  stage.write('a');
  const { code, stderr } = await stage.run(['sync', '--lease', 'active', stage.local, stage.url]);
  assert.equal(code, 0, stderr);
  assert.equal(leaseOf(stage)?.released, true);
});

for (const choice of availableTargets().filter(({ name }) => name === 'RGW')) {
  test(`S12 on ${choice.name} a bucket that keeps versions honours no conditions: there is no lease, and none is left`, async (t) => {
    await withTarget(choice, async (target) => {
      const bucket = await target.makeBucket();
      const client = plainClient(target);
      const VersioningConfiguration = { Status: 'Enabled' } as const;
      await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
      const stage = stageOn(t, target, bucket);
      for (const content of ['first', 'second']) {
        stage.write('a', content);
        const { code, stderr } = await stage.run(['sync', stage.local, stage.url]);
        assert.equal(code, 0, stderr);
        assert.match(stderr, /there is no lease: .* reason=the server (ignores|refuses)/);
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
        assert.deepEqual(
          Contents.map(({ Key }) => Key),
          ['p/a'],
        );
      }
      client.destroy();
    });
  });
}

test('a lease that cannot be renewed is said to hold up writing, once, and so is its return', async (t) => {
  const stage = await strictStage(t);
  const cli = new Pod(stage, 'a').start('watch', ...TTL);
  await cli.waitForLine(/ watching /);
  const refused = stage.server.faults.add({
    ...{ operation: 'PutObject', key: /\.awssyncer\/lease$/ },
    effect: { kind: 'status', code: 'InternalError' },
  });
  await cli.waitForLine(/warn: the lease could not be renewed: nothing is written to S3 until it is$/);
  refused.remove();
  await cli.waitForLine(/ the lease is renewed$/);
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, 0, cli.output());
  assert.equal(cli.stderr.filter((line) => line.includes('could not be renewed')).length, 1);
});

test('S12 lost answers to its own renewals do not make it lose the lease', async (t) => {
  const stage = await strictStage(t);
  const pod = new Pod(stage, 'a');
  const cli = pod.start('watch', ...TTL);
  await cli.waitForLine(/ watching /);
  const lost = stage.server.faults.add({
    ...{ operation: 'PutObject', key: /\.awssyncer\/lease$/, times: 3 },
    effect: { kind: 'reset', at: 'answer' },
  });
  await until('three answers are lost', () => lost.hits === 3);
  pod.write('a', 'a');
  await cli.until('it writes', () => stage.text('a') === 'a');
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, 0, cli.output());
  assert.equal(leaseOf(stage)?.released, true);
});

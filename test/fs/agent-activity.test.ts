// What an agent tells of its past costs nothing while there is nothing to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentControl } from '../../src/agent/agent-control.ts';
import { Ring } from '../../src/ops/ring.ts';
import { settledGround } from '../support/strict-agent.ts';

test('S8 samples are taken from the first change until all is stored, and none at rest', async (t) => {
  const ground = await settledGround(t, { files: { a: 'a' } });
  const { workspace, watching } = ground.agent;
  const due: (() => void)[] = [];
  const control = new AgentControl(workspace, {
    ...{ pid: 1, version: '0', commit: null, since: '', troubles: new Ring(1) },
    timer: (callback) => {
      due.push(callback);
      return () => {};
    },
  });
  const pass = () => due.splice(0).map((sample) => sample()).length;
  assert.equal(control.activity().inSyncSince, null);
  control.started(watching);
  // That of the start and that of watching: the first has been cancelled.
  due.shift();
  assert.equal(pass(), 1);
  assert.equal(pass(), 0);
  assert.ok(Date.parse(control.activity().inSyncSince!) <= Date.now());
  const before = control.activity().history.length;

  ground.write('b', 'bcd');
  await ground.settle();
  assert.equal(pass(), 1);
  assert.equal(pass(), 0);
  const { history, inSyncSince } = control.activity();
  assert.equal(history.length, before + 1);
  assert.deepEqual([history.at(-1)?.objects, history.at(-1)?.bytes], [1, 3]);
  assert.notEqual(inSyncSince, null);

  ground.server.faults.add({ operation: 'PutObject', effect: { kind: 'hang' } });
  ground.write('c', 'c');
  await watching.barrier();
  assert.equal(pass(), 1);
  assert.equal(pass(), 1, 'it is behind: another sample is due');
  assert.equal(control.activity().inSyncSince, null);
});

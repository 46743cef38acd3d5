// What comes before what: new objects before old ones go, the newest state last, whatever the network does.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EVERYTHING } from '../../src/agent/engine.ts';
import { fileKey } from '../../src/model/key.ts';
import { pathFromText, type RelPath } from '../../src/model/path.ts';
import type { LoggedRequest } from '../strict-s3/request-log.ts';
import { type Ground, makeGround, settledGround } from '../support/strict-agent.ts';
import { until } from '../support/until.ts';

/** Fails a test in which these contents are not all stored under some key at the arrival of any request. */
async function groundThatKeeps(t: Parameters<typeof settledGround>[0], files: Record<string, string>): Promise<Ground> {
  let kept = new Set<string>();
  const onRequest = (): void => {
    const stored = new Set([...ground.bucket.objects('p/').values()].map(({ bytes }) => bytes.toString()));
    for (const content of kept) assert.ok(stored.has(content), `${content} is stored nowhere`);
  };
  const failures: unknown[] = [];
  const guarded = (): void => {
    try {
      onRequest();
    } catch (error) {
      failures.push(error);
    }
  };
  const ground = await makeGround(t, { files, server: { onRequest: guarded } });
  await ground.start();
  await ground.settle();
  ground.server.clearRequests();
  kept = new Set(Object.values(files));
  t.after(() => assert.deepEqual(failures, []));
  return ground;
}

/** What makes an object. */
const STORES = ['PutObject', 'CopyObject'] as const;

/** When each request that stored or deleted one of these paths arrived. */
function order(requests: readonly LoggedRequest[]): string[] {
  return requests
    .filter(({ operation }) => operation === 'PutObject' || operation === 'DeleteObjects')
    .flatMap(({ operation, key, keys }) => (operation === 'PutObject' ? [`+${key}`] : keys.map((each) => `-${each}`)));
}

test('S5 a renamed file is stored under its new name before the old one goes', async (t) => {
  const ground = await settledGround(t, { files: { old: 'content' } });
  const gate = ground.server.faults.add({ operation: STORES, key: /new/, effect: { kind: 'gate' } });
  renameSync(ground.at('old'), ground.at('new'));
  await gate.waiting();
  await ground.roundTrip();
  assert.equal(ground.stored('old'), 'content');
  await gate.open();
  await ground.settle();
  ground.assertEqual();
});

test('S5 a renamed directory is stored under its new name before any of its old objects go', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`old/d${i % 4}/${i}`, `content ${i}`]));
  const ground = await groundThatKeeps(t, files);
  const gate = ground.server.faults.add({ operation: STORES, key: /\/d2\//, effect: { kind: 'gate' } });
  renameSync(ground.at('old'), ground.at('new'));
  await gate.waiting(10);
  await ground.roundTrip();
  assert.equal(ground.bucket.keys('p/old/d2/').length, 10);
  await gate.open();
  await ground.settle();
  ground.assertEqual();
});

test('S5 files moved into a directory that is new are stored there before their old objects go', async (t) => {
  const names = Array.from({ length: 1000 }, (_, i) => String(i));
  const early: string[] = [];
  const onRequest = ({ operation }: LoggedRequest): void => {
    if (operation !== 'DeleteObjects') return;
    const present = new Set(ground.bucket.keys());
    deletes.push(present);
  };
  const deletes: Set<string>[] = [];
  const files = Object.fromEntries(names.map((name) => [`old/${name}`, name]));
  const ground = await makeGround(t, { files, server: { onRequest } });
  await ground.start();
  await ground.settle();
  // In one turn: the new directory is watched only after everything is in it, so no event tells of an arrival.
  mkdirSync(ground.at('new'));
  for (const name of names) renameSync(ground.at(`old/${name}`), ground.at(`new/${name}`));
  await ground.settle();
  ground.assertEqual();
  const requests = ground.server.requests.filter(({ operation }) => operation === 'DeleteObjects');
  for (const [at, { keys }] of requests.entries()) {
    early.push(...keys.filter((key) => key.startsWith('p/old/') && !deletes[at]!.has(key.replace('old', 'new'))));
  }
  assert.deepEqual(early, []);
});

test('S5 a file renamed just before a scan is stored under its new name before the old one goes', async (t) => {
  const ground = await makeGround(t, { files: { old: 'content' } });
  // So many that the scan is still going on when what it found first is handed out.
  for (let i = 0; i < 10_000; i++) ground.bucket.put(`p/foreign/${i}`, '');
  await ground.start();
  await ground.settle();
  const gate = ground.server.faults.add({ operation: STORES, key: /a new name/, effect: { kind: 'gate' } });
  renameSync(ground.at('old'), ground.at('a new name'));
  await ground.agent.watching.barrier();
  // The scan takes over what the events told, and goes on while the new name is on its way.
  ground.agent.watching.engine.pipeline.change(EVERYTHING);
  await gate.waiting();
  await ground.roundTrip();
  assert.equal(ground.stored('old'), 'content');
  await gate.open();
  await ground.settle();
  assert.deepEqual([ground.stored('a new name'), ground.stored('old')], ['content', undefined]);
});

test('S5 a file renamed again while it is uploaded is stored under some name at any time', async (t) => {
  const ground = await groundThatKeeps(t, { a: 'precious' });
  const { faults } = ground.server;
  const gates = ['b', 'c', 'd'].map((name) =>
    faults.add({ operation: STORES, key: new RegExp(`/${name}$`), effect: { kind: 'gate', at: 'commit' } }),
  );
  renameSync(ground.at('a'), ground.at('b'));
  await gates[0]!.waiting();
  renameSync(ground.at('b'), ground.at('c'));
  await gates[1]!.waiting();
  await gates[0]!.open();
  await ground.roundTrip();
  renameSync(ground.at('c'), ground.at('d'));
  await gates[2]!.waiting();
  await gates[1]!.open();
  await ground.roundTrip('sentinel again');
  await gates[2]!.open();
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), ['p/d']);
  ground.assertEqual();
});

test('S5 a file renamed while its first upload is in flight ends up under its new name alone', async (t) => {
  const ground = await settledGround(t);
  const gate = ground.server.faults.add({ operation: 'PutObject', key: /first/, effect: { kind: 'gate', at: 'body' } });
  ground.write('first', 'content');
  await gate.waiting();
  renameSync(ground.at('first'), ground.at('second'));
  await until('the new name is stored', () => ground.stored('second') === 'content');
  await gate.open();
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), ['p/second']);
});

test('S2 files and directories that swap their names end up under them', async (t) => {
  const ground = await settledGround(t, { files: { a: 'of a', b: 'of b', 'd/x': 'of d', 'e/x': 'of e', 'e/y': 'y' } });
  for (const [one, other] of [
    ['a', 'b'],
    ['d', 'e'],
    ['a', 'd'],
  ] as const) {
    renameSync(ground.at(one), ground.at('spare'));
    renameSync(ground.at(other), ground.at(one));
    renameSync(ground.at('spare'), ground.at(other));
    await ground.settle();
    ground.assertEqual(`${one} and ${other}`);
  }
});

test('S5 a directory that takes the name of a file is stored before the object of the file goes, and back', async (t) => {
  const ground = await settledGround(t, { files: { name: 'a file' } });
  const { faults } = ground.server;
  const inside = faults.add({ operation: 'PutObject', key: /name\/inside/, effect: { kind: 'gate' } });
  rmSync(ground.at('name'));
  ground.write('name/inside', 'a directory');
  await inside.waiting();
  await ground.roundTrip();
  assert.equal(ground.stored('name'), 'a file');
  await inside.open();
  await ground.settle();
  ground.assertEqual();

  const outside = faults.add({ operation: 'PutObject', key: /name$/, effect: { kind: 'gate' } });
  rmSync(ground.at('name'), { recursive: true });
  ground.write('name', 'a file again');
  await outside.waiting();
  await ground.roundTrip();
  assert.equal(ground.stored('name/inside'), 'a directory');
  await outside.open();
  await ground.settle();
  ground.assertEqual();
});

test('S2 an empty directory that takes the name of a file replaces its object', async (t) => {
  const ground = await settledGround(t, { files: { name: 'a file' } });
  rmSync(ground.at('name'));
  mkdirSync(ground.at('name'));
  await ground.settle();
  ground.assertEqual();
  assert.deepEqual(order(ground.server.requests), ['+p/name/', '-p/name']);
});

test('S6 at most one request for a key is in flight, and the newest state wins', async (t) => {
  const ground = await settledGround(t);
  const gate = ground.server.faults.add({
    operation: 'PutObject',
    key: /busy/,
    effect: { kind: 'gate', at: 'commit' },
  });
  ground.write('busy', 'first');
  await gate.waiting();
  for (const state of ['second', 'third', 'last']) {
    ground.write('busy', state);
    await ground.roundTrip(`after ${state}`);
  }
  rmSync(ground.at('busy'));
  await ground.roundTrip('after removal');
  ground.write('busy', 'truly last');
  await ground.roundTrip('after all');
  assert.equal(ground.count('PutObject', 'busy'), 1);
  assert.ok(!ground.deleted().includes('busy'));
  await gate.open();
  await ground.settle();
  assert.equal(ground.stored('busy'), 'truly last');
});

test('S6 a file removed while it is uploaded leaves no object', async (t) => {
  const ground = await settledGround(t);
  const gate = ground.server.faults.add({
    operation: 'PutObject',
    key: /brief/,
    effect: { kind: 'gate', at: 'commit' },
  });
  ground.write('brief', 'content');
  await gate.waiting();
  rmSync(ground.at('brief'));
  await ground.roundTrip();
  await gate.open();
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), []);
});

const SOON = { config: { requestTimeoutMs: 1000 } };

test('S6 a PUT whose answer is lost is proven by HEAD before it is believed', async (t) => {
  const lost = [
    { kind: 'reset', at: 'answer' } as const,
    { kind: 'status', code: 'InternalError', at: 'answer' } as const,
  ];
  for (const effect of lost) {
    const ground = await settledGround(t, { ...SOON, files: { f: 'old' } });
    ground.server.faults.add({ operation: 'PutObject', times: 1, effect });
    ground.write('f', 'new content');
    await until('it is stored again', () => ground.count('PutObject', 'f') === 2);
    await until('it is not believed', () => ground.row('f')?.state === 'unproven');
    await ground.settle();
    assert.equal(ground.stored('f'), 'new content');
    assert.deepEqual(ground.requests(), ['PutObject p/f', 'PutObject p/f', 'HeadObject p/f']);
    assert.equal(ground.row('f')?.state, 'known');
  }
});

test('S6 a PUT that the server executes after its successor is found out and made good', async (t) => {
  for (const path of ['new', 'old']) {
    const ground = await settledGround(t, { ...SOON, files: { old: 'old' } });
    const late = ground.server.faults.add({ operation: 'PutObject', times: 1, effect: { kind: 'late' } });
    ground.write(path, 'first');
    await late.waiting();
    ground.write(path, 'second');
    await until('the second is stored', () => ground.stored(path) === 'second');
    await late.release();
    assert.equal(ground.stored(path), 'first');
    await ground.settle();
    assert.equal(ground.stored(path), 'second');
    assert.equal(ground.row(path)?.state, 'known');
    ground.assertEqual();
  }
});

test('S6 a PUT that times out and is executed later does not come back', async (t) => {
  const ground = await settledGround(t, SOON);
  const gate = ground.server.faults.add({ operation: 'PutObject', times: 1, effect: { kind: 'gate', at: 'commit' } });
  ground.write('f', 'first');
  await gate.waiting();
  ground.write('f', 'second');
  await until('the second is stored', () => ground.stored('f') === 'second');
  await gate.open();
  assert.equal(ground.stored('f'), 'first');
  await ground.settle();
  assert.equal(ground.stored('f'), 'second');
});

test('S6 a PUT executed after the file was deleted does not bring its object back', async (t) => {
  const ground = await settledGround(t, SOON);
  const late = ground.server.faults.add({ operation: 'PutObject', times: 1, effect: { kind: 'late' } });
  ground.write('f', 'content');
  await late.waiting();
  rmSync(ground.at('f'));
  await until('it is deleted', () => ground.deleted().includes('f'));
  await until('the row waits for proof', () => ground.row('f')?.etag === null);
  await late.release();
  assert.equal(ground.stored('f'), 'content');
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), []);
  assert.equal(ground.row('f'), undefined);
});

test('S6 a delete executed after the file came back does not take its object away', async (t) => {
  const ground = await settledGround(t, { ...SOON, files: { f: 'old', g: 'stays' } });
  const late = ground.server.faults.add({ operation: 'DeleteObjects', times: 1, effect: { kind: 'late' } });
  rmSync(ground.at('f'));
  await late.waiting();
  ground.write('f', 'new content');
  await until('it is stored', () => ground.stored('f') === 'new content');
  await late.release();
  assert.equal(ground.stored('f'), undefined);
  await ground.settle();
  assert.equal(ground.stored('f'), 'new content');
  ground.assertEqual();
});

test('S6 an ambiguous marker and an ambiguous link are made good too', async (t) => {
  const ground = await settledGround(t, SOON);
  const late = ground.server.faults.add({
    operation: 'PutObject',
    key: /dir|link/,
    times: 2,
    effect: { kind: 'late' },
  });
  mkdirSync(ground.at('dir'));
  symlinkSync('first', ground.at('link'));
  await late.waiting(2);
  rmSync(ground.at('link'));
  symlinkSync('second', ground.at('link'));
  rmSync(ground.at('dir'), { recursive: true });
  await until('the second link is stored', () => ground.stored('link') === 'second');
  await until('the marker is deleted', () => ground.deleted().includes('dir/'));
  await late.release();
  await ground.settle();
  ground.assertEqual();
});

test('S5 a file that a scan compares holds its inode: no former name of it goes before that has ended', async (t) => {
  const ground = await settledGround(t, { files: { old: 'content' } });
  const { pipeline } = ground.agent.watching.engine;
  const [now, row] = ['now' as RelPath, ground.row('old')!];
  pipeline.compares(now, row.ino);
  renameSync(ground.at('old'), join(ground.base, 'kept')); // so that no other file gets its inode
  await ground.roundTrip();
  await ground.roundTrip();
  assert.equal(ground.stored('old'), 'content');
  pipeline.adopts(now, { ...row, key: fileKey(now) }, { epoch: 0 });
  await until('it has gone', () => ground.stored('old') === undefined);
});

test('S6 a scan adopts nothing under a path that is worked on: who does so decides', async (t) => {
  const ground = await settledGround(t, { files: { old: 'content' } });
  const { pipeline } = ground.agent.watching.engine;
  const gate = ground.server.faults.add({ operation: 'PutObject', key: /new/, effect: { kind: 'gate' } });
  ground.write('new', 'new');
  await gate.waiting();
  const { state } = ground.row('new')!;
  pipeline.adopts('new' as RelPath, { ...ground.row('old')!, key: fileKey('new' as RelPath) }, { epoch: 0 });
  assert.deepEqual([state, ground.row('new')!.state], ['intent', 'intent']);
  await gate.open();
  await ground.settle();
  ground.assertEqual();
});

test('S2 regression_waited_before: a delete waits, its directory is back as it was and goes again, and its object too', async (t) => {
  const ground = await settledGround(t, { config: { settleMs: 60_000, maxWaitMs: 60_000 } });
  const { root, base, bucket } = ground;
  const { pipeline } = ground.agent.watching.engine;
  const isPending = (path: string): boolean => pipeline.pending().has(pathFromText(path));
  for (let round = 0; round < 3; round++) {
    mkdirSync(join(root, 'a/empty'), { recursive: true });
    await ground.settle();
    assert.deepEqual(bucket.keys(), ['p/a/empty/']);
    // Something may have arrived there: deletes wait until that has been looked at.
    const elsewhere = { path: pathFromText('elsewhere'), scope: 'self', speed: 'writing', witnessed: false } as const;
    pipeline.change({ ...elsewhere, moved: true });
    renameSync(join(root, 'a'), join(base, `gone${round}`));
    let sinceMs: number | undefined;
    await until('the delete has been waiting for a while', () => {
      sinceMs = isPending('a/empty') && !isPending('a') ? (sinceMs ?? performance.now()) : undefined;
      return sinceMs !== undefined && performance.now() - sinceMs > 300;
    });
    mkdirSync(join(base, `new${round}/empty`), { recursive: true });
    renameSync(join(base, `new${round}`), join(root, 'a'));
    await until('it is there again', () => !isPending('a') && !isPending('a/empty'));
    renameSync(join(root, 'a'), join(base, `again${round}`));
    await ground.agent.watching.barrier();
    await pipeline.flush(new AbortController().signal);
    await ground.settle();
    assert.deepEqual(bucket.keys(), [], `round ${round}`);
  }
});

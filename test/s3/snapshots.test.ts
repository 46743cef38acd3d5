// Files that a command makes: when it is run, what is stored, what is told when it fails, and that it ends.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Ground, type GroundOptions, makeGround } from '../support/strict-agent.ts';
import { until } from '../support/until.ts';
import { setAttributes } from '../support/xattrs.ts';

/** An agent that stores of each *.db what this command makes, in capitals if none is given; each run is counted. */
async function hooked(t: TestContext, { command = CAPITALS, ...options }: GroundOptions & { command?: string } = {}) {
  const ground = await makeGround(t, { durable: true, ...options });
  const log = join(ground.base, 'runs');
  const hook = { glob: '*.db', command: `echo run >> '${log}'; ${command}` };
  await ground.start({ snapshotHooks: [hook] });
  await ground.settle();
  return { ground, hook, runs: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0) };
}

const CAPITALS = 'tr a-z A-Z < "$AWSSYNCER_SOURCE" > "$AWSSYNCER_SNAPSHOT"';

const metadataOf = (ground: Ground, path: string) => ground.bucket.object(`p/${path}`)!.metadata;

test('S3 of a file that matches what the command makes is stored, with the metadata of the file, and nothing beside it', async (t) => {
  const { ground, runs } = await hooked(t, {
    files: { 'd/a.db': 'a', 'd/a.db-wal': 'w', 'd/a.db-shm': 's', 'd/b': 'b' },
  });
  assert.deepEqual(ground.bucket.keys('p/'), ['p/d/a.db', 'p/d/b']);
  assert.deepEqual([ground.stored('d/a.db'), ground.stored('d/b'), runs()], ['A', 'b', 1]);
  chmodSync(ground.at('d/a.db'), 0o600);
  await ground.settle();
  const { mode, 'awssyncer-snapshot': mark } = metadataOf(ground, 'd/a.db');
  assert.deepEqual([mode, mark, runs()], ['0100600', '1', 2]);
  assert.equal(metadataOf(ground, 'd/b')['awssyncer-snapshot'], undefined);
  assert.equal(ground.row('d/a.db')?.state, 'known');
});

test('S8 a state that is stored is not made again: not by an audit, an event that changed nothing, or another file', async (t) => {
  const { ground, runs } = await hooked(t, { files: { 'a.db': 'a', 'a.db-wal': '' } });
  ground.server.clearRequests();
  await ground.audit();
  appendFileSync(ground.at('a.db'), ''); // opened to be written and closed
  await ground.settle();
  ground.write('other', 'other');
  await ground.settle();
  assert.equal(runs(), 1);
  for (const [path, content] of [
    ['a.db-wal', 'commit'],
    ['a.db-journal', 'begin'],
  ] as const) {
    const before = runs();
    ground.write(path, content);
    await ground.settle();
    assert.equal(runs(), before + 1, path);
  }
  rmSync(ground.at('a.db-journal'));
  await ground.settle();
  assert.equal(runs(), 4);
  ground.write('a.db-shm', 'a reader came');
  await ground.settle();
  assert.equal(runs(), 4);
  assert.equal(ground.count('PutObject', 'a.db'), 0, 'equal content is not sent');
});

test('S8 a command that touches the file once ends, and so does one that opens it for writing each time', async (t) => {
  const once =
    'if ! [ -e "$AWSSYNCER_SOURCE-once" ]; then touch "$AWSSYNCER_SOURCE-once"; printf x >> "$AWSSYNCER_SOURCE"; fi';
  const { ground, runs } = await hooked(t, {
    command: `${once}; : >> "$AWSSYNCER_SOURCE"; ${CAPITALS}`,
    files: { 'a.db': 'a' },
  });
  await ground.settle();
  assert.equal(ground.stored('a.db'), 'AX');
  const after = runs();
  assert.ok(after <= 3, `${after} runs`);
  await ground.settle();
  await ground.audit();
  assert.equal(runs(), after);
});

test('S13 attributes and links of the file are kept, completed when that is turned on, and cost nothing afterwards', async (t) => {
  const { ground, hook, runs } = await hooked(t, { files: { 'a.db': 'a' } });
  setAttributes(ground.at('a.db'), { 'user.a': '1' });
  linkSync(ground.at('a.db'), ground.at('b.db'));
  await ground.settle();
  assert.deepEqual([ground.row('a.db')!.xattrs, metadataOf(ground, 'a.db')['awssyncer-xattrs']], [null, undefined]);
  await ground.start({ snapshotHooks: [hook], xattrs: true, hardLinks: true });
  await ground.settle();
  const group = metadataOf(ground, 'a.db')['awssyncer-links'];
  for (const path of ['a.db', 'b.db']) {
    const {
      'awssyncer-xattrs': xattrs,
      'awssyncer-links': links,
      'awssyncer-snapshot': mark,
    } = metadataOf(ground, path);
    assert.ok(xattrs !== undefined && group !== undefined, path);
    assert.deepEqual([ground.stored(path), links, mark], ['A', group, '1']);
  }
  const after = runs();
  ground.server.clearRequests();
  await ground.audit();
  await ground.settle();
  assert.deepEqual([runs(), ground.count('PutObject', 'a.db') + ground.count('PutObject', 'b.db')], [after, 0]);
  setAttributes(ground.at('a.db'), { 'user.a': '2' });
  await ground.settle();
  assert.ok(ground.count('PutObject', 'a.db') === 1 && runs() > after);
  assert.equal(metadataOf(ground, 'a.db')['awssyncer-snapshot'], '1');
});

test('S9 while a command runs, or waits for its turn, S3 is not in sync: no checkpoint tells of that moment', async (t) => {
  const ground = await makeGround(t, { durable: true, files: { 'a.db': 'a', 'b.db': 'b', 'c.db': 'c' } });
  const [go, log] = [join(ground.base, 'go'), join(ground.base, 'running')];
  const command = `echo >> '${log}'; while ! [ -e '${go}' ]; do sleep 0.02; done; ${CAPITALS}`;
  await ground.start({ snapshotHooks: [{ glob: '*.db', command }] });
  const { watching } = ground.agent;
  await until('two run', () => existsSync(log) && readFileSync(log, 'utf8') === '\n\n');
  const pending = () => [...watching.engine.pipeline.pending()].sort();
  await until('nothing else is left', () => pending().length === 3);
  assert.deepEqual([watching.isInSync(), pending()], [false, ['a.db', 'b.db', 'c.db']]);
  writeFileSync(go, '');
  await ground.settle();
  assert.equal(watching.isInSync(), true);
  // One whose content is stored already is no exception.
  rmSync(go);
  chmodSync(ground.at('a.db'), 0o600);
  chmodSync(ground.at('a.db'), 0o644);
  await until('it runs', () => readFileSync(log, 'utf8').length === 4);
  assert.deepEqual([watching.isInSync(), pending()], [false, ['a.db']]);
  writeFileSync(go, '');
  await ground.settle();
  assert.equal(watching.isInSync(), true);
});

test('what another agent left is made once, and sent if it is not what was made', async (t) => {
  const { ground, hook, runs } = await hooked(t, { files: { 'a.db': 'a' } });
  ground.server.clearRequests();
  await ground.start({ snapshotHooks: [hook] });
  await ground.settle();
  assert.deepEqual([runs(), ground.count('PutObject', 'a.db')], [2, 0]);
  // With another command nothing else differs.
  await ground.start({ snapshotHooks: [{ ...hook, command: 'echo new > "$AWSSYNCER_SNAPSHOT"' }] });
  await ground.settle();
  assert.equal(ground.stored('a.db'), 'new\n');
});

test('a failing command is the failure of its path alone, with its reason, until it succeeds', async (t) => {
  const fails = `if grep -q bad "$AWSSYNCER_SOURCE"; then echo 'it is bad' >&2; exit 3; fi; ${CAPITALS}`;
  const ground = await makeGround(t, { durable: true, files: { 'a.db': 'bad', 'b.db': 'b', c: 'c' } });
  await ground.start({ snapshotHooks: [{ glob: '*.db', command: fails }] });
  const problems = () => ground.agent.watching.engine.problems.all().map(([path, { reason }]) => `${path}: ${reason}`);
  await until(
    'the others are stored, it is reported',
    () => problems().length > 0 && ground.stored('b.db') === 'B' && ground.stored('c') === 'c',
  );
  assert.deepEqual(problems(), ['a.db: its snapshot command exited with code 3: it is bad']);
  assert.equal(ground.stored('a.db'), undefined);
  const { complete, missing } = await ground.agent.watching.flush(AbortSignal.timeout(30_000));
  assert.deepEqual([complete, missing.first.map(({ path }) => path)], [false, ['a.db']]);
  ground.write('a.db', 'good');
  await until('it is stored', () => ground.stored('a.db') === 'GOOD');
  await ground.settle();
  assert.deepEqual(problems(), []);
});

test('S4 a snapshot is not stored beside a log that a restore would put beside it; that is not deleted, but reported', async (t) => {
  const ground = await makeGround(t, { files: { 'a.db': 'a', 'a.db-wal': 'w' }, durable: true });
  await ground.start();
  await ground.settle();
  assert.equal(ground.stored('a.db-wal'), 'w');
  await ground.start({ snapshotHooks: [{ glob: '*.db', command: CAPITALS }] });
  await until('it is reported', () => ground.problems('failed').includes('a.db'));
  assert.deepEqual([ground.stored('a.db'), ground.stored('a.db-wal')], ['a', 'w']);
  ground.bucket.remove('p/a.db-wal');
  await until('it is stored', () => ground.stored('a.db') === 'A', { deadlineMs: 20_000 });
});

test('S6 what a command makes is copied nowhere, nor is it copied from another file', async (t) => {
  const { ground } = await hooked(t, { files: { 'a.db': 'a', plain: 'p' } });
  renameSync(ground.at('a.db'), ground.at('a.txt'));
  renameSync(ground.at('plain'), ground.at('plain.db'));
  await ground.settle();
  assert.deepEqual([ground.stored('a.txt'), ground.stored('plain.db')], ['a', 'P']);
  assert.deepEqual(ground.bucket.keys('p/'), ['p/a.txt', 'p/plain.db']);
});

test('S6 what lies in a directory that is renamed is not copied unread where one of its names is made', async (t) => {
  const ground = await makeGround(t, { durable: true, files: { 'plain/a': 'a', 'made/b': 'b' } });
  await ground.start({ snapshotHooks: [{ glob: '/made/', command: CAPITALS }] });
  await ground.settle();
  assert.equal(ground.stored('made/b'), 'B');
  renameSync(ground.at('made'), ground.at('other'));
  renameSync(ground.at('plain'), ground.at('made'));
  await ground.settle();
  assert.deepEqual([ground.stored('made/a'), ground.stored('other/b')], ['A', 'b']);
  assert.deepEqual(ground.bucket.keys('p/'), ['p/made/a', 'p/other/b']);
});

test('two commands run at a time, and the others wait for them', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`${i}.db`, 'x']));
  const at = 'd=$(dirname "$AWSSYNCER_SOURCE")';
  const counting = `${at}; mkdir "$AWSSYNCER_SNAPSHOT.d"; ls -d "$(dirname "$(dirname "$AWSSYNCER_SNAPSHOT")")"/*/snapshot.d | wc -l > "$AWSSYNCER_SNAPSHOT"; sleep 0.1`;
  const { ground, runs } = await hooked(t, { command: counting, files });
  assert.equal(runs(), 6);
  const counts = Object.keys(files).map((path) => Number(ground.stored(path)));
  assert.equal(Math.max(...counts), 2);
});

test('S7 nobody waits for a command that takes long, however little may be done at a time', async (t) => {
  const ground = await makeGround(t, {
    durable: true,
    config: { concurrency: 1 },
    files: { 'a.db': 'a', 'b.db': 'b' },
  });
  const go = join(ground.base, 'go');
  const command = `while ! [ -e '${go}' ]; do sleep 0.02; done; ${CAPITALS}`;
  await ground.start({ snapshotHooks: [{ glob: '*.db', command }] });
  ground.write('other', 'other');
  await until('another file is stored', () => ground.stored('other') === 'other');
  assert.equal(ground.stored('a.db'), undefined);
  ground.write('c.db', 'c'); // a third one waits for the two
  ground.write('more', 'more');
  await until('and one more', () => ground.stored('more') === 'more');
  writeFileSync(go, '');
  await ground.settle();
  assert.deepEqual(
    ['a.db', 'b.db', 'c.db'].map((path) => ground.stored(path)),
    ['A', 'B', 'C'],
  );
});

test('a large snapshot is sent in parts, whatever the size of the file', async (t) => {
  const MIB = 1024 ** 2;
  const { ground } = await hooked(t, {
    command: `head -c ${6 * MIB} /dev/zero > "$AWSSYNCER_SNAPSHOT"`,
    files: { 'a.db': 'a' },
    config: { multipartThresholdBytes: 5 * MIB },
  });
  assert.equal(ground.count('UploadPart', 'a.db'), 2);
  assert.equal(ground.bucket.object('p/a.db')!.bytes.length, 6 * MIB);
  assert.equal(metadataOf(ground, 'a.db')['awssyncer-snapshot'], '1');
});

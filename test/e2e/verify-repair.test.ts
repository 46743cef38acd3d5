// `verify --repair`: what differs is made what is on disk, behind the guards of sync, and compared once more.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { leaseOf } from '../support/lease-agents.ts';
import { placeOf, storedObjects } from '../support/reference.ts';
import { availableTargets, plainClient } from '../support/s3-targets.ts';
import { PREFIX, type StrictStage, stageOn, strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

type Line = { path: string; kind: string; detail: string; repaired: boolean; left?: string };

interface Result {
  readonly code: number | null;
  readonly repaired: number;
  readonly lines: readonly Line[];
  readonly stderr: string;
}

async function repair({ run, local, url }: StrictStage, ...flags: string[]): Promise<Result> {
  const { code, stdout, stderr } = await run(['verify', '--repair', '--json', ...flags, local, url]);
  if (stdout === '') return { code, repaired: 0, lines: [], stderr };
  const { exitCode, repaired, differences } = JSON.parse(stdout);
  assert.equal(exitCode, code);
  return { code, repaired, lines: differences, stderr };
}

const outcomes = ({ lines }: Result): string[] =>
  lines.map(({ path, kind, repaired }) => `${kind} ${path}: ${repaired ? 'repaired' : 'left'}`);

/** Bytes rot, and the server goes on telling the ETag they had. */
function damage({ bucket }: StrictStage, key: string): void {
  bucket.object(key)!.bytes[0]! ^= 1;
}

/** A tree in S3, and then everything that can become of it behind our back. */
async function damagedStage(t: Parameters<typeof strictStage>[0]): Promise<StrictStage> {
  const stage = await strictStage(t);
  const { bucket, write, at, run, local, url } = stage;
  const names = ['cut', 'equal', 'extra', 'kind', 'lost', 'mode', 'other', 'rotten', 'd/in it'];
  for (const name of names) write(name, `content of ${name}`);
  mkdirSync(at('empty'));
  mkdirSync(at('lost directory'));
  symlinkSync('target', at('link'));
  assert.equal((await run(['sync', local, url])).code, 0);
  rmSync(at('extra'));
  for (const key of ['p/lost', 'p/lost directory/']) bucket.remove(key);
  bucket.put('p/cut', 'content');
  bucket.put('p/other', 'CONTENT OF other', bucket.object('p/other')!.metadata);
  for (const [key, mode] of [
    ['p/kind', '120777'],
    ['p/mode', '100600'],
    ['p/empty/', '40700'],
  ] as const) {
    const { bytes, metadata } = bucket.object(key)!;
    bucket.put(key, bytes, { ...metadata, mode });
  }
  bucket.put('p/link', 'tegrat', bucket.object('p/link')!.metadata);
  bucket.put('p/foreign', 'of somebody else');
  damage(stage, 'p/rotten');
  return stage;
}

const DAMAGE = [
  'size cut',
  'metadata empty',
  'kind kind',
  'content link',
  'missing lost',
  'missing lost directory',
  'metadata mode',
  'content other',
  'content rotten',
];

test('S13 verify --repair puts right what the ledger takes for stored, and says of each what became of it', async (t) => {
  const stage = await damagedStage(t);
  const { run, local, url, bucket, server } = stage;
  const synced = await run(['sync', '--json', local, url]);
  assert.equal(JSON.parse(synced.stdout).uploaded, 0, 'a sync sees nothing of it');
  const first = await repair(stage, '--download');
  assert.equal(first.code, 5, first.stderr);
  const shown = outcomes(first).filter((line) => !line.startsWith('metadata cut'));
  const left = ['extra extra: left', 'foreign foreign: left'];
  assert.deepEqual(shown, [...DAMAGE.map((line) => `${line}: repaired`), ...left].sort(byPath));
  for (const { left } of first.lines.filter(({ repaired }) => !repaired))
    assert.equal(left, 'only --delete takes it away');
  assert.equal(bucket.text('p/rotten'), 'content of rotten');
  assert.equal(bucket.text('p/foreign'), 'of somebody else');

  const second = await repair(stage, '--download', '--delete');
  assert.deepEqual([second.code, outcomes(second)], [0, ['extra extra: repaired', 'foreign foreign: repaired']]);
  rmSync(stage.state, { recursive: true });
  server.clearRequests();
  const third = await repair(stage);
  assert.deepEqual([third.code, third.lines], [0, []]);
  const operations = new Set(server.requests.map(({ operation }) => operation));
  assert.deepEqual(
    [...operations].sort(),
    ['GetObject', 'HeadBucket', 'HeadObject', 'ListObjectsV2'],
    'none that writes',
  );
  assert.equal((await run(['verify', '--download', local, url])).code, 0);
});

function byPath(a: string, b: string): number {
  const [left, right] = [a, b].map((line) => line.replace(/^\w+ /, '').replace(/: .*/, '')) as [string, string];
  // A directory stands where its marker is listed.
  const key = (path: string) => (['empty', 'lost directory'].includes(path) ? `${path}/` : path);
  return key(left) < key(right) ? -1 : 1;
}

test('S13 verify --repair does the same without a ledger: no ETag makes it adopt what is damaged', async (t) => {
  const stage = await damagedStage(t);
  const { server, state } = stage;
  rmSync(state, { recursive: true });
  server.clearRequests();
  const result = await repair(stage, '--download', '--delete');
  assert.equal(result.code, 0, result.stderr);
  assert.ok(result.lines.every(({ repaired }) => repaired));
  const puts = server.requests.filter(({ operation, key }) => operation === 'PutObject' && !key.includes('.awssyncer'));
  assert.deepEqual(
    [...new Set(puts.map(({ key }) => key.slice(2)))].sort(),
    ['cut', 'empty/', 'kind', 'link', 'lost', 'lost directory/', 'mode', 'other', 'rotten'],
    'and what is equal is not sent',
  );
});

test('S13 verify --repair compares again only what differed', async (t) => {
  const stage = await strictStage(t);
  for (let n = 0; n < 20; n++) stage.write(`f${n}`);
  assert.equal((await stage.run(['sync', stage.local, stage.url])).code, 0);
  damage(stage, 'p/f7');
  stage.server.clearRequests();
  const { code, stdout, stderr } = await stage.run(['verify', '--repair', '--download', stage.local, stage.url]);
  assert.deepEqual([code, stdout], [0, 'content    f7: same size, other content: repaired\n'], stderr);
  assert.match(stderr, /verify: 20 compared, 1 different, 1 repaired in /);
  const gets = stage.server.requests.filter(({ operation, key }) => operation === 'GetObject' && /f\d/.test(key));
  assert.equal(gets.length, 21);
});

test('S4 verify --repair deletes nothing on the word of an empty directory, and what is too much only if that is said', async (t) => {
  const stage = await damagedStage(t);
  const { local, at, write } = stage;
  for (const name of readdirSync(local)) rmSync(at(name), { recursive: true });
  const before = storedObjects(stage.server);
  const empty = await repair(stage, '--delete');
  assert.equal(empty.code, 4, empty.stderr);
  assert.match(empty.stderr, /it is empty and S3 is not/);
  assert.deepEqual(storedObjects(stage.server), before);
  write('equal', 'content of equal');
  const held = await repair(stage, '--delete', '--max-delete', '2,10%');
  assert.equal(held.code, 4, held.stderr);
  assert.ok(
    held.lines.every(({ path, repaired }) => repaired === (path === 'equal')),
    JSON.stringify(held.lines),
  );
  assert.match(held.lines.at(-1)!.left!, /more than --max-delete/);
  assert.deepEqual(Object.keys(storedObjects(stage.server)), Object.keys(before));
  renameSync(local, `${local}.old`);
  mkdirSync(local);
  write('equal', 'of another directory');
  const replaced = await repair(stage, '--delete');
  assert.equal(replaced.code, 4, replaced.stderr);
  assert.match(replaced.stderr, /LOCAL is another directory than the one that was synchronised before/);
  assert.equal(stage.text('equal'), 'content of equal');
});

test('S12 verify --repair writes under the lease: while another agent holds it, nothing (exit 4)', async (t) => {
  const stage = await damagedStage(t);
  const { start, dir, url, server } = stage;
  mkdirSync(`${dir}/elsewhere`);
  const other = start(['run', '--state-dir', `${dir}/other`, '--lease-ttl', '2s', `${dir}/elsewhere`, url]);
  await other.waitForLine(/ watching /);
  const before = storedObjects(server);
  const refused = await repair(stage, '--lease-ttl', '2s');
  assert.equal(refused.code, 4, refused.stderr);
  assert.match(refused.stderr, /the lease is/);
  assert.deepEqual(storedObjects(server), before);
  other.signal('SIGTERM');
  assert.equal((await other.exited).code, 0);
  rmSync(stage.state, { recursive: true }); // it does not know what the other has written
  assert.equal((await repair(stage, '--delete')).code, 0);
  assert.equal(leaseOf(stage)?.released, true);
});

test('S6 verify --repair outlives a request of an earlier run that executes after its own', async (t) => {
  const stage = await strictStage(t);
  const { server, start, write, local, url } = stage;
  const patience = ['--request-timeout', '2s', '--lease', 'off'];
  write('f', 'old');
  const late = server.faults.add({ operation: 'PutObject', key: /p\/f$/, times: 1, effect: { kind: 'late' } });
  const killed = start(['sync', ...patience, local, url]);
  await late.waiting();
  killed.signal('SIGKILL');
  await killed.exited;
  write('f', 'newer');
  const repairing = repair(stage, ...patience);
  await until('it is repaired', () => stage.text('f') === 'newer');
  await late.release();
  assert.equal(stage.text('f'), 'old');
  const { code, stderr } = await repairing;
  assert.deepEqual([code, stage.text('f')], [0, 'newer'], stderr);
});

test('S13 verify --repair stores again what S3 does not give back', async (t) => {
  const stage = await strictStage(t);
  const { server, write, run, local, url } = stage;
  write('cold');
  assert.equal((await run(['sync', local, url])).code, 0);
  const effect = { kind: 'status', code: 'InvalidObjectState' } as const;
  server.faults.add({ operation: 'GetObject', key: /cold/, times: 1, effect });
  server.clearRequests();
  assert.deepEqual(outcomes(await repair(stage, '--download')), ['unreadable cold: repaired']);
  assert.ok(stage.requests().includes('PutObject p/cold'));
});

test('verify --repair tells why something is not repaired, as sync does: exit 3', async (t) => {
  const stage = await strictStage(t);
  const { server, bucket, write, run, local, url } = stage;
  for (const name of ['a', 'b', 'c']) write(name);
  assert.equal((await run(['sync', local, url])).code, 0);
  for (const key of ['p/a', 'p/b']) bucket.remove(key);
  server.faults.add({ operation: 'PutObject', key: /p\/b$/, effect: { kind: 'status', code: 'AccessDenied' } });
  const { code, stdout, stderr } = await run(['verify', '--repair', local, url]);
  assert.equal(code, 3, stderr);
  assert.match(
    stdout,
    /^missing {4}a: on disk, not in S3: repaired\nmissing {4}b: .*: not repaired: Cannot put .*p\/b: .*\n$/,
  );
  server.faults.clear();
  assert.equal((await repair(stage)).code, 0);
  assert.equal(bucket.text('p/b'), 'b');
});

test('S14 verify --repair gives a hashed object its name again', async (t) => {
  const stage = await strictStage(t);
  const { bucket, write, run, local, url, dir } = stage;
  const path = Array.from({ length: 6 }, () => 'd'.repeat(200)).join('/');
  write(path, 'long');
  assert.equal((await run(['sync', local, url])).code, 0);
  bucket.remove(`${placeOf(`p/${path}`)}.name`);
  assert.deepEqual(outcomes(await repair(stage)), [`missing ${path}: repaired`]);
  assert.equal((await run(['restore', '--state-dir', 'none', url, `${dir}/copy`])).code, 0);
});

test('verify deletes nothing without --repair, and says so', async (t) => {
  const { run, local, url } = await strictStage(t);
  const { code, stderr } = await run(['verify', '--delete', local, url]);
  assert.equal(code, 2);
  assert.match(stderr, /Cannot use --delete: verify changes nothing without --repair/);
});

for (const choice of availableTargets().filter(({ name }) => name === 'RGW' || name === 'endpoint')) {
  test(`S13 on ${choice.name} verify --repair puts right what others did to the bucket`, async (t) => {
    const target = await choice.start();
    t.after(() => target.close());
    const Bucket = await target.makeBucket();
    const { local, url, run, write, at } = stageOn(t, target, Bucket);
    for (const name of ['a', 'b', 'd/c']) write(name);
    chmodSync(at('d'), 0o700);
    assert.equal((await run(['sync', local, url])).code, 0);
    const client = plainClient(target);
    for (const [name, Body] of Object.entries({ a: 'A', foreign: 'foreign', 'd/': '' }))
      await client.send(new PutObjectCommand({ Bucket, Key: PREFIX + name, Body, Metadata: { mode: '40755' } }));
    client.destroy();
    const repaired = await run(['verify', '--repair', '--delete', local, url]);
    assert.equal(repaired.code, 0, repaired.stderr + repaired.stdout);
    const verified = await run(['verify', '--download', local, url]);
    assert.deepEqual([verified.code, verified.stdout], [0, ''], verified.stderr);
  });
}

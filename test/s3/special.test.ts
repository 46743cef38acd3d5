// Names and kinds of files that are hard to store: the right key or a report, never a wrong key (S14).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { endWatching } from '../../src/agent/ending.ts';
import { EXIT } from '../../src/model/errors.ts';
import { placeOf } from '../support/reference.ts';
import { settledGround } from '../support/strict-agent.ts';
import { until } from '../support/until.ts';

/** Every character that means something to a shell, a URL, XML, a glob or a directory listing. */
const ODD_NAMES = [
  ' leading and trailing ',
  'plus+sign',
  'per%cent',
  'per%20cent',
  '%2F',
  'a?b#c',
  `&<>"'`,
  '&amp;',
  '&#13;',
  'back\\slash',
  'colon:semi;comma,',
  '*glob[x]{y}',
  '~tilde$dollar`tick`',
  '...',
  '.hidden',
  '-dash',
  'tab\there',
  'new\nline',
  'carriage\rreturn',
  'carriage\r\nreturn',
  'delete\x7f',
  'c1\u0085control',
  'line\u2028separator',
  'caf\u00e9',
  'cafe\u0301',
  '\u{1f600}',
  '\ue000',
  '\u{10000}',
  '\ufeffbom',
  '日本語',
  'é'.repeat(127),
  'n'.repeat(255),
];

test('S14 every name that S3 can carry is the key, letter for letter, of file, directory and link', async (t) => {
  const ground = await settledGround(t);
  for (const name of ODD_NAMES) {
    ground.write(`d/${name}`, name);
    mkdirSync(ground.at(`empty/${name}`), { recursive: true });
    ground.write(`${name}/inside`, name);
  }
  await ground.settle();
  ground.assertEqual();
  assert.equal(ground.bucket.keys('p/d/').length, ODD_NAMES.length);
  assert.deepEqual(ground.problems('failed'), []);
});

test('S14 deletes take the object of exactly that name', async (t) => {
  const ground = await settledGround(t);
  for (const name of ODD_NAMES) ground.write(name, name);
  await ground.settle();
  for (const [i, name] of ODD_NAMES.entries()) {
    if (i % 3 === 0) rmSync(ground.at(name));
    if (i % 3 === 1) renameSync(ground.at(name), ground.at(`${name.slice(0, 100)}+ %`));
    await ground.settle();
    ground.assertEqual(name);
  }
});

test('S14 odd names are ours again after a restart with the ledger, and adopted without one', async (t) => {
  for (const durable of [true, false]) {
    const ground = await settledGround(t, {
      durable,
      files: Object.fromEntries(ODD_NAMES.map((name) => [name, name])),
    });
    await ground.start();
    await ground.settle();
    const heads = durable ? [] : ODD_NAMES.map((name) => `HeadObject p/${name}`.trim()).sort();
    const [first, ...rest] = ground.requests();
    assert.deepEqual([first, ...rest.sort()], ['HeadBucket', ...heads, ...(durable ? [] : ['ListObjectsV2'])]);
    for (const name of ODD_NAMES) rmSync(ground.at(name));
    ground.write('last', '');
    await ground.settle();
    assert.deepEqual(ground.bucket.keys(), ['p/last']);
  }
});

/** By the keys they have: names that S3 cannot carry, or that XML cannot. */
const ENCODED: Readonly<Record<string, Buffer>> = {
  'f%FF%80': Buffer.from([0x66, 0xff, 0x80]),
  'control%01character': Buffer.from('control\x01character'),
  'escape%1B%5B31m': Buffer.from('escape\x1b[31m'),
  'form%0Cfeed': Buffer.from('form\ffeed'),
  'not%EF%BF%BEa%20character': Buffer.from('not\ufffea character'),
  'not%EF%BF%BFa%20character': Buffer.from('not\uffffa character'),
  'o%C0%AF': Buffer.from([0x6f, 0xc0, 0xaf]),
  '%ED%A0%80': Buffer.from([0xed, 0xa0, 0x80]),
};

test('S14 names that S3 cannot carry are stored under encoded ones, renamed and deleted like all others', async (t) => {
  const ground = await settledGround(t, { files: { fine: 'fine' } });
  const at = (name: Buffer): Buffer => Buffer.concat([Buffer.from(`${ground.root}/`), name]);
  for (const name of Object.values(ENCODED)) writeFileSync(at(name), 'content');
  const directory = Buffer.from([0x64, 0xfe]);
  mkdirSync(at(directory));
  writeFileSync(Buffer.concat([at(directory), Buffer.from('/inside')]), 'inside');
  mkdirSync(at(Buffer.from([0xfc])));
  ground.write('also fine', 'fine');
  await ground.settle();
  const encoded = [...Object.keys(ENCODED), 'd%FE/inside', '%FC/'].map((name) => `p/.awssyncer/names/${name}`);
  const stored = (): string[] => ground.bucket.keys('p/');
  assert.deepEqual(stored(), [...encoded, 'p/also fine', 'p/fine'].sort());
  assert.deepEqual(ground.problems('failed'), []);
  assert.equal(ground.bucket.object('p/.awssyncer/names/d%FE/inside')!.bytes.toString(), 'inside');

  ground.server.clearRequests();
  renameSync(at(directory), ground.at('readable'));
  renameSync(ground.at('fine'), at(Buffer.from('fin\xe9', 'latin1')));
  for (const name of Object.values(ENCODED)) rmSync(at(name));
  await ground.settle();
  assert.equal(ground.server.countRequests('PutObject'), 0, 'renames are copies');
  const left = ['p/.awssyncer/names/%FC/', 'p/.awssyncer/names/fin%E9', 'p/also fine', 'p/readable/inside'];
  assert.deepEqual(stored(), left);
});

test('S8 S14 encoded names are known after a restart with the ledger, and adopted without one', async (t) => {
  for (const durable of [true, false]) {
    const ground = await settledGround(t, { durable, files: { '-first': '1', 'a.txt': 'a', zzz: 'z' } });
    for (const name of ['\xff', '\x01low', 'b\xff'])
      writeFileSync(Buffer.from(`${ground.root}/${name}`, 'latin1'), name);
    await ground.settle();
    ground.server.clearRequests();
    await ground.start();
    await ground.settle();
    assert.equal(ground.server.countRequests('PutObject'), 0);
    assert.equal(ground.server.countRequests('DeleteObjects'), 0);
    rmSync(Buffer.from(`${ground.root}/b\xff`, 'latin1'));
    await ground.settle();
    assert.equal(ground.bucket.object('p/.awssyncer/names/b%FF'), undefined, 'it is ours');
  }
});

/** The object of this path, whose key is too long, and the one that tells it. */
function hashed(path: string): string[] {
  const place = placeOf(`p/${path}`);
  assert.notEqual(place, `p/${path}`);
  return [place, `${place}.name`];
}

test('S14 keys over 1,024 bytes are stored under their hash, follow a rename above them, and go with their files', async (t) => {
  const ground = await settledGround(t);
  const dir = Array.from({ length: 4 }, () => 'd'.repeat(200)).join('/');
  const rest = 1024 - Buffer.byteLength(`p/${dir}/`);
  const fits = `${dir}/${'f'.repeat(rest)}`;
  const long = (top: string): string[] => {
    const at = dir.replace(/^d+/, top);
    return [`${at}/${'g'.repeat(rest + 1)}`, `${at}/${'\u00e9'.repeat(100)}${'h'.repeat(rest - 199)}`];
  };
  const first = long('d'.repeat(200));
  for (const path of [fits, ...first]) ground.write(path, path);
  mkdirSync(ground.at(`${fits}-dir`));
  await ground.settle();
  const stored = (): string[] => ground.bucket.keys();
  const expected = [...first, `${fits}-dir/`].flatMap(hashed);
  assert.deepEqual(stored(), [...expected, `p/${fits}`].sort());

  ground.server.clearRequests();
  renameSync(ground.at('d'.repeat(200)), ground.at('e'.repeat(200)));
  await ground.settle();
  const second = long('e'.repeat(200));
  const renamed = fits.replace(/^d+/, 'e'.repeat(200));
  assert.deepEqual(stored(), [...[...second, `${renamed}-dir/`].flatMap(hashed), `p/${renamed}`].sort());
  assert.equal(ground.server.countRequests('CopyObject'), 3);
  for (const path of second) assert.equal(ground.bucket.text(hashed(path)[0]!), path.replace(/^e+/, 'd'.repeat(200)));

  rmSync(ground.at('e'.repeat(200)), { recursive: true });
  await ground.settle();
  assert.deepEqual(stored(), []);
});

test('S8 S14 keys over 1,024 bytes are known after a restart with the ledger, and adopted without one', async (t) => {
  const path = Array.from({ length: 6 }, () => 'd'.repeat(200)).join('/');
  for (const durable of [true, false]) {
    const ground = await settledGround(t, { durable, files: { [path]: 'long', '-first': '1', zzz: 'z' } });
    await ground.start();
    await ground.settle();
    const changes = ['PutObject', 'CopyObject', 'DeleteObjects'] as const;
    assert.deepEqual(
      changes.map((operation) => ground.server.countRequests(operation)),
      [0, 0, 0],
    );
    rmSync(ground.at(path));
    await ground.settle();
    assert.equal(
      ground.bucket.keys().some((key) => hashed(path).includes(key)),
      false,
      'it is ours',
    );
  }
});

test('S14 a path too long for the kernel to be named is reported, and what is beneath it not deleted', async (t) => {
  const ground = await settledGround(t, { config: { pollIntervalMs: 50 } });
  const name = 'n'.repeat(250);
  const cwd = process.cwd();
  t.after(() => {
    process.chdir(cwd);
    execFileSync('rm', ['-rf', ground.base]);
  });
  process.chdir(ground.root);
  for (let depth = 0; depth < 20; depth++) {
    mkdirSync(name);
    process.chdir(name);
  }
  process.chdir(cwd);
  await until('it is reported', () => ground.problems('unreadable').length > 0);
  await ground.roundTrip();
  assert.deepEqual(ground.bucket.keys(), []);
  execFileSync('rm', ['-rf', ground.at(name)]);
  await ground.settle();
  assert.deepEqual(ground.problems('unreadable'), []);
});

test('S2 sockets and FIFOs are skipped and counted, and keep nothing else from being stored', async (t) => {
  const ground = await settledGround(t, { files: { 'd/file': 'file' } });
  execFileSync('mkfifo', [ground.at('d/fifo'), ground.at('lone fifo')]);
  const socket = createServer().listen(ground.at('socket'));
  t.after(() => socket.close());
  mkdirSync(ground.at('only special'));
  execFileSync('mkfifo', [ground.at('only special/fifo')]);
  ground.write('d/other', 'other');
  await ground.settle();
  assert.deepEqual(ground.problems('special').sort(), ['d/fifo', 'lone fifo', 'only special/fifo', 'socket']);
  // Such a directory is empty as far as a restore goes.
  assert.deepEqual(ground.bucket.keys(), ['p/d/file', 'p/d/other', 'p/only special/']);
  rmSync(ground.at('lone fifo'));
  ground.write('lone fifo', 'a file now');
  await ground.settle();
  assert.equal(ground.stored('lone fifo'), 'a file now');
  assert.deepEqual(ground.problems('special').sort(), ['d/fifo', 'only special/fifo', 'socket']);
  await ground.audit();
  assert.equal(ground.problems('special').length, 3);
  assert.equal(
    await endWatching(ground.agent.workspace, ground.agent.watching, { shutdownTimeoutMs: 10_000 }),
    EXIT.ok,
  );
});

test('S2 empty files, sparse files and empty directories are stored as they are', async (t) => {
  const ground = await settledGround(t, { config: { multipartThresholdBytes: 6 * 1024 ** 2 } });
  ground.write('empty', '');
  ground.write('becomes empty', 'content');
  mkdirSync(ground.at('empty directory/deeper'), { recursive: true });
  execFileSync('truncate', ['-s', '7M', ground.at('sparse')]);
  await ground.settle();
  ground.assertEqual();
  ground.write('becomes empty', '');
  ground.write('empty directory/deeper/not any more', 'x');
  await ground.settle();
  ground.assertEqual();
});

test('S14 the names the agent keeps for itself are neither stored nor deleted', async (t) => {
  const ground = await settledGround(t);
  for (const key of ['p/.awssyncer/lease', 'p/.volume_ready']) ground.bucket.put(key, 'not ours');
  for (const path of ['.volume_ready', '.awssyncer-tmp-1', 'd/.awssyncer-tmp-2']) ground.write(path, 'local');
  ground.write('d/.volume_ready', 'elsewhere it is a name like any other');
  await ground.start({ deleteForeign: true });
  await ground.settle();
  for (const name of readdirSync(ground.root)) rmSync(join(ground.root, name), { recursive: true });
  ground.write('d/.volume_ready', 'elsewhere it is a name like any other');
  await ground.settle();
  assert.deepEqual(ground.bucket.keys(), ['p/.awssyncer/lease', 'p/.volume_ready', 'p/d/.volume_ready']);
});

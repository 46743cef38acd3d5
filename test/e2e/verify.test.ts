// `verify`: the built CLI on real files.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { BucketView } from '../strict-s3/inspect.ts';
import { mountOn } from '../support/mounts.ts';
import { strictStage } from '../support/stage.ts';

describe('verify', () => {
  test('finds what is missing, extra, of another size and of other content, asks S3 and not the ledger', async (t) => {
    const { server, bucket, local, url, run, write, at } = await strictStage(t);
    for (const name of ['same', 'missing', 'size', 'content', 'behind our back', 'link', 'dir/same']) write(name);
    await run(['sync', local, url]);
    const good = await run(['verify', local, url]);
    assert.deepEqual([good.code, good.stdout], [0, ''], good.stderr);

    bucket.remove('p/missing');
    bucket.put('p/extra', 'extra');
    bucket.put('p/size', 'of another size');
    write('content', 'CONTENT');
    bucket.put('p/behind our back', 'BEHIND OUR BACK');
    rmSync(at('link'));
    symlinkSync('link', at('link'));
    const before = bucket.objects();
    server.clearRequests();
    const bad = await run(['verify', local, url]);
    assert.equal(bad.code, 5, bad.stderr);
    const found = bad.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.replace(/^(\w+) +(.*?): .*$/, '$1 $2'))
      .sort();
    assert.deepEqual(found, [
      'content behind our back',
      'content content',
      'foreign extra',
      'kind link',
      'metadata content',
      'missing missing',
      'size size',
    ]);
    assert.deepEqual(bucket.objects(), before);
    const operations = new Set(server.requests.map(({ operation }) => operation));
    assert.deepEqual(
      [...operations].sort(),
      ['GetObject', 'HeadBucket', 'HeadObject', 'ListObjectsV2'],
      'none that writes',
    );

    const json = await run(['verify', '--json', local, url]);
    assert.equal(json.code, 5);
    const { differences, compared } = JSON.parse(json.stdout);
    assert.equal(compared, 8);
    assert.deepEqual(
      differences.find(({ kind }: { kind: string }) => kind === 'foreign'),
      {
        ...{ path: 'extra', kind: 'foreign', detail: 'in S3, not on disk' },
      },
    );
  });
});

test('S13 verify --download believes no checksum: it finds what does not come back, and goes on', async (t) => {
  const { server, local, url, run, write } = await strictStage(t);
  const names = ['broken', 'cold', 'cut', 'damaged', 'empty', 'gone', 'good', 'large', 'other'];
  for (const name of names) write(name, name === 'empty' ? '' : name);
  write('large', Buffer.alloc(11 * 2 ** 20, 'x'));
  const parts = ['--multipart-threshold', '5MiB', '--part-size', '5MiB'];
  assert.equal((await run(['sync', ...parts, local, url])).code, 0);
  server.clearRequests();
  const whole = await run(['verify', '--download', local, url]);
  assert.deepEqual([whole.code, whole.stdout], [0, ''], whole.stderr);
  const read = () => server.requests.filter(({ operation }) => operation === 'GetObject').map(({ key }) => key);
  const gets = names.flatMap((name) => Array.from({ length: name === 'large' ? 3 : 1 }, () => `p/${name}`));
  assert.deepEqual(read().sort(), gets);

  const flip = (body: Buffer) => Buffer.from(body.map((byte, i) => (i === body.length - 1 ? byte ^ 1 : byte)));
  const damage = { operation: 'GetObject', effect: { kind: 'garbage', change: flip, status: 200 } } as const;
  server.faults.add({ key: /damaged|large/, ...damage });
  const refuse = (code: string) => ({ operation: 'GetObject', effect: { kind: 'status', code } }) as const;
  server.faults.add({ key: /broken/, ...refuse('InternalError') });
  server.faults.add({ operation: 'GetObject', key: /cut/, effect: { kind: 'truncate' } });
  server.faults.add({ key: /cold/, ...refuse('InvalidObjectState') });
  server.faults.add({ key: /gone/, ...refuse('NoSuchKey') });
  server.faults.add({ key: /other/, ...refuse('PreconditionFailed') });
  server.clearRequests();
  assert.equal((await run(['verify', local, url])).code, 0, 'their ETags are right');
  assert.deepEqual(read(), []);
  const { code, stdout, stderr } = await run(['verify', '--download', '--retry-horizon', '500ms', local, url]);
  assert.equal(code, 5, stderr);
  const kinds = stdout.split('\n').filter(Boolean);
  assert.deepEqual(
    kinds.map((line) => line.replace(/^(\w+) +(.*?): .*$/, '$1 $2')),
    [
      ...['unreadable broken', 'unreadable cold', 'unreadable cut', 'content damaged', 'unreadable gone'],
      ...['content large', 'unreadable other'],
    ],
  );
  assert.match(stdout, /cold: Cannot get s3:\/\/test-bucket\/p\/cold: /);
});

test('S13 verify tells each difference by its kind, of metadata only what the object says', async (t) => {
  const { bucket, local, url, run, write, at } = await strictStage(t);
  const names = ['same', 'mode', 'mtime', 'owner', 'link', 'twin', 'dir', 'pipe', 'gone', 'bare'];
  for (const name of names) write(name);
  mkdirSync(at('empty'));
  symlinkSync('target', at('pointer'));
  assert.equal((await run(['sync', local, url])).code, 0);

  chmodSync(at('mode'), 0o600);
  chmodSync(at('empty'), 0o700);
  utimesSync(at('mtime'), 1, 1);
  const owned = bucket.object('p/owner')!;
  bucket.put('p/owner', owned.bytes, { ...owned.metadata, uid: '4242', gid: '4243' });
  const { mtime: _, mode: __, ...rest } = bucket.object('p/bare')!.metadata;
  bucket.put('p/bare', 'bare', rest);
  chmodSync(at('bare'), 0o600);
  // A file and a link of equal bytes.
  const twin = bucket.object('p/twin')!;
  bucket.put('p/twin', twin.bytes, { ...twin.metadata, mode: '120777' });
  for (const name of ['link', 'dir', 'pipe', 'gone', 'pointer']) rmSync(at(name));
  symlinkSync('link', at('link'));
  symlinkSync('tegrat', at('pointer'));
  write('dir/file');
  execFileSync('mkfifo', [at('pipe')]);
  const { code, stdout, stderr } = await run(['verify', '--json', local, url]);
  assert.equal(code, 5, stderr);
  const { differences } = JSON.parse(stdout);
  assert.deepEqual(
    differences.map(({ path, kind, detail }: Record<string, string>) => `${path}: ${kind}: ${detail}`),
    [
      'dir: kind: a directory on disk, a file in S3',
      'dir/file: missing: on disk, not in S3',
      'empty: metadata: mode 700 on disk, 755 in S3',
      'gone: extra: in S3, not on disk',
      'link: kind: a symlink on disk, a file in S3',
      'mode: metadata: mode 600 on disk, 644 in S3',
      `mtime: metadata: mtime 1000000000 on disk, ${storedTime(bucket, 'p/mtime')} in S3`,
      `owner: metadata: uid ${process.getuid!()} on disk, 4242 in S3; gid ${process.getgid!()} on disk, 4243 in S3`,
      'pipe: kind: a socket, FIFO or device on disk, a file in S3',
      'pointer: content: the link points elsewhere',
      `pointer: metadata: mtime ${lstatSync(at('pointer'), { bigint: true }).mtimeNs} on disk, ${storedTime(bucket, 'p/pointer')} in S3`,
      'twin: kind: a file on disk, a symlink in S3',
    ],
  );
});

/** Nanoseconds. */
function storedTime(bucket: BucketView, key: string): string {
  return bucket.object(key)!.metadata['mtime']!.replace('.', '');
}

test('S13 verify beside a writer: what changes meanwhile is compared as it is then, or said to be unreadable', async (t) => {
  const { server, bucket, local, url, run, start, write } = await strictStage(t);
  const names = ['deleted', 'edited', 'same', 'written'];
  for (const name of names) write(name);
  assert.equal((await run(['sync', local, url])).code, 0);
  const gate = server.faults.add({ operation: 'GetObject', effect: { kind: 'gate' } });
  const cli = start(['verify', '--download', local, url]);
  await gate.waiting(names.length);
  bucket.remove('p/deleted');
  write('edited', 'EDITED');
  const same = bucket.object('p/same')!;
  bucket.put('p/same', same.bytes, { ...same.metadata, other: 'program' });
  bucket.put('p/written', 'WRITTEN', bucket.object('p/written')!.metadata);
  await gate.open();
  assert.equal((await cli.exited).code, 5, cli.output());
  assert.deepEqual(
    cli.stdout.map((line) => line.replace(/ {2,}/, ' ')),
    [
      'missing deleted: on disk, not in S3',
      'unreadable edited: it changed while it was looked at',
      'content written: same size, other content',
    ],
  );
});

test('verify ends when S3 does not answer any more, and does not call every path unreadable', async (t) => {
  const { server, local, url, run, write } = await strictStage(t);
  for (let i = 0; i < 40; i++) write(`f${i}`);
  assert.equal((await run(['sync', local, url])).code, 0);
  server.faults.add({ operation: 'GetObject', effect: { kind: 'status', code: 'InternalError' } });
  server.faults.add({ operation: 'HeadObject', after: 16, effect: { kind: 'status', code: 'InternalError' } });
  const { code, stdout, stderr } = await run(['verify', '--download', '--retry-horizon', '500ms', local, url]);
  assert.deepEqual([code, stdout], [1, ''], stderr);
  assert.match(stderr, /^awssyncer: Cannot get s3:\/\/test-bucket\/p\/f\d+: /m);
});

test('verify does not call gone what lies beneath a mount that it does not look at', async (t) => {
  const { local, url, run, write, at } = await strictStage(t);
  write('d/file');
  assert.equal((await run(['sync', local, url])).code, 0);
  const mount = mountOn(at('d'));
  if (mount === undefined) return console.log(`${t.name}: not run, this user cannot mount`);
  try {
    write('d/file');
    const { code, stdout } = await run(['verify', local, url]);
    assert.equal(code, 5);
    assert.match(stdout, /^unreadable +d\/file: it came while it was looked for, or lies beneath a mount$/m);
  } finally {
    mount.unmount({ lazily: true });
  }
});

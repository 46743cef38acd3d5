// The recipes of src/MIGRATING.md: a bucket that another program kept is taken over, nothing is sent twice or deleted.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { awsS3, installedClients, type RemoteDirectory } from '../support/other-clients.ts';
import { target } from '../support/s3-targets.ts';
import { BUCKET, PREFIX, type StrictStage, strictStage } from '../support/stage.ts';

const CLIENTS = installedClients();
const HAS_AWS = CLIENTS.some(({ name }) => name === 'aws');

const REMOTE = `s3://${BUCKET}/${PREFIX}`;
const MIB = 2 ** 20;
const EXCLUDES = ['--exclude', '*.tmp', '--exclude', '/cache/'];

/** As others see the prefix. */
function remoteOf({ server, dir }: StrictStage): RemoteDirectory {
  const strict = target({ name: 'strict', ...server, strict: server });
  return { target: strict, bucket: BUCKET, prefix: PREFIX.slice(0, -1), home: join(dir, 'home') };
}

/** What a sync, with these options, says it did. */
async function sync({ run, local, url }: StrictStage, ...options: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(['sync', '--json', '--delete', ...options, local, url]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

function plant({ write }: StrictStage): void {
  write('a.txt');
  write('deep/er/b.txt');
  write('large', Buffer.alloc(18 * MIB, 'abcdefg'));
  write('middle', Buffer.alloc(12 * MIB, 'hijk'));
}

/** Neither the pretence nor the sync sends content or deletes anything; what is deleted afterwards goes. */
async function takesOver(stage: StrictStage): Promise<void> {
  const before = stage.keys();
  for (const options of [['--dry-run'], []]) {
    stage.server.clearRequests();
    const said = await sync(stage, ...EXCLUDES, ...options);
    assert.partialDeepStrictEqual(said, { uploaded: 0, deleted: 0, bytes: 0, held: 0 });
    assert.equal(Number(said['adopted']) + Number(said['copied']), 4);
    assert.ok(!stage.requests().some((request) => /^(Put|Delete|Create|UploadPart )/.test(request)));
    assert.deepEqual(stage.keys(), before);
  }
  stage.write('middle', 'changed');
  rmSync(stage.at('a.txt'));
  assert.partialDeepStrictEqual(await sync(stage, ...EXCLUDES), { uploaded: 1, deleted: 1 });
  assert.deepEqual(
    stage.keys(),
    before.filter((key) => key !== 'a.txt'),
  );
}

for (const client of CLIENTS) {
  test(`a bucket that ${client.name} kept is taken over`, async (t) => {
    const stage = await strictStage(t);
    plant(stage);
    stage.write('x.tmp');
    await client.upload(stage.local, remoteOf(stage));
    await takesOver(stage);
    assert.ok(stage.keys().includes('x.tmp'));
  });
}

if (HAS_AWS) {
  describe('from aws s3 sync', () => {
    test('what it missed is sent: a file of the same size with an older time', async (t) => {
      const stage = await strictStage(t);
      stage.write('f', 'new');
      await awsS3(remoteOf(stage), ['sync', stage.local, REMOTE]);
      stage.write('f', 'old');
      utimesSync(stage.at('f'), 1_600_000_000, 1_600_000_000);
      await awsS3(remoteOf(stage), ['sync', '--delete', stage.local, REMOTE]);
      assert.equal(stage.text('f'), 'new');
      assert.partialDeepStrictEqual(await sync(stage), { uploaded: 1, adopted: 0 });
      assert.equal(stage.text('f'), 'old');
    });

    test('a run before the first sync brings back what S3 has, and keeps what it replaces', async (t) => {
      const stage = await strictStage(t);
      for (const path of ['f', 'gone']) stage.write(path, 'new');
      await awsS3(remoteOf(stage), ['sync', stage.local, REMOTE]);
      stage.write('f', 'old');
      utimesSync(stage.at('f'), 1_600_000_000, 1_600_000_000);
      rmSync(stage.at('gone'));
      const { code, stderr } = await stage.run(['run', stage.local, stage.url, '--', 'true']);
      assert.equal(code, 0, stderr);
      for (const path of ['f', 'gone']) assert.equal(readFileSync(stage.at(path), 'utf8'), 'new');
      const kept = /kept aside f .*winner=s3 keptAs=(\S+)/.exec(stderr)![1]!;
      assert.equal(readFileSync(kept, 'utf8'), 'old');
    });

    test('what lies behind a link was stored in its place, and goes when the link is stored', async (t) => {
      const stage = await strictStage(t);
      mkdirSync(join(stage.dir, 'else'));
      writeFileSync(join(stage.dir, 'else/linked'), 'x');
      symlinkSync('../else', stage.at('dirlink'));
      stage.write('a');
      await awsS3(remoteOf(stage), ['sync', '--delete', stage.local, REMOTE]);
      assert.deepEqual(stage.keys(), ['a', 'dirlink/linked']);
      const { stderr } = await stage.run(['sync', '--dry-run', '--delete', stage.local, stage.url]);
      assert.match(stderr, /would upload dirlink /);
      assert.match(stderr, /would delete dirlink\/linked$/m);
      await sync(stage);
      assert.deepEqual(stage.keys(), ['a', 'dirlink']);
    });

    test('its globs, in SYNC_EXCLUDES, are ours', async (t) => {
      const stage = await strictStage(t);
      for (const path of ['a', 'deep/x.tmp', 'cache/deep/c', 'deep/cache/d']) stage.write(path);
      const excludes = ['--exclude', '*.tmp', '--exclude', 'cache/*'];
      await awsS3(remoteOf(stage), ['sync', ...excludes, stage.local, REMOTE]);
      const env = { ...stage.env, SYNC_EXCLUDES: '*.tmp|cache/*' };
      const { stdout } = await stage.run(['sync', '--json', stage.local, stage.url], { env });
      assert.partialDeepStrictEqual(JSON.parse(stdout), { adopted: 2, uploaded: 0, failed: 0 });
      assert.deepEqual(stage.keys(), ['a', 'deep/cache/d']);
    });
  });

  test('from s3sync-service: its parts of 5 MiB, from 16 MiB on, are known', async (t) => {
    const stage = await strictStage(t);
    plant(stage);
    const remote = remoteOf(stage);
    writeFileSync(
      join(remote.home, 'aws'),
      '[default]\ns3 =\n  multipart_threshold = 16MB\n  multipart_chunksize = 5MB\n',
    );
    await awsS3(remote, ['sync', '--no-follow-symlinks', stage.local, REMOTE]);
    assert.match(stage.bucket.object(`${PREFIX}large`)!.etag, /-4"?$/);
    await takesOver(stage);
  });
}

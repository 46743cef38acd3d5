import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';
import { tempDir } from '../support/temp-dir.ts';

const REPO = fileURLToPath(new URL('../..', import.meta.url));
const DEADLINE_MS = 30_000;

/** A container, as far as its entrypoints can tell: the program where the image has it, and the original's environment. */
interface Container {
  readonly server: StrictS3;
  readonly local: string;
  /** Starts an entrypoint as the image would. */
  start(entrypoint: string, env?: Record<string, string>, ...args: string[]): Running;
}

interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<{ code: number | null; log: string }>;
}

async function container(t: TestContext): Promise<Container> {
  const root = tempDir(t);
  const server = await startStrictS3({ buckets: ['bucket'] });
  t.after(() => server.close());
  const [lib, bin, local] = [join(root, 'lib/awssyncer'), join(root, 'bin'), join(root, 'data')];
  for (const directory of [bin, local]) mkdirSync(directory);
  cpSync(join(REPO, 'dist'), join(lib, 'dist'), { recursive: true });
  cpSync(join(REPO, 'package.json'), join(lib, 'package.json'));
  symlinkSync('../lib/awssyncer/dist/main.js', join(bin, 'awssyncer'));
  const image = {
    PATH: [bin, dirname(process.execPath), '/usr/bin', '/bin'].join(':'),
    HOME: root,
    LOCAL_PATH: `${local}/`,
    S3_BUCKET: 'bucket/prefix',
    FILTER_REGEX: '',
    SYNC_EXCLUDES: '',
    AWS_ENDPOINT_URL: server.endpoint,
    AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    AWS_DEFAULT_REGION: server.region,
    AWSSYNCER_STATE_DIR: join(root, 'state'),
    AWSSYNCER_HTTP: 'off',
    AWSSYNCER_FORCE_PATH_STYLE: 'true',
  };
  const start: Container['start'] = (entrypoint, env = {}, ...args) => {
    const child = spawn(join(REPO, 'docker', entrypoint), args, {
      env: { ...image, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.after(() => child.kill('SIGKILL'));
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (log += text));
    return { process: child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, log })) };
  };
  return { server, local, start };
}

/** Waits until `condition` holds, or fails with what the program said. */
async function until(what: string, { ended }: Running, condition: () => boolean): Promise<void> {
  const late = Date.now() + DEADLINE_MS;
  while (!condition()) {
    const end = await Promise.race([ended, sleep(10)]);
    if (end !== undefined) assert.fail(`ended with ${end.code} before ${what}: ${end.log}`);
    if (Date.now() > late) assert.fail(`not within ${DEADLINE_MS} ms: ${what}`);
  }
}

const read = (directory: string, name: string) => readFileSync(join(directory, name), 'utf8');

test('the entrypoint restores, marks the volume ready, uploads what changes, and ends with 0 on SIGTERM', async (t) => {
  const { server, local, start } = await container(t);
  const bucket = server.bucket('bucket');
  bucket.put('prefix/world/level.dat', 'level 1');
  bucket.put('prefix/.volume_ready', '');

  const agent = start('entrypoint');
  await until('the marker', agent, () => existsSync(join(local, '.volume_ready')));
  assert.equal(read(local, 'world/level.dat'), 'level 1');

  writeFileSync(join(local, 'world/level.dat'), 'level 2');
  mkdirSync(join(local, 'new/nested'), { recursive: true });
  writeFileSync(join(local, 'new/nested/file'), 'new');
  await until('both uploads', agent, () => {
    return bucket.text('prefix/world/level.dat') === 'level 2' && bucket.text('prefix/new/nested/file') === 'new';
  });

  writeFileSync(join(local, 'last'), 'words');
  agent.process.kill('SIGTERM');
  const { code, log } = await agent.ended;
  assert.equal(code, 0, log);
  assert.equal(bucket.text('prefix/last'), 'words');
  assert.equal(bucket.text('prefix/.volume_ready'), '', 'the marker of the bucket is left as it was');
});

test('the entrypoint removes a stale marker before it restores', async (t) => {
  const { server, local, start } = await container(t);
  server.bucket('bucket').put('prefix/a', '1');
  writeFileSync(join(local, '.volume_ready'), 'of the last container');
  const agent = start('entrypoint');
  await until('the new marker', agent, () => {
    return existsSync(join(local, 'a')) && existsSync(join(local, '.volume_ready'));
  });
  assert.notEqual(read(local, '.volume_ready'), 'of the last container');
});

test('SYNC_EXCLUDES keeps files from S3, not from the restore', async (t) => {
  const { server, local, start } = await container(t);
  const bucket = server.bucket('bucket');
  bucket.put('prefix/old.log', 'restored');
  const agent = start('entrypoint', { SYNC_EXCLUDES: '*.log|*.tmp' });
  await until('the marker', agent, () => existsSync(join(local, '.volume_ready')));
  assert.equal(read(local, 'old.log'), 'restored');
  for (const name of ['new.log', 'new.tmp', 'new.dat']) writeFileSync(join(local, name), name);
  await until('the upload', agent, () => bucket.text('prefix/new.dat') !== undefined);
  agent.process.kill('SIGTERM');
  await agent.ended;
  assert.deepEqual(bucket.keys(), ['prefix/.awssyncer/lease', 'prefix/new.dat', 'prefix/old.log']);
});

test('the entrypoint runs a command between restore and flush, and ends with its code', async (t) => {
  const { server, local, start } = await container(t);
  server.bucket('bucket').put('prefix/count', '41');
  const script = 'read n < count; echo $((n + 1)) > count; exit 9';
  const { code, log } = await start('entrypoint', {}, '--', 'sh', '-c', `cd ${local}; ${script}`).ended;
  assert.equal(code, 9, log);
  assert.equal(server.bucket('bucket').text('prefix/count'), '42\n');
});

test('oneoffcopy copies one object into the volume and ends', async (t) => {
  const { server, local, start } = await container(t);
  server.bucket('bucket').put('prefix/backups/dump.sql', 'select 1');
  server.bucket('bucket').put('prefix/backups/dump.sql.old', 'select 0');
  const { code, log } = await start('oneoffcopy', { S3_OBJECT: 'backups/dump.sql' }).ended;
  assert.equal(code, 0, log);
  assert.deepEqual(readdirSync(local), ['dump.sql']);
  assert.equal(read(local, 'dump.sql'), 'select 1');
});

test('oneoffcopy takes the options of aws s3 cp from S3_ARGS', async (t) => {
  const { server, local, start } = await container(t);
  for (const name of ['a.sql', 'deep/b.sql', 'c.txt']) server.bucket('bucket').put(`prefix/backups/${name}`, name);
  const args = "--recursive --exclude '*' --include '*.sql' --quiet";
  const { code, log } = await start('oneoffcopy', { S3_OBJECT: 'backups', S3_ARGS: args }).ended;
  assert.equal(code, 0, log);
  assert.deepEqual(readdirSync(local, { recursive: true }).sort(), ['a.sql', 'deep', 'deep/b.sql']);
});

test('oneoffcopy ends with 2 on an option of aws s3 cp it does not have, and names it', async (t) => {
  const { start } = await container(t);
  const { code, log } = await start('oneoffcopy', { S3_OBJECT: 'a', S3_ARGS: '--acl public-read' }).ended;
  assert.equal(code, 2);
  assert.match(log, /--acl/);
});

test('oneoffcopy fails when the object is not there', async (t) => {
  const { local, start } = await container(t);
  const { code, log } = await start('oneoffcopy', { S3_OBJECT: 'missing' }).ended;
  assert.equal(code, 1);
  assert.match(log, /^awssyncer: Cannot restore s3:\/\/bucket\/prefix\/missing: there is no such object\n {2}hint: /);
  assert.deepEqual(readdirSync(local), []);
});

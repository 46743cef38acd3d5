// What `npm run single-file` makes: one executable, where there is no Node.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AgentStatus } from '../../src/ops/control.ts';
import { baseOf } from '../support/http-agent.ts';
import { strictStage } from '../support/stage.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Nothing of the checkout is beside it. */
const HERE = mkdtempSync(join(realpathSync(tmpdir()), 'awssyncer-test-'));
after(() => rmSync(HERE, { recursive: true }));
const PROGRAM = join(HERE, 'awssyncer');
execFileSync(process.execPath, [join(ROOT, 'scripts/single-file.mjs')], { stdio: 'ignore' });
copyFileSync(join(ROOT, 'build/awssyncer'), PROGRAM);
const ours = { program: [PROGRAM] };

test('help and version are those of the build', () => {
  const ask = (file: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(file, args, { env: {}, encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  for (const args of [
    ['--version'],
    ['--help'],
    ['help', 'sync'],
    ['sync', '--setle'],
    ['status', '--state-dir=/nowhere'],
  ]) {
    const build = ask(process.execPath, join(ROOT, 'dist/main.js'), ...args);
    assert.deepEqual(ask(PROGRAM, ...args), build, args.join(' '));
  }
});

test('the licenses of all that is in it are beside it', () => {
  const licenses = readFileSync(join(ROOT, 'build/awssyncer-licenses.txt'), 'utf8');
  for (const text of ['MIT License', '@aws-sdk/client-s3', 'Node.js is licensed', 'OpenSSL'])
    assert.ok(licenses.includes(text), text);
});

test('it restores, runs a program, stores what that writes and a status page shows it', async (t) => {
  const stage = await strictStage(t);
  stage.bucket.put('p/before', 'before', { mode: '100644' });
  const script = 'cat before > after; head -c 6291456 /dev/zero > large; until [ -e end ]; do sleep 0.1; done';
  const options = ['--http', '0', '--multipart-threshold=5MiB', '--part-size=5MiB'];
  const args = ['run', ...options, stage.local, stage.url, '--', 'sh', '-c', `cd ${stage.local} && ${script}`];
  const cli = stage.start(args, ours);
  const base = await baseOf(cli);
  await cli.until(
    'what the program wrote is stored',
    () => stage.text('after') === 'before' && stage.text('large') !== undefined,
  );
  for (const [path, name] of [
    ['', 'index.html'],
    ['page.js', 'page.js'],
  ]) {
    assert.equal(await (await fetch(base + path)).text(), readFileSync(join(ROOT, 'src/ops/page', name!), 'utf8'));
  }
  const status = async () =>
    JSON.parse((await stage.run(['status', '--json', stage.local], ours)).stdout) as AgentStatus;
  await until('it is in sync', async () => (await status()).inSync);
  assert.equal((await status()).pid, cli.pid);
  stage.write('end');
  assert.equal((await cli.exited).code, 0, cli.output());
  assert.deepEqual(stage.keys(), ['after', 'before', 'end', 'large']);
  const back = join(stage.dir, 'back');
  assert.equal((await stage.run(['restore', '--state-dir=none', stage.url, back], ours)).code, 0);
  execFileSync('diff', ['-r', stage.local, back]);
  assert.equal((await stage.run(['verify', stage.local, stage.url], ours)).code, 0);
});

test('what it unpacks to be loaded is gone when it works, and need not be in TMPDIR', async (t) => {
  const stage = await strictStage(t);
  stage.write('a');
  for (const [name, place] of [
    ['in', tempDir(t)],
    ['missing', '/nowhere'],
  ] as const) {
    const env = { ...stage.env, TMPDIR: place };
    const done = await stage.run(['sync', '--state-dir=none', stage.local, `${stage.url}${name}`], { ...ours, env });
    assert.equal(done.code, 0, done.stderr);
    if (name === 'in') assert.deepEqual(readdirSync(place), []);
  }
  assert.deepEqual([stage.text('in/a'), stage.text('missing/a')], ['a', 'a']);
});

test('where no directory lets it be loaded it says which, and what to do', async (t) => {
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0) {
    console.log(`${t.name}: not run, this user cannot mount`);
    return;
  }
  const stage = await strictStage(t);
  for (const name of ['closed', 'open']) mkdirSync(join(HERE, name));
  const places = ['/mnt/closed', '/tmp', '/dev/shm', '/var/tmp'];
  // The program and the directories may lie beneath one of them.
  const mounts = [`mount --bind ${HERE} /mnt`, ...places.map((place) => `mount -t tmpfs -o noexec none ${place}`)];
  const within = ['unshare', '--mount', 'sh', '-c', `${mounts.join(' && ')} && exec "$@"`, 'sh'];
  const restore = (place: string) =>
    stage.run(['restore', '--state-dir=none', stage.url, '/mnt/open/back'], {
      ...{ within, program: ['/mnt/awssyncer'], cwd: '/' },
      env: { ...stage.env, TMPDIR: place },
    });
  const { code, stderr } = await restore('/mnt/closed');
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^awssyncer: Cannot load the inotify addon: .*\n {2}hint: .* set TMPDIR .*\n$/);
  for (const place of places) assert.ok(stderr.includes(`${place}/awssyncer-`), place);
  assert.equal((await restore('/mnt/open')).code, 0);
});

// What a start costs, counted in what it loads.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../../src/config/option.ts';
import { strictStage } from '../support/stage.ts';
import { tempDir } from '../support/temp-dir.ts';

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

/** Prints, last of all, the files that were loaded and the modules of Node's own that a bare Node had not. */
const TELL = `
const bare = new Set(process.moduleLoadList);
process.on('exit', () => {
  const files = Object.keys(require.cache).filter((file) => file !== __filename);
  const own = process.moduleLoadList.filter((name) => !bare.has(name) && /^NativeModule [a-z]/.test(name));
  process.stdout.write('\\n' + JSON.stringify({ files, own: own.map((name) => name.split(' ')[1]) }));
});`;

interface Loaded {
  readonly files: readonly string[];
  /** Public modules of Node. */
  readonly own: readonly string[];
}

async function loadedBy(t: TestContext, args: readonly string[], given: Record<string, string> = {}): Promise<Loaded> {
  const home = tempDir(t);
  const tell = join(home, 'tell.cjs');
  writeFileSync(tell, TELL);
  const env = { HOME: home, XDG_STATE_HOME: home, ...given };
  const child = spawn(NODE, ['--require', tell, join(DIST, 'main.js'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const stdout = await text(child.stdout);
  const { files, own } = JSON.parse(stdout.slice(stdout.lastIndexOf('\n'))) as Loaded;
  return { files: files.map((file) => basename(file)), own: own.filter((name) => !name.startsWith('internal/')) };
}

/** What Node itself loads to write to a pipe or a file and to be told of signals. */
const OUTPUT = ['net', 'os', 'stream', 'stream/promises', 'string_decoder'];

/** What talks to AWS, and to those who give credentials for it. */
const FOR_TLS = ['child_process', 'http2', 'https', 'tls'];

/** What dependencies load, the SDK above all, and an upload over plain HTTP does not use: see scripts/lazy-modules.mjs. */
const UNUSED = ['assert', 'fs/promises', 'http', 'zlib'];

describe('what a start loads', () => {
  for (const args of [['--help'], ['--version'], ['help', 'sync'], ['run', '--help']]) {
    test(`${args.join(' ')}: the help, and of Node what printing takes`, async (t) => {
      const { files, own } = await loadedBy(t, args);
      assert.deepEqual(files, ['main.js', 'help.js']);
      assert.deepEqual(
        own.filter((name) => !OUTPUT.includes(name)),
        [],
      );
    });
  }

  for (const command of ['status', 'flush', 'approve-deletes']) {
    test(`${command}: nothing that is for S3`, async (t) => {
      const { files, own } = await loadedBy(t, [command, '--state-dir=/nowhere']);
      assert.deepEqual(files, ['main.js', 'code-cache.js']);
      assert.ok(own.includes('net'), own.join());
      assert.deepEqual(
        own.filter((name) => [...FOR_TLS, 'zlib'].includes(name)),
        [],
      );
    });
  }

  test('an upload over plain HTTP: nothing that is for TLS, and nothing that only others use', async (t) => {
    const { local, url, env, write, keys } = await strictStage(t);
    write('a');
    const { own } = await loadedBy(t, ['sync', local, url], env);
    assert.deepEqual(keys(), ['a']);
    assert.deepEqual(
      own.filter((name) => [...FOR_TLS, ...UNUSED].includes(name)),
      [],
    );
  });
});

test('neither the program nor the SDK is compiled anew at every start', async (t) => {
  const { local, url, env } = await strictStage(t);
  const args = ['main.js', 'sync', '--quiet', '--state-dir=none', local, url];
  const script = `
    process.argv.splice(1, 0, ...${JSON.stringify(args)});
    const compiled = require(${JSON.stringify(join(DIST, 'code-cache.js'))}).run();
    const rejected = () => [...compiled].map(([name, script]) => [name, script.cachedDataRejected]);
    process.on('exit', () => process.stdout.write(JSON.stringify(Object.fromEntries(rejected()))));`;
  const run = async (more: Record<string, string>) => {
    const child = spawn(NODE, ['--eval', script], { env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'ignore'] });
    return JSON.parse(await text(child.stdout)) as unknown;
  };
  assert.deepEqual(await run({}), { 'program.js': false });
  // A setting that only the SDK understands.
  assert.deepEqual(await run({ AWS_MAX_ATTEMPTS: '1' }), { 'program.js': false, 'sdk.js': false });
});

test('the compiled code is made whatever the environment of the build would have the program do', (t) => {
  const copy = join(tempDir(t), 'dist');
  cpSync(DIST, copy, { recursive: true, filter: (path) => !path.endsWith('.cache') });
  const proxies = { HTTP_PROXY: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9' };
  const env = { AWSSYNCER_UNKNOWN: '1', AWS_PROFILE: 'nobody', LOCAL_PATH: 'no/absolute/path', ...proxies };
  const { status, stderr } = spawnSync(NODE, [join(copy, 'code-cache.js')], { env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const caches = readdirSync(copy).filter((name) => name.endsWith('.cache'));
  assert.deepEqual(caches.sort(), ['program.js.cache', 'sdk.js.cache']);
});

test('an agent whose files are gone, as while they are replaced, has what it never used before', async (t) => {
  const { dir, local, url, start, write, server, text } = await strictStage(t);
  const copy = join(dir, 'dist');
  cpSync(DIST, copy, { recursive: true });
  const args = ['watch', '--multipart-threshold=5MiB', '--part-size=5MiB', local, url];
  const agent = start(args, { main: join(copy, 'main.js') });
  await agent.waitForLine(/watching/);
  rmSync(copy, { recursive: true });
  write('large', Buffer.alloc(6 * 1024 ** 2, 'x'));
  await agent.until('it is stored', () => text('large') !== undefined);
  assert.ok(server.requests.some(({ operation }) => operation === 'CompleteMultipartUpload'));
  agent.signal('SIGTERM');
  assert.equal((await agent.exited).code, 0, agent.output());
});

test('who asks for help is told the same by the help alone and by the whole program', () => {
  const ask = (file: string, args: readonly string[], env: Record<string, string> = {}) => {
    const { status, stdout, stderr } = spawnSync(NODE, [join(DIST, file), ...args], { env, encoding: 'utf8' });
    return { status, stdout, stderr: stderr.replace(/"time":"[^"]*"/, '') };
  };
  const lines = ['help', '-h', '--version', ...COMMANDS.map((command) => `help ${command}`), 'help nobody'];
  for (const line of [...lines, 'sync --help', 'oneoffcopy -V', 'nobody --help', 'help --help']) {
    const args = line.split(' ');
    assert.deepEqual(ask('main.js', args), ask('program.js', args), line);
  }
  const json = { AWSSYNCER_LOG_FORMAT: 'json' };
  assert.deepEqual(ask('main.js', ['help', 'nobody'], json), ask('program.js', ['help', 'nobody'], json));
  // A value, an operand and the words of another program are no questions.
  for (const args of [
    ['--exclude', '--help'],
    ['watch', 'help'],
    ['run', '--', '--help'],
    ['a b', '-V', 'c'],
  ]) {
    assert.deepEqual(ask('main.js', args), ask('program.js', args), args.join(' '));
  }
});

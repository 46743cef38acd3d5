// What scripts rely on: one line an error, in the format that was asked for, and an exit code that tells.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { strictStage } from '../support/stage.ts';

const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

describe('errors before the log is open', () => {
  test('with --log-format json, or its variable, a wrong command line is one JSON object', async (t) => {
    const { run, env } = await strictStage(t);
    const asked: [string[], Record<string, string>][] = [
      [['sync', '--log-format=json', '--setle'], {}],
      [['sync', '--setle', '--log-format', 'json'], {}],
      [['sync', '--setle'], { AWSSYNCER_LOG_FORMAT: 'json' }],
    ];
    for (const [args, variables] of asked) {
      const { code, stdout, stderr } = await run(args, { env: { ...env, ...variables } });
      assert.deepEqual([code, stdout, stderr.split('\n').length], [2, '', 2], stderr);
      const { level, message, reason, hint } = JSON.parse(stderr);
      assert.deepEqual(
        [level, message, reason, hint],
        ['error', 'cannot go on', 'Cannot use --setle: there is no such option', 'Did you mean --settle?'],
      );
    }
  });

  test('otherwise, and if the option is the program that is run, it is text', async (t) => {
    const { run, env } = await strictStage(t);
    const human = { env: { ...env, AWSSYNCER_LOG_FORMAT: 'json' } };
    assert.match(
      (await run(['sync', '--setle', '--log-format=human'], human)).stderr,
      /^awssyncer: Cannot use --setle/,
    );
    assert.match(
      (await run(['run', '--setle', '--', 'x', '--log-format=json'])).stderr,
      /^awssyncer: Cannot use --setle/,
    );
  });

  test('a Node that is too old is told so in one line', () => {
    const versions = "Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.19.1'}})";
    const { status, stdout, stderr } = spawnSync(NODE, [`--import=data:text/javascript,${versions}`, MAIN, '--help'], {
      env: {},
      encoding: 'utf8',
    });
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(
      stderr,
      /^awssyncer: Cannot start: Node 22\.21 or later is needed, this is 20\.19\.1\n {2}hint: .*\n$/,
    );
  });
});

describe('--json', () => {
  test('a result that cannot be written is a failure', async (t) => {
    const { local, url, env, write, keys } = await strictStage(t);
    write('a');
    const full = openSync('/dev/full', 'w');
    t.after(() => closeSync(full));
    for (const args of [['--help'], ['--version']]) {
      const { status, stderr } = spawnSync(NODE, [MAIN, ...args], {
        env,
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      assert.equal(status, 1, stderr);
      assert.equal(stderr, 'awssyncer: Cannot write to standard output: ENOSPC\n');
    }
    const child = spawn(NODE, [MAIN, 'sync', '--quiet', '--json', local, url], {
      env,
      stdio: ['ignore', full, 'pipe'],
    });
    assert.equal(await new Promise((resolve) => child.once('close', resolve)), 1);
    assert.deepEqual(keys(), ['a']);
  });

  test('directories that need no object are not counted as unchanged; deletes that are held are named', async (t) => {
    const { local, url, run, write, at } = await strictStage(t);
    for (const name of ['keep', 'dir/one', 'dir/two', 'dir/deeper/three']) write(name);
    assert.equal((await run(['sync', local, url])).code, 0);
    const again = JSON.parse((await run(['sync', '--json', local, url])).stdout);
    assert.equal(again.unchanged, 4);

    rmSync(at('dir'), { recursive: true });
    const held = await run(['sync', '--delete', '--max-delete=1,10%', '--json', local, url]);
    assert.equal(held.code, 4, held.stderr);
    const { held: count, heldDeletes } = JSON.parse(held.stdout);
    assert.deepEqual([count, heldDeletes], [3, ['dir/deeper/three', 'dir/one', 'dir/two']]);
  });
});

if (process.geteuid?.() === 0) {
  test('what cannot be restored is told by its own path, and by no descriptor of ours', async (t) => {
    const { dir, local, url, run, bucket, at } = await strictStage(t);
    chmodSync(dir, 0o755);
    for (const key of ['p/closed/file', 'p/closed/dir/file']) bucket.put(key, 'x');
    mkdirSync(at('closed'));
    chmodSync(at('closed'), 0o555);
    const within = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
    const { code, stdout, stderr } = await run(['restore', '--state-dir=none', '--json', url, local], { within });
    assert.equal(code, 3, stderr);
    assert.doesNotMatch(stdout + stderr, /\/proc\//);
    assert.deepEqual(
      JSON.parse(stdout)
        .failures.map(({ path, reason }: Record<string, string>) => [path, reason])
        .sort(),
      [
        ['closed/dir/file', 'EACCES: permission denied (mkdir)'],
        ['closed/file', 'EACCES: permission denied (open)'],
      ],
    );
  });
}

// `--dir-times`: directories have the times they had, and no request comes of it while files come and go.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { strictStage } from '../support/stage.ts';

/** Path -> time in nanoseconds, of every directory beneath the root. */
function timesOf(root: string): Record<string, bigint> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory());
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(paths.map((path) => [path.slice(root.length), lstatSync(path, { bigint: true }).mtimeNs]));
}

test('S8 S13 directories come back with their times, and are known again', async (t) => {
  const stage = await strictStage(t);
  const { server, dir, local, url, at, run, write, requests } = stage;
  for (const path of ['a/b/c/file', 'a/file', 'd/file']) write(path);
  mkdirSync(at('d/empty'));
  for (const [n, path] of ['a/b/c', 'a/b', 'd/empty', 'd', 'a'].entries())
    utimesSync(at(path), 1, 1_500_000_000.25 + n);
  const options = ['--dir-times', '--delete'];
  const sync = async (from: string, state: string): Promise<string[]> => {
    server.clearRequests();
    const { code, stderr } = await run(['sync', ...options, '--state-dir', join(dir, state), from, url]);
    assert.equal(code, 0, stderr);
    return requests().filter((request) => /^(Put|Copy|Delete)/.test(request) && !/awssyncer/.test(request));
  };
  assert.equal((await sync(local, 'one')).length, 8);
  assert.deepEqual(await sync(local, 'one'), []);

  const copy = join(dir, 'copy');
  const restored = await run(['restore', '--dir-times', '--state-dir', join(dir, 'two'), url, copy]);
  assert.equal(restored.code, 0, restored.stderr);
  assert.deepEqual(timesOf(copy), timesOf(local));
  assert.deepEqual(await sync(copy, 'two'), []);
  const compared = spawnSync('rsync', ['-aAHXn', '--delete', '--itemize-changes', `${local}/a/`, `${copy}/a/`]);
  if (compared.error === undefined) assert.equal(String(compared.stdout), '');
  else t.diagnostic('not compared by rsync, which is not installed');

  assert.equal((await run(['verify', '--dir-times', copy, url])).code, 0);
  utimesSync(join(copy, 'a/b'), 1, 1);
  const verified = await run(['verify', '--dir-times', copy, url]);
  assert.equal(verified.code, 5);
  assert.match(verified.stdout, /^metadata +a\/b: mtime 1000000000 on disk/);
  assert.deepEqual(await sync(copy, 'two'), ['PutObject p/a/b/']);
  assert.deepEqual(await sync(copy, 'two'), []);
  // Without it they are not needed, and go.
  options.shift();
  assert.deepEqual(await sync(copy, 'two'), ['DeleteObjects']);
  assert.equal((await run(['verify', copy, url])).code, 0);
});

test('S8 S13 a file that comes into a directory is one request; the time of that is for the next scan', async (t) => {
  const stage = await strictStage(t);
  const { server, local, url, start, run, write, text, requests } = stage;
  write('d/first');
  assert.equal((await run(['sync', '--dir-times', local, url])).code, 0);
  const cli = start(['watch', '--dir-times', local, url]);
  await cli.waitForLine(/ watching /);
  assert.equal((await run(['flush', local])).code, 0); // the first scan is over
  server.clearRequests();
  for (const name of ['d/second', 'd/third']) {
    write(name);
    await cli.until('it is stored', () => text(name) === name);
  }
  assert.equal((await run(['flush', local])).code, 0);
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, 0, cli.output());
  const puts = requests().filter((request) => /^PutObject/.test(request) && !/awssyncer/.test(request));
  assert.deepEqual(puts, ['PutObject p/d/second', 'PutObject p/d/third']);
  server.clearRequests();
  assert.equal((await run(['sync', '--dir-times', local, url])).code, 0);
  assert.deepEqual(
    requests().filter((request) => /^PutObject/.test(request) && !/awssyncer/.test(request)),
    ['PutObject p/d/'],
  );
});

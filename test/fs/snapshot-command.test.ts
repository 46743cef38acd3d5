// One command that makes a snapshot: what it is told, when it has succeeded, and that nothing is left of it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runSnapshotCommand, type SnapshotCommandOptions, sweepSnapshots } from '../../src/agent/snapshot-command.ts';
import { type MadeFile, SnapshotError } from '../../src/transfer/snapshots.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';

function bench(t: TestContext) {
  const dir = tempDir(t);
  const directory = join(dir, 'state', 'snapshots');
  const source = join(dir, 'a.db');
  writeFileSync(source, 'content');
  const run = async (command: string, options: Partial<SnapshotCommandOptions> = {}): Promise<MadeFile> => {
    const { signal } = new AbortController();
    const all = { command, source, directory, timeoutMs: 30_000, env: process.env, signal, ...options };
    const made = await runSnapshotCommand(all);
    t.after(() => closeSync(made.fd));
    return made;
  };
  const fails = async (command: string, reason: string | RegExp, options: Partial<SnapshotCommandOptions> = {}) => {
    const files = readdirSync('/proc/self/fd').length;
    await assert.rejects(run(command, options), (error: unknown) => {
      assert.ok(error instanceof SnapshotError, String(error));
      if (typeof reason === 'string') assert.equal(error.message, reason);
      else assert.match(error.message, reason);
      return true;
    });
    assert.deepEqual(existsSync(directory) ? readdirSync(directory) : [], [], 'nothing is left');
    await until('every file is closed', () => readdirSync('/proc/self/fd').length <= files);
  };
  return { dir, directory, source, run, fails };
}

const text = ({ fd }: MadeFile): string => readFileSync(fd, 'utf8');

function isGone(group: string): boolean {
  return spawnSync('pgrep', ['-g', group]).status === 1;
}

test('a command is told the file and where to write, in a place that nobody else may look into', async (t) => {
  const { dir, directory, source, run } = bench(t);
  const seen = join(dir, 'seen');
  const command = `stat -c %a "$(dirname "$AWSSYNCER_SNAPSHOT")" > '${seen}'; (cat "$AWSSYNCER_SOURCE"; printf "$MORE") > "$AWSSYNCER_SNAPSHOT"`;
  const made = await run(command, { env: { ...process.env, MORE: ' and more' } });
  assert.deepEqual([text(made), made.sizeBytes], ['content and more', 'content and more'.length]);
  assert.equal(readFileSync(seen, 'utf8'), '700\n');
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(directory), [], 'it has no name any more');
  assert.equal(readFileSync(source, 'utf8'), 'content');
});

test('names of any characters are told as they are; one that is not UTF-8 no command can be told', async (t) => {
  const { dir, run, fails } = bench(t);
  const name = join(dir, ' ü "$x" \n');
  writeFileSync(name, 'odd');
  const copy = 'cat "$AWSSYNCER_SOURCE" > "$AWSSYNCER_SNAPSHOT"';
  assert.equal(text(await run(copy, { source: Buffer.from(name).toString('latin1') })), 'odd');
  await fails(copy, 'its name is not UTF-8: no command can be told it', { source: '/x/\xff' });
});

test('an empty snapshot is one; its standard output is nobody’s, and what it says in passing no failure', async (t) => {
  const { run } = bench(t);
  const made = await run('echo said; echo warned >&2; : > "$AWSSYNCER_SNAPSHOT"');
  assert.deepEqual([text(made), made.sizeBytes], ['', 0]);
});

test('a command that fails is said to, with the first line of what it said', async (t) => {
  const { fails } = bench(t);
  const make = 'echo x > "$AWSSYNCER_SNAPSHOT"';
  await fails(`${make}; exit 3`, 'its snapshot command exited with code 3');
  await fails(
    `${make}; printf '\\n the reason \\nmore\\n' >&2; exit 1`,
    'its snapshot command exited with code 1: the reason',
  );
  await fails(`${make}; kill -TERM $$`, 'its snapshot command was ended by SIGTERM');
  const long = /^its snapshot command exited with code 1: x{200}$/;
  await fails("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1", long);
});

test('a command that makes no regular file has failed', async (t) => {
  const { dir, fails } = bench(t);
  await fails('true', 'its snapshot command made no file $AWSSYNCER_SNAPSHOT (ENOENT)');
  await fails(
    `ln -s '${dir}/a.db' "$AWSSYNCER_SNAPSHOT"`,
    'its snapshot command made no file $AWSSYNCER_SNAPSHOT (ELOOP)',
  );
  const other = 'its snapshot command made something else than a file of $AWSSYNCER_SNAPSHOT';
  await fails('mkdir "$AWSSYNCER_SNAPSHOT"', other);
  await fails('mkfifo "$AWSSYNCER_SNAPSHOT"', other);
});

test('a command that takes too long is killed, with all it started', async (t) => {
  const { dir, fails } = bench(t);
  const pid = join(dir, 'pid');
  const command = `echo $$ > '${pid}'; sleep 60 & wait`;
  await fails(command, 'its snapshot command has not ended within 0.3 s', { timeoutMs: 300 });
  const group = readFileSync(pid, 'utf8').trim();
  await until('nobody of its process group is left', () => isGone(group));
});

test('what a command leaves running is killed when it has ended: nobody changes what it made', async (t) => {
  const { dir, run } = bench(t);
  const pid = join(dir, 'pid');
  const late = '(sleep 60; echo late >> "$AWSSYNCER_SNAPSHOT") &';
  const made = await run(`echo $$ > '${pid}'; echo made > "$AWSSYNCER_SNAPSHOT"; ${late}`);
  assert.equal(text(made), 'made\n');
  const group = readFileSync(pid, 'utf8').trim();
  await until('nobody of its process group is left', () => isGone(group));
});

test('S11 an agent that ends kills the command and all it started, and gives its own reason', async (t) => {
  const { dir, directory, run } = bench(t);
  const pid = join(dir, 'pid');
  const controller = new AbortController();
  const running = run(`echo $$ > '${pid}'; sleep 60 & wait`, { signal: controller.signal });
  const reason = new Error('enough');
  const rejected = assert.rejects(running, reason);
  await until('it runs', () => existsSync(pid) && readFileSync(pid, 'utf8').endsWith('\n'));
  controller.abort(reason);
  await rejected;
  const group = readFileSync(pid, 'utf8').trim();
  await until('nobody of its process group is left', () => isGone(group));
  assert.deepEqual(readdirSync(directory), []);
  const never = join(dir, 'never');
  await assert.rejects(run(`touch '${never}'`, { signal: controller.signal }), reason);
  assert.equal(existsSync(never), false);
});

test('what an agent that died has left is swept', (t) => {
  const { directory } = bench(t);
  sweepSnapshots(directory);
  mkdirSync(join(directory, 'snapshot-x'), { recursive: true });
  writeFileSync(join(directory, 'snapshot-x', 'snapshot'), 'x');
  sweepSnapshots(directory);
  assert.equal(existsSync(directory), false);
});

// What the kernel refuses: a queue that is full, more watches than are allowed.
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { limited } from '../support/lossy-inotify.ts';
import { Mirror } from '../support/mirror.ts';
import { tempDir } from '../support/temp-dir.ts';
import type { WatchReport } from '../support/watch-program.ts';

const PROGRAM = fileURLToPath(new URL('../support/watch-program.ts', import.meta.url));

class WatchProgram {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(t: TestContext, command: string, args: string[]) {
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
    t.after(() => this.process.kill('SIGKILL'));
  }

  async report(): Promise<WatchReport> {
    return JSON.parse((await this.#lines.next()).value) as WatchReport;
  }

  settle(): Promise<WatchReport> {
    this.process.stdin.write('settle\n');
    return this.report();
  }
}

/** The state letter of /proc/PID/stat; the command name before it is in parentheses. */
function stateOf(pid: number): string | undefined {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0];
}

test('S2 after the kernel queue overflowed everything is found again, and it is counted', async (t) => {
  const root = tempDir(t);
  mkdirSync(join(root, 'a/b'), { recursive: true });
  mkdirSync(join(root, 'c'));
  const program = new WatchProgram(t, process.execPath, [PROGRAM, root]);
  assert.equal((await program.report()).watches, 4);

  // A stopped process reads nothing, so the queue is full for certain, and what comes then is lost.
  program.process.kill('SIGSTOP');
  while (stateOf(program.process.pid!) !== 'T') await new Promise(setImmediate);
  const queued = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
  for (let i = 0; i <= queued; i++) utimesSync(join(root, i % 2 ? 'a' : 'c'), i, i);
  renameSync(join(root, 'a'), join(root, 'z'));
  renameSync(join(root, 'c'), join(root, 'a'));
  mkdirSync(join(root, 'new/deep'), { recursive: true });
  program.process.kill('SIGCONT');

  const found = await program.settle();
  assert.deepEqual({ ...found, warnings: [] }, { equal: true, watches: 6, unwatched: 0, overflows: 1, warnings: [] });
  for (const dir of ['z/b', 'a', 'new/deep']) writeFileSync(join(root, dir, 'f'), 'x');
  assert.deepEqual(await program.settle(), found);
});

test('beyond the watch limit the topmost directories are polled, and one warning says what is needed', async (t) => {
  const root = tempDir(t);
  for (const path of ['a/b/c', 'd/e/f']) mkdirSync(join(root, path), { recursive: true });
  const watches = { max: 3 };
  const unwatched: string[] = [];
  const mirror = new Mirror(root, {
    openInotify: limited(watches),
    onUnwatched: (dir, code) => unwatched.push(`${dir} ${code}`),
  });
  t.after(() => mirror.watch.close());
  await mirror.settle();
  assert.deepEqual(mirror.watch.counts(), { watches: 3, overflows: 0, unwatched: 4 });
  assert.equal(mirror.watch.unwatched().length, unwatched.length);
  assert.ok(unwatched.every((line) => line.endsWith(' ENOSPC')));
  assert.equal(mirror.warnings.length, 1);
  assert.match(mirror.warnings[0]!, /3 are held, at least \d are needed.*max_user_watches=/);

  // A poll finds what no event tells of, and as soon as there are watches again it takes them.
  writeFileSync(join(root, 'a/b/c/f'), 'x');
  writeFileSync(join(root, 'd/e/f/f'), 'x');
  await mirror.settle();
  assert.deepEqual(mirror.known, mirror.actual());
  watches.max = 100;
  await mirror.settle();
  assert.deepEqual(mirror.watch.counts(), { watches: 7, overflows: 0, unwatched: 0 });
  assert.deepEqual(mirror.watch.unwatched(), []);
});

test('a watch that a deleted directory gives back goes to one that had none', async (t) => {
  const root = tempDir(t);
  for (const path of ['a', 'b', 'c']) mkdirSync(join(root, path));
  const mirror = new Mirror(root, { openInotify: limited({ max: 3 }) });
  t.after(() => mirror.watch.close());
  await mirror.settle();
  const [left] = mirror.watch.unwatched();
  for (const dir of ['a', 'b', 'c'].filter((name) => name !== left)) rmSync(join(root, dir), { recursive: true });
  await mirror.settle();
  assert.deepEqual(mirror.watch.counts(), { watches: 2, overflows: 0, unwatched: 0 });
});

test("the kernel's own watch limit is told apart from a full disk", async (t) => {
  // A user namespace has a limit of its own, so that nobody else is affected.
  const inNamespace = ['-Ur', 'sh', '-c', 'echo 4 > /proc/sys/user/max_inotify_watches && exec "$@"', 'sh'];
  if (spawnSync('unshare', [...inNamespace, 'true']).status !== 0) {
    t.diagnostic('watch limit of the kernel: not run, this machine allows no user namespaces');
    return;
  }
  const root = tempDir(t);
  for (const path of ['a/b/c', 'd/e/f']) mkdirSync(join(root, path), { recursive: true });
  const program = new WatchProgram(t, 'unshare', [...inNamespace, process.execPath, PROGRAM, root]);
  const { watches, unwatched, warnings } = await program.report();
  assert.deepEqual({ watches, unwatched }, { watches: 4, unwatched: 3 });
  assert.match(warnings[0]!, /4 are held/);
  writeFileSync(join(root, 'd/e/f/f'), 'x');
  assert.equal((await program.settle()).equal, true);
});

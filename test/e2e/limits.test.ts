// What is scarce: disk, file descriptors, watches. The CLI says so in one clear line, loses nothing and claims nothing.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { mountOn } from '../support/mounts.ts';
import { strictStage } from '../support/stage.ts';
import { fullTree } from '../support/trees.ts';

const MIB = 2 ** 20;

/** Mounts on a new directory for as long as the body runs; or says in a line that this user cannot. */
async function mounted(t: TestContext, dir: string, flags: string, body: () => Promise<void>): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const mount = mountOn(dir, { flags });
  if (mount === undefined) return console.log(`${t.name}: not run, this user cannot mount`);
  try {
    await body();
  } finally {
    mount.unmount({ lazily: true });
  }
}

/** Takes every byte that is left where `file` is. */
function fill(file: string): void {
  const fd = openSync(file, 'w');
  try {
    for (const block of [Buffer.alloc(65_536), Buffer.alloc(4096), Buffer.alloc(1)]) {
      try {
        for (;;) writeSync(fd, block);
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      }
    }
  } finally {
    closeSync(fd);
  }
}

const fewFiles = (limit: number) => ['sh', '-c', `ulimit -n ${limit}; exec "$@"`, 'sh'];

test('S2 64 open files are enough to store and to restore hundreds', async (t) => {
  const { dir, local, url, run, write, keys } = await strictStage(t);
  for (let i = 0; i < 600; i++) write(`d${i % 40}/f${i}`);
  write('large', Buffer.alloc(24 * 1024 ** 2, 'l'));
  const options = { within: fewFiles(64) };
  const stored = await run(['sync', local, url], options);
  assert.equal(stored.code, 0, stored.stderr);
  assert.match(stored.stderr, /few files may be open at once.* openFiles=64 /);
  assert.equal(keys().length, 601);
  const copy = join(dir, 'copy');
  const restored = await run(['restore', '--state-dir', join(dir, 'other'), url, copy], options);
  assert.equal(restored.code, 0, restored.stderr);
  assert.deepEqual(fullTree(copy), fullTree(local));
});

test('S2 too many open files are a pause, not an end', async (t) => {
  const { local, url, start, write, at, keys } = await strictStage(t);
  write('first');
  const cli = start(['watch', '--poll-interval', '1s', local, url]);
  await cli.until('the first is stored', () => keys().length === 1);
  const allow = (files: number) => execFileSync('prlimit', [`--pid=${cli.pid}`, `--nofile=${files}:4096`]);
  allow(readdirSync(`/proc/${cli.pid}/fd`).length + 1);
  rmSync(at('first'));
  for (let i = 0; i < 200; i++) write(`d${i % 10}/f${i}`);
  await cli.waitForLine(/EMFILE/);
  allow(4096);
  await cli.until('all are stored and one is gone', () => keys().length === 200 && !keys().includes('first'));
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code: 0, signal: null }, cli.output());
});

test('S2 a state disk that fills up ends the agent and its program, in order: exit 1, and a restart goes on', async (t) => {
  const { state, local, url, start, run, write, keys, text, ...stage } = await strictStage(t);
  // A proof of what was under way waits for as long.
  const env = { ...stage.env, AWSSYNCER_REQUEST_TIMEOUT: '1s' };
  await mounted(t, state, 'size=1m', async () => {
    write('before');
    const script = `trap 'echo told > "${local}/told"; exit 0' TERM; echo up; while :; do sleep 0.05; done`;
    const cli = start(['run', '--state-dir', join(state, 's'), local, url, '--', 'bash', '-c', script], { env });
    await cli.waitForLine(/^up$/);
    await cli.until('the first file is stored', () => keys().length === 1);
    mkdirSync(join(state, 'made'), { mode: 0o700 });
    fill(join(state, 'filler'));
    write('after');
    assert.deepEqual(await cli.exited, { code: 1, signal: null }, cli.output());
    const complaints = cli.stderr.filter((line) => line.startsWith('awssyncer: '));
    assert.equal(complaints.length, 1, cli.output());
    assert.match(complaints[0]!, /^awssyncer: Cannot write ledger .*: database or disk is full$/);
    assert.ok(existsSync(join(local, 'told')), 'the program was told, and had time to end');

    fill(join(state, 'what its end has freed'));
    for (const name of ['new', 'made']) {
      const { code, stderr } = await run(['sync', '--state-dir', join(state, name), local, url]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^awssyncer: Cannot (use|open|write) .*\n {2}hint: /m);
      assert.doesNotMatch(stderr, /defect/);
    }

    for (const name of ['filler', 'what its end has freed']) rmSync(join(state, name));
    const again = await run(['sync', '--delete', '--state-dir', join(state, 's'), local, url]);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(keys(), ['after', 'before', 'told']);
    assert.equal(text('after'), 'after');
  });
});

test('a state directory that cannot be written is refused before anything is done: exit 1', async (t) => {
  const { server, state, local, url, run, write } = await strictStage(t);
  write('file');
  await mounted(t, state, 'ro', async () => {
    for (const dir of [state, join(state, 'new')]) {
      const { code, stderr } = await run(['sync', '--state-dir', dir, local, url]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^awssyncer: Cannot (use|make) state directory .*\n {2}hint: .*--state-dir/);
    }
    assert.equal(server.countRequests('PutObject'), 0);
  });
});

test('S9 a disk that is too small for what S3 holds is told before anything is downloaded', async (t) => {
  const { bucket, local, url, run, requests } = await strictStage(t);
  await mounted(t, local, 'size=1m', async () => {
    for (let i = 0; i < 5; i++) bucket.put(`p/f${i}`, Buffer.alloc(300_000));
    const { code, stderr } = await run(['restore', url, local]);
    assert.equal(code, 1);
    assert.match(stderr, /^awssyncer: Cannot restore into .*: it needs 1\.4 MiB more, 1\.0 MiB are free\n {2}hint: /m);
    assert.deepEqual(downloads(requests()), []);
    assert.deepEqual(readdirSync(local), []);
  });
});

test('S9 S13 --sparse brings a file back with holes, onto a disk that has room for its content only', async (t) => {
  const { bucket, local, url, run, at } = await strictStage(t);
  await mounted(t, local, 'size=4m', async () => {
    const content = Buffer.alloc(40 * MIB + 5);
    // At both ends, beside and across the borders of ranges, and not where blocks begin.
    for (const offset of [0, 8 * MIB - 1, 16 * MIB - 2_000, 21 * MIB + 17, content.length - 3]) {
      content.fill(`at ${offset}`, offset, Math.min(offset + 5_000, content.length));
    }
    bucket.put('p/holes', content);
    bucket.put('p/nothing', Buffer.alloc(20 * MIB));
    const whole = await run(['restore', url, local]);
    assert.equal(whole.code, 1);
    assert.match(whole.stderr, /it needs 60\.0 MiB more, 4\.0 MiB are free/);
    const { code, stderr } = await run(['restore', '--sparse', url, local]);
    assert.equal(code, 0, stderr);
    assert.ok(readFileSync(at('holes')).equals(content));
    assert.deepEqual([statSync(at('nothing')).size, statSync(at('nothing')).blocks], [20 * MIB, 0]);
    // An ETag that is no MD5 is known by a second download, which is sparse too.
    const upload = ['sync', '--sse', 'aws:kms', '--multipart-threshold', '1GiB', '--state-dir', 'none', local, url];
    for (const name of ['holes', 'nothing']) bucket.remove(`p/${name}`);
    rmSync(at('holes'));
    assert.equal((await run(upload)).code, 0);
    rmSync(at('nothing'));
    const opaque = await run(['restore', '--state-dir', 'none', '--sparse', url, local]);
    assert.equal(opaque.code, 0, opaque.stderr);
    assert.deepEqual([statSync(at('nothing')).size, statSync(at('nothing')).blocks], [20 * MIB, 0]);
    // A smaller file is written as it is, and must fit.
    bucket.put('p/small', Buffer.alloc(10 * MIB));
    const full = await run(['restore', '--sparse', url, local]);
    assert.match(full.stderr, /it needs 10\.0 MiB more/);
  });
});

test('S9 a disk that somebody else fills during a restore ends it: no half file, nothing deleted, the next one goes on', async (t) => {
  const { server, bucket, local, url, run, start, at, keys, requests } = await strictStage(t);
  await mounted(t, local, 'size=4m', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `f${i}`);
    for (const name of names) bucket.put(`p/${name}`, Buffer.alloc(300_000, name));
    const gate = server.faults.add({ operation: 'GetObject', key: /f\d$/, after: 3, effect: { kind: 'gate' } });
    const cli = start(['restore', '--concurrency', '1', url, local]);
    await gate.waiting();
    fill(at('of somebody else'));
    await gate.open();
    assert.deepEqual(await cli.exited, { code: 1, signal: null }, cli.output());
    assert.match(cli.output(), /^awssyncer: Cannot restore: the disk is full$/m);
    const left = readdirSync(local).filter((name) => !names.includes(name) && name !== 'of somebody else');
    assert.deepEqual(left, [], 'no half file');
    // The gaps of this restore are no deletions.
    rmSync(at('of somebody else'));
    assert.equal((await run(['sync', '--delete', local, url])).code, 4);
    assert.deepEqual(keys(), names);
    const again = await run(['restore', url, local]);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(readdirSync(local).sort(), names);
    assert.equal(downloads(requests()).length, names.length + 1, 'what was there is not downloaded again');
  });
});

function downloads(requests: readonly string[]): string[] {
  return requests.filter((request) => request.startsWith('GetObject'));
}

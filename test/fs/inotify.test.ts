// The binding alone, on the kernel's inotify.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_DELETE,
  IN_IGNORED,
  IN_Q_OVERFLOW,
  type InotifyEvent,
  openInotify,
} from '../../src/watch/inotify.ts';
import { tempDir } from '../support/temp-dir.ts';

const BINDING = new URL('../../src/watch/inotify.ts', import.meta.url).href;

/** Open descriptors and threads of this process. */
function held(): { fds: number; threads: number } {
  return { fds: readdirSync('/proc/self/fd').length, threads: readdirSync('/proc/self/task').length };
}

test('S10 after the barrier every earlier event has been handled, however often it is asked', async (t) => {
  const dir = tempDir(t);
  const events: InotifyEvent[] = [];
  const inotify = openInotify((batch) => events.push(...batch));
  t.after(() => inotify.close());
  inotify.addWatch(Buffer.from(dir), IN_CREATE | IN_CLOSE_WRITE);
  for (let i = 0; i < 500; i++) {
    writeFileSync(join(dir, `f${i}`), '');
    await inotify.barrier();
    assert.equal(events.length, 2 * (i + 1));
  }
});

test('barriers that overlap resolve in order', async (t) => {
  const inotify = openInotify(() => {});
  t.after(() => inotify.close());
  const order: number[] = [];
  await Promise.all([1, 2, 3].map((n) => inotify.barrier().then(() => order.push(n))));
  assert.deepEqual(order, [1, 2, 3]);
});

test('S14 names arrive byte for byte', async (t) => {
  const dir = tempDir(t);
  const names: string[] = [];
  const inotify = openInotify((batch) => names.push(...batch.map((event) => event.name)));
  t.after(() => inotify.close());
  inotify.addWatch(Buffer.from(dir), IN_CREATE);
  const expected = ['\xff\xfe', 'plain', 'new\nline', 'x'.repeat(255), '\xc3\xa9'];
  for (const name of expected) mkdirSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(name, 'latin1')]));
  await inotify.barrier();
  assert.deepEqual(names, expected);
});

test('a refused call has the code of the system call', (t) => {
  const dir = tempDir(t);
  const inotify = openInotify(() => {});
  t.after(() => inotify.close());
  const add = (path: string) => () => inotify.addWatch(Buffer.from(path), IN_CREATE);
  writeFileSync(join(dir, 'file'), '');
  assert.throws(add(join(dir, 'none')), { name: 'InotifyError', code: 'ENOENT' });
  assert.throws(add(join(dir, 'file/beneath')), { code: 'ENOTDIR' });
  assert.throws(add('x'.repeat(5000)), { code: 'ENAMETOOLONG' });
  inotify.rmWatch(12345);
});

test('a removed watch ends with IN_IGNORED, a deleted directory too', async (t) => {
  const dir = tempDir(t);
  const seen: [number, number][] = [];
  const inotify = openInotify((batch) => seen.push(...batch.map(({ wd, mask }): [number, number] => [wd, mask])));
  t.after(() => inotify.close());
  mkdirSync(join(dir, 'a'));
  mkdirSync(join(dir, 'b'));
  const a = inotify.addWatch(Buffer.from(join(dir, 'a')), IN_CREATE);
  const b = inotify.addWatch(Buffer.from(join(dir, 'b')), IN_CREATE);
  inotify.rmWatch(a);
  rmdirSync(join(dir, 'b'));
  await inotify.barrier();
  assert.deepEqual(seen, [
    [a, IN_IGNORED],
    [b, IN_IGNORED],
  ]);
});

test('events beyond the buffer are dropped and end in an overflow; what comes later arrives', async (t) => {
  const dir = tempDir(t);
  const batches: (readonly InotifyEvent[])[] = [];
  const inotify = openInotify((batch) => batches.push(batch), 4096);
  t.after(() => inotify.close());
  inotify.addWatch(Buffer.from(dir), IN_CREATE);
  // JavaScript takes nothing while this runs: 32 bytes each have to go into 4 KiB.
  for (let i = 0; i < 1000; i++) mkdirSync(join(dir, `directory-${i}`));
  await inotify.barrier();
  const overflow = { wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' };
  assert.deepEqual(batches.find((batch) => batch.at(-1)?.mask === IN_Q_OVERFLOW)?.at(-1), overflow);
  assert.ok(batches.every((batch) => batch.length <= 4096 / 32 + 1));
  mkdirSync(join(dir, 'later'));
  await inotify.barrier();
  assert.equal(batches.at(-1)?.at(-1)?.name, 'later');
});

test('however long the event loop is busy, the kernel queue does not overflow and few calls are made', async (t) => {
  const dir = tempDir(t);
  let created = 0;
  let removed = 0;
  let batches = 0;
  let overflows = 0;
  const inotify = openInotify((batch) => {
    batches++;
    for (const { mask } of batch) {
      if (mask & IN_CREATE) created++;
      if (mask & IN_DELETE) removed++;
      if (mask & IN_Q_OVERFLOW) overflows++;
    }
  });
  t.after(() => inotify.close());
  inotify.addWatch(Buffer.from(dir), IN_CREATE | IN_CLOSE_WRITE | IN_DELETE);
  // 150,000 events, nine times the kernel's default queue, in slices that each block the loop.
  for (let slice = 0; slice < 10; slice++) {
    for (let i = 0; i < 5000; i++) writeFileSync(join(dir, `${slice}-${i}`), '');
    await new Promise(setImmediate);
  }
  rmSync(dir, { recursive: true });
  await inotify.barrier();
  assert.deepEqual({ created, removed, overflows }, { created: 50_000, removed: 50_000, overflows: 0 });
  assert.ok(batches < 1000, `${batches} batches`);
});

test('close gives back descriptors and thread, any number of times, and ends open barriers', async (t) => {
  const dir = tempDir(t);
  const before = held();
  for (let i = 0; i < 20; i++) {
    const inotify = openInotify(() => assert.fail('no event may arrive after close'));
    inotify.addWatch(Buffer.from(dir), IN_CREATE);
    writeFileSync(join(dir, `f${i}`), '');
    const waiting = inotify.barrier();
    inotify.close();
    inotify.close();
    await assert.rejects(waiting, /watching has ended/);
    assert.throws(() => inotify.addWatch(Buffer.from(dir), IN_CREATE), { code: 'EBADF' });
  }
  assert.deepEqual(held(), before);
});

/** Runs a program that has `openInotify`; returns its exit code, null if it was still running after ten seconds. */
function run(program: string): number | null {
  const source = `import { openInotify } from ${JSON.stringify(BINDING)};\n${program}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', source], { timeout: 10_000, stdio: 'ignore' })
    .status;
}

test('an open instance keeps the process alive unless told not to, and never hinders its end', () => {
  assert.equal(run('const i = openInotify(() => {}); i.setRef(false); process.exitCode = 7;'), 7);
  assert.equal(run('openInotify(() => {}).close(); process.exitCode = 8;'), 8);
  assert.equal(run('openInotify(() => {}); process.exit(9);'), 9);
  assert.equal(run('const i = openInotify(() => {}); setTimeout(() => { process.exitCode = 4; i.close(); }, 50);'), 4);
  const busy = `const i = openInotify(() => {}); i.addWatch(Buffer.from('/tmp'), 0xfff);
    for (let n = 0; n < 200; n++) i.barrier(); setImmediate(() => process.exit(5));`;
  assert.equal(run(busy), 5);
});

test('an instance nobody holds any more is closed by the garbage collector', () => {
  const program = `
    import { readdirSync } from 'node:fs';
    const threads = () => readdirSync('/proc/self/task').length;
    const before = threads();
    openInotify(() => {}).setRef(false);
    process.exitCode = threads() === before + 1 ? 6 : 1;`;
  assert.equal(run(program), 6);
});

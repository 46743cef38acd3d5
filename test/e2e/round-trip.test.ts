// The tree that comes back is the tree that was: every kind of thing in one tree, and real ones, compared by rsync.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, lutimesSync, mkdirSync, symlinkSync, truncateSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EXIT } from '../../src/model/errors.ts';
import { availableTargets, keepVersions } from '../support/s3-targets.ts';
import { type Stage, stageOn } from '../support/stage.ts';
import { setAcl, setAttributes } from '../support/xattrs.ts';

const KEEP = ['--xattrs', '--hard-links', '--dir-times'];
const MiB = 2 ** 20;

/** What rsync would still have to do, directory times included; of LOCAL itself nothing is kept. */
function differences(from: string, to: string): string {
  const args = ['-aHAXn', '--delete', '--itemize-changes', `${from}/`, `${to}/`];
  const lines = execFileSync('rsync', args, { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line !== '' && !/^\.d\S+ \.\/$/.test(line)).join('\n');
}

/** Every kind of metadata and of names. */
function plant({ write, at }: Stage): void {
  for (const name of ['plain', 'd/deep/er/file', 'ends in blanks  ', 'a\nb\\c', 'café', 'cafe\u0301', '.awssyncer/x']) {
    write(name);
  }
  write('empty', '');
  write('large', Buffer.alloc(17 * MiB, 'abcdefg'));
  write('sparse', Buffer.alloc(17 * MiB));
  truncateSync(at('sparse'), 20 * MiB);
  const deep = Array.from({ length: 12 }, (_, i) => `${i}`.repeat(100).slice(0, 120)).join('/');
  write(deep, 'under a hash');
  linkSync(at(deep), at('named again'));
  linkSync(at('plain'), at('d/plain'));
  mkdirSync(at('closed/empty'), { recursive: true });
  for (const [target, name] of [
    ['plain', 'link'],
    ['/absolute', 'd/absolute'],
    ['nowhere', 'dangling'],
  ] as const) {
    symlinkSync(target, at(name));
  }
  setAttributes(at('plain'), { 'user.short': 'text' });
  setAttributes(at('d/deep'), { 'user.long': 'x'.repeat(3_000) });
  setAttributes(at('empty'), { 'user.long': 'x'.repeat(3_000) });
  setAcl(at('large'), 'u:12345:rw');
  setAcl(at('d'), 'd:g:12345:rx');
  if (process.getuid!() === 0) {
    chownSync(at('d/deep/er/file'), 1234, 4321);
    chownSync(at('closed'), 1234, 4321);
    setAttributes(at('large'), { 'trusted.a': '1' });
  }
  chmodSync(at('d/deep/er/file'), 0o4751);
  chmodSync(at('closed'), 0o1700);
  for (const [n, path] of ['plain', 'empty', 'large'].entries()) utimesSync(at(path), 1, 1_500_000_000.123 + n);
  lutimesSync(at('link'), 1, 1_400_000_000.5);
  for (const [n, path] of ['closed/empty', 'closed', 'd/deep/er', 'd/deep', 'd'].entries()) {
    utimesSync(at(path), 1, 1_300_000_000.25 + n);
  }
}

async function ok({ run }: Stage, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  assert.equal(code, EXIT.ok, stdout + stderr);
  return stdout;
}

const TARGETS = availableTargets().filter(({ name }) => ['RGW', 'strict', 'endpoint'].includes(name));

for (const choice of TARGETS) {
  test(`S13 S14 on ${choice.name} a tree with everything comes back as it was, now and as of a checkpoint`, async (t) => {
    const target = await choice.start();
    t.after(() => target.close());
    const bucket = await target.makeBucket();
    await keepVersions(target, bucket);
    const stage = stageOn(t, target, bucket);
    const { dir, local, url } = stage;
    plant(stage);
    await ok(stage, 'sync', ...KEEP, local, url);
    const restored = join(dir, 'restored');
    await ok(stage, 'restore', ...KEEP, '--sparse', '--state-dir', join(dir, 'other'), url, restored);
    assert.equal(differences(local, restored), '');
    await ok(stage, 'verify', ...KEEP, restored, url);

    const cli = stage.start(['watch', ...KEEP, '--checkpoint-interval', '1h', local, url]);
    await cli.waitForLine(/ watching /);
    const { checkpoint } = JSON.parse(await ok(stage, 'flush', '--json', local));
    const then = join(dir, 'then');
    execFileSync('cp', ['--archive', local, then]);
    stage.write('plain', 'changed since');
    await ok(stage, 'flush', local);
    cli.signal('SIGTERM');
    assert.deepEqual(await cli.exited, { code: EXIT.ok, signal: null }, cli.output());
    const again = join(dir, 'again');
    await ok(stage, 'restore', ...KEEP, '--checkpoint', checkpoint, '--state-dir', join(dir, 'third'), url, again);
    assert.equal(differences(then, again), '');
  });
}

test('S13 a checkout of this project comes back as it is', async (t) => {
  const target = await TARGETS.at(-1)!.start();
  t.after(() => target.close());
  const stage = stageOn(t, target, await target.makeBucket());
  const { dir, local, url } = stage;
  const checkout = fileURLToPath(new URL('../..', import.meta.url));
  execFileSync('cp', ['--archive', ...['src', 'test', 'scripts', 'docker'].map((name) => join(checkout, name)), local]);
  execFileSync('git', ['init', '--quiet', local]);
  await ok(stage, 'sync', ...KEEP, local, url);
  const restored = join(dir, 'restored');
  await ok(stage, 'restore', ...KEEP, '--state-dir', join(dir, 'other'), url, restored);
  assert.equal(differences(local, restored), '');
});

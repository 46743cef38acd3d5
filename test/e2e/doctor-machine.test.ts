// What doctor says of the machine it runs on.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { lineOf, linesOf, soundStage, statesOf } from '../support/doctor.ts';
import { mountDeadFuse, mountOn } from '../support/mounts.ts';
import type { StrictStage } from '../support/stage.ts';

describe('this machine', () => {
  const local: Record<string, (stage: StrictStage) => { path: string; text: RegExp }> = {
    'LOCAL is missing': ({ at }) => ({ path: at('missing'), text: /no such directory\. Remedy: .*volume/ }),
    'LOCAL is a file': ({ at, write }) => {
      write('file');
      return { path: at('file'), text: /it is not a directory/ };
    },
  };
  for (const [name, make] of Object.entries(local)) {
    test(name, async (t) => {
      const stage = await soundStage(t);
      const { path, text } = make(stage);
      const finished = await stage.run(['doctor', path, stage.url]);
      assert.equal(finished.code, 1);
      assert.deepEqual(statesOf(finished, 'fail'), ['LOCAL']);
      assert.match(lineOf(finished, 'LOCAL').text, text);
      assert.ok(
        linesOf(finished).some(({ check, state }) => check === 'put' && state === 'ok'),
        'the bucket is looked at all the same',
      );
    });
  }

  test('too few inotify watches: the line that raises the limit', async (t) => {
    const { local, url, run, write } = await soundStage(t);
    for (let n = 0; n < 4; n++) write(`d${n}/file`);
    // A user namespace has limits of its own.
    const within = [
      'unshare',
      '--user',
      '--map-root-user',
      'sh',
      '-c',
      'echo 3 > /proc/sys/user/max_inotify_watches; exec "$@"',
      'sh',
    ];
    const finished = await run(['doctor', local, url], { within });
    assert.equal(finished.code, 0, finished.stdout);
    assert.deepEqual(statesOf(finished, 'warn'), ['watches']);
    assert.match(
      lineOf(finished, 'watches').text,
      /^5 directories to watch, 3 inotify watches are granted: .*Remedy: sysctl fs\.inotify\.max_user_watches=65536/,
    );
    const excluded = await run(['doctor', '--exclude', 'd*/', local, url], { within });
    assert.match(lineOf(excluded, 'watches').text, /^1 directory to watch/);
  });

  test('an agent has the state directory and the lease: both are told, and it is not disturbed', async (t) => {
    const { local, url, run, start, state, keys, write } = await soundStage(t);
    const cli = start(['watch', local, url]);
    await cli.waitForLine(/ watching /);
    const finished = await run(['doctor', local, url]);
    assert.equal(finished.code, 0, finished.stdout);
    assert.deepEqual(statesOf(finished, 'warn'), ['state']);
    assert.ok(
      lineOf(finished, 'state').text.startsWith(`${state} is in use by another awssyncer (pid ${cli.pid})`),
      finished.stdout,
    );
    assert.match(
      lineOf(finished, 'lease').text,
      new RegExp(`there can be one; the agent on .* has it \\(pid ${cli.pid}, `),
    );
    write('later');
    await cli.until('the agent goes on', () => keys().includes('later'));
    cli.signal('SIGTERM');
    assert.equal((await cli.exited).code, 0, cli.output());
    assert.doesNotMatch(cli.output(), /warn:|error:/);
    assert.equal(lineOf(await run(['doctor', local, url]), 'state').state, 'ok');
  });

  test('a state directory that cannot be', async (t) => {
    const { dir, local, url, run, at } = await soundStage(t);
    const shared = join(dir, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o755);
    writeFileSync(join(shared, 'theirs'), '');
    const said = async (stateDir: string) =>
      lineOf(await run(['doctor', '--state-dir', stateDir, local, url]), 'state');
    assert.match((await said(at('state'))).text, /inside LOCAL.*Remedy: Name a directory outside/);
    assert.match((await said(shared)).text, /others can read it.*Remedy: /);
    assert.match((await said(join(shared, 'theirs', 'state'))).text, /theirs is not a directory.*Remedy: /);
    assert.equal((await said('none')).state, 'warn');
    assert.ok(!existsSync(at('state')));
    assert.equal(statSync(shared).mode & 0o777, 0o755);
  });

  test('what FILTER_REGEX hides is not watched', async (t) => {
    const { local, url, run, write, env } = await soundStage(t);
    for (const path of ['kept/file', 'hidden/a/file', 'hidden/b/file']) write(path);
    const finished = await run(['doctor', local, url], { env: { ...env, FILTER_REGEX: '/hidden/' } });
    assert.match(lineOf(finished, 'watches').text, /^2 directories to watch/);
  });

  test('a file system that is mounted read-only', async (t) => {
    const { dir, local, url, run } = await soundStage(t);
    const place = join(dir, 'read only');
    mkdirSync(place);
    const mounted = mountOn(place, { flags: 'ro' });
    // Before the directory goes.
    try {
      if (mounted === undefined) return void console.log(`${t.name}: not run, this user cannot mount`);
      const state = lineOf(await run(['doctor', '--state-dir', join(place, 'state'), local, url]), 'state');
      assert.deepEqual(
        [state.state, /EROFS.*Remedy: Name a writable directory/.test(state.text)],
        ['fail', true],
        state.text,
      );
      const finished = await run(['doctor', place, url]);
      assert.deepEqual([finished.code, statesOf(finished, 'warn')], [0, ['LOCAL']]);
      assert.match(lineOf(finished, 'LOCAL').text, /can be read, not written.*Remedy: .*run and restore/);
    } finally {
      mounted?.unmount();
    }
  });

  test('mounts, and file systems that are not there', async (t) => {
    const { local, url, run, at } = await soundStage(t);
    mkdirSync(at('sub'));
    mkdirSync(at('dead'));
    const [sub, dead] = [mountOn(at('sub')), mountDeadFuse(at('dead'))];
    // Before the directory goes, which would go through them.
    try {
      if (sub === undefined || dead === undefined)
        return void console.log(`${t.name}: not run, this user cannot mount`);
      const both = await run(['doctor', local, url]);
      assert.equal(lineOf(both, 'tree').state, 'ok', 'what is left alone is not unreadable as well');
      const beneath = lineOf(both, 'mounts');
      assert.equal(beneath.state, 'warn');
      assert.match(beneath.text, /^2 beneath LOCAL are left alone and reported: .*Remedy: give --cross-mounts/);
      const one = await run(['doctor', '--exclude', '/dead/', local, url]);
      assert.match(lineOf(one, 'mounts').text, /^1 beneath LOCAL are left alone and reported: sub\. /);
      const crossed = await run(['doctor', '--cross-mounts', '--exclude', '/dead/', local, url]);
      assert.match(lineOf(crossed, 'mounts').text, /^1 beneath LOCAL belong to it: sub$/);
      assert.match(lineOf(await run(['doctor', at('sub'), url]), 'file system').text, /^tmpfs, a mount of its own$/);
      const lost = await run(['doctor', at('dead'), url]);
      assert.equal(lost.code, 1);
      assert.match(lineOf(lost, 'LOCAL').text, /ENOTCONN/);
    } finally {
      dead?.unmount();
      sub?.unmount();
    }
  });
});

// Progress: what people and programs see of long work.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LOG_KEYS } from '../../src/ops/log-keys.ts';
import { strictStage } from '../support/stage.ts';
import { startAtTerminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

const MIB = 2 ** 20;
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

test('a long restore tells every ten seconds how far it has come, how fast it is and how long it takes', async (t) => {
  const { bucket, server, local, url, start } = await strictStage(t);
  for (const name of ['a', 'b']) bucket.put(`p/${name}`, name);
  bucket.put('p/large', Buffer.alloc(24 * MIB));
  // The last range of the large file waits: what has arrived of it is told all the same.
  const gate = server.faults.add({ operation: 'GetObject', key: /large/, after: 2, effect: { kind: 'gate' } });
  const cli = start(['restore', '--log-format', 'json', url, local]);
  await cli.waitForLine(/"working"/);
  const line = JSON.parse(
    cli
      .output()
      .split('\n')
      .find((text) => text.includes('"working"'))!,
  );
  assert.deepEqual([line.files, line.totalFiles, line.bytes, line.totalBytes], [2, 3, 16 * MIB + 2, 24 * MIB + 2]);
  assert.ok(line.bytesPerS > 0 && line.leftMs > 0, JSON.stringify(line));
  await gate.open();
  assert.equal((await cli.exited).code, 0);
});

test('on a terminal a bar shows it, and goes when all is done', async (t) => {
  const { bucket, server, local, url, env } = await strictStage(t);
  for (const name of ['a', 'b', 'c']) bucket.put(`p/${name}`, name.repeat(MIB));
  const gate = server.faults.add({ operation: 'GetObject', key: /[bc]$/, effect: { kind: 'gate' } });
  const command = `${process.execPath} ${MAIN} restore ${url} ${local}`;
  // script(1) gives it a terminal.
  const child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...env, TERM: 'xterm' } });
  t.after(() => child.kill());
  let seen = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
  });
  await until('the bar tells of one file', () => /33 % \| 1 of 3 files, 1\.0 MiB of 3\.0 MiB/.test(seen));
  await gate.open();
  const code = await new Promise((resolve) => child.on('exit', resolve));
  assert.equal(code, 0, seen);
  assert.match(seen, /restored downloaded=3/);
});

test('a long sync counts what is left to do, and tells how long that takes', async (t) => {
  const { server, local, url, start, write } = await strictStage(t);
  for (let n = 0; n < 40; n++) write(`f${n}`, 'x'.repeat(1_000));
  const gate = server.faults.add({ operation: 'PutObject', key: /p\/f/, after: 10, effect: { kind: 'gate' } });
  const cli = start(['sync', '--lease', 'off', local, url]);
  const line = await cli.waitForLine(/working/);
  assert.match(line, / working: 10 of 40 files, 9\.8 KiB of 39\.1 KiB, .*\/s, .* left$/);
  await gate.open();
  assert.equal((await cli.exited).code, 0);
});

test('the first sync of an agent tells the same, whether or not all of it can be stored', async (t) => {
  const { server, local, url, start, write } = await strictStage(t);
  for (let n = 0; n < 40; n++) write(`f${n}`, 'x'.repeat(1_000));
  write('refused');
  server.faults.add({ operation: 'PutObject', key: /refused/, effect: { kind: 'status', code: 'AccessDenied' } });
  const gate = server.faults.add({ operation: 'PutObject', key: /p\/f/, after: 10, effect: { kind: 'gate' } });
  const cli = start(['watch', '--lease', 'off', local, url]);
  const line = await cli.waitForLine(/working/);
  assert.match(line, / working: 10 of 41 files, .*\/s, .* left$/);
  await gate.open();
  await cli.waitForLine(/uploaded f39/);
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, 3, cli.output());
});

test('at a terminal the first sync has a bar below its lines', async (t) => {
  const { server, local, url, env, write } = await strictStage(t);
  for (let n = 0; n < 4; n++) write(`f${n}`, 'x'.repeat(1_000));
  const gate = server.faults.add({ operation: 'PutObject', key: /p\/f/, after: 1, effect: { kind: 'gate' } });
  const live = startAtTerminal(t, ['watch', '--lease', 'off', local, url], env);
  await live.until('the bar is there', () => /25 % \| 1 of 4 files, 1000 B of 3\.9 KiB/.test(live.output()));
  await gate.open();
  await live.until('all is stored', () => (live.output().match(/uploaded f/g) ?? []).length === 4);
  const before = live.output().length;
  live.type('\x03');
  assert.deepEqual(await live.ended, { code: 0, restored: true });
  assert.doesNotMatch(live.output().slice(before), / of 4 files/, 'it went when it was over');
});

test('--quiet shows neither lines nor a bar, also at a terminal', async (t) => {
  const { bucket, server, dir, url, env } = await strictStage(t);
  for (const name of ['a', 'b', 'c']) bucket.put(`p/${name}`, name.repeat(1_000));
  // Several times the pause between two pictures of a bar.
  server.faults.add({ operation: 'GetObject', key: /[abc]$/, effect: { kind: 'delay', ms: 1_000 } });
  const shown = async (...more: string[]) => {
    const live = startAtTerminal(t, ['restore', '--state-dir=none', ...more, url, `${dir}/to${more.join('')}`], env);
    assert.equal((await live.ended).code, 0, live.output());
    return live.output();
  };
  const [plain, quiet, verbose] = await Promise.all([shown(), shown('--quiet'), shown('--verbose')]);
  assert.equal(quiet, '');
  for (const output of [plain, verbose]) assert.match(output, /0 % \| 0 of 3 files[\s\S]*downloaded a /);
});

test('how grave a line is has a colour at a terminal, unless NO_COLOR is set, and nowhere else', async (t) => {
  const { server, local, url, env, run, write } = await strictStage(t);
  server.faults.add({ operation: 'PutObject', key: /a$/, effect: { kind: 'status', code: 'AccessDenied' } });
  write('a');
  const args = ['sync', '--state-dir=none', '--lease', 'off', local, url];
  const shown = async (variables: Record<string, string>) => {
    const live = startAtTerminal(t, args, { ...env, ...variables });
    assert.equal((await live.ended).code, 3);
    return live.output();
  };
  const outputs = [await shown({}), await shown({ NO_COLOR: '1' }), await shown({ TERM: 'dumb' })];
  const piped = await run(args, { env: { ...env, FORCE_COLOR: '1' } });
  assert.match(outputs[0]!, /\x1b\[33mwarn:\x1b\[0m cannot store a/);
  for (const output of [...outputs.slice(1), piped.stderr]) {
    assert.match(output, / warn: cannot store a/);
    assert.doesNotMatch(output, /\x1b/);
  }
});

test('every path that is transferred or removed has a line, and each key of it is a declared one', async (t) => {
  const { bucket, dir, local, url, run, write, at } = await strictStage(t);
  const linesOf = async (args: string[]) => {
    const { stderr } = await run([...args, '--log-format', 'json']);
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const { level: _, time: __, message, ...fields } of lines)
      for (const [key, value] of Object.entries(fields)) {
        const declared = (LOG_KEYS as Record<string, { type: string }>)[key];
        assert.equal(typeof value, declared?.type === 'path' ? 'string' : declared?.type, `${key} of ${message}`);
      }
    return lines
      .filter((line) => 'path' in line)
      .map(({ message, path, bytes }) => `${message} ${path} ${bytes}`)
      .sort();
  };
  write('d/a', 'abc');
  write('b', 'abcd'.repeat(20_000));
  symlinkSync('b', at('link'));
  const sync = ['sync', '--delete', local, url];
  assert.deepEqual(await linesOf(sync), ['uploaded b 80000', 'uploaded d/a 3', 'uploaded link 1']);
  renameSync(at('b'), at('c'));
  assert.deepEqual(await linesOf(sync), ['copied c 0', 'deleted b undefined']);
  const other = join(dir, 'other');
  const restore = ['restore', '--delete', '--max-delete', '9,100%', '--state-dir', join(dir, 'its'), url, other];
  assert.deepEqual(await linesOf(restore), ['downloaded c 80000', 'downloaded d/a 3', 'downloaded link 1']);
  bucket.remove('p/d/a');
  writeFileSync(join(other, 'extra'), '');
  assert.deepEqual(await linesOf(restore), [
    'one version is kept aside extra undefined',
    'removed d/a undefined',
    'removed extra undefined',
  ]);
});

// Progress: what people and programs see of long work.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { strictStage } from '../support/stage.ts';
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

// --max-bandwidth: content takes its time, both ways, and nothing is lost by it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/model/errors.ts';
import { strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const MIB = 2 ** 20;

test('small files and parts of large ones, sent and fetched, take as long as the limit says', async (t) => {
  const stage = await strictStage(t);
  for (let n = 0; n < 16; n++) stage.write(`small/${n}`, Buffer.alloc(MIB / 16, n));
  const large = Buffer.alloc(20 * MIB, 'large');
  stage.write('large', large);
  // The last request goes before its own content has been waited for: in parts of 8 MiB at 8 MiB/s that is a second.
  const limited = async (...args: string[]) => {
    const startMs = performance.now();
    const { code, stderr } = await stage.run([...args, '--max-bandwidth', '8MiB']);
    assert.equal(code, EXIT.ok, stderr);
    const leastMs = ((21 - 8) / 8) * 1_000;
    assert.ok(performance.now() - startMs >= leastMs, `${args[0]} took less than ${leastMs} ms`);
  };
  await limited('sync', stage.local, stage.url);
  const elsewhere = join(stage.dir, 'elsewhere');
  await limited('restore', '--state-dir', 'none', stage.url, elsewhere);
  assert.ok(readFileSync(join(elsewhere, 'large')).equals(large));
});

test('S11 an agent that is told to end has no limit any more', async (t) => {
  const stage = await strictStage(t);
  const cli = stage.start(['watch', '--max-bandwidth', '64KiB', stage.local, stage.url]);
  await cli.waitForLine(/ watching /);
  // At 64 KiB a second these would take five minutes.
  for (let n = 0; n < 20; n++) stage.write(`file/${n}`, Buffer.alloc(MIB, n));
  await until('one is stored, and others wait', () => stage.keys().length > 0, { detail: cli.output });
  assert.ok(stage.keys().length < 20);
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code: EXIT.ok, signal: null }, cli.output());
  assert.equal(stage.keys().length, 20);
});

// The built CLI on a machine whose clock is wrong, or steps while it runs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StrictS3 } from '../strict-s3/server.ts';
import { strictStage } from '../support/stage.ts';

const SHIFT_MS = 20 * 60_000;

/** A process whose clock steps forward at each SIGUSR2. */
const STEPPING = `--import=data:text/javascript,const%20now=Date.now;let%20by=0;process.on('SIGUSR2',()=>{by+=${SHIFT_MS}});Date.now=()=>now()+by`;

/** Requests that were refused for their time, but for those of the lease. */
const skewed = ({ requests }: StrictS3) =>
  requests.filter(({ code, key }) => code === 'RequestTimeTooSkewed' && !key.includes('.awssyncer/')).length;

test('S2 a clock that is 20 minutes off costs one refused request', async (t) => {
  const { server, local, url, run, write, keys } = await strictStage(t, { now: () => Date.now() + SHIFT_MS });
  const names = Array.from({ length: 40 }, (_, n) => `f${n}`);
  for (const name of names) write(name);
  const { code, stderr } = await run(['sync', local, url]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(keys(), names.sort());
  assert.equal(skewed(server), 1);
  assert.doesNotMatch(stderr, /warn|error/);
});

test('S2 a clock that steps by 20 minutes: what was under way is sent once more, and nothing is given up', async (t) => {
  const { server, local, url, start, write, text, env, requests } = await strictStage(t);
  const cli = start(['watch', local, url], { env: { ...env, NODE_OPTIONS: STEPPING } });
  await cli.waitForLine(/ watching /);
  write('before');
  await cli.until('the first file is stored', () => text('before') === 'before');
  cli.signal('SIGUSR2');
  const names = Array.from({ length: 40 }, (_, n) => `f${n}`);
  for (const name of names) write(name);
  await cli.until('all are stored', () => names.every((name) => text(name) === name));
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, 0, cli.output());
  assert.ok(skewed(server) >= 1 && skewed(server) <= 16, `${skewed(server)} refused`);
  const puts = requests().filter((request) => request.startsWith('PutObject'));
  assert.equal(puts.length, 1 + names.length + skewed(server));
  assert.doesNotMatch(cli.output(), /warn:|error:/);
});

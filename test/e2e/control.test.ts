// `status`, `flush` and `approve-deletes`: the built CLI asks the built CLI.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/model/errors.ts';
import type { AgentStatus, FlushReport } from '../../src/ops/control.ts';
import type { Cli } from '../support/cli.ts';
import { type StrictStage, strictStage } from '../support/stage.ts';

async function watch(stage: StrictStage, ...args: string[]): Promise<Cli> {
  const cli = stage.start(['watch', ...args, stage.local, stage.url]);
  await cli.waitForLine(/ watching /);
  return cli;
}

async function stopped(cli: Cli, code: number): Promise<void> {
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code, signal: null }, cli.output());
}

async function statusOf(stage: StrictStage, ...args: string[]): Promise<AgentStatus> {
  const { code, stdout, stderr } = await stage.run(['status', '--json', ...args]);
  assert.equal(code, EXIT.ok, stderr);
  return JSON.parse(stdout) as AgentStatus;
}

/** The stage's environment without a state directory of its own: agents are found where they are by default. */
function atHome(stage: StrictStage): { readonly env: Record<string, string> } {
  const { AWSSYNCER_STATE_DIR: _, ...env } = stage.env;
  return { env };
}

test('status says that S3 holds what is on disk, and who says so', async (t) => {
  const stage = await strictStage(t);
  stage.write('a');
  const cli = await watch(stage);
  assert.equal((await stage.run(['flush'])).code, EXIT.ok);
  const status = await statusOf(stage, stage.local, stage.url);
  assert.equal(status.inSync, true);
  assert.deepEqual(
    [status.local, status.remote, status.pid, status.state, status.dirty],
    [stage.local, stage.url, cli.pid, 'watching', 0],
  );
  assert.equal(status.counters['uploaded'], 1);
  const { stdout } = await stage.run(['status']);
  assert.match(stdout, /in sync: +yes/);
  assert.equal(statSync(join(stage.state, 'control.sock')).mode & 0o777, 0o600);
  await stopped(cli, EXIT.ok);
});

// The commands of the operations guide do what it says, as they are written there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EXIT } from '../../src/model/errors.ts';
import type { AgentStatus } from '../../src/ops/control.ts';
import type { Cli, Finished } from '../support/cli.ts';
import { type StrictStage, strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const GUIDE = readFileSync(new URL('../../src/OPERATIONS.md', import.meta.url), 'utf8');

/** The commands in a section, in their order. */
function commandsIn(heading: string): string[] {
  const [, text] = GUIDE.split(`\n${heading}\n`);
  const [section] = text!.split(/\n#{2,3} /);
  const blocks = [...section!.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block!.trim().split('\n'));
  const inline = [...section!.matchAll(/`(awssyncer [^`]+)`/g)].map(([, command]) => command!);
  return (blocks.length > 0 ? blocks : inline).map((line) => line.replace(/ +#.*/, ''));
}

/** A file and an empty directory, kept by an agent with checkpoints in a bucket that keeps versions. */
async function keeping(t: TestContext): Promise<{ stage: StrictStage; cli: Cli }> {
  const stage = await strictStage(t);
  stage.bucket.keepVersions();
  stage.write('world/level.dat');
  const cli = stage.start(['watch', '--checkpoint-interval', '1h', stage.local, stage.url]);
  await cli.waitForLine(/ watching /);
  assert.equal((await stage.run(['flush', stage.local])).code, EXIT.ok);
  return { stage, cli };
}

async function status(stage: StrictStage): Promise<AgentStatus> {
  return JSON.parse((await stage.run(['status', '--json', stage.local])).stdout) as AgentStatus;
}

test('every drill works beside an agent that runs, and is left without a trace in S3', async (t) => {
  const { stage, cli } = await keeping(t);
  const drill = join(stage.dir, 'drill');
  const env = { ...stage.env, AWSSYNCER_STATE_DIR: join(stage.dir, 'drill-state') };
  const before = stage.bucket.keys('');
  const commands = commandsIn('## Drills');
  assert.equal(commands.length, 9);
  for (const line of commands) {
    if (/ restore /.test(line)) rmSync(drill, { recursive: true, force: true });
    const words = line
      .replaceAll('/srv/data', stage.local)
      .replaceAll('/srv/drill', drill)
      .replaceAll('s3://backups/game', stage.url)
      .replace('-2h', new Date().toISOString())
      .split(/ +/);
    const [program, ...args] = words;
    if (program !== 'awssyncer') {
      execFileSync(program!, args);
      continue;
    }
    const { code, stdout, stderr } = await stage.run(args, { env });
    assert.equal(code, EXIT.ok, `${line}\n${stdout}${stderr}`);
    if (args[0] === 'restore' && existsSync(drill)) assert.ok(existsSync(join(drill, 'world/level.dat')), line);
  }
  assert.deepEqual(stage.bucket.keys(''), before);
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, EXIT.ok, cli.output());
});

test('deletes that were not meant are held, and brought back as the guide says', async (t) => {
  const stage = await strictStage(t);
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names) stage.write(name);
  const watch = async (): Promise<Cli> => {
    const cli = stage.start(['watch', '--max-delete', '1,1%', stage.local, stage.url]);
    await cli.waitForLine(/ watching /);
    return cli;
  };
  const end = async (cli: Cli): Promise<number | null> => {
    cli.signal('SIGTERM');
    return (await cli.exited).code;
  };
  const first = await watch();
  await first.waitForLine(/ uploaded d /);
  assert.equal(await end(first), EXIT.ok);
  for (const name of names.slice(1)) rmSync(stage.at(name));

  const second = await watch();
  await until('they are held', async () => (await status(stage)).heldDeletes.count === 3);
  assert.equal(await end(second), EXIT.refused);
  const [, , restore] = commandsIn('### A held delete');
  const args = restore!.replace('/srv/data', stage.local).replace('s3://backups/game', stage.url).split(' ').slice(1);
  const restored: Finished = await stage.run(args);
  assert.equal(restored.code, EXIT.ok, restored.stderr);
  for (const name of names) assert.equal(readFileSync(stage.at(name), 'utf8'), name);

  const third = await watch();
  await until('it is in sync', async () => (await status(stage)).inSync);
  assert.equal(await end(third), EXIT.ok);
  assert.deepEqual(stage.keys(), names);
});

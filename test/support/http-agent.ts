// A running agent that is asked over HTTP.
import { writeFileSync } from 'node:fs';
import type { Activity } from '../../src/ops/activity.ts';
import type { Cli } from './cli.ts';
import type { StrictStage } from './stage.ts';
import { until } from './until.ts';

/** What would run, or be fetched, if it were taken for markup. */
export const HOSTILE = ['<img src=x onerror=alert(1)>', '"><script>alert(2)<', '\u202egnp.exe', "';alert(3)'`"];

export async function baseOf(cli: Cli): Promise<string> {
  return `http://${/address=(\S+)/.exec(await cli.waitForLine(/answering over HTTP/))![1]}/`;
}

export async function activityOf(base: string): Promise<Activity> {
  return (await (await fetch(`${base}activity`)).json()) as Activity;
}

/** All content of its history, bytes. */
export function movedIn({ history }: Activity): number {
  return history.reduce((total, { bytes }) => total + bytes, 0);
}

/** An agent that watches. */
export async function watching(
  stage: StrictStage,
  ...more: string[]
): Promise<{ readonly cli: Cli; readonly base: string }> {
  const cli = stage.start(['watch', '--http', '0', '--lease', 'off', ...more, stage.local, stage.url]);
  const base = await baseOf(cli);
  await cli.waitForLine(/ watching /);
  return { cli, base };
}

/** An agent that is behind: of names that are hostile, long, and no text at all. */
export async function behind(stage: StrictStage, base: string): Promise<void> {
  stage.server.faults.add({ operation: 'PutObject', effect: { kind: 'status', code: 'AccessDenied' } });
  for (const name of [...HOSTILE, `${'long_'.repeat(40)}name`]) stage.write(name);
  writeFileSync(Buffer.concat([Buffer.from(`${stage.local}/`), Buffer.of(0xff, 0x3c)]), '');
  await until('all have failed', async () => (await activityOf(base)).status.problems.count === HOSTILE.length + 2);
}

// SIGHUP to an agent of several directories that has just begun.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { agent } from '../../src/cli/agent.ts';
import type { CommandContext } from '../../src/cli/context.ts';
import { parseCommandLine } from '../../src/config/config.ts';
import { keptLog } from '../support/agent.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';

test('regression_reload_before_start: the file of a SIGHUP is newer than that of the start, however soon it comes', async (t) => {
  const dir = tempDir(t);
  const file = join(dir, 'awssyncer.yaml');
  const say = (name: string) => {
    const local = join(dir, 'missing', name);
    writeFileSync(file, JSON.stringify({ directories: [{ local, url: `s3://bucket/${name}`, command: 'watch' }] }));
  };
  const lines: string[] = [];
  const log = await keptLog(lines);
  const opened: string[] = [];
  let signal: (name: NodeJS.Signals) => void = () => {};
  const context = {
    ...{ log, env: {}, cwd: dir, now: Date.now, version: '0', commit: null, redact: (text: string) => text },
    conceal: () => {},
    logOf(name: string) {
      opened.push(name);
      return { log };
    },
    onSignal(_signals: readonly NodeJS.Signals[], handler: typeof signal) {
      signal = handler;
      return () => {};
    },
  } as unknown as CommandContext;
  const parsed = parseCommandLine(['agent', '--config', file, '--http', 'off'], {});
  assert.ok(parsed.command === 'agent');
  say('before');
  const ended = agent(parsed.config, context);
  say('after');
  signal('SIGHUP');
  await until('it was read again', () => lines.some((line) => /the file was read again/.test(line)));
  await until('the last is open', () => lines.some((line) => /missing.after/.test(line)));
  signal('SIGTERM');
  await ended;
  assert.deepEqual(opened, ['before', 'after'], lines.join('\n'));
});

import assert from 'node:assert/strict';
import { type ChildProcess, exec, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cleanEnvironment } from '../support/stage.ts';
import { tempDir } from '../support/temp-dir.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const DEMO = fileURLToPath(new URL('../../scripts/demo.ts', import.meta.url));

interface Demo {
  readonly process: ChildProcess;
  /** What it has printed, on both streams. */
  printed(): string;
  /** Once it has ended: its exit code, and what it left behind. */
  readonly ended: Promise<{ code: number | null; left: string[] }>;
}

/** Starts the demo as a process without a terminal, with a directory of its own for temporary files. */
function startDemo(t: TestContext, ...args: string[]): Demo {
  const temporary = tempDir(t);
  const child = spawn(process.execPath, [DEMO, ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const ended = once(child, 'close').then(async ([code]) => {
    const server = await serverAnswers(output);
    return { code, left: [...readdirSync(temporary), ...processesNaming(temporary), ...server] };
  });
  t.after(() => {
    child.kill('SIGTERM');
    return ended;
  });
  return { process: child, printed: () => output, ended };
}

/** Waits until the demo has printed this; its end, in whatever way, is too late. */
async function printed(demo: Demo, pattern: RegExp): Promise<void> {
  while (!pattern.test(demo.printed())) {
    const end = await Promise.race([demo.ended, sleep(20)]);
    if (end !== undefined) assert.fail(`ended with ${end.code}: ${demo.printed()}`);
  }
}

function processesNaming(path: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return command.includes(path) ? [command] : [];
    } catch {
      return [];
    }
  });
}

async function serverAnswers(output: string): Promise<string[]> {
  const [endpoint = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? [];
  return fetch(endpoint).then(
    () => [endpoint],
    () => [],
  );
}

describe('the demo', { concurrency: true }, () => {
  test('without a terminal it shows changes, restores what was lost, finds it identical and ends with 0', async (t) => {
    const demo = startDemo(t);
    const end = await demo.ended;
    assert.deepEqual(end, { code: 0, left: [] }, demo.printed());
    for (const line of [
      /^ {2}echo hello > hello\.txt +hello\.txt {2}6 B +[\d.]+ m?s$/m,
      /^ {2}mv draft final +draft\/ is gone, final\/ {2}40 files /m,
      /^ {2}a file of 20 MiB +big\.bin {2}20\.0 MiB, 3 parts +\d/m,
      /^ {2}cp -a .* tree\/ {2}[\d,]+ files /m,
      /^ {2}flushed and ended with exit code 0 after /m,
      /^ {2}objects +[\d,]+ uploaded, [\d,]+ copied, [\d,]+ deleted$/m,
      /^ {2}latency +p50 [\d.]+ m?s, max .* \(single objects\)$/m,
      /^ {2}restored +[\d,]+ objects, [\d.]+ MiB in .*\n +[\d,]+ objects\/s, /m,
      /^ {2}verdict +identical\n$/m,
    ]) {
      assert.match(demo.printed(), line);
    }
    assert.doesNotMatch(demo.printed(), /\x1b/, 'no colour');
  });

  test('with --keep an agent goes on with the restored directory until Ctrl-C, and then nothing is left', async (t) => {
    const demo = startDemo(t, '--keep');
    await printed(demo, / watching local=/);
    assert.match(demo.printed(), /export AWS_ENDPOINT_URL=http:.*awssyncer verify \S+ s3:\/\/demo\/state\n/s);
    const [, flush] = /^ {4}(\.\/scripts\/awssyncer flush .*)$/m.exec(demo.printed())!;
    await promisify(exec)(flush!, { cwd: CHECKOUT, env: cleanEnvironment(tempDir(t)) });
    demo.process.kill('SIGINT');
    assert.deepEqual(await demo.ended, { code: 0, left: [] }, demo.printed());
    assert.match(demo.printed(), / ended .*unsent=0\n$/);
  });

  test('Ctrl-C, even twice, ends it at any time, and nothing is left', async (t) => {
    const demo = startDemo(t);
    await printed(demo, /cp -a/);
    demo.process.kill('SIGINT');
    await printed(demo, /\ndemo: SIGINT, ending everything\n/);
    demo.process.kill('SIGINT');
    assert.deepEqual(await demo.ended, { code: 130, left: [] }, demo.printed());
    assert.match(demo.printed(), /\ndemo: SIGINT, ending everything\n$/);
  });

  test('what it does not know is told in one line', async (t) => {
    const demo = startDemo(t, '--kept');
    assert.deepEqual(await demo.ended, { code: 1, left: [] });
    assert.equal(demo.printed(), 'demo: usage: npm run demo [-- --keep]\n');
  });
});

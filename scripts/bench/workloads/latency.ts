// From close(2) to an object that can be read: one small file at a time in a watched directory.
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent } from '../agent.ts';
import { atMost, notJudged } from '../bars.ts';
import type { Bench } from '../bench.ts';
import type { Series, Verdict, WorkResult } from '../results.ts';
import { monotonicMs } from '../server/tally.ts';
import { quantile } from '../statistics.ts';
import { scramble } from '../trees.ts';

/** The default of `--coalesce`: how long we wait on purpose. */
const SETTLE_MS = 50;
const POLL_MS = 4;
const TIMEOUT_MS = 30_000;

export async function latency(bench: Bench): Promise<WorkResult[]> {
  const series = [await ours(bench)];
  for (const copier of ['aws', 's5cmd'] as const) {
    if (bench.has('lsyncd') && bench.has(copier)) series.push(await lsyncd(bench, copier));
  }
  return [
    {
      name: 'latency',
      title: 'From close to readable object: files of 4 KiB, one at a time',
      notes: [
        `awssyncer waits ${SETTLE_MS} ms on purpose (--coalesce), so that a file that is still being written is not read; ` +
          'lsyncd is told to wait for nothing (delay = 0).',
      ],
      series,
      verdicts: judge(series),
    },
  ];
}

function judge(series: readonly Series[]): Verdict[] {
  const at = (of: Series, share: number): number => quantile(of.latenciesMs ?? [], share);
  const [mine, aws] = [series[0]!, series.find(({ way }) => way === 'with aws')];
  const verdicts = [
    atMost('p50: settle pause + 15 ms', { value: at(mine, 0.5), limit: SETTLE_MS + 15, unit: 'ms', digits: 1 }),
    atMost('p99: settle pause + 50 ms', { value: at(mine, 0.99), limit: SETTLE_MS + 50, unit: 'ms', digits: 1 }),
  ];
  if (aws === undefined) return [...verdicts, notJudged('p50 : lsyncd + aws <= 0.1', 'lsyncd and aws')];
  const value = at(mine, 0.5) / at(aws, 0.5);
  return [...verdicts, atMost('p50 : lsyncd + aws', { value, limit: 0.1, unit: '', digits: 3 })];
}

async function ours(bench: Bench): Promise<Series> {
  const sides = await place(bench);
  const agent = await Agent.start(bench, sides);
  const latenciesMs = await measure(bench, sides.local, bench.options.isQuick ? 20 : 300);
  await agent.stop();
  await clear(bench, sides);
  return { tool: 'awssyncer', command: agent.shown, files: 1, runs: [], latenciesMs };
}

async function lsyncd(bench: Bench, copier: 'aws' | 's5cmd'): Promise<Series> {
  const sides = await place(bench);
  const config = `${sides.scratch}.lua`;
  writeFileSync(config, lsyncdConfig(sides, bench.command(copier, COPY[copier]).argv));
  const argv = ['-nodaemon', config];
  const running = bench.meter.start(bench.command('lsyncd', argv));
  const latenciesMs = await measure(bench, sides.local, bench.options.isQuick ? 3 : copier === 'aws' ? 15 : 50);
  // It ends by the signal.
  await running.stop().catch(() => {});
  await clear(bench, sides);
  return {
    tool: 'lsyncd',
    way: `with ${copier}`,
    command: bench.shown('lsyncd', argv),
    files: 1,
    runs: [],
    latenciesMs,
  };
}

const COPY = { aws: ['s3', 'cp', '--only-show-errors'], s5cmd: ['--log', 'error', 'cp'] };

/** Copies each file by itself, at once when it is closed. */
function lsyncdConfig(
  { local, bucket }: { readonly local: string; readonly bucket: string },
  [program, ...words]: readonly string[],
): string {
  return `
settings { nodaemon = true }
s3 = {
  delay = 0, maxProcesses = 4, init = false,
  action = function(inlet)
    local event = inlet.getEvent()
    if event.isdir or event.etype ~= 'Modify' then
      inlet.discardEvent(event)
      return
    end
    spawn(event, '${program}', { ${words.map((word) => `'${word}', `).join('')} event.sourcePath, event.targetPath })
  end,
  init = function(event) event.inlet.discardEvent(event) end,
  prepare = function(config, level) default.prepare(config, level + 1) end,
}
sync { s3, source = '${local}', target = 's3://${bucket}' }
`;
}

async function place(bench: Bench): Promise<{ local: string; scratch: string; bucket: string }> {
  const sides = { local: bench.place(), scratch: bench.place(), bucket: await bench.s3.makeBucket() };
  mkdirSync(sides.local);
  return sides;
}

async function clear(bench: Bench, { local, scratch, bucket }: Awaited<ReturnType<typeof place>>): Promise<void> {
  await bench.s3.dropBucket(bucket);
  bench.remove(local, scratch);
}

/** Writes so many files, each when the one before is in S3. */
async function measure(bench: Bench, local: string, count: number): Promise<number[]> {
  await warmUp(bench, local);
  await bench.beginRun();
  const latenciesMs: number[] = [];
  let seen = 0;
  for (let file = 0; file < count; file++) {
    const closedMs = write(local, { name: `file-${file}`, seed: file });
    for (;;) {
      const arrivals = await bench.s3.arrivals(seen);
      const first = arrivals.find(({ key, atMs }) => key === `file-${file}` && atMs >= closedMs);
      seen += arrivals.length;
      if (first !== undefined) {
        latenciesMs.push(first.atMs - closedMs);
        break;
      }
      if (monotonicMs() - closedMs > TIMEOUT_MS) throw new Error(`file-${file} does not arrive`);
      await pause(POLL_MS);
    }
    // Never in step with a timer of the agent.
    await pause(20 + (file % 7) * 5);
  }
  bench.options.say(
    `  ${count} files: p50 ${quantile(latenciesMs, 0.5).toFixed(1)} ms, p99 ${quantile(latenciesMs, 0.99).toFixed(1)} ms`,
  );
  return latenciesMs;
}

/** Until a file arrives, the program may still be starting. */
async function warmUp(bench: Bench, local: string): Promise<void> {
  await bench.beginRun();
  const deadline = monotonicMs() + TIMEOUT_MS;
  for (let file = 0; (await bench.s3.arrivals(0)).length === 0; file++) {
    if (monotonicMs() > deadline) throw new Error('Nothing arrives');
    write(local, { name: `warm-up-${file}`, seed: file });
    await pause(2000);
  }
  await pause(1000);
}

/** @returns when the file was closed */
function write(local: string, { name, seed }: { readonly name: string; readonly seed: number }): number {
  const bytes = Buffer.alloc(4096);
  scramble(bytes, seed);
  const fd = openSync(join(local, name), 'w');
  writeSync(fd, bytes);
  closeSync(fd);
  return monotonicMs();
}

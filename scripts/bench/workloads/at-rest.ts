// A watched tree in which nothing happens.
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, processNow } from '../agent.ts';
import { atMost, requestsAre } from '../bars.ts';
import type { Bench } from '../bench.ts';
import type { Run, Series, WorkResult } from '../results.ts';
import { OURS } from '../tools.ts';
import { uploaded } from './transfers.ts';
import { manyFiles } from './unchanged.ts';

/** What a start leaves to be done is done by then. */
const CALM_MS = 10_000;

export async function atRest(bench: Bench): Promise<WorkResult[]> {
  const tree = manyFiles(bench);
  const { bucket, state } = await uploaded(bench, tree);
  const agent = await Agent.start(bench, { local: tree.root, bucket, scratch: state });
  const { pid } = await agent.status();
  const windowMs = bench.options.isQuick ? 2000 : bench.options.idleMinutes * 60_000;
  await pause(bench.options.isQuick ? 0 : CALM_MS);
  await bench.beginRun();
  const before = processNow(pid);
  await pause(windowMs);
  const after = processNow(pid);
  const { requests, putBytes, cpuMs: serverCpuMs } = await bench.s3.counters();
  const cpuMs = after.cpuMs - before.cpuMs;
  const run: Run = { wallMs: windowMs, cpuMs, peakRssBytes: after.rssBytes, serverCpuMs, requests, putBytes };
  const series: Series = { tool: OURS.name, way: 'watch', command: agent.shown, files: tree.files, runs: [run] };
  await agent.stop();
  await bench.s3.dropBucket(bucket);
  bench.remove(state);
  const directories = tree.files / tree.filesPerDirectory;
  return [
    {
      name: 'at-rest',
      title: `At rest: ${tree.files.toLocaleString('en')} files in ${directories.toLocaleString('en')} directories are watched`,
      notes: ['RSS is that at the end of the time.'],
      series: [series],
      verdicts: [
        atMost('RSS', { value: run.peakRssBytes / 1e6, limit: 90, unit: 'MB', digits: 1 }),
        atMost('CPU', { value: (cpuMs / windowMs) * 100, limit: 0.1, unit: '%', digits: 3 }),
        requestsAre([run], { count: 0 }),
      ],
    },
  ];
}

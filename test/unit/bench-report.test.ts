// What the benchmark says of its numbers: verdicts, the report, the plots.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { againstBest, atMost, notJudged, requestsAre, wordFor } from '../../scripts/bench/bars.ts';
import { plots } from '../../scripts/bench/plots/plots.ts';
import { markdown } from '../../scripts/bench/report.ts';
import type { Report, Run, Series, WorkResult } from '../../scripts/bench/results.ts';

const CIRCUMSTANCES = { at: '2026-01-01 00:00', commit: 'abc', machine: {}, versions: {}, missing: ['mc'] } as const;

function run(wallMs: number, requests: Run['requests'] = {}): Run {
  return { wallMs, cpuMs: wallMs, peakRssBytes: wallMs * 1e6, serverCpuMs: 1, requests, putBytes: 0 };
}

function series(tool: Series['tool'], wallMs: readonly number[], more: Partial<Series> = {}): Series {
  return { tool, command: tool, files: 10, runs: wallMs.map((each) => run(each)), ...more };
}

function work(name: string, of: readonly Series[], verdicts: WorkResult['verdicts'] = []): Report[number] {
  return { name, title: `Work ${name}`, series: of, verdicts, circumstances: CIRCUMSTANCES };
}

test('a bar against peers is about medians, and about the best of them or the one that is named', () => {
  const all = [series('awssyncer', [10, 30, 20]), series('s5cmd', [25]), series('rclone', [40]), series('find', [1])];
  assert.deepEqual(againstBest(all, { metric: 'wall', atMost: 0.6 }), {
    bar: 'wall <= 0.6 x s5cmd',
    found: '0.80 x',
    passed: false,
  });
  assert.deepEqual(againstBest(all, { metric: 'wall', atMost: 0.6, peer: 'rclone' }), {
    bar: 'wall <= 0.6 x rclone',
    found: '0.50 x',
    passed: true,
  });
});

test('a bar whose peer did not take part is said to be open, not left out and not passed', () => {
  const verdict = againstBest([series('awssyncer', [1])], { metric: 'wall', atMost: 0.3, peer: 'rclone' });
  assert.deepEqual(verdict, { bar: 'wall <= 0.3 x rclone', found: 'without rclone', passed: undefined });
  const verdicts = [verdict, atMost('RSS', { value: 1, limit: 2, unit: 'MB' }), notJudged('fast', 'any peer')];
  assert.deepEqual(verdicts.map(wordFor), ['NOT JUDGED', 'PASS', 'NOT JUDGED']);
  const text = markdown([work('renamed', [series('awssyncer', [1])], verdicts)], []);
  assert.match(text, /\| wall <= 0\.3 x rclone \| without rclone \| \*\*NOT JUDGED\*\* \|/);
  assert.match(text, /\| not on the machine \| mc \|/);
});

test('every run must have sent the number of requests', () => {
  const runs = [run(1, { PutObject: 5, HeadBucket: 1 }), run(1, { PutObject: 6 })];
  assert.equal(requestsAre(runs, { count: 6 }).passed, true);
  assert.deepEqual(requestsAre(runs, { operation: 'PutObject', count: 6 }), {
    bar: 'PutObject: 6',
    found: '5, 6',
    passed: false,
  });
});

test('throughput, latencies and memory by size of the tree are drawn, each from its work', () => {
  const latency = series('awssyncer', [], { latenciesMs: [50, 52, 70] });
  const report = [
    work('upload', [series('awssyncer', [10]), series('rclone', [20])]),
    work('restore', [series('awssyncer', [10]), series('rclone', [20])]),
    work('latency', [latency, series('lsyncd', [], { way: 'with aws', latenciesMs: [900, 1000] })]),
    work('memory', [series('awssyncer', [60], { files: 1000 }), series('awssyncer', [150], { files: 1_000_000 })]),
  ];
  const drawn = plots(report);
  assert.deepEqual([...drawn.keys()], ['throughput', 'latency', 'memory']);
  for (const svg of drawn.values()) assert.match(svg, /^<svg .*<title>.*>awssyncer<.*<\/svg>\n$/s);
  assert.match(drawn.get('latency')!, />lsyncd with aws</);
  assert.match(drawn.get('memory')!, />bar: 220 MB</);
  for (const name of drawn.keys()) assert.ok(markdown(report, [...drawn.keys()]).includes(`results/${name}.svg`), name);
});

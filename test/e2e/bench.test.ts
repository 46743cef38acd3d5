// The benchmark still runs. What it measures on a busy machine means nothing, so nothing is said about times.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Report } from '../../scripts/bench/results.ts';
import { tempDir } from '../support/temp-dir.ts';

const MAIN = new URL('../../scripts/bench/main.ts', import.meta.url).pathname;

test('npm run bench measures, checks what was done, counts requests, and writes table and plot', async (t) => {
  const directory = tempDir(t);
  const places = ['--dir', directory, '--results', join(directory, 'results')];
  const args = ['--quick', '--only', 'upload,restore', '--runs', '2', '--peers', 'none', ...places];
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args]);
  assert.match(stdout, /PASS upload: PutObject: 200: 200/);

  const text = readFileSync(join(directory, 'results/results/results.json'), 'utf8');
  const report = JSON.parse(text) as Report;
  assert.deepEqual(
    report.map(({ name, series }) => [name, series.map(({ tool, runs }) => [tool, runs.length])]),
    [
      ['upload', [['awssyncer', 2]]],
      ['restore', [['awssyncer', 2]]],
    ],
  );
  const [upload, restore] = report.map(({ series }) => series[0]!.runs[0]!);
  assert.equal(upload?.putBytes, 200 * 4096);
  assert.ok((restore?.requests['GetObject'] ?? 0) >= 200);
  for (const run of [upload!, restore!]) assert.ok(run.cpuMs > 0 && run.peakRssBytes > 10e6 && run.wallMs > 0);

  const markdown = readFileSync(join(directory, 'results/RESULTS.md'), 'utf8');
  assert.match(markdown, /\| awssyncer \| .* 200 PutObject/);
  const plot = readFileSync(join(directory, 'results/results/throughput.svg'), 'utf8');
  assert.match(plot, /<svg .*>awssyncer<.*<\/svg>/s);
  assert.deepEqual(readdirSync(directory), ['results'], 'nothing else is left behind');
});

test('a tree of which something is missing is not taken for the whole', async (t) => {
  const directory = tempDir(t);
  const { assertSame, makeTree, summarise } = await import('../../scripts/bench/trees.ts');
  const tree = makeTree(join(directory, 'tree'), { files: 3, fileBytes: 10, filesPerDirectory: 2 });
  assertSame(summarise(tree.root), tree.summary, 'the tree');
  assert.throws(
    () => assertSame(summarise(join(tree.root, 'd000000')), tree.summary, 'the tree'),
    /the tree is not what it should be: 2 files, 20 bytes instead of 3 files, 30 bytes/,
  );
});

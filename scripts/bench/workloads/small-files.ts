// Many small files, up and down.
import { againstBest, requestsAre } from '../bars.ts';
import type { Bench } from '../bench.ts';
import type { WorkResult } from '../results.ts';
import type { Tree } from '../trees.ts';
import { downloads, uploads } from './transfers.ts';

function smallFiles(bench: Bench): Tree {
  return bench.tree({ files: bench.options.isQuick ? 200 : 20_000, fileBytes: 4096, filesPerDirectory: 100 });
}

export async function upload(bench: Bench): Promise<WorkResult[]> {
  const tree = smallFiles(bench);
  const series = await bench.compare(uploads(bench, tree));
  const ours = series[0]!.runs;
  const verdicts = [
    againstBest(series, { metric: 'wall', atMost: 0.6 }),
    againstBest(series, { metric: 'CPU', atMost: 0.5 }),
    requestsAre(ours, { operation: 'PutObject', count: tree.files }),
  ];
  const title = `Upload of ${tree.files.toLocaleString('en')} files of 4 KiB to an empty bucket`;
  return [{ name: 'upload', title, series, verdicts }];
}

export async function restore(bench: Bench): Promise<WorkResult[]> {
  const tree = smallFiles(bench);
  const series = await downloads(bench, tree);
  const verdicts = [
    againstBest(series, { metric: 'wall', atMost: 0.6 }),
    againstBest(series, { metric: 'CPU', atMost: 0.5 }),
  ];
  const title = `Restore of ${tree.files.toLocaleString('en')} files of 4 KiB into an empty directory`;
  return [{ name: 'restore', title, series, verdicts }];
}

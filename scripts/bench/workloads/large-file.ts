// One large file, up and down.
import { againstBest, atMost, medianOf } from '../bars.ts';
import type { Bench } from '../bench.ts';
import type { Series, Verdict, WorkResult } from '../results.ts';
import { downloads, uploads } from './transfers.ts';

const MB = 1e6;

export async function largeFile(bench: Bench): Promise<WorkResult[]> {
  const tree = bench.tree({
    files: 1,
    fileBytes: bench.options.isQuick ? 32 * 2 ** 20 : 2 ** 30,
    filesPerDirectory: 1,
  });
  const up = await bench.compare(uploads(bench, tree));
  const down = await downloads(bench, tree);
  const size = bench.options.isQuick ? '32 MiB' : '1 GiB';
  return [
    { name: 'large-up', title: `Upload of a file of ${size}`, series: up, verdicts: judge(up) },
    { name: 'large-down', title: `Restore of a file of ${size}`, series: down, verdicts: judge(down) },
  ];
}

function judge(series: readonly Series[]): Verdict[] {
  const value = medianOf(series[0]!, 'peak RSS') / MB;
  return [againstBest(series, { metric: 'wall', atMost: 1 }), atMost('peak RSS', { value, limit: 200, unit: 'MB' })];
}

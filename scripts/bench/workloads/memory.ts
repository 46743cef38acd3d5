// How memory grows with the tree: the first upload of ever more tiny files.
import { atMost, medianOf } from '../bars.ts';
import type { Bench } from '../bench.ts';
import type { Series, WorkResult } from '../results.ts';
import { OURS } from '../tools.ts';
import { uploads } from './transfers.ts';

const SIZES = [1000, 10_000, 100_000, 1_000_000];
const QUICK_SIZES = [100, 1000];

export async function memory(bench: Bench): Promise<WorkResult[]> {
  const series: Series[] = [];
  const tools = bench.tools.filter(({ isSlow }) => !isSlow);
  for (const files of bench.options.isQuick ? QUICK_SIZES : SIZES) {
    const tree = bench.tree({ files, fileBytes: 16, filesPerDirectory: 100 });
    const contenders = uploads(bench, tree, tools).map((contender) => {
      return { ...contender, way: files.toLocaleString('en'), maxRuns: 1 };
    });
    series.push(...(await bench.compare(contenders)));
    bench.dropTree(tree);
  }
  const largest = series.filter(({ tool }) => tool === OURS.name).at(-1)!;
  return [
    {
      name: 'memory',
      title: 'Memory of the first upload of ever more files of 16 bytes',
      series,
      verdicts: [atMost('peak RSS', { value: medianOf(largest, 'peak RSS') / 1e6, limit: 220, unit: 'MB' })],
    },
  ];
}

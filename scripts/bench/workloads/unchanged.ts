// Nothing to do: a large tree that S3 holds already, with what the last run left behind and without it.

import { mkdirSync } from 'node:fs';
import { againstBest, atMost, medianOf, requestsAre } from '../bars.ts';
import type { Bench, Contender } from '../bench.ts';
import type { Run, WorkResult } from '../results.ts';
import { OURS, type Sides, type Tool } from '../tools.ts';
import { assertSame, type Tree } from '../trees.ts';
import { SLOW_RUNS, uploaded } from './transfers.ts';

/** Each run takes seconds. */
const MAX_RUNS = 3;

/** More than the clocks of S3 and of this machine may differ. */
const RESTED_MS = 3_600_000;

/** Shared with the program at rest. */
export function manyFiles(bench: Bench): Tree {
  return bench.tree({ files: bench.options.isQuick ? 400 : 200_000, fileBytes: 4096, filesPerDirectory: 20 });
}

export async function unchanged(bench: Bench): Promise<WorkResult[]> {
  const tree = manyFiles(bench);
  const { bucket, state } = await uploaded(bench, tree);
  const contender = (tool: Tool, words: (sides: Sides) => readonly string[], of: string): Contender => {
    const argv = words({ local: tree.root, bucket: of, scratch: state });
    const finish = async ({ putBytes }: Run): Promise<void> => {
      if (putBytes > 0) throw new Error(`There was nothing to do, and ${putBytes} bytes were uploaded`);
      assertSame(await bench.s3.summary(of), tree.summary, 'The bucket');
    };
    const maxRuns = tool.name === 'awssyncer' || tool.name === 'rclone' ? MAX_RUNS : SLOW_RUNS;
    return { tool: tool.name, files: tree.files, maxRuns, prepare: async () => ({ argv, finish }) };
  };

  // s3cmd would need minutes.
  const tools = bench.tools.filter(({ name }) => name !== 's3cmd');
  const find: Contender = {
    ...{ tool: 'find', files: tree.files, maxRuns: MAX_RUNS },
    prepare: async () => ({ argv: [tree.root, '-printf', '%p %s %T@ %i\\n'] }),
  };
  const remembered = await bench.compare([
    ...tools.map((tool) => contender(tool, tool.sync, bucket)),
    find,
    await startUp(bench),
  ]);
  const rested = await bench.s3.cloneBucket(bucket, { laterMs: RESTED_MS });
  const compared = await bench.compare(
    tools.flatMap((tool) => (tool.compare === undefined ? [] : [contender(tool, tool.compare, rested)])),
  );
  await bench.s3.dropBucket(rested);
  await bench.s3.dropBucket(bucket);
  bench.remove(state);

  const [ours, yardstick, start] = [remembered[0]!, remembered.at(-2)!, remembered.at(-1)!];
  const limit = (2 * medianOf(yardstick, 'wall') + medianOf(start, 'wall')) / 1000;
  const value = medianOf(ours, 'wall') / 1000;
  const count = tree.files.toLocaleString('en');
  return [
    {
      name: 'unchanged',
      title: `Nothing to do in ${count} files, by sizes, times and what is remembered`,
      notes: [
        'awssyncer (start-up) is the same command on an empty directory. s3cmd is left out: it would need minutes.',
      ],
      series: remembered,
      verdicts: [
        atMost('wall: 2 x find and start-up', { value, limit, unit: 's', digits: 2 }),
        requestsAre(ours.runs, { count: 0 }),
        againstBest(remembered, { metric: 'wall', atMost: 0.5, peer: 'rclone' }),
      ],
    },
    {
      name: 'compared',
      title: `Nothing to do in ${count} files, all content compared`,
      notes: [
        'The objects say that they were stored an hour after the files were written. Of an object that is not clearly ' +
          'younger than its file awssyncer also asks, by one HEAD each, what it says of mode, owner and time, which the ' +
          'others do not compare: it sends as many requests then as there are such files.',
      ],
      series: compared,
      verdicts: [againstBest(compared, { metric: 'wall', atMost: 0.6, peer: 'rclone' })],
    },
  ];
}

/** What it takes to find out that nothing is to be done where there is nothing. */
async function startUp(bench: Bench): Promise<Contender> {
  const [local, scratch, bucket] = [bench.place(), bench.place(), await bench.s3.makeBucket()];
  mkdirSync(local);
  const argv = OURS.sync({ local, bucket, scratch });
  await bench.measure(bench.command(OURS.name, argv));
  return { tool: OURS.name, way: 'start-up', files: 0, maxRuns: MAX_RUNS, prepare: async () => ({ argv }) };
}

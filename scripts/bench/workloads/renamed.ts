// A directory that got another name: the content is in S3 already.
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { againstBest } from '../bars.ts';
import type { Bench, Contender } from '../bench.ts';
import type { Run, WorkResult } from '../results.ts';
import { OURS, type Sides } from '../tools.ts';
import { assertSame, makeTree, summarise } from '../trees.ts';

export async function renamed(bench: Bench): Promise<WorkResult[]> {
  const files = bench.options.isQuick ? 50 : 1000;
  const contenders: Contender[] = [await contender(bench, { tool: 'awssyncer', files })];
  if (bench.has('rclone')) contenders.push(await contender(bench, { tool: 'rclone', files }));
  const series = await bench.compare(contenders);
  const sent = series[0]!.runs.map(({ putBytes }) => putBytes);
  return [
    {
      name: 'renamed',
      title: `A directory of ${files.toLocaleString('en')} files of 64 KiB is renamed`,
      series,
      verdicts: [
        { bar: '0 bytes uploaded', found: `${Math.max(...sent)} bytes`, passed: sent.every((bytes) => bytes === 0) },
        againstBest(series, { metric: 'wall', atMost: 0.3, peer: 'rclone' }),
      ],
    },
  ];
}

/** Its own tree and bucket, in sync; every run renames the directory once more. */
async function contender(
  bench: Bench,
  { tool, files }: { readonly tool: 'awssyncer' | 'rclone'; readonly files: number },
): Promise<Contender> {
  const [local, scratch, bucket] = [bench.place(), bench.place(), await bench.s3.makeBucket()];
  makeTree(local, { files, fileBytes: 64 * 1024, filesPerDirectory: files });
  const sides: Sides = { local, scratch, bucket };
  const argv =
    tool === 'awssyncer'
      ? [...OURS.sync(sides), '--delete']
      : ['sync', '--track-renames', local, `bench:${bucket}`, ...RCLONE_FLAGS];
  await bench.measure(bench.command(tool, argv));
  let name = 'd000000';
  const prepare = async () => {
    const next = name === 'renamed' ? 'd000000' : 'renamed';
    renameSync(join(local, name), join(local, next));
    name = next;
    const finish = async (_: Run): Promise<void> => {
      assertSame(await bench.s3.summary(bucket), summarise(local), `What ${tool} made of the rename`);
    };
    return { argv, finish };
  };
  return { tool, files, prepare };
}

const RCLONE_FLAGS = ['--checksum', '--transfers', '32', '--checkers', '32', '--fast-list', '--s3-no-check-bucket'];

// Many small files, up and down.
import { mkdirSync } from 'node:fs';
import { type Bar, judge } from '../bars.ts';
import type { Bench, Contender } from '../bench.ts';
import type { WorkResult } from '../results.ts';
import { OURS } from '../tools.ts';
import { assertSame, makeTree, summariseTree } from '../trees.ts';

const FILE_BYTES = 4096;

function shape({ options }: Bench): { files: number; fileBytes: number; filesPerDirectory: number } {
  return { files: options.isQuick ? 200 : 20_000, fileBytes: FILE_BYTES, filesPerDirectory: 100 };
}

const BARS: readonly Bar[] = [
  { metric: 'wall', atMost: 0.6 },
  { metric: 'cpu', atMost: 0.5 },
];

export async function upload(bench: Bench): Promise<WorkResult> {
  const local = bench.place();
  const tree = shape(bench);
  makeTree(local, tree);
  const expected = summariseTree(local);
  const contenders = bench.tools.map((tool): Contender => {
    return {
      tool,
      prepare: async () => {
        const [bucket, scratch] = [await bench.s3.makeBucket(), bench.place()];
        const finish = async (): Promise<void> => {
          assertSame(await bench.s3.summary(bucket), expected, `What ${tool.name} uploaded`);
          await bench.s3.dropBucket(bucket);
          bench.remove(scratch);
        };
        return { argv: tool.upload({ local, bucket, scratch }), finish };
      },
    };
  });
  const series = await bench.compare(contenders);
  bench.remove(local);
  const title = `Upload ${tree.files.toLocaleString('en')} files of 4 KiB to an empty bucket`;
  return { name: 'upload', title, files: tree.files, series, verdicts: judge(series, BARS) };
}

export async function restore(bench: Bench): Promise<WorkResult> {
  const source = bench.place();
  const tree = shape(bench);
  makeTree(source, tree);
  const expected = summariseTree(source);
  const bucket = await bench.s3.makeBucket();
  const state = bench.place();
  // The mode, owner and time of each file are in the objects, as we and rclone store them.
  await bench.measure(bench.command(OURS, OURS.upload({ local: source, bucket, scratch: state })));
  bench.remove(source);
  const contenders = bench.tools.map((tool): Contender => {
    return {
      tool,
      prepare: async () => {
        const [local, scratch] = [bench.place(), bench.place()];
        mkdirSync(local);
        const finish = async (): Promise<void> => {
          assertSame(summariseTree(local), expected, `What ${tool.name} restored`);
          for (const place of [local, scratch]) bench.remove(place);
        };
        return { argv: tool.download({ local, bucket, scratch }), finish };
      },
    };
  });
  const series = await bench.compare(contenders);
  await bench.s3.dropBucket(bucket);
  bench.remove(state);
  const title = `Restore ${tree.files.toLocaleString('en')} files of 4 KiB into an empty directory`;
  return { name: 'restore', title, files: tree.files, series, verdicts: judge(series, BARS) };
}

// A tree up to an empty bucket, or down into an empty directory, by every tool.
import { mkdirSync } from 'node:fs';
import type { Bench, Contender } from '../bench.ts';
import type { Series } from '../results.ts';
import { OURS, type Tool } from '../tools.ts';
import { assertSame, summarise, type Tree } from '../trees.ts';

/** How often a tool works that takes file after file. */
export const SLOW_RUNS = 1;

/** Every tool, uploading the tree. */
export function uploads(bench: Bench, tree: Tree, tools: readonly Tool[] = bench.tools): Contender[] {
  return tools.map((tool): Contender => {
    const prepare: Contender['prepare'] = async () => {
      const [bucket, scratch] = [await bench.s3.makeBucket(), bench.place()];
      const finish = async (): Promise<void> => {
        assertSame(await bench.s3.summary(bucket), tree.summary, `What ${tool.name} uploaded`);
        await bench.s3.dropBucket(bucket);
        bench.remove(scratch);
      };
      return { argv: tool.upload({ local: tree.root, bucket, scratch }), finish };
    };
    return { tool: tool.name, files: tree.files, prepare, ...(tool.isSlow ? { maxRuns: SLOW_RUNS } : {}) };
  });
}

/** A bucket that holds the tree as we upload it, and the state that we keep of it. */
export async function uploaded(bench: Bench, tree: Tree): Promise<{ bucket: string; state: string }> {
  const [bucket, state] = [await bench.s3.makeBucket(), bench.place()];
  await bench.measure(bench.command(OURS.name, OURS.upload({ local: tree.root, bucket, scratch: state })));
  return { bucket, state };
}

/** Lets every tool download the tree. */
export async function downloads(bench: Bench, tree: Tree): Promise<Series[]> {
  const { bucket, state } = await uploaded(bench, tree);
  const series = await bench.compare(
    bench.tools.map((tool): Contender => {
      const prepare: Contender['prepare'] = async () => {
        const [local, scratch] = [bench.place(), bench.place()];
        mkdirSync(local);
        const finish = async (): Promise<void> => {
          assertSame(summarise(local), tree.summary, `What ${tool.name} restored`);
          bench.remove(local, scratch);
        };
        return { argv: tool.download({ local, bucket, scratch }), finish };
      };
      return { tool: tool.name, files: tree.files, prepare, ...(tool.isSlow ? { maxRuns: SLOW_RUNS } : {}) };
    }),
  );
  await bench.s3.dropBucket(bucket);
  bench.remove(state);
  return series;
}

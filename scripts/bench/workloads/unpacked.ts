// `tar x` into a watched directory: how long until S3 has it all, and whether the kernel's queue bears it.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { Agent } from '../agent.ts';
import { medianOf } from '../bars.ts';
import type { Bench } from '../bench.ts';
import type { Run, WorkResult } from '../results.ts';
import { describeRun } from '../say.ts';
import { monotonicMs } from '../server/tally.ts';
import { OURS } from '../tools.ts';
import { assertSame, type Tree } from '../trees.ts';
import { uploads } from './transfers.ts';

const MAX_RUNS = 3;
const AT_MOST = 1.3;

export async function unpacked(bench: Bench): Promise<WorkResult[]> {
  const tree = bench.tree({ files: bench.options.isQuick ? 500 : 100_000, fileBytes: 4096, filesPerDirectory: 100 });
  const archive = `${bench.place()}.tar`;
  execFileSync('tar', ['-C', tree.root, '-cf', archive, '.']);
  const [oneShot] = await bench.compare([{ ...uploads(bench, tree, [OURS])[0]!, maxRuns: MAX_RUNS }]);
  const runs: Run[] = [];
  let [overflows, command] = [0, ''];
  for (let round = 0; round < Math.min(bench.options.runs, MAX_RUNS); round++) {
    const seen = await unpack(bench, { tree, archive });
    bench.options.say(describeRun('awssyncer (watching)', seen.run));
    runs.push(seen.run);
    overflows += seen.overflows;
    command = seen.command;
  }
  bench.remove(archive);
  const watching = { tool: OURS.name, way: 'tar x, then flush', command, files: tree.files, runs };
  const ratio = medianOf(watching, 'wall') / medianOf(oneShot!, 'wall');
  return [
    {
      name: 'unpacked',
      title: `tar x of ${tree.files.toLocaleString('en')} files of 4 KiB into a watched directory`,
      notes: [
        "The agent's wall clock runs from the end of tar to the end of the flush; its CPU and peak RSS are those of its " +
          'whole life. It is compared with our own sync of the same tree.',
      ],
      series: [watching, { ...oneShot!, way: 'one-shot' }],
      verdicts: [
        { bar: 'no overflow of the kernel queue', found: `${overflows} overflows`, passed: overflows === 0 },
        { bar: `wall <= ${AT_MOST} x one-shot`, found: `${ratio.toFixed(2)} x`, passed: ratio <= AT_MOST },
      ],
    },
  ];
}

async function unpack(
  bench: Bench,
  { tree, archive }: { readonly tree: Tree; readonly archive: string },
): Promise<{ run: Run; overflows: number; command: string }> {
  const [local, scratch, bucket] = [bench.place(), bench.place(), await bench.s3.makeBucket()];
  mkdirSync(local);
  const agent = await Agent.start(bench, { local, scratch, bucket });
  await bench.beginRun();
  await bench.meter.run({ argv: ['tar', '-C', local, '-xf', archive], env: bench.env });
  const unpackedMs = monotonicMs();
  await agent.flush();
  const wallMs = monotonicMs() - unpackedMs;
  const { overflows } = await agent.status();
  assertSame(await bench.s3.summary(bucket), tree.summary, 'What the agent uploaded');
  const run = await bench.runOf({ ...(await agent.stop()), wallMs });
  await bench.s3.dropBucket(bucket);
  bench.remove(local, scratch);
  return { run, overflows, command: agent.shown };
}

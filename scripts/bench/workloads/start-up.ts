// How long a program needs until it does something: says its help, or sends its first request.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atMost, medianOf } from '../bars.ts';
import type { Bench } from '../bench.ts';
import type { Run, Series, WorkResult } from '../results.ts';
import { OURS } from '../tools.ts';

const RUNS = 20;

export async function startUp(bench: Bench): Promise<WorkResult[]> {
  const local = bench.place();
  mkdirSync(local);
  writeFileSync(join(local, 'file'), 'x');
  const rounds = bench.options.isQuick ? 2 : RUNS;
  const node = new Timed('node', ['-e', '0']);
  const help = new Timed(OURS.name, ['--help'], '--help');
  const first = bench.tools.map((tool) => ({ tool, timed: new Timed(tool.name, [], 'first request') }));
  for (let round = 0; round < rounds; round++) {
    for (const timed of [node, help]) timed.runs.push(await bench.measure(bench.command(timed.tool, timed.argv)));
    for (const { tool, timed } of first) {
      const [bucket, scratch] = [await bench.s3.makeBucket(), bench.place()];
      timed.argv = tool.upload({ local, bucket, scratch });
      timed.runs.push(await firstRequest(bench, timed));
      await bench.s3.dropBucket(bucket);
      bench.remove(scratch);
    }
  }
  bench.remove(local);
  const series = [node, help, ...first.map(({ timed }) => timed)].map((timed) => timed.series(bench));
  const [nodeMs, helpMs, firstMs] = series.map((each) => medianOf(each, 'wall')) as [number, number, number];
  bench.options.say(
    `  node ${nodeMs.toFixed(0)} ms, --help ${helpMs.toFixed(0)} ms, first request ${firstMs.toFixed(0)} ms`,
  );
  return [
    {
      name: 'start-up',
      title: 'Start-up: the help text, and the first request of an upload',
      notes: [
        'The wall clock of a first request runs until it has arrived; the other columns are about the whole command.',
      ],
      series,
      verdicts: [
        atMost('--help : node -e 0', { value: helpMs / nodeMs, limit: 1.5, unit: '', digits: 2 }),
        atMost('first request : node -e 0', { value: firstMs / nodeMs, limit: 3, unit: '', digits: 2 }),
      ],
    },
  ];
}

/** A command that is run again and again. */
class Timed {
  readonly tool: Series['tool'];
  readonly way: string | undefined;
  readonly runs: Run[] = [];
  argv: readonly string[];

  constructor(tool: Series['tool'], argv: readonly string[], way?: string) {
    this.tool = tool;
    this.argv = argv;
    this.way = way;
  }

  series(bench: Bench): Series {
    const { tool, way, runs, argv } = this;
    return { tool, ...(way === undefined ? {} : { way }), command: bench.shown(tool, argv), files: 1, runs };
  }
}

async function firstRequest(bench: Bench, { tool, argv }: Timed): Promise<Run> {
  await bench.beginRun();
  const usage = await bench.meter.run(bench.command(tool, argv));
  const { firstRequestMs } = await bench.s3.counters();
  if (firstRequestMs === undefined) throw new Error(`${tool} sent no request`);
  return { ...(await bench.runOf(usage)), wallMs: firstRequestMs - usage.startMs };
}

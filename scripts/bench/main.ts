// `npm run bench`: we and the programs one would use instead do the same work by turns, against an S3 server in another
// process that costs little. `npm run bench -- --help` says how to choose.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { wordFor } from './bars.ts';
import { Bench } from './bench.ts';
import { circumstances } from './circumstances.ts';
import type { Report, WorkResult } from './results.ts';
import { atRest } from './workloads/at-rest.ts';
import { largeFile } from './workloads/large-file.ts';
import { latency } from './workloads/latency.ts';
import { memory } from './workloads/memory.ts';
import { renamed } from './workloads/renamed.ts';
import { restore, upload } from './workloads/small-files.ts';
import { startUp } from './workloads/start-up.ts';
import { unchanged } from './workloads/unchanged.ts';
import { unpacked } from './workloads/unpacked.ts';
import { writeResults } from './write-results.ts';

const WORK: Readonly<Record<string, (bench: Bench) => Promise<WorkResult[]>>> = {
  ...{ upload, restore, unchanged, large: largeFile, renamed, latency, unpacked, 'at-rest': atRest, memory },
  'start-up': startUp,
};

const HELP = `Usage: npm run bench -- [OPTION...]

  --only NAME,...     only these kinds of work: ${Object.keys(WORK).join(', ')}
  --runs N            how often each tool does each work, those that need long less often (default: 5)
  --idle-minutes N    how long a program at rest is watched (default: 2)
  --peers NAME,...    only these peers (default: all that are installed; "none" for none)
  --peer-path DIR     look for peers here before PATH; may be repeated
  --quick             tiny data: to see that it works, not to measure
  --dir DIR           make the data here (default: a temporary directory)
  --results DIR       write RESULTS.md, the data and the plots into DIR (those of the repository are in
                      scripts/bench); what is there of other work stays
  --draw              with --results: do no work, only write RESULTS.md and the plots anew
  --help              this text
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '5' },
    'idle-minutes': { type: 'string', default: '2' },
    peers: { type: 'string' },
    'peer-path': { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    dir: { type: 'string', default: tmpdir() },
    results: { type: 'string' },
    draw: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  if (values.help) return void process.stdout.write(HELP);
  const save = (report: Report): void => {
    if (values.results !== undefined) writeResults(values.results, report);
  };
  if (values.draw) return save([]);
  const names = values.only?.split(',') ?? Object.keys(WORK);
  const unknown = names.filter((name) => !(name in WORK));
  if (unknown.length > 0)
    throw new Error(`no such work: ${unknown.join(', ')}; there is ${Object.keys(WORK).join(', ')}`);
  mkdirSync(values.dir, { recursive: true });
  const directory = mkdtempSync(join(values.dir, 'awssyncer-bench-'));
  const bench = await Bench.start({
    ...{ directory, runs: Number(values.runs), isQuick: values.quick, peers: values.peers?.split(',') },
    idleMinutes: Number(values['idle-minutes']),
    path: [...values['peer-path'], process.env['PATH'] ?? ''].join(delimiter),
    say: (line) => console.log(line),
  });
  try {
    for (const name of names) {
      console.log(`${name}:`);
      const found = circumstances(bench);
      const results = await WORK[name]!(bench);
      for (const result of results) {
        for (const verdict of result.verdicts) {
          console.log(`  ${wordFor(verdict)} ${result.name}: ${verdict.bar}: ${verdict.found}`);
        }
      }
      save(results.map((result) => ({ ...result, circumstances: found })));
    }
  } finally {
    bench.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

await main().catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});

// `npm run bench`: we and the programs one would use instead do the same work by turns, against an S3 server in another
// process that costs little. `npm run bench -- --help` says how to choose.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Bench } from './bench.ts';
import type { WorkResult } from './results.ts';
import { restore, upload } from './workloads/small-files.ts';

const WORK: Readonly<Record<string, (bench: Bench) => Promise<WorkResult>>> = { upload, restore };

const HELP = `Usage: npm run bench -- [OPTION...]

  --only NAME,...     only these kinds of work: ${Object.keys(WORK).join(', ')}
  --runs N            how often each tool does each work; slow ones once (default: 5)
  --peers NAME,...    only these peers (default: all that are installed; "none" for none)
  --peer-path DIR     look for peers here before PATH; may be repeated
  --quick             tiny data: to see that it works, not to measure
  --dir DIR           make the data here (default: a temporary directory)
  --json FILE         write the results here
  --help              this text
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '5' },
    peers: { type: 'string' },
    'peer-path': { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  if (values.help) return void process.stdout.write(HELP);
  const names = values.only?.split(',') ?? Object.keys(WORK);
  const unknown = names.filter((name) => !(name in WORK));
  if (unknown.length > 0)
    throw new Error(`no such work: ${unknown.join(', ')}; there is ${Object.keys(WORK).join(', ')}`);
  mkdirSync(values.dir, { recursive: true });
  const directory = mkdtempSync(join(values.dir, 'awssyncer-bench-'));
  const bench = await Bench.start({
    ...{ directory, runs: Number(values.runs), isQuick: values.quick, peers: values.peers?.split(',') },
    path: [...values['peer-path'], process.env['PATH'] ?? ''].join(delimiter),
    say: (line) => console.log(line),
  });
  try {
    const results: WorkResult[] = [];
    for (const name of names) {
      console.log(`${name}:`);
      const result = await WORK[name]!(bench);
      results.push(result);
      for (const { bar, found, passed } of result.verdicts)
        console.log(`  ${passed ? 'PASS' : 'MISS'} ${bar}: ${found}`);
    }
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`);
  } finally {
    bench.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

await main().catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});

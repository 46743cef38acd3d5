// Runs the test suites: `npm test`, `npm test -- unit fs`, `npm test -- test/fs/tree.test.ts --grep renamed`.
// Ends with Node's own summary. Says what it will not run; running less than was asked for is a failure.
import { existsSync, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec, type TestEvent, tap } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { whyNoImage } from '../test/support/image/image.ts';
import { joinRuns, type Tally } from './test-events.ts';

/** The folders of test/, quick ones first. Each holds at least one file of tests, and no such file is elsewhere. */
const SUITES = ['unit', 'property', 'contract', 'model', 'fs', 's3', 'e2e'];

/** Files that change the machine (a sysctl, say) or need it to themselves run after the others, one at a time. */
const SERIAL = '.serial.test.ts';

const CONCURRENCY = 2;
/** Of a file, and of each test in it. */
const TEST_TIMEOUT_MS = 120_000;
/** One of them builds an image of a whole Debian. */
const SERIAL_TIMEOUT_MS = 600_000;
const TOTAL_TIMEOUT_MS = 40 * 60_000;

/** An operator's settings, and an account that exists, are kept from the tests. */
const FOREIGN_SETTING = /^(AWS_|S3_|LOCAL_PATH$|FILTER_REGEX$|SYNC_EXCLUDES$|AWSSYNCER_(?!TEST_|REQUIRE_))/;

const RGW_PROGRAMS = ['ceph-mon', 'ceph-osd', 'radosgw'];

/** Something that must be put right before there is anything to run. */
class CannotRun extends Error {}

function testEnvironment(): NodeJS.ProcessEnv {
  const own = process.env['AWSSYNCER_TEST_ENDPOINT'] !== undefined;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => own || !FOREIGN_SETTING.test(name)));
}

/** The files the arguments ask for: names of suites or of files; none means all suites. */
function selectFiles(names: string[]): string[] {
  const all = globSync('test/**/*.test.ts').sort();
  const stray = all.filter((file) => !SUITES.some((suite) => file.startsWith(`test/${suite}/`)));
  if (stray.length > 0) throw new CannotRun(`${stray.join(', ')}: in no suite, the suites are ${SUITES.join(', ')}`);
  return (names.length === 0 ? SUITES : names).flatMap((name) => {
    const path = join('test', name.replace(/^test\//, '').replace(/\/$/, ''));
    const files = all.filter((file) => file === path || file.startsWith(`${path}/`));
    if (files.length === 0)
      throw new CannotRun(`${name}: no such suite or file of tests, the suites are ${SUITES.join(', ')}`);
    return files;
  });
}

const inPath = (program: string) =>
  (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)));

/** Says by name which S3 servers the suites will meet. */
function announceServers(): void {
  const missing = RGW_PROGRAMS.filter((program) => !inPath(program));
  const endpoint = process.env['AWSSYNCER_TEST_ENDPOINT'];
  console.log('S3 on the strict test server: runs');
  console.log('S3 on fauxqs: runs');
  console.log(`S3 on Ceph RGW: ${missing.length === 0 ? 'runs' : `not run (${missing.join(', ')} not installed)`}`);
  console.log(
    `S3 on a server of yours: ${endpoint ? `runs (${endpoint})` : 'not run (AWSSYNCER_TEST_ENDPOINT is not set)'}`,
  );
  if (missing.length > 0 && process.env['AWSSYNCER_REQUIRE_RGW'] === '1') {
    throw new CannotRun(
      'AWSSYNCER_REQUIRE_RGW=1, but Ceph RGW is not installed: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw',
    );
  }
}

/** Says whether the status page will be seen by a browser. */
function announceBrowser(): void {
  console.log(`The status page in Chromium: ${inPath('chromium') ? 'runs' : 'not run (chromium not installed)'}`);
  if (!inPath('chromium') && process.env['AWSSYNCER_REQUIRE_CHROMIUM'] === '1') {
    throw new CannotRun(
      'AWSSYNCER_REQUIRE_CHROMIUM=1, but Chromium is not installed: apt-get install --no-install-recommends chromium',
    );
  }
}

/** Says whether the image will be built. */
function announceImage(): void {
  const why = whyNoImage();
  console.log(`The image of docker/Dockerfile: ${why === undefined ? 'runs' : `not run (${why})`}`);
  if (why !== undefined && process.env['AWSSYNCER_REQUIRE_IMAGE'] === '1') {
    throw new CannotRun(`AWSSYNCER_REQUIRE_IMAGE=1, but the image cannot be built: ${why}`);
  }
}

/** The runs that `files` take: most side by side, then those that need the machine to themselves. */
function runsOf(files: string[], grep: string | undefined): (() => AsyncIterable<TestEvent>)[] {
  const common = {
    timeout: TEST_TIMEOUT_MS,
    signal: AbortSignal.timeout(TOTAL_TIMEOUT_MS),
    env: testEnvironment(),
    ...(grep !== undefined && { testNamePatterns: grep }),
  };
  const [serial, parallel] = [
    files.filter((file) => file.endsWith(SERIAL)),
    files.filter((file) => !file.endsWith(SERIAL)),
  ];
  return [
    { ...common, files: parallel, concurrency: CONCURRENCY },
    { ...common, files: serial, concurrency: 1, timeout: SERIAL_TIMEOUT_MS },
  ]
    .filter((options) => options.files.length > 0)
    .map((options) => () => run(options));
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { grep: { type: 'string' } } });
  const files = selectFiles(positionals);
  if (files.some((file) => /^test\/(contract|s3|e2e)\//.test(file))) announceServers();
  if (files.some((file) => file.startsWith('test/e2e/page'))) announceBrowser();
  if (files.some((file) => file.startsWith('test/e2e/image'))) announceImage();

  const tally: Tally = { ran: 0, failed: 0, emptyFiles: [] };
  const events = joinRuns(runsOf(files, values.grep), tally);
  const report = Readable.from(events).compose(process.stdout.isTTY ? spec : tap);
  for await (const text of report) process.stdout.write(text);

  if (tally.ran === 0) throw new CannotRun('no test has such a name');
  if (values.grep === undefined && tally.emptyFiles.length > 0) {
    throw new CannotRun(`${tally.emptyFiles.join(', ')}: no test in it`);
  }
  return tally.failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof CannotRun)) throw error;
  console.error(`test: ${error.message}`);
  process.exitCode = 2;
}

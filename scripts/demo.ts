// `npm run demo`: changes on disk become objects in S3 while one watches; then the disk is lost and restored.
// `npm run demo -- --keep` leaves agent and server running, to be played with.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { showMs } from '../src/ops/units.ts';
import { Bucket } from './demo/bucket.ts';
import {
  CHANGES,
  type Change,
  describeDirectory,
  describeObject,
  MANY,
  writeMany,
  writeSmall,
} from './demo/changes.ts';
import { Cli, DemoFailure, type Server, startServer, type Tally } from './demo/programs.ts';
import * as screen from './demo/screen.ts';
import { median, type RestoreReport, summarise } from './demo/summary.ts';
import { filesBeneath, type Snapshot, snapshot } from './demo/tree.ts';

const [BUCKET, PREFIX] = ['demo', 'state'];
const REMOTE = `s3://${BUCKET}/${PREFIX}`;
const SINGLE_WRITES = 30;

/** What the acts of the demo share. */
interface Stage {
  readonly local: string;
  readonly state: string;
  readonly server: Server;
  readonly bucket: Bucket;
  /** Aborted by Ctrl-C, and when the agent ends by itself. */
  readonly stop: AbortController;
  readonly latenciesMs: number[];
}

class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(signal);
    this.signal = signal;
  }
}

async function demo(stop: AbortController, keep: boolean): Promise<boolean> {
  await using scope = new AsyncDisposableStack();
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'awssyncer-demo-')));
  scope.defer(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  const server = scope.use(await startServer());
  const bucket = scope.use(await Bucket.create(server, { bucket: BUCKET, prefix: `${PREFIX}/`, signal: stop.signal }));
  const [local, state] = [join(directory, 'data'), join(directory, 'ledger')];
  mkdirSync(local);
  const stage: Stage = { local, state, server, bucket, stop, latenciesMs: [] };

  screen.heading('awssyncer: a directory, an S3 bucket, and an agent that keeps them the same');
  screen.fact('directory', local);
  screen.fact('bucket', `${REMOTE} at ${server.endpoint} (fauxqs, in memory)`);
  const live = await liveSync(stage);
  const lost = await loseAndRestore(stage);
  const same = summarise({ ...live, ...lost, latenciesMs: stage.latenciesMs });
  if (keep && same) await play(stage);
  return same;
}

/** The agent runs while the tree changes; then it is told to end in the middle of work. */
async function liveSync(stage: Stage): Promise<{ tally: Tally; before: Snapshot }> {
  const startedMs = performance.now();
  await using agent = startAgent(stage, 'read');
  await orStop(stage, agent.watching);
  screen.fact('agent', `awssyncer run ${stage.local} ${REMOTE}`);
  screen.fact('', `watches after ${showMs(performance.now() - startedMs)}`);

  screen.heading(
    'What changes on disk, and what it becomes',
    '  after: from close(2), or the return of the last system call, until another client reads it back from S3',
  );
  screen.tableHead();
  for (const { what, make, remark } of CHANGES) {
    screen.rowStarts(what);
    const { shown, latencyMs } = await changeAndSee(stage, make);
    screen.rowEnds(remark === undefined ? shown : `${shown}, ${remark}`, latencyMs);
  }
  await writeOneByOne(stage);

  screen.heading(`SIGTERM at once after ${MANY} more writes`);
  writeMany(stage.local, 'last-words');
  const toldMs = performance.now();
  const code = await stopAgent(agent);
  screen.line(`flushed and ended with exit code ${code} after ${showMs(performance.now() - toldMs)}`);
  await stage.bucket.lists(new Map([['last-words', filesBeneath(stage.local, 'last-words')]]));
  screen.line(`all ${MANY} are in S3`);
  return { tally: agent.tally, before: snapshot(stage.local) };
}

/** Makes a change and waits until S3 shows it. */
async function changeAndSee(
  { local, bucket, latenciesMs }: Stage,
  make: Change['make'],
): Promise<{ shown: string; latencyMs: number }> {
  const expected = await make(local);
  const doneMs = performance.now();
  if ('object' in expected) {
    const latencyMs = (await bucket.shows(expected.object)) - doneMs;
    latenciesMs.push(latencyMs);
    return { shown: describeObject(local, expected.object), latencyMs };
  }
  const beneath = new Map(expected.directories.map((directory) => [directory, filesBeneath(local, directory)]));
  const latencyMs = (await bucket.lists(beneath)) - doneMs;
  return { shown: [...beneath].map(describeDirectory).join(', '), latencyMs };
}

/** One small file after the other, each seen before the next: what a single change takes. */
async function writeOneByOne(stage: Stage): Promise<void> {
  screen.rowStarts(`${SINGLE_WRITES} files, one by one`);
  const latenciesMs: number[] = [];
  for (let n = 1; n <= SINGLE_WRITES; n++) {
    const { latencyMs } = await changeAndSee(stage, (root) => writeSmall(root, `single-${n}`));
    latenciesMs.push(latencyMs);
  }
  screen.rowEnds('each seen before the next; median:', median(latenciesMs));
}

/** The machine is gone, with the disk and what the agent knew; a new one has nothing but the bucket. */
async function loseAndRestore(stage: Stage): Promise<{ restore: RestoreReport; after: Snapshot }> {
  const { local, state, server } = stage;
  screen.heading('The disk is lost');
  rmSync(local, { recursive: true });
  rmSync(state, { recursive: true });
  screen.line(`rm -rf ${local}, and all that the agent remembered`);
  screen.line(`awssyncer restore ${REMOTE} ${local}`);
  const args = ['restore', REMOTE, local, '--state-dir', state, '--json'];
  await using program = new Cli(args, { variables: server.variables, log: 'read' });
  const restore = await orStop(stage, program.result<RestoreReport>());
  return { restore, after: snapshot(local) };
}

/** Leaves a new agent on the restored tree to the user, until Ctrl-C. */
async function play(stage: Stage): Promise<void> {
  const { local, state, server, stop } = stage;
  screen.heading('Yours to play with', '  Change what you like in the directory:');
  screen.line(`  cd ${local}`);
  screen.note(
    'In another terminal, from the checkout, ask the agent; or look at its page, whose address it says below:',
  );
  screen.line(`  ./scripts/awssyncer status --watch --state-dir ${state}`);
  screen.line(`  ./scripts/awssyncer flush --state-dir ${state}`);
  screen.note('Ask the server what it holds, with awssyncer or any S3 client:');
  for (const [name, value] of Object.entries(server.variables)) screen.line(`  export ${name}=${value}`);
  screen.line(`  ./scripts/awssyncer verify ${local} ${REMOTE}`);
  screen.line(`  aws s3 ls --recursive ${REMOTE}/`);
  screen.note('Ctrl-C ends agent and server and removes everything. Until then, the agent says what it does:');
  await using agent = startAgent(stage, 'shown');
  const reason = await aborted(stop.signal);
  if (!(reason instanceof Interrupted)) throw reason;
  await stopAgent(agent);
}

/** Starts the agent; should it end before it is told to, the demo ends. */
function startAgent({ local, state, server, stop }: Stage, log: 'read' | 'shown'): Cli {
  const agent = new Cli(['run', local, REMOTE, '--state-dir', state], { variables: server.variables, log });
  void agent.ended.then((code) => {
    if (!agent.wasTold) stop.abort(new DemoFailure(`the agent ended with ${code}:${agent.lastLines}`));
  });
  return agent;
}

async function stopAgent(agent: Cli): Promise<number> {
  const code = await agent.stop();
  if (code !== 0) throw new DemoFailure(`the agent could not flush, it ended with ${code}:${agent.lastLines}`);
  return code;
}

/** Waits, but not beyond the end of the demo. */
function orStop<T>({ stop: { signal } }: Stage, promise: Promise<T>): Promise<T> {
  const stopped = aborted(signal).then((reason) => {
    throw reason;
  });
  return Promise.race([promise, stopped]);
}

/** @returns why, once it is aborted */
async function aborted(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason;
}

/** @throws DemoFailure */
function wantsToKeep(): boolean {
  try {
    return parseArgs({ options: { keep: { type: 'boolean', default: false } } }).values.keep;
  } catch {
    throw new DemoFailure('usage: npm run demo [-- --keep]');
  }
}

async function main(): Promise<number> {
  const stop = new AbortController();
  const interrupt = (signal: NodeJS.Signals): void => {
    // A second one changes nothing: npm passes on what the terminal has sent as well.
    if (stop.signal.aborted) return;
    screen.failure(`${signal}, ending everything`);
    stop.abort(new Interrupted(signal));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  // Whoever read the output has gone; agent, server and directory still have to go too.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => interrupt('SIGPIPE'));
  try {
    return (await demo(stop, wantsToKeep())) ? 0 : 1;
  } catch (error) {
    // What was cut short by the end of the demo fails in its own way: the reason is what counts.
    const reason: unknown = stop.signal.aborted && !(error instanceof DemoFailure) ? stop.signal.reason : error;
    if (reason instanceof Interrupted) return 128 + constants.signals[reason.signal];
    if (!(reason instanceof DemoFailure)) throw reason;
    screen.failure(reason.message);
    return 1;
  }
}

process.exitCode = await main();

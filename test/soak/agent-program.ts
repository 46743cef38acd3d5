// The agent under test as a process of its own, which can be killed: told what to do by messages.
import { openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { argv } from 'node:process';
import { listRemote } from '../../src/agent/list-remote.ts';
import { Watching } from '../../src/agent/watching.ts';
import { openWorkspace, type Workspace } from '../../src/agent/workspace.ts';
import type { RelKey } from '../../src/model/key.ts';
import { displayPath } from '../../src/model/path.ts';
import { createLog } from '../../src/ops/log.ts';
import { QUICK } from '../support/agent.ts';
import { overflowing } from '../support/lossy-inotify.ts';

/** What it is started with, as JSON. */
export interface AgentSettings {
  readonly root: string;
  readonly stateDir: string;
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly requestTimeoutMs: number;
  readonly logFile: string;
}

/** What it is told; each is answered by an `AgentReply` with the same id. */
export type AgentOrder = { readonly id: number } & (
  | { readonly do: 'settle' }
  | { readonly do: 'overflow'; readonly on: boolean }
  | { readonly do: 'clock'; readonly stepMs: number }
  | { readonly do: 'look' }
  | { readonly do: 'stop' }
);

export interface AgentReply {
  /** 0: it watches. */
  readonly id: number;
  readonly error?: string;
  readonly look?: AgentLook;
}

/** How the agent stands, seen from inside. */
export interface AgentLook {
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Open descriptors that are no sockets: those are the connections to S3. */
  readonly descriptors: number;
  readonly watches: number;
  readonly pending: readonly string[];
  readonly problems: readonly string[];
  /** The ledger, without what is not ours. */
  readonly rows: readonly { readonly key: string; readonly state: string; readonly etag: string | null }[];
}

/** The wall clock, as far as JavaScript asks for it, is `clock.stepMs` off. */
function adjustableClock(): { stepMs: number } {
  const adjusted = { stepMs: 0 };
  const RealDate = Date;
  globalThis.Date = new Proxy(RealDate, {
    construct: (_, given) =>
      Reflect.construct(RealDate, given.length === 0 ? [RealDate.now() + adjusted.stepMs] : given),
    get: (target, name) => (name === 'now' ? () => RealDate.now() + adjusted.stepMs : Reflect.get(target, name)),
  });
  return adjusted;
}

function look(workspace: Workspace, { engine }: Watching): AgentLook {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const fds = readdirSync('/proc/self/fd').map((fd) => ({ fd, target: targetOf(`/proc/self/fd/${fd}`) }));
  const notifiers = fds.filter(({ target }) => target.includes('inotify'));
  const infos = notifiers.map(({ fd }) => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'));
  const rows = [...workspace.ledger.range('' as RelKey)].filter(({ state }) => state !== 'foreign');
  return {
    rssBytes: rss,
    heapBytes: heapUsed,
    descriptors: fds.filter(({ target }) => target !== '' && !target.startsWith('socket:')).length,
    watches: infos.join('').match(/^inotify wd:/gm)?.length ?? 0,
    pending: [...engine.pipeline.pending()].map(displayPath),
    problems: engine.problems.all().map(([path, { kind, reason }]) => `${kind} ${displayPath(path)}: ${reason}`),
    rows: rows.map(({ key, state, etag }) => ({ key: Buffer.from(key, 'latin1').toString(), state, etag })),
  };
}

/** '' for the descriptor that the listing itself had. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

async function settle(watching: Watching): Promise<void> {
  const { pipeline } = watching.engine;
  do {
    await watching.barrier();
    await watching.idle();
    await watching.barrier();
  } while (pipeline.pending().size > 0);
}

const settings = JSON.parse(argv[2]!) as AgentSettings;
const { root, bucket, prefix, endpoint } = settings;
const logFile = openSync(settings.logFile, 'a');
const clock = adjustableClock();
const log = await createLog({
  format: 'human',
  level: 'debug',
  write: (line) => void writeSync(logFile, `${line}\n`),
  now: Date.now,
  redact: (text) => text,
});
// Nobody is left who could tell it anything.
process.once('disconnect', () => process.exit());

const config = {
  ...QUICK,
  ...{ local: root, remote: { bucket, prefix }, endpointUrl: endpoint, region: settings.region },
  ...{ stateDir: settings.stateDir, requestTimeoutMs: settings.requestTimeoutMs },
  multipartThresholdBytes: 6_000_000,
};
const surroundings = { env: process.env, log, version: '0', uid: process.geteuid!(), cwd: process.cwd() };
const workspace = await openWorkspace(config, surroundings, {
  createLocal: false,
  useState: true,
  retryHorizonMs: Number.POSITIVE_INFINITY,
  otherRoot: 'distrust',
});
if (!workspace.ledger.meta().listed) await listRemote(workspace, new AbortController().signal);
let losing = false;
const watching = new Watching(
  workspace,
  config,
  overflowing(() => losing),
);

async function obey(order: AgentOrder): Promise<AgentLook | undefined> {
  switch (order.do) {
    case 'settle':
      return void (await settle(watching));
    case 'overflow':
      losing = order.on;
      return;
    case 'clock':
      clock.stepMs += order.stepMs;
      return;
    case 'look':
      return look(workspace, watching);
    case 'stop':
      await watching.drain(AbortSignal.timeout(20_000));
      await watching.stop();
      return void workspace.close();
  }
}

const reply = (message: AgentReply): void => void process.send!(message);
watching.engine.fatal.catch((error: unknown) => {
  log.error('fatal', { reason: String((error as Error).stack) });
  process.exit(70);
});
process.on('message', (order: AgentOrder) => {
  obey(order).then(
    (seen) => reply({ id: order.id, ...(seen === undefined ? {} : { look: seen }) }),
    (error: unknown) => reply({ id: order.id, error: String((error as Error).stack) }),
  );
});
reply({ id: 0 });

// A request of a killed agent that the server executes after the next agent's own: the last state on disk wins (S6).
import { chmodSync, renameSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { Operation } from '../strict-s3/operations.ts';
import { CrashGround, crashServer, LARGE_BYTES } from '../support/crashes.ts';
import { until } from '../support/until.ts';

interface Scenario {
  readonly late: Operation;
  readonly before: (ground: CrashGround) => void;
  readonly change: (ground: CrashGround) => void;
  /** What the next agent has to answer with a request of its own. */
  readonly whileDown: (ground: CrashGround) => void;
}

const large = (text: string): Buffer => Buffer.alloc(LARGE_BYTES, text);

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'an overwritten file, and the file is written again': {
    late: 'PutObject',
    before: (ground) => ground.write('f', 'old'),
    change: (ground) => ground.write('f', 'late'),
    whileDown: (ground) => ground.write('f', 'newest'),
  },
  'a new file, and the file is deleted': {
    late: 'PutObject',
    before: (ground) => ground.write('other'),
    change: (ground) => ground.write('f', 'late'),
    whileDown: (ground) => ground.remove('f'),
  },
  'a new file, and the file is renamed': {
    late: 'PutObject',
    before: (ground) => ground.write('other'),
    change: (ground) => ground.write('f', 'late'),
    whileDown: (ground) => renameSync(ground.at('f'), ground.at('g')),
  },
  'a new file, and nothing': {
    late: 'PutObject',
    before: (ground) => ground.write('other'),
    change: (ground) => ground.write('f', 'late'),
    whileDown: () => {},
  },
  'a delete, and the file comes back': {
    late: 'DeleteObjects',
    before: (ground) => ground.write('f'),
    change: (ground) => {
      ground.takeAway('f');
      ground.write('other');
    },
    whileDown: (ground) => ground.bringBack('f'),
  },
  'another mode, and the old one again': {
    late: 'CopyObject',
    before: (ground) => ground.write('f', Buffer.alloc(100_000, 'f')),
    change: (ground) => chmodSync(ground.at('f'), 0o600),
    whileDown: (ground) => chmodSync(ground.at('f'), 0o644),
  },
  'the copy of a rename, and the new name is written again': {
    late: 'CopyObject',
    before: (ground) => ground.write('g'),
    change: (ground) => renameSync(ground.at('g'), ground.at('f')),
    whileDown: (ground) => ground.write('f', 'newest'),
  },
  'the copy of a rename, and the file has its old name again': {
    late: 'CopyObject',
    before: (ground) => ground.write('g'),
    change: (ground) => renameSync(ground.at('g'), ground.at('f')),
    whileDown: (ground) => {
      renameSync(ground.at('f'), ground.at('g'));
      ground.write('other');
    },
  },
  'the delete of a rename, and the old name is written again': {
    late: 'DeleteObjects',
    before: (ground) => ground.write('f'),
    change: (ground) => renameSync(ground.at('f'), ground.at('g')),
    whileDown: (ground) => ground.write('f', 'newest'),
  },
  'the end of a file in parts, and the file is written again': {
    late: 'CompleteMultipartUpload',
    before: (ground) => ground.write('f', 'old'),
    change: (ground) => ground.write('f', large('late')),
    whileDown: (ground) => ground.write('f', 'newest'),
  },
  'the end of a file in parts, and other parts': {
    late: 'CompleteMultipartUpload',
    before: (ground) => ground.write('f', large('old')),
    change: (ground) => ground.write('f', large('late')),
    whileDown: (ground) => ground.write('f', large('newest')),
  },
  'a part, and the file is deleted': {
    late: 'UploadPart',
    before: (ground) => ground.write('other'),
    change: (ground) => ground.write('f', large('late')),
    whileDown: (ground) => ground.remove('f'),
  },
  'the beginning of a file in parts, and the file is deleted': {
    late: 'CreateMultipartUpload',
    before: (ground) => ground.write('other'),
    change: (ground) => ground.write('f', large('late')),
    whileDown: (ground) => ground.remove('f'),
  },
};

/** Long enough for the next agent to start and answer on a loaded machine: what comes later is out of the promise. */
const TIMEOUT_MS = 3_000;

async function killThenExecute(
  t: TestContext,
  { late: operation, before, change, whileDown }: Scenario,
): Promise<void> {
  // A server of its own: a bulk delete has no key by which a fault could choose it.
  const server = await crashServer(t);
  const ground = new CrashGround(t, { server });
  before(ground);
  await ground.settle();
  const late = server.faults.add({ operation, effect: { kind: 'gate', at: 'commit' } });
  change(ground);
  const cli = ground.start('watch', { flags: [`--request-timeout=${TIMEOUT_MS}ms`] });
  await late.waiting();
  late.remove();
  cli.signal('SIGKILL');
  await ground.ended(cli);
  whileDown(ground);
  const agent = await ground.agent({ requestTimeoutMs: TIMEOUT_MS });
  const { counters } = agent.workspace;
  await until('the next agent has answered', () => counters.uploaded + counters.copied + counters.deleted > 0);
  await late.release();
  await agent.settle();
  ground.assertTrue(agent);
  await agent.stop();
  await ground.settle();
}

test('S6 what a killed agent had sent is executed after the next one has answered', { concurrency: 10 }, async (t) => {
  const tests = Object.entries(SCENARIOS).map(([title, scenario]) =>
    t.test(title, (t) => killThenExecute(t, scenario)),
  );
  await Promise.all(tests);
});

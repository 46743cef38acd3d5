// S8 Idle is free, seen from outside: what the kernel counts of a process that has nothing to do.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { rowFor } from '../../src/ledger/row.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { ROOT } from '../../src/model/path.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import { walk } from '../../src/tree/walk.ts';
import { directoriesOf } from '../support/directories.ts';
import { includeAll } from '../support/filters.ts';
import { type StrictStage, strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const DIRECTORIES = 500;
const FILES_EACH = 40;

/** Memory of its own after a start; twice as much if what the start took is not given back. */
const OWN_MEMORY_KB = 36 * 1024;

/** Long enough for every periodic timer of ours but the ones of --poll-interval and --audit-interval. */
const REST_MS = 2_000;

/** A ledger that says of every file of LOCAL that it is stored. */
async function pretendStored({ local, state }: StrictStage): Promise<void> {
  mkdirSync(state, { mode: 0o700 });
  const { ledger } = openLedger({ file: join(state, 'ledger.sqlite') });
  const options = { filter: includeAll, hidden: new Map(), unknown: assert.fail, again: assert.fail };
  const facts = { state: 'known', checksum: '00'.repeat(32), etag: 'e' } as const;
  const tree = new LocalTree(Buffer.from(local));
  for await (const batch of walk({ tree, directories: directoriesOf(tree) }, ROOT, options)) {
    const files = batch.filter(({ stat }) => stat.kind === 'file');
    ledger.write(files.map(({ key, stat }) => rowFor(key, stat, facts)));
  }
  ledger.setMeta({ listed: true });
  ledger.close();
}

function fieldOf(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]);
}

/** How often any thread of the process was given a processor. */
function runs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((id) => readFileSync(`/proc/${pid}/task/${id}/status`, 'utf8'));
  const count = (status: string) =>
    fieldOf(status, 'voluntary_ctxt_switches') + fieldOf(status, 'nonvoluntary_ctxt_switches');
  return threads.reduce((sum, status) => sum + count(status), 0);
}

test('S8 watching a quiet tree: no request, no thread that wakes up, no memory but for what must be known', async (t) => {
  const stage = await strictStage(t);
  for (let n = 0; n < DIRECTORIES * FILES_EACH; n++) stage.write(`directory-${n % DIRECTORIES}/file-${n}`, 'x');
  await pretendStored(stage);

  const agent = stage.start(['watch', '--lease=off', stage.local, stage.url]);
  await agent.waitForLine(/ watching /);
  await until('every thread sleeps', async () => {
    const before = runs(agent.pid);
    await sleep(REST_MS);
    return runs(agent.pid) === before;
  });

  assert.deepEqual(stage.requests(), ['HeadBucket']);
  const ownKb = fieldOf(readFileSync(`/proc/${agent.pid}/status`, 'utf8'), 'RssAnon');
  assert.ok(ownKb < OWN_MEMORY_KB, `${ownKb} KiB`);

  stage.write('new');
  await agent.until('it is stored', () => stage.keys().length > 0);
  assert.deepEqual([stage.keys(), stage.requests()], [['new'], ['HeadBucket', 'PutObject p/new']]);
});

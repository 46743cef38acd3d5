// A one-shot command ends: what waits for something that was given up is given up as well, and reported.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { copyInMemory, pretendLog, pretendStore } from '../../src/agent/dry-run.ts';
import { syncOnce } from '../../src/agent/sync-once.ts';
import type { Workspace } from '../../src/agent/workspace.ts';
import { Journal } from '../../src/ledger/journal.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import type { ExitCode } from '../../src/model/errors.ts';
import type { RelKey } from '../../src/model/key.ts';
import { openTestWorkspace, QUICK } from '../support/agent.ts';
import { type Ground, makeGround } from '../support/strict-agent.ts';

const DENIED = { kind: 'status', code: 'AccessDenied' } as const;

interface Run {
  readonly exitCode: ExitCode;
  readonly counters: { readonly uploaded: number; readonly deleted: number };
  readonly lines: readonly string[];
}

function pretending(workspace: Workspace): Workspace {
  const ledger = copyInMemory(workspace.ledger);
  return {
    ...workspace,
    ledger,
    journal: new Journal(ledger, setImmediate),
    store: pretendStore(workspace.store),
    log: pretendLog(workspace.log),
  };
}

async function sync(ground: Ground, options: { delete?: boolean; dryRun?: boolean } = {}): Promise<Run> {
  const lines: string[] = [];
  const config = { stateDir: join(ground.base, 'state') };
  const opened = await openTestWorkspace(ground.server, ground.root, { config, lines });
  const workspace = options.dryRun ? pretending(opened) : opened;
  try {
    const settings = { ...QUICK, delete: options.delete ?? true, retryHorizonMs: 1_000 };
    const timeUp = AbortSignal.timeout(10_000);
    const result = await syncOnce(workspace, settings, timeUp);
    assert.ok(!timeUp.aborted, 'it does not end');
    return { exitCode: result.exitCode, counters: workspace.counters, lines };
  } finally {
    workspace.close();
  }
}

async function synced(t: TestContext, files: Readonly<Record<string, string>>): Promise<Ground> {
  const ground = await makeGround(t, { files });
  assert.equal((await sync(ground)).exitCode, 0);
  return ground;
}

function keys(ground: Ground): string[] {
  return [...ground.bucket.objects('p/')].map(([key]) => key);
}

test('S2 a file that became an empty directory is its marker, and the sync ends', async (t) => {
  const ground = await synced(t, { a: '1', b: '2' });
  rmSync(ground.at('a'));
  mkdirSync(ground.at('a'));
  assert.equal((await sync(ground)).exitCode, 0);
  assert.deepEqual(keys(ground), ['p/a/', 'p/b']);
});

for (const withDelete of [false, true]) {
  test(`S5 a directory whose successor is refused stays${withDelete ? '' : ', also without --delete'}, and the sync ends`, async (t) => {
    const ground = await synced(t, { 'a/x': '1', b: '2' });
    rmSync(ground.at('a'), { recursive: true });
    ground.write('a', 'a file now');
    ground.server.faults.add({ operation: 'PutObject', key: /a$/, effect: DENIED });
    assert.equal((await sync(ground, { delete: withDelete })).exitCode, 3);
    assert.deepEqual(keys(ground), ['p/a/x', 'p/b']);
  });
}

test('S5 the old name of a file whose new name is refused stays, and the sync ends', async (t) => {
  const ground = await synced(t, { a: '1', b: '2' });
  renameSync(ground.at('a'), ground.at('z'));
  ground.server.faults.add({ operation: ['PutObject', 'CopyObject'], key: /z$/, effect: DENIED });
  const { exitCode, lines } = await sync(ground);
  assert.equal(exitCode, 3);
  assert.deepEqual(keys(ground), ['p/a', 'p/b']);
  assert.ok(lines.some((line) => line.includes('what takes its place is not stored')));
});

test('a dry run says what would be done and changes neither S3 nor the ledger', async (t) => {
  const ground = await synced(t, { a: '1', b: '2' });
  ground.write('new', '3');
  ground.write('large', Buffer.alloc(17 * 1024 * 1024));
  rmSync(ground.at('a'));
  ground.server.clearRequests();
  const dry = await sync(ground, { dryRun: true });
  assert.deepEqual([dry.exitCode, dry.counters.uploaded, dry.counters.deleted], [0, 2, 1]);
  assert.deepEqual(keys(ground), ['p/a', 'p/b']);
  const reads = new Set(ground.requests().map((request) => request.split(' ')[0]));
  assert.deepEqual([...reads].sort(), ['HeadBucket', 'ListObjectsV2']);
  const said = dry.lines.filter((line) => /would (upload|delete)/.test(line));
  assert.equal(said.length, 3);
  const real = await sync(ground);
  assert.deepEqual(
    [real.exitCode, real.counters.uploaded, real.counters.deleted],
    [0, 2, 1],
    'nothing was done before',
  );
  assert.deepEqual(keys(ground), ['p/b', 'p/large', 'p/new']);
});

test('S6 a sync after one that was cut off says that it waits for what that one had sent, and proves it', async (t) => {
  const ground = await synced(t, { f: 'f' });
  const { ledger } = openLedger({ file: join(ground.base, 'state/ledger.sqlite') });
  const row = ledger.get('f' as RelKey)!;
  ledger.write([{ ...row, state: 'unproven', proveAfterMs: Date.now() + 1_500 }]);
  ledger.close();
  const { exitCode, lines } = await sync(ground);
  assert.equal(exitCode, 0);
  assert.equal(lines.filter((line) => /cut off.* paths=1 waitS=[12]\b/.test(line)).length, 1, lines.join('\n'));
  const again = await sync(ground);
  assert.ok(!again.lines.some((line) => line.includes('cut off')), again.lines.join('\n'));
});

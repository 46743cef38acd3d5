// Each scenario of the delete-guard table of SEMANTICS.md, played with real files and mounts: what each command deletes
// and how it ends, that uploads go on, that the log says what to do, and that all is well once it is put right.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { endWatching } from '../../src/agent/ending.ts';
import { EVERYTHING } from '../../src/agent/engine.ts';
import { listRemote } from '../../src/agent/list-remote.ts';
import { restoreExitCode, restoreInto } from '../../src/agent/restore-into.ts';
import { syncOnce } from '../../src/agent/sync-once.ts';
import { Watching } from '../../src/agent/watching.ts';
import type { Workspace, WorkspaceOptions } from '../../src/agent/workspace.ts';
import { OperatorError } from '../../src/model/errors.ts';
import { pathFromText } from '../../src/model/path.ts';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';
import { type AgentConfig, BUCKET, openTestWorkspace, QUICK } from '../support/agent.ts';
import { type Ending, FILES, NotHere, SCENARIOS, type Scenario, Site } from '../support/guard-scenarios.ts';
import { expectedObjects, storedObjects } from '../support/reference.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';

const UNINTERRUPTED = new AbortController().signal;

/** A site, a server, and the commands between them. */
class Play {
  readonly site: Site;
  readonly server: StrictS3;
  readonly #config: AgentConfig;
  /** What was logged, and what an error said, since the last command began. */
  lines: string[] = [];

  constructor(site: Site, server: StrictS3, scenario: Scenario) {
    this.site = site;
    this.server = server;
    const crossMounts = scenario.crossMounts ?? false;
    this.#config = { ...QUICK, stateDir: join(site.base, 'state'), crossMounts };
  }

  sync(): Promise<number> {
    return this.#command({ otherRoot: 'refuse' }, async (workspace) => {
      const config = { ...this.#config, delete: true, retryHorizonMs: 5_000 };
      return (await syncOnce(workspace, config, UNINTERRUPTED)).exitCode;
    });
  }

  /** @param during what happens while it runs */
  watch(during?: (watching: Watching) => Promise<void>): Promise<number> {
    return this.#command({ otherRoot: 'distrust' }, async (workspace) => {
      if (!workspace.ledger.meta().listed) await listRemote(workspace, UNINTERRUPTED);
      return this.#watch(workspace, during);
    });
  }

  run(): Promise<number> {
    return this.#command({ otherRoot: 'accept', createLocal: true }, async (workspace) => {
      const report = await restoreInto(workspace, this.#config, { signal: UNINTERRUPTED });
      return report.complete ? this.#watch(workspace) : restoreExitCode(report);
    });
  }

  /** The paths that were deleted since this was last asked. */
  deleted(): string[] {
    const paths = this.server.requests.flatMap(({ keys }) => keys.map((key) => key.slice('p/'.length)));
    this.server.clearRequests();
    return paths.sort();
  }

  assertEqual(message: string): void {
    assert.deepEqual(storedObjects(this.server), expectedObjects(this.site.root), `${message}: S3 is as the disk`);
  }

  async #command(how: Partial<WorkspaceOptions>, act: (workspace: Workspace) => Promise<number>): Promise<number> {
    const lines: string[] = [];
    this.lines = lines;
    let workspace: Workspace | undefined;
    try {
      workspace = await openTestWorkspace(this.server, this.site.root, { config: this.#config, lines, how });
      return await act(workspace);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      lines.push(`${error.message}; ${error.hint}`);
      return error.exitCode;
    } finally {
      workspace?.close();
    }
  }

  async #watch(workspace: Workspace, during?: (watching: Watching) => Promise<void>): Promise<number> {
    const watching = new Watching(workspace, this.#config);
    try {
      await during?.(watching);
      // What waits until it can be seen is given up by the flush, and all else is done.
      return await endWatching(workspace, watching, { shutdownTimeoutMs: 20_000 });
    } finally {
      await watching.stop();
    }
  }
}

/** The rows that were played here to their end, or that cannot be. */
const seen = new Set<string>();

for (const scenario of SCENARIOS) {
  const { row, way } = scenario;
  const name = way === undefined ? row : `${row}: ${way}`;
  if (scenario.running !== undefined) {
    const expected = scenario.running;
    test(`S4 while it is watched: ${name}`, (t) => play(t, scenario, (on) => whileRunning(on, scenario, expected)));
  }
  if (scenario.down !== undefined) {
    const expected = scenario.down;
    test(`S4 while nothing runs: ${name}`, (t) => play(t, scenario, (on) => whileDown(on, scenario, expected)));
  }
}

test('every row of the delete-guard table was seen to hold, here or in a test that has its name', () => {
  const semantics = readFileSync(new URL('../../src/SEMANTICS.md', import.meta.url), 'utf8');
  const [, table = ''] = semantics.split(/^## The delete guard.*$/m);
  const rows = [...table.split(/^## /m)[0]!.matchAll(/^\| (.*?) \|/gm)]
    .map(([, cell]) => cell!)
    .filter((cell) => cell !== 'Scenario');
  const others = ['../e2e/delete-guard.test.ts', 'deletes.test.ts'].map((file) =>
    readFileSync(new URL(file, import.meta.url), 'utf8'),
  );
  const titles = others.flatMap((text) => [...text.matchAll(/test\('S4 (?:S9 )?([^']*)'/g)].map(([, title]) => title!));
  const unseen = rows.filter((row) => !seen.has(row) && !titles.some((title) => title.startsWith(row)));
  assert.deepEqual(unseen, []);
  assert.deepEqual(
    [...seen].filter((row) => !rows.includes(row)),
    [],
    'each scenario has its row',
  );
});

/** LOCAL with files in it and a server that holds them, if this machine can have that. */
async function play(t: TestContext, scenario: Scenario, act: (on: Play) => Promise<void>): Promise<void> {
  const server = await startStrictS3({ buckets: [BUCKET] });
  t.after(() => server.close());
  const site = new Site(tempDir(t));
  try {
    if (scenario.prepare === undefined) mkdirSync(site.root);
    else scenario.prepare(site);
    for (const path of FILES) site.write(path);
    const on = new Play(site, server, scenario);
    assert.equal(await on.watch(), 0);
    on.assertEqual('at first');
    server.clearRequests();
    await act(on);
  } catch (error) {
    if (!(error instanceof NotHere)) throw error;
    console.log(`${t.name}: not run, ${error.message}`);
  } finally {
    site.end();
  }
  seen.add(scenario.row);
}

async function whileRunning(on: Play, scenario: Scenario, expected: Ending): Promise<void> {
  let mend: (() => unknown) | undefined;
  const exit = await on.watch(async (watching) => {
    await watching.idle();
    const local = realpathSync(on.site.root);
    mend = mendingOf(scenario.happen(on.site));
    for (let round = 0; round < 2; round++) await suspect(watching);
    await uploadsGoOn(on, watching, local);
  });
  assertEnding(on, exit, expected);
  mend?.();
  assert.equal(await (mend === undefined && exit !== 0 ? on.run() : on.watch()), 0, on.lines.join('\n'));
  on.assertEqual('put right');
}

/** Says of every path, as an event would, that it may be gone, and has everything scanned as if all was seen to go. */
async function suspect(watching: Watching): Promise<void> {
  const { pipeline, problems } = watching.engine;
  await watching.barrier();
  for (const path of [...FILES, 'd', 'd/e']) {
    pipeline.change({ path: pathFromText(path), scope: 'self', speed: 'finished', witnessed: true });
  }
  pipeline.change({ ...EVERYTHING, witnessed: true });
  // What cannot be seen is waited for, but not here.
  let isIdle = false;
  void watching.idle().then(() => {
    isIdle = true;
  });
  await until('it is idle, or waits', () => isIdle || problems.all().some(([, { kind }]) => kind === 'unreadable'));
}

/** Whatever is at LOCAL now, what is written there is stored. */
async function uploadsGoOn({ server }: Play, { engine }: Watching, local: string): Promise<void> {
  try {
    writeFileSync(join(local, 'new'), 'new');
  } catch {
    return; // it is gone, dead or read-only
  }
  engine.pipeline.change({ path: pathFromText('new'), scope: 'self', speed: 'finished', witnessed: true });
  await until('it is stored', () => server.bucket(BUCKET).text('p/new') === 'new');
}

function mendingOf(answer: unknown): (() => unknown) | undefined {
  return typeof answer === 'function' ? (answer as () => unknown) : undefined;
}

async function whileDown(on: Play, scenario: Scenario, expected: NonNullable<Scenario['down']>): Promise<void> {
  scenario.happen(on.site);
  for (const command of ['sync', 'watch', 'run'] as const) {
    assertEnding(on, await on[command](), expected[command]);
    if (expected[command].exit === 0) on.assertEqual(command);
  }
}

/** The code, what was deleted, and that the operator is told what to do. */
function assertEnding(on: Play, exit: number, expected: Ending): void {
  const log = on.lines.join('\n');
  assert.equal(exit, expected.exit, log);
  assert.deepEqual(on.deleted(), expected.deletes ?? [], log);
  if (expected.exit === 4) assert.match(log, /remedy=|Check that/);
  if (expected.exit === 3) assert.match(log, /cannot (read d|restore d\/\S+) reason=/);
}

// kill -9 at every step of a restore and of a one-shot sync; the same command again comes to the same end.
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TEMPORARY_PREFIX } from '../../src/model/key.ts';
import { CrashGround, type CrashTools, crashTools, forEachStep, LARGE_BYTES, sample } from '../support/crashes.ts';
import { assertMirrored } from '../support/reference.ts';
import { fullTree } from '../support/trees.ts';

/** What a restore had to do when it died. */
interface Scenario {
  readonly title: string;
  /** Done on a tree that S3 holds. */
  readonly change: (ground: CrashGround) => void;
  /** What these paths hold in the end; null: nothing. */
  readonly files: Readonly<Record<string, string | null>>;
  /** Versions that must be kept aside. */
  readonly losers: readonly string[];
  readonly between: readonly Between[];
}

const OLD_S = 1_500_000_000;
const METADATA = { mtime: '1600000000.123456789', mode: '0100640' };

/** The tree that S3 holds. */
function plant(ground: CrashGround): void {
  for (const path of ['f', 'g', 'h', 'd/f', 'd/e/g']) ground.write(path);
  mkdirSync(ground.at('empty'));
  symlinkSync('f', ground.at('link'));
}

/** What an edit writes. */
const EDIT = 'edited while it was down';

/** What happens between the crash and the next restore; returns the path that was edited. */
type Between = (ground: CrashGround, scenario: Scenario) => Promise<string | undefined>;

const nothing: Between = async () => undefined;

const anEdit: Between = async (ground, { files }) => {
  const path = Object.keys(files).find((path) => existsSync(ground.at(path)));
  if (path !== undefined) ground.write(path, EDIT);
  return path;
};

const anAgent: Between = async (ground) => {
  const before = ground.bucket.keys(ground.prefix);
  const agent = await ground.agent();
  await agent.settle();
  await agent.stop();
  const lost = before.filter((key) => ground.bucket.object(key) === undefined);
  assert.deepEqual(lost, [], 'S4 nothing is deleted on the word of an unfinished restore');
  return undefined;
};

const SCENARIOS: readonly Scenario[] = [
  {
    title: 'into an empty directory',
    change: (ground) => {
      for (const name of readdirSync(ground.root)) ground.remove(name);
      rmSync(ground.state, { recursive: true });
    },
    files: { f: 'f', g: 'g', h: 'h', 'd/f': 'd/f', 'd/e/g': 'd/e/g' },
    losers: [],
    between: [nothing, anEdit, anAgent],
  },
  {
    title: 'into a directory that was emptied, by the ledger of before',
    change: (ground) => {
      for (const name of readdirSync(ground.root)) ground.remove(name);
    },
    files: { f: 'f', g: 'g', h: 'h', 'd/f': 'd/f', 'd/e/g': 'd/e/g' },
    losers: [],
    between: [nothing, anEdit, anAgent],
  },
  {
    title: 'onto changes on both sides',
    change: (ground) => {
      ground.write('f', 'changed here');
      ground.bucket.put(`${ground.prefix}g`, 'changed there', METADATA);
      ground.write('h', 'changed both here');
      ground.bucket.put(`${ground.prefix}h`, 'and there', METADATA);
      ground.bucket.remove(`${ground.prefix}d/f`);
      ground.bucket.put(`${ground.prefix}new/f`, 'new there', METADATA);
      ground.write('new here');
    },
    files: {
      ...{ f: 'changed here', g: 'changed there', h: 'changed both here' },
      ...{ 'd/f': null, 'd/e/g': 'd/e/g', 'new/f': 'new there', 'new here': 'new here' },
    },
    losers: ['and there'],
    // An agent does not list: it would overwrite what others changed.
    between: [nothing, anEdit],
  },
  {
    title: 'onto other files, without a ledger',
    change: (ground) => {
      rmSync(ground.state, { recursive: true });
      ground.write('f', 'newer here');
      ground.write('g', 'older here');
      utimesSync(ground.at('g'), OLD_S, OLD_S);
      ground.remove('d');
      ground.remove('link');
      symlinkSync('elsewhere', ground.at('link'));
    },
    files: { f: 'newer here', g: 'g', h: 'h', 'd/f': 'd/f', 'd/e/g': 'd/e/g' },
    losers: ['f', 'older here'],
    between: [nothing, anEdit],
  },
];

function keptAside({ state }: CrashGround): string[] {
  const directory = join(state, 'conflicts');
  if (!existsSync(directory)) return [];
  const names = (readdirSync(directory, { recursive: true }) as string[]).map((name) => join(directory, name));
  return names
    .filter((name) => statSync(name, { throwIfNoEntry: false })?.isFile())
    .map((name) => readFileSync(name, 'utf8'));
}

function assertRestored(ground: CrashGround, { files, losers }: Scenario, edited: string | undefined): void {
  const names = readdirSync(ground.root, { recursive: true }) as string[];
  assert.deepEqual(
    names.filter((name) => name.includes(TEMPORARY_PREFIX)),
    [],
  );
  const aside = keptAside(ground);
  for (const [path, content] of Object.entries(files)) {
    const now = existsSync(ground.at(path)) ? readFileSync(ground.at(path), 'utf8') : null;
    if (path === edited) assert.ok([now, ...aside].includes(EDIT), `${path} is ${now}, aside are ${aside}`);
    else assert.equal(now, content, path);
  }
  for (const loser of losers) assert.ok(edited !== undefined || aside.includes(loser), `${loser} is among ${aside}`);
}

async function crashRestore(
  t: TestContext,
  tools: CrashTools,
  { scenario, at, between }: { scenario: Scenario; at: number; between: Between },
) {
  const ground = new CrashGround(t, { ...tools, others: false });
  plant(ground);
  await ground.settle();
  scenario.change(ground);
  const { killed, steps } = await ground.crash('restore', at);
  let edited: string | undefined;
  try {
    edited = await between(ground, scenario);
    assert.equal((await ground.crash('restore', 0)).killed, false);
    assertRestored(ground, scenario, edited);
    const before = fullTree(ground.root);
    await ground.settle();
    assert.deepEqual(fullTree(ground.root), before, 'S1 the agent changes nothing on disk');
  } catch (error) {
    throw new Error(`killed at step ${at}: ${steps.at(-1)}; then ${between.name}, edited: ${edited}`, { cause: error });
  }
  return killed;
}

test('S9 kill -9 at any step of a restore: old or new files, no edit lost, nothing deleted', {
  concurrency: 3,
}, async (t) => {
  const tools = await crashTools(t);
  const crashes = SCENARIOS.map((scenario) =>
    t.test(scenario.title, (t) =>
      forEachStep({ first: 8, last: 50 }, async (at) => {
        const chosen = sample(scenario.between, at);
        let killed = false;
        for (const between of chosen) killed = (await crashRestore(t, tools, { scenario, at, between })) || killed;
        return killed;
      }),
    ),
  );
  await Promise.all(crashes);
});

test('S2 kill -9 at any step of sync --delete: the next one ends with the prefix equal to the tree', async (t) => {
  const tools = await crashTools(t);
  await forEachStep({ first: 8, last: 30 }, async (at) => {
    const ground = new CrashGround(t, { ...tools, others: false });
    plant(ground);
    await ground.settle();
    ground.write('f', 'changed');
    ground.write('large', Buffer.alloc(LARGE_BYTES, 'large'));
    ground.remove('g');
    ground.remove('link');
    cpSync(ground.at('d'), ground.at('copy'), { recursive: true });
    const { killed, steps } = await ground.crash('sync', at, ['--delete']);
    ground.remove('h');
    try {
      assert.equal((await ground.crash('sync', 0, ['--delete'])).killed, false);
      assertMirrored(ground.server, ground.root, { prefix: ground.prefix });
      await ground.settle();
    } catch (error) {
      throw new Error(`killed at step ${at}: ${steps.at(-1)}`, { cause: error });
    }
    return killed;
  });
});

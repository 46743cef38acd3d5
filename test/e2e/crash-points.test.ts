// kill -9 at every step of an agent's work, then a change while it is down, then a start: S2 holds, and nothing is left.
// AWSSYNCER_TEST_CRASHES=200 takes every step with every change; otherwise some by chance.
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { CrashGround, crashTools, forEachStep, LARGE_BYTES, sample } from '../support/crashes.ts';

/** What the agent had to do when it died. */
interface Scenario {
  readonly title: string;
  /** The tree that S3 holds already. */
  readonly before: (ground: CrashGround) => void;
  /** Done while no agent runs. */
  readonly change: (ground: CrashGround) => void;
  /** Takes the change back. */
  readonly undo: (ground: CrashGround) => void;
  /** What the change leaves behind. */
  readonly paths: readonly string[];
}

const writing =
  (...paths: string[]) =>
  (ground: CrashGround): void => {
    for (const path of paths) ground.write(path);
  };

function chmodBoth(ground: CrashGround, mode: number): void {
  for (const path of ['f', 'g']) chmodSync(ground.at(path), mode);
}

/** Too long to be a key. */
const LONG = Array.from({ length: 6 }, (_, n) => String(n).repeat(200)).join('/');

const SCENARIOS: readonly Scenario[] = [
  {
    title: 'a new file',
    before: writing('other'),
    change: (ground) => ground.write('f'),
    undo: (ground) => ground.remove('f'),
    paths: ['f'],
  },
  {
    title: 'an overwritten file',
    before: (ground) => ground.write('f', 'old'),
    change: (ground) => {
      ground.takeAway('f');
      ground.write('f', 'newer');
    },
    undo: (ground) => ground.bringBack('f'),
    paths: ['f'],
  },
  {
    title: 'a deleted file',
    before: writing('f', 'other'),
    change: (ground) => ground.takeAway('f'),
    undo: (ground) => ground.bringBack('f'),
    paths: [],
  },
  {
    title: 'a renamed file',
    before: writing('f', 'other'),
    change: (ground) => renameSync(ground.at('f'), ground.at('g')),
    undo: (ground) => renameSync(ground.at('g'), ground.at('f')),
    paths: ['g'],
  },
  {
    title: 'a renamed directory',
    before: writing('d/f', 'd/e/g', 'd/h'),
    change: (ground) => renameSync(ground.at('d'), ground.at('e')),
    undo: (ground) => renameSync(ground.at('e'), ground.at('d')),
    paths: ['e'],
  },
  {
    title: 'a tree that is gone',
    before: writing('d/f', 'd/e/g', 'd/h', 'other'),
    change: (ground) => ground.takeAway('d'),
    undo: (ground) => ground.bringBack('d'),
    paths: [],
  },
  {
    title: 'a new file in parts',
    before: writing('other'),
    change: (ground) => ground.write('f', Buffer.alloc(LARGE_BYTES, 'f')),
    undo: (ground) => ground.remove('f'),
    paths: ['f'],
  },
  {
    title: 'a file in parts, overwritten in parts',
    before: (ground) => ground.write('f', Buffer.alloc(LARGE_BYTES, 'old')),
    change: (ground) => {
      ground.takeAway('f');
      ground.write('f', Buffer.alloc(LARGE_BYTES, 'new'));
    },
    undo: (ground) => ground.bringBack('f'),
    paths: ['f'],
  },
  {
    title: 'another mode of a small file and of a larger one',
    before: (ground) => {
      ground.write('f');
      ground.write('g', Buffer.alloc(100_000, 'g'));
    },
    change: (ground) => chmodBoth(ground, 0o600),
    undo: (ground) => chmodBoth(ground, 0o644),
    paths: ['f', 'g'],
  },
  {
    title: 'a directory that becomes empty and one that does not stay so',
    before: (ground) => {
      ground.write('d/f');
      mkdirSync(ground.at('e'));
    },
    change: (ground) => {
      ground.remove('d/f');
      ground.write('e/f');
    },
    undo: (ground) => {
      ground.write('d/f');
      ground.remove('e/f');
    },
    paths: ['d', 'e/f'],
  },
  {
    title: 'a link, and one that points elsewhere',
    before: (ground) => symlinkSync('here', ground.at('g')),
    change: (ground) => {
      symlinkSync('nowhere', ground.at('f'));
      ground.takeAway('g');
      symlinkSync('there', ground.at('g'));
    },
    undo: (ground) => {
      ground.remove('f');
      ground.bringBack('g');
    },
    paths: ['f', 'g'],
  },
  {
    title: 'a file where a directory was, and a directory where a file was',
    before: writing('d/f', 'd/g', 'f'),
    change: (ground) => {
      ground.takeAway('d');
      ground.takeAway('f');
      ground.write('d');
      ground.write('f/below');
    },
    undo: (ground) => {
      ground.bringBack('d');
      ground.bringBack('f');
    },
    paths: ['d', 'f/below'],
  },
  {
    title: 'files whose keys are too long: a new one, one that is gone, one beneath a renamed directory',
    before: (ground) => {
      ground.write(`gone/${LONG}`);
      ground.write(`d/${LONG}`);
    },
    change: (ground) => {
      ground.write(`new/${LONG}`);
      ground.takeAway('gone');
      renameSync(ground.at('d'), ground.at('e'));
    },
    undo: (ground) => {
      ground.remove('new');
      ground.bringBack('gone');
      renameSync(ground.at('e'), ground.at('d'));
    },
    paths: ['new', 'e'],
  },
  {
    title: 'a ledger that was lost',
    before: writing('d/f', 'f', 'g'),
    change: (ground) => {
      rmSync(ground.state, { recursive: true });
      ground.takeAway('f');
      ground.write('f', 'changed meanwhile');
    },
    undo: (ground) => ground.bringBack('f'),
    // What went before it was adopted is not known to be ours.
    paths: [],
  },
];

/** What happens between the crash and the next start. */
const WHILE_DOWN: Readonly<Record<string, (ground: CrashGround, scenario: Scenario) => void>> = {
  nothing: () => {},
  'what had changed is deleted': (ground, { paths }) => {
    for (const path of paths) ground.remove(path);
    ground.write('another'); // an empty directory is no source
  },
  'what had changed changes again': (ground, { paths }) => {
    for (const path of paths) {
      const isDirectory = lstatSync(ground.at(path)).isDirectory();
      if (!isDirectory) ground.remove(path);
      ground.write(isDirectory ? `${path}/new` : path, 'changed while it was down');
    }
  },
  'what had changed is renamed': (ground, { paths }) => {
    for (const path of paths) renameSync(ground.at(path), ground.at(`${path} renamed`));
  },
  'the change is taken back': (ground, { undo }) => undo(ground),
};

/** Where the first step lies that belongs to the work, not to the start; and where most scenarios have ended. */
const USUAL = { first: 8, last: 22 };

test('S2 kill -9 at any step of an agent: nothing lost, nothing left, no row that lies', {
  concurrency: 3,
}, async (t) => {
  const tools = await crashTools(t);
  const crash = async (t: TestContext, scenario: Scenario, { at, down }: { at: number; down: string }) => {
    const ground = new CrashGround(t, tools);
    scenario.before(ground);
    await ground.settle();
    scenario.change(ground);
    const { killed, steps } = await ground.crash('watch', at);
    WHILE_DOWN[down]!(ground, scenario);
    try {
      await ground.settle();
    } catch (error) {
      throw new Error(`killed at step ${at}: ${steps.at(-1)}; while down: ${down}`, { cause: error });
    }
    return killed;
  };
  const downs = Object.keys(WHILE_DOWN);
  const crashes = SCENARIOS.map((scenario, index) =>
    t.test(scenario.title, (t) =>
      forEachStep(USUAL, async (at) => {
        const chosen = sample(downs, index + at);
        let killed = false;
        for (const down of chosen) killed = (await crash(t, scenario, { at, down })) || killed;
        return killed;
      }),
    ),
  );
  await Promise.all(crashes);
});

// The long model test: stories of a tree, an agent and a faulty S3 for as long as wanted, then one long life.
import { mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { startFaultProxy } from '../fault-proxy/proxy.ts';
import { plainClient, type TargetChoice, withTarget } from '../support/s3-targets.ts';
import type { AgentLook } from './agent-program.ts';
import { RemoteBucket } from './remote-bucket.ts';
import { SPELL, STORM, type Step } from './scenario.ts';
import { Tally } from './tally.ts';
import { type Place, World } from './world.ts';

export interface SoakOptions {
  readonly choice: TargetChoice;
  readonly seconds: number;
  /** The first story's; each further one has the next. */
  readonly seed: number;
  readonly say: (line: string) => void;
}

/** How much of the time is one agent's that nobody kills, so that it shows whether it leaks. */
const LONG_LIFE = 0.25;
/** A divergence that depends on timing gets so many chances to show again in each smaller story. */
const REPLAYS = 3;
const SHRINK_MS = 180_000;
const LOG_LINES = 60;

/** Growth of the heap beyond this, after a collection, is a leak: a tree of this size needs a fraction of it. */
const HEAP_GROWTH_BYTES = 32 * 1024 ** 2;

type MakePlace = () => Place;

/** Runs stories until the time is up. @throws with seed and shrunk story when S3 and tree diverge */
export async function soak({ choice, seconds, seed, say }: SoakOptions): Promise<void> {
  process.umask(0o022);
  const begun = performance.now();
  const secondsGone = (): number => (performance.now() - begun) / 1000;
  await withTarget(choice, async (target) => {
    const client = plainClient(target);
    const bucket = new RemoteBucket(client, await target.makeBucket());
    const proxy = await startFaultProxy(target.endpoint);
    const tally = new Tally();
    let worlds = 0;
    const place: MakePlace = () => ({
      ...{ target, proxy, bucket, tally },
      base: realpathSync(mkdtempSync(join(tmpdir(), 'awssyncer-soak-'))),
      prefix: `s${worlds++}/`,
    });
    try {
      let story = seed;
      for (; story === seed || secondsGone() < seconds * (1 - LONG_LIFE); story++)
        await tell(place, { seed: story, say });
      say(
        `soak on ${choice.name}: ${story - seed} stories of seeds ${seed} to ${story - 1} in ${secondsGone().toFixed(0)} s`,
      );
      await longLife(place, { seed: story, isOver: () => secondsGone() > seconds, say });
      say(`soak on ${choice.name}: ${secondsGone().toFixed(0)} s, no divergence: ${tally}`);
    } finally {
      await proxy.close();
      client.destroy();
    }
  });
}

/** One story; if it ends badly, the shortest one that does. */
async function tell(place: MakePlace, { seed, say }: { seed: number; say: SoakOptions['say'] }): Promise<void> {
  let deadlineMs: number | undefined;
  const ends = fc.asyncProperty(STORM, async (steps) => {
    if (deadlineMs !== undefined && performance.now() > deadlineMs) return;
    const replays = deadlineMs === undefined ? 1 : REPLAYS;
    try {
      for (let replay = 0; replay < replays; replay++) await play(place(), steps);
    } catch (error) {
      if (deadlineMs === undefined) {
        say(`story ${seed} diverges, looking for a shorter one:\n${(error as Error).message}`);
        deadlineMs = performance.now() + SHRINK_MS;
      }
      throw error;
    }
  });
  const told = await fc.check(ends, { seed, numRuns: 1 });
  if (!told.failed) return;
  const [steps] = told.counterexample!;
  const story = steps.map((step) => `  ${JSON.stringify(step)}`).join('\n');
  throw new Error(`divergence, seed ${seed}, ${told.numShrinks} times shortened:\n${story}\n${told.errorInstance}`);
}

/** Performs the steps in a new world and compares at the end. @throws what diverges, with the agent's last lines */
export async function play(place: Place, steps: readonly Step[]): Promise<void> {
  const world = await World.begin(place);
  try {
    for (const step of steps) await world.perform(step);
    await world.compare();
  } catch (error) {
    const lines = readFileSync(world.logFile, 'utf8').split('\n').slice(-LOG_LINES);
    throw new Error(`${(error as Error).message}\nthe agent's last lines:\n${lines.join('\n')}`, { cause: error });
  } finally {
    await world.end();
  }
}

/** One agent for a long time. @throws if it diverges, or holds more at the end than at the beginning */
async function longLife(
  place: MakePlace,
  { seed, isOver, say }: { seed: number; isOver: () => boolean; say: SoakOptions['say'] },
): Promise<void> {
  const world = await World.begin(place());
  try {
    let spells = 0;
    const spell = async (): Promise<AgentLook> => {
      const [steps] = fc.sample(SPELL, { seed: seed + spells++, numRuns: 1 }) as [Step[]];
      for (const step of steps) await world.perform(step);
      return world.compare();
    };
    const first = await spell();
    let last = await spell();
    while (!isOver()) last = await spell();
    const grown = (what: 'rssBytes' | 'heapBytes'): string => `${inMiB(first[what])} -> ${inMiB(last[what])} MiB`;
    say(
      `one agent through ${spells} spells: RSS ${grown('rssBytes')}, heap ${grown('heapBytes')}, ` +
        `descriptors ${first.descriptors} -> ${last.descriptors}, watches ${first.watches} -> ${last.watches}`,
    );
    if (last.descriptors > first.descriptors) throw new Error('descriptors are leaked');
    if (last.heapBytes > first.heapBytes + HEAP_GROWTH_BYTES) throw new Error('memory is leaked');
  } catch (error) {
    throw new Error(`in a long life, seed ${seed}:\n${(error as Error).message}`, { cause: error });
  } finally {
    await world.end();
  }
}

function inMiB(bytes: number): number {
  return Math.round(bytes / 1024 ** 2);
}

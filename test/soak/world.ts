// A tree, an agent and a bucket behind a proxy that spoils requests; what happens to them, and whether they agree.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultProxy } from '../fault-proxy/proxy.ts';
import { type FaultHandle, type FaultRule, seededRandom } from '../strict-s3/faults.ts';
import { awsEnvironment, type S3Target } from '../support/s3-targets.ts';
import { until } from '../support/until.ts';
import { AgentProcess } from './agent-process.ts';
import type { AgentLook } from './agent-program.ts';
import { Judge } from './judge.ts';
import { type Change, LocalTree } from './local-tree.ts';
import type { RemoteBucket } from './remote-bucket.ts';
import { EFFECTS, type Step } from './scenario.ts';
import type { Tally } from './tally.ts';

export interface Place {
  /** A directory of its own; goes with the world. */
  readonly base: string;
  readonly target: S3Target;
  readonly proxy: FaultProxy;
  readonly bucket: RemoteBucket;
  readonly prefix: string;
  readonly tally: Tally;
}

const REQUEST_TIMEOUT_MS = 3000;
/** What is not settled by then is stuck: far longer than any pause of an agent that only meets passing faults. */
const STUCK_MS = 90_000;
/** How long a comparison waits under faults before it lifts them. */
const STORMY_MS = 2000;
/** An agent that S3 does not let start is started again, as its supervisor would. */
const STARTS = 20;

export class World {
  readonly #place: Place;
  readonly #tree: LocalTree;
  readonly #judge: Judge;
  readonly #logFile: string;
  #agent: AgentProcess | undefined;
  /** What spoils requests until there is calm; a comparison lifts it for as long as it takes. */
  #weather: FaultRule[] = [];
  #faults: FaultHandle[] = [];

  private constructor(place: Place) {
    this.#place = place;
    this.#tree = new LocalTree(place.base);
    this.#logFile = join(place.base, 'agent.log');
    this.#judge = new Judge(place, this.#tree);
  }

  /** A new tree, a new prefix, and an agent that watches. */
  static async begin(place: Place): Promise<World> {
    const world = new World(place);
    await world.#judge.begin();
    await world.#started();
    return world;
  }

  get logFile(): string {
    return this.#logFile;
  }

  /** @throws what S3 and tree differ in, if they do where they must not */
  async perform(step: Step): Promise<void> {
    const { tally } = this.#place;
    tally.add(step.do);
    switch (step.do) {
      case 'operate':
      case 'large':
      case 'burst':
        return this.#tree.change(step satisfies Change);
      case 'pause':
        await this.#started();
        return new Promise((resolve) => setTimeout(resolve, step.ms));
      case 'faults':
        return this.#change(faultsOf(step));
      case 'throttle':
        return this.#change([{ sparedPerSecond: step.perSecond, effect: { kind: 'status', code: 'SlowDown' } }]);
      case 'calm':
        return this.#change([]);
      case 'overflow':
        return (await this.#started()).overflow(step.on);
      case 'clock':
        return (await this.#started()).stepClock(step.stepMs);
      case 'crash':
        return this.#end((agent) => agent.kill());
      case 'stop':
        return this.#end((agent) => agent.stop());
      case 'lose ledger':
        await this.#end((agent) => agent.kill());
        await this.#lift();
        rmSync(join(this.#place.base, 'state'), { recursive: true, force: true });
        await this.#judge.ledgerLost();
        return this.#change(this.#weather);
      case 'compare':
        return void (await this.compare());
      case 'restore':
        await this.compare();
        return this.#judge.restore(this.#place.base);
    }
  }

  /** @throws what S3 and tree differ in when everything is settled, or what does not settle */
  async compare(): Promise<AgentLook> {
    const agent = await this.#started();
    // Some of it has to be done in spite of everything.
    if (this.#weather.length > 0) await agent.settle(STORMY_MS).catch(() => undefined);
    await this.#lift();
    await agent.overflow(false);
    await agent.settle(STUCK_MS);
    await this.#judge.compare(await agent.look());
    const look = await this.#watchesEverything(agent);
    await this.#change(this.#weather);
    return look;
  }

  /** What has left the tree is watched a little longer. @throws if there are more or fewer watches than directories */
  async #watchesEverything(agent: AgentProcess): Promise<AgentLook> {
    const directories = this.#tree.directories();
    let look = await agent.look();
    const detail = (): string => `${look.watches} watches on ${directories} directories`;
    const isExact = async (): Promise<boolean> => {
      look = await agent.look();
      return look.watches === directories;
    };
    await until('every directory is watched once', isExact, { detail });
    return look;
  }

  /** Leaves nothing behind, in S3 neither. */
  async end(): Promise<void> {
    await this.#lift();
    await this.#agent?.kill();
    await this.#place.bucket.clear(this.#place.prefix);
    rmSync(this.#place.base, { recursive: true, force: true });
  }

  /** The running agent, started if there is none. */
  async #started(): Promise<AgentProcess> {
    const { base, target, proxy, bucket, prefix, tally } = this.#place;
    const settings = {
      ...{ root: this.#tree.root, stateDir: join(base, 'state'), logFile: this.#logFile },
      ...{ endpoint: proxy.endpoint, region: target.region, bucket: bucket.name, prefix },
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    };
    const env = { ...process.env, ...awsEnvironment(target) };
    for (let tries = 1; this.#agent === undefined; tries++) {
      try {
        this.#agent = await AgentProcess.start(settings, env);
      } catch (error) {
        tally.add('failed start');
        if (tries === STARTS) throw error;
      }
    }
    return this.#agent;
  }

  async #end(how: (agent: AgentProcess) => Promise<void>): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    if (agent !== undefined) await how(agent);
  }

  async #change(weather: FaultRule[]): Promise<void> {
    await this.#lift();
    this.#weather = weather;
    this.#faults = weather.map((rule) => this.#place.proxy.faults.add(rule));
  }

  /** No more faults; what was held has been executed or cut. */
  async #lift(): Promise<void> {
    const faults = this.#faults;
    this.#faults = [];
    await Promise.all(
      faults.map(async (fault) => {
        this.#place.tally.add('fault', fault.hits);
        await fault.open();
        await fault.settled();
      }),
    );
  }
}

function faultsOf({ probability, seed }: { probability: number; seed: number }): FaultRule[] {
  return EFFECTS.map((effect, index) => ({
    random: seededRandom(seed + index),
    probability: probability / EFFECTS.length,
    effect,
  }));
}

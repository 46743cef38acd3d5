// Model of `awssyncer agent`: whatever the file says, however agents fail and whenever it is told to end, each directory
// that is named has one agent, and none has two.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import type { DirectoryConfig } from '../../src/config/config-file.ts';
import { Fleet } from '../../src/fleet/fleet.ts';
import { Member, type StartAgent } from '../../src/fleet/member.ts';
import { EXIT, OperatorError } from '../../src/model/errors.ts';
import type { ControlledAgent } from '../../src/ops/control.ts';
import { type ControlledFleet, fleetStatus } from '../../src/ops/fleet-control.ts';
import { sized } from '../support/long-form.ts';

/** A directory of the file: its name, and what is said of it. */
type Named = readonly [name: string, said: number];

type Step =
  | { readonly kind: 'file'; readonly directories: readonly Named[] }
  /** The agent of one ends without being told to. */
  | { readonly kind: 'fail'; readonly name: string; readonly how: 'throws' | 'exits' }
  /** The pauses after failures are over. */
  | { readonly kind: 'time' }
  /** An agent takes over its signals. */
  | { readonly kind: 'listen'; readonly name: string }
  /** An agent that was told to end has done so. */
  | { readonly kind: 'flushed'; readonly name: string }
  | { readonly kind: 'turn' };

const NAMES = ['a', 'b', 'c'];
const name = fc.constantFrom(...NAMES);
const directories = fc.uniqueArray(fc.tuple(name, fc.nat({ max: 2 })), { minLength: 1, selector: ([name]) => name });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('file' as const), directories }),
  fc.record({ kind: fc.constant('fail' as const), name, how: fc.constantFrom('throws' as const, 'exits' as const) }),
  fc.record({ kind: fc.constantFrom('listen' as const, 'flushed' as const), name }),
  fc.record({ kind: fc.constantFrom('time' as const, 'turn' as const) }),
);

function configOf([name, said]: Named): DirectoryConfig {
  const config = { local: `/${name}`, remote: { bucket: 'bucket', prefix: `${name}/` }, settleMs: said };
  return { name, command: 'watch', config } as unknown as DirectoryConfig;
}

/** An agent that lives until the test says otherwise. */
interface Life {
  readonly directory: DirectoryConfig;
  /** What it was told. */
  readonly heard: NodeJS.Signals[];
  isOver: boolean;
  listen(): void;
  end(code: number): void;
  fail(): void;
}

class World {
  readonly lives: Life[] = [];
  /** What must never be. */
  readonly faults: string[] = [];
  #pauses: (() => void)[] = [];
  readonly fleet = new Fleet((directory) => {
    const silent = { error() {}, warn() {}, info() {}, debug() {} };
    const sleep = () => new Promise<void>((resolve) => this.#pauses.push(resolve));
    return new Member(directory, { start: this.#start, log: silent, now: () => 0, sleep, onChange: () => {} });
  });

  readonly #start: StartAgent = (directory, { onSignal, host }) => {
    if (this.alive().some((other) => other.directory.name === directory.name))
      this.faults.push(`two ${directory.name}`);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const heard: NodeJS.Signals[] = [];
    let isListening = false;
    const life: Life = {
      ...{ directory, heard, isOver: false },
      listen() {
        if (isListening) return;
        isListening = true;
        onSignal(['SIGTERM'], (signal) => heard.push(signal));
      },
      end(code) {
        life.isOver = true;
        resolve(code);
      },
      fail() {
        life.isOver = true;
        reject(new OperatorError('why', { exitCode: EXIT.refused }));
      },
    };
    this.lives.push(life);
    host.opened({ status: () => ({ state: 'watching' }) } as ControlledAgent);
    return promise;
  };

  alive(): Life[] {
    return this.lives.filter(({ isOver }) => !isOver);
  }

  pass(): void {
    for (const resume of this.#pauses.splice(0)) resume();
  }

  /** Until nothing more comes of what has happened: agents that were told to end do so. */
  async settle({ timePasses = true } = {}): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      const before = this.lives.length;
      for (const life of this.alive()) life.listen();
      await turn();
      const told = this.alive().filter(({ heard }) => heard.length > 0);
      for (const life of told) life.end(EXIT.ok);
      if (timePasses) this.pass();
      await turn();
      if (told.length > 0 || this.lives.length > before) quiet = -1;
    }
  }
}

async function take(world: World, step: Step): Promise<void> {
  const of = (name: string) => world.alive().find(({ directory }) => directory.name === name);
  if (step.kind === 'file') void world.fleet.change(step.directories.map(configOf));
  else if (step.kind === 'fail') step.how === 'throws' ? of(step.name)?.fail() : of(step.name)?.end(EXIT.partial);
  else if (step.kind === 'time') world.pass();
  else if (step.kind === 'listen') of(step.name)?.listen();
  else if (step.kind === 'flushed') {
    const life = of(step.name);
    if (life !== undefined && life.heard.length > 0) life.end(EXIT.ok);
  }
  await turn();
}

const shown = (directories: readonly DirectoryConfig[]) =>
  directories.map(({ name, config }) => [name, config.settleMs]);

test('in the end the agents are those of the last file, each told to end once at most', async () => {
  await fc.assert(
    fc.asyncProperty(directories, fc.array(step, { maxLength: 30 }), async (first, steps) => {
      const world = new World();
      await take(world, { kind: 'file', directories: first });
      for (const one of steps) await take(world, one);
      await world.settle();
      const files = steps.flatMap((step) => (step.kind === 'file' ? [step.directories] : []));
      const wanted = (files.at(-1) ?? first).map(configOf);
      assert.deepEqual(shown(world.alive().map(({ directory }) => directory)).sort(), shown(wanted).sort());
      assert.deepEqual(
        world.fleet.directories().map(({ name }) => name),
        wanted.map(({ name }) => name),
      );
      assert.deepEqual(world.faults, []);
      for (const { heard } of world.lives) assert.ok(heard.length <= 1);
      for (const { heard } of world.alive()) assert.deepEqual(heard, []);
    }),
    { numRuns: sized(300, 10_000) },
  );
});

test('whenever it is told to end, it ends, and nothing starts any more', async () => {
  await fc.assert(
    fc.asyncProperty(directories, fc.array(step), fc.array(step), async (first, before, after) => {
      const world = new World();
      await take(world, { kind: 'file', directories: first });
      for (const one of before) await take(world, one);
      const ended = world.fleet.end('SIGTERM');
      const lives = world.lives.length;
      for (const one of after) await take(world, one);
      await world.settle({ timePasses: false });
      await ended;
      assert.deepEqual(world.faults, []);
      assert.equal(world.lives.length, lives);
      for (const { heard } of world.lives) assert.ok(heard.length <= 1);
      assert.deepEqual(world.alive(), []);
    }),
    { numRuns: sized(300, 10_000) },
  );
});

test('the exit code is the worst of all: of one that waits after a failure, its last', async () => {
  const world = new World();
  await world.fleet.change([configOf(['a', 0]), configOf(['b', 0]), configOf(['c', 0])]);
  world.lives[0]!.end(EXIT.partial);
  world.lives[1]!.fail();
  await turn();
  assert.deepEqual(
    world.fleet.directories().map(({ failures, failure }) => [failures, failure?.reason]),
    [
      [1, 'it ended with exit code 3'],
      [1, 'why'],
      [0, undefined],
    ],
  );
  const ended = world.fleet.end('SIGTERM');
  await world.settle();
  assert.equal(await ended, EXIT.refused);
  // Who ends because it was told to has not failed.
  assert.deepEqual(
    world.fleet.directories().map(({ failures }) => failures),
    [1, 1, 0],
  );
});

test('regression_steal_again: a lease is stolen from who held it at the start, not from who has taken it since', async () => {
  const world = new World();
  const directory = configOf(['a', 0]);
  await world.fleet.change([{ ...directory, config: { ...directory.config, leaseSteal: true } } as DirectoryConfig]);
  world.lives[0]!.end(EXIT.refused);
  await turn();
  world.pass();
  await turn();
  assert.deepEqual(
    world.lives.map(({ directory }) => directory.config.leaseSteal),
    [true, false],
  );
});

test('what has ended while others are flushed is ending, and none that starts', async () => {
  const world = new World();
  await world.fleet.change([configOf(['a', 0]), configOf(['b', 0])]);
  for (const life of world.lives) life.listen();
  void world.fleet.change([configOf(['c', 0])]);
  await turn();
  world.lives[0]!.end(EXIT.ok);
  await turn();
  const fleet = { now: () => 0, isEnding: false, directories: () => world.fleet.directories() };
  const { directories } = fleetStatus(fleet as unknown as ControlledFleet);
  assert.deepEqual(
    directories.map(({ state, status }) => [state, status === null]),
    [
      ['ending', true],
      ['watching', false],
    ],
  );
});

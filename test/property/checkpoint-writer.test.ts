// S9: a checkpoint tells exactly which versions S3 held when it was drafted, whatever changed while its parts were
// written, and whenever the program was started anew.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CHECKPOINTS } from '../../src/checkpoint/document.ts';
import { listCheckpoints, versionsOfCheckpoint } from '../../src/checkpoint/reader.ts';
import { CheckpointWriter } from '../../src/checkpoint/writer.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import type { RelKey } from '../../src/model/key.ts';
import { compareKeys } from '../../src/store/key-order.ts';
import { ledgerRow } from '../support/ledger-rows.ts';
import { tempDir } from '../support/temp-dir.ts';

const PREFIX = 'p/';
const signal = new AbortController().signal;
const key = fc
  .constantFrom('a', 'b', 'd/', 'd/e', 'é', '.awssyncer')
  .map((name) => Buffer.from(name).toString('latin1') as RelKey);

/** What happens to one key: `adopted` is stored, but the ledger was not told the version. */
const change = fc.record({ key, to: fc.constantFrom('stored', 'adopted', 'stated', 'gone', 'unproven', 'foreign') });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('change' as const), change }) },
  {
    weight: 2,
    // What happens while its requests are under way.
    arbitrary: fc.record({ do: fc.constant('checkpoint' as const), meanwhile: fc.array(change, { maxLength: 6 }) }),
  },
  { weight: 1, arbitrary: fc.oneof(fc.constant({ do: 'restart' as const }), fc.constant({ do: 'clear' as const })) },
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** A bucket that keeps versions, as far as checkpoints use one, and the ledger of an agent. */
class World {
  readonly #objects = new Map<string, Buffer>();
  /** Whole key -> the present version. */
  readonly #versions = new Map<string, string>();
  readonly #file: string;
  ledger: Ledger;
  #meanwhile: Change[] = [];
  #count = 0;

  constructor(file: string) {
    this.#file = file;
    this.ledger = openLedger({ file }).ledger;
  }

  readonly store = {
    put: async (name: string, bytes: Buffer) => {
      this.#pass();
      this.#objects.set(name, bytes);
      return { etag: 'e', versionId: `v${this.#count++}` };
    },
    deleteMany: async () => assert.fail('nothing is to be deleted'),
    head: async (name: string) => {
      this.#pass();
      const versionId = this.#versions.get(name) ?? null;
      return { sizeBytes: 3, etag: 'e1', versionId, lastModifiedMs: 0, attributes: { metadata: {} } };
    },
    getBytes: async (name: string) => {
      const bytes = this.#objects.get(name);
      assert.ok(bytes !== undefined, name);
      return {
        bytes,
        sizeBytes: bytes.length,
        etag: 'e',
        versionId: null,
        lastModifiedMs: 0,
        attributes: { metadata: {} },
      };
    },
    list: async function* (this: World, prefix: string) {
      const keys = [...this.#objects.keys()].filter((name) => name.startsWith(prefix)).sort(compareKeys);
      yield keys.map((name) => ({ key: name, sizeBytes: 1, etag: 'e', lastModifiedMs: 0 }));
    }.bind(this),
  };

  change({ key, to }: Change): void {
    const whole = wholeKey(key);
    const { ledger } = this;
    const before = ledger.get(key);
    if (to === 'stated') {
      // Nothing but what the disk says of it.
      if (before !== undefined) ledger.write([{ ...before, ctimeNs: before.ctimeNs + 1n }]);
      return;
    }
    if (to === 'gone') this.#versions.delete(whole);
    else this.#versions.set(whole, `v${this.#count++}`);
    const versionId =
      to === 'stored' ? this.#versions.get(whole)! : to === 'unproven' ? (before?.versionId ?? null) : null;
    const state = to === 'unproven' || to === 'foreign' ? to : 'known';
    if (to === 'gone') ledger.write([], [key]);
    // What is stored anew is of another moment on disk.
    else ledger.stage(key, ledgerRow(key, { state, versionId, ctimeNs: BigInt(this.#count) }));
    ledger.commit();
  }

  /** As if the ledger had been deleted, and everything in it. */
  clear(): void {
    this.ledger.clear();
    this.#versions.clear();
  }

  restart(): void {
    this.ledger.close();
    this.ledger = openLedger({ file: this.#file }).ledger;
  }

  async checkpoint(meanwhile: readonly Change[], n: number): Promise<void> {
    this.#meanwhile = [...meanwhile];
    const { ledger } = this;
    let names = 0;
    const writer = new CheckpointWriter({
      store: this.store,
      prefix: PREFIX,
      ledger,
      save: (row) => ledger.write([row]),
      retry: (request) => request(),
      randomName: () => `${n}a${names++}`,
      maxEntries: 1,
      segmentEntries: 2,
    });
    await writer.prepare(signal);
    const rows = [...ledger.range('' as RelKey)];
    const known = rows.filter(({ state }) => state !== 'foreign');
    const expected = new Map(known.map((row) => [wholeKey(row.key), this.#versions.get(wholeKey(row.key))]));
    const draft = writer.draft(1_700_000_000_000 + n);
    if (draft === undefined) {
      const isChanging = this.#meanwhile.length < meanwhile.length;
      assert.ok(isChanging || known.some(({ state }) => state === 'unproven'), 'nothing was in the way');
      return;
    }
    assert.ok(
      known.every(({ state }) => state === 'known'),
      'S3 might have held something else',
    );
    await writer.write(draft, signal);
    const reader = { store: this.store, prefix: PREFIX, retry: (request: () => Promise<never>) => request(), signal };
    assert.equal((await listCheckpoints(reader as never)).at(-1)?.id, draft.id);
    const told = await versionsOfCheckpoint(reader as never, draft.id);
    assert.deepEqual(new Map([...told].map(([name, { versionId }]) => [name, versionId])), expected);
    assert.ok(this.#objects.has(PREFIX + CHECKPOINTS + draft.id));
  }

  close(): void {
    this.ledger.close();
  }

  #pass(): void {
    for (const next of this.#meanwhile.splice(0, 3)) this.change(next);
  }
}

function wholeKey(relative: RelKey): string {
  return relative === '.awssyncer'
    ? `${PREFIX}.awssyncer/names/.awssyncer`
    : PREFIX + Buffer.from(relative, 'latin1').toString();
}

const of = (name: Change['key'], to: Change['to']) => ({ do: 'change' as const, change: { key: name, to } });
const [A, B, D, E] = ['a', 'b', 'd/', 'd/e'] as RelKey[] as [RelKey, RelKey, RelKey, RelKey];

const regression_foreign_never_told = [
  { do: 'checkpoint' as const, meanwhile: [{ key: A, to: 'foreign' as const }] },
  { do: 'checkpoint' as const, meanwhile: [{ key: E, to: 'foreign' as const }] },
  of(B, 'foreign'),
  { do: 'checkpoint' as const, meanwhile: [] },
];
const regression_version_that_came_meanwhile = [
  of(E, 'stored'),
  { do: 'checkpoint' as const, meanwhile: [] },
  of(D, 'gone'),
  of(A, 'stored'),
  { do: 'checkpoint' as const, meanwhile: [{ key: D, to: 'adopted' as const }] },
];

const NAMED = '.awssyncer' as RelKey;
const regression_stored_again_while_it_was_asked_for = [
  of(NAMED, 'adopted'),
  of(A, 'adopted'),
  {
    do: 'checkpoint' as const,
    meanwhile: [
      ...Array.from({ length: 3 }, () => ({ key: A, to: 'stored' as const })),
      { key: NAMED, to: 'adopted' as const },
    ],
  },
];

test('S9 a checkpoint tells the versions of its moment', async (t) => {
  const dir = tempDir(t);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = new World(`${dir}/${runs++}.sqlite`);
      try {
        for (const [n, action] of steps.entries()) {
          if (action.do === 'change') world.change(action.change);
          else if (action.do === 'restart') world.restart();
          else if (action.do === 'clear') world.clear();
          else await world.checkpoint(action.meanwhile, n);
        }
      } finally {
        world.close();
      }
    }),
    {
      numRuns: 300,
      examples: [
        [regression_foreign_never_told],
        [regression_version_that_came_meanwhile],
        [regression_stored_again_while_it_was_asked_for],
      ],
    },
  );
});

test('S8 a chain begins anew when its segments tell of much more than there is', async (t) => {
  const world = new World(`${tempDir(t)}/ledger.sqlite`);
  t.after(() => world.close());
  const keys = [A, B, D, E];
  for (let n = 0; n < 40; n++) {
    for (const name of keys) world.change({ key: name, to: 'stored' });
    await world.checkpoint([], n);
    const told = world.ledger.chain.segments!.reduce((sum, { entries }) => sum + entries, 0);
    assert.ok(told <= 3 * (keys.length + 1), `${told}`);
  }
});

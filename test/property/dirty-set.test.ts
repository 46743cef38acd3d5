// The dirty set against the plainest thing that could be right: a list of reports per path, folded when it is asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DirtySet, type Mark } from '../../src/dirt/dirty-set.ts';
import { isWithin, type RelPath } from '../../src/model/path.ts';
import type { Change } from '../../src/watch/changes.ts';

const TIMES = { coalesceMs: 5, settleMs: 20, maxWaitMs: 60 };

type Facts = Omit<Mark, 'path' | 'absorbed'>;

const NO_PAUSE = Number.NEGATIVE_INFINITY;

class Model {
  readonly reports = new Map<RelPath, Facts[]>();
  readonly held = new Map<RelPath, number>();
  /** Epochs up to this one are waited for. */
  hastened = NO_PAUSE;

  report(path: RelPath, ...facts: Facts[]): void {
    this.reports.set(path, [...(this.reports.get(path) ?? []), ...facts]);
  }

  facts(path: RelPath): Facts {
    const reports = this.reports.get(path)!;
    const dirty = reports.filter(({ proof }) => !proof);
    const all = dirty.length > 0 ? dirty : reports;
    const finished = all.flatMap(({ finishedAtMs }) => finishedAtMs ?? []);
    return {
      scope: all.some(({ scope }) => scope === 'subtree') ? 'subtree' : 'self',
      firstAtMs: Math.min(...all.map(({ firstAtMs }) => firstAtMs)),
      lastAtMs: Math.max(...all.map(({ lastAtMs }) => lastAtMs)),
      finishedAtMs: finished.length === 0 ? undefined : Math.min(...finished),
      notBeforeMs: Math.max(...this.pausing(all).map(({ notBeforeMs }) => notBeforeMs)),
      epoch: Math.min(...all.map(({ epoch }) => epoch)),
      written: all.some(({ written }) => written),
      witnessed: all.some(({ witnessed }) => witnessed),
      witnessedBelow: all.some(({ witnessedBelow }) => witnessedBelow),
      failingSinceMs: all.find(({ failingSinceMs }) => failingSinceMs !== undefined)?.failingSinceMs,
      attempts: Math.max(...all.map(({ attempts }) => attempts)),
      races: Math.max(...all.map(({ races }) => races)),
      scanned: all.every(({ scanned }) => scanned),
      proof: dirty.length === 0,
    };
  }

  /** Reports that somebody waits for do not wait for the pauses of others. */
  pausing(all: readonly Facts[]): readonly Facts[] {
    const urgent = all.filter(({ epoch }) => epoch <= this.hastened);
    return urgent.length > 0 ? urgent : all;
  }

  hasten(epoch: number): void {
    this.hastened = Math.max(this.hastened, epoch);
    for (const [path, all] of this.reports) {
      const hurry = (facts: Facts): Facts =>
        facts.epoch <= this.hastened ? { ...facts, notBeforeMs: NO_PAUSE } : facts;
      this.reports.set(path, all.map(hurry));
    }
  }

  left(epoch: number): number {
    const marked = [...this.reports.keys()].map((path) => this.facts(path).epoch);
    return [...marked, ...this.held.values()].filter((each) => each <= epoch).length;
  }

  dueMs(path: RelPath): number {
    const { firstAtMs, lastAtMs, finishedAtMs, notBeforeMs, epoch } = this.facts(path);
    const settled =
      epoch <= this.hastened
        ? firstAtMs
        : Math.min(
            lastAtMs + TIMES.settleMs,
            firstAtMs + TIMES.maxWaitMs,
            finishedAtMs === undefined ? Number.POSITIVE_INFINITY : finishedAtMs + TIMES.coalesceMs,
          );
    return Math.max(settled, notBeforeMs);
  }

  /** Marks that nobody works on. */
  available(): RelPath[] {
    return [...this.reports.keys()].filter((path) => !this.held.has(path));
  }

  below(path: RelPath): RelPath[] {
    return [...this.reports.keys()].filter((other) => other !== path && isWithin(other, path));
  }
}

function factsOf({ path: _path, absorbed: _absorbed, ...facts }: Mark): Facts {
  return facts;
}

function factsOfChange(
  change: Change,
  nowMs: number,
  { notBeforeMs, epoch, proof, scanned }: { notBeforeMs: number; epoch: number; proof: boolean; scanned: boolean },
): Facts {
  return {
    epoch,
    scope: change.scope,
    firstAtMs: nowMs,
    lastAtMs: nowMs,
    finishedAtMs: change.speed === 'finished' ? nowMs : undefined,
    notBeforeMs,
    written: change.written ?? false,
    witnessed: change.witnessed,
    witnessedBelow: change.witnessed && change.scope === 'subtree',
    attempts: 0,
    failingSinceMs: undefined,
    races: 0,
    scanned,
    proof,
  };
}

// 'a-' sorts before 'a/' and begins like it: a prefix that is no ancestor.
const path = fc.constantFrom('', 'a', 'b', 'a-', 'a/a', 'a/b', 'a-/a', 'a/a/a', 'a/a/b') as fc.Arbitrary<RelPath>;

const change: fc.Arbitrary<Change> = fc.record({
  path,
  scope: fc.oneof({ weight: 3, arbitrary: fc.constant('self' as const) }, fc.constant('subtree' as const)),
  speed: fc.constantFrom('finished' as const, 'writing' as const),
  written: fc.boolean(),
  witnessed: fc.boolean(),
});

/** The last one is that of a drain. */
const epoch = fc.constantFrom(0, 1, 2, 3, Number.POSITIVE_INFINITY);

const pause = fc.option(fc.nat({ max: 100 }), { nil: undefined });

const proof = fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true));

const command = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('mark' as const), change, pause, epoch, proof }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.nat({ max: 30 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), which: fc.nat(), ms: fc.nat({ max: 50 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('find' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hasten' as const), epoch }) },
);

type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** Drives both; every take is compared, so that what is left at the end has been neither lost nor made up. */
class Both {
  readonly real = new DirtySet(TIMES);
  readonly model = new Model();
  readonly working: Mark[] = [];
  nowMs = 1_000;

  run(command: Command): void {
    switch (command.do) {
      case 'mark':
        // A proof is about one path.
        return this.#mark(command.proof ? { ...command.change, scope: 'self' } : command.change, this.nowMs, command);
      case 'tick':
        this.nowMs += command.ms;
        return;
      case 'take':
        return void this.take();
      case 'release':
        return this.#end(command.which, () => {});
      case 'fail':
        return this.#end(command.which, (mark) => this.#restore(mark, this.nowMs + command.ms));
      case 'find':
        return this.#end(command.which, (mark) => this.#findings(mark));
      case 'hasten':
        this.real.hasten(command.epoch);
        this.model.hasten(command.epoch);
    }
  }

  take(): Mark | undefined {
    const due = this.model.available().filter((at) => this.model.dueMs(at) <= this.nowMs);
    const mark = this.real.take(this.nowMs);
    if (mark === undefined) {
      assert.deepEqual(due, [], 'due and not handed out');
      return undefined;
    }
    assert.ok(due.includes(mark.path), `${mark.path} is not due, or held`);
    const oldest = Math.min(...due.map((at) => this.model.dueMs(at)));
    assert.equal(this.model.dueMs(mark.path), oldest, 'one that has been due longer was passed over');
    assert.deepEqual(factsOf(mark), this.model.facts(mark.path));
    const below = mark.scope === 'subtree' ? this.model.below(mark.path) : [];
    assert.deepEqual([...mark.absorbed.keys()].sort(), below.sort());
    const epochs = [mark, ...mark.absorbed.values()].map(({ epoch }) => epoch);
    for (const at of below) {
      assert.deepEqual(factsOf(mark.absorbed.get(at)!), this.model.facts(at));
      this.model.reports.delete(at);
    }
    this.model.reports.delete(mark.path);
    assert.ok(!this.model.held.has(mark.path), 'two holders');
    this.real.hold(mark);
    this.model.held.set(mark.path, Math.min(...epochs));
    this.working.push(mark);
    return mark;
  }

  agree(): void {
    const { real, model } = this;
    assert.equal(real.size, model.reports.size);
    assert.deepEqual([...real.marks()].map((mark) => mark.path).sort(), [...model.reports.keys()].sort());
    for (const at of model.reports.keys()) assert.ok(real.has(at));
    assert.deepEqual([...real.busy.keys()].sort(), [...model.held.keys()].sort());
    for (const epoch of [0, 1, 2, 3, Number.POSITIVE_INFINITY]) assert.equal(real.left(epoch), model.left(epoch));
    const next = Math.min(...model.available().map((at) => model.dueMs(at)));
    if (next !== Number.POSITIVE_INFINITY) assert.ok((real.nextDueMs() ?? Number.POSITIVE_INFINITY) <= next);
  }

  /** Everything is released and time passes: whatever is marked must come out. */
  empty(): void {
    while (this.working.length > 0) this.#end(0, () => {});
    this.nowMs += 10_000;
    while (this.take() !== undefined) this.agree();
    assert.equal(this.real.size, 0);
    assert.equal(this.model.reports.size, 0);
    while (this.working.length > 0) this.#end(0, () => {});
    assert.equal(this.real.nextDueMs(), undefined);
  }

  #mark(
    change: Change,
    atMs: number,
    {
      pause,
      epoch,
      proof = false,
      scanned = false,
      known,
    }: { pause?: number | undefined; epoch: number; proof?: boolean; scanned?: boolean; known?: Mark },
  ): void {
    const notBeforeMs = pause === undefined ? NO_PAUSE : this.nowMs + pause;
    this.real.mark(change, atMs, { ...(pause !== undefined && { notBeforeMs }), epoch, proof, scanned, known });
    const facts = factsOfChange(change, atMs, { notBeforeMs, epoch, proof, scanned });
    if (known?.proof === false && scanned) facts.lastAtMs = known.lastAtMs;
    this.model.report(
      change.path,
      facts,
      ...(known?.proof === false ? [{ ...factsOf(known), scope: change.scope, scanned }] : []),
    );
  }

  #end(which: number, how: (mark: Mark) => void): void {
    const [mark] = this.working.splice(which % Math.max(1, this.working.length), 1);
    if (mark === undefined) return;
    how(mark);
    this.real.release(mark.path);
    this.model.held.delete(mark.path);
  }

  #restore(mark: Mark, notBeforeMs: number): void {
    const failed = { ...mark, attempts: mark.attempts + 1, failingSinceMs: mark.failingSinceMs ?? this.nowMs };
    this.real.restore(failed, notBeforeMs);
    for (const [at, absorbed] of mark.absorbed) this.model.report(at, factsOf(absorbed));
    this.model.report(mark.path, { ...factsOf(failed), notBeforeMs });
  }

  /** As a scan does: every path it covered differs, and what the absorbed mark knew is handed on. */
  #findings(mark: Mark): void {
    for (const known of [mark, ...mark.absorbed.values()]) {
      const finding = { path: known.path, scope: 'self', speed: 'finished', witnessed: false } as const;
      this.#mark(finding, this.nowMs - TIMES.coalesceMs, { epoch: mark.epoch, known, scanned: true });
    }
  }
}

test('S2 no mark is ever lost, held twice, handed out early or passed over, and each hands on all it knew', () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 40 }), (commands) => {
      const both = new Both();
      for (const each of commands) {
        both.run(each);
        both.agree();
      }
      both.empty();
    }),
    { numRuns: 3_000 },
  );
});

const A = 'a' as RelPath;
const AB = 'a/b' as RelPath;
const ABC = 'a/b/c' as RelPath;

function finished(at: RelPath, more: Partial<Change> = {}): Change {
  return { path: at, scope: 'self', speed: 'finished', witnessed: true, ...more };
}

test('a mark made while its path is being worked on waits for the release and is then handed out', () => {
  const dirty = new DirtySet(TIMES);
  dirty.mark(finished(A), 0);
  const mark = dirty.take(5)!;
  dirty.hold(mark);
  dirty.mark(finished(A, { written: true }), 6);
  assert.equal(dirty.take(100), undefined);
  dirty.release(A);
  assert.equal(dirty.take(100)?.written, true);
});

test('a mark made beneath a subtree after it was taken is not part of that scan', () => {
  const dirty = new DirtySet(TIMES);
  dirty.mark(finished(A, { scope: 'subtree' }), 0);
  const scan = dirty.take(5)!;
  dirty.hold(scan);
  dirty.mark(finished(ABC), 5);
  assert.equal(scan.absorbed.size, 0);
  assert.equal(dirty.take(10)?.path, ABC);
});

test('a subtree mark that absorbed a subtree mark hands on what that one had absorbed', () => {
  const dirty = new DirtySet(TIMES);
  dirty.mark(finished(A, { scope: 'subtree', witnessed: false }), 0);
  dirty.mark(finished(AB, { scope: 'subtree' }), 1);
  dirty.mark(finished(ABC, { written: true }), 2);
  assert.equal(dirty.size, 3);
  const mark = dirty.take(7)!;
  assert.deepEqual([mark.path, ...mark.absorbed.keys()], [A, AB, ABC]);
  assert.equal(mark.absorbed.get(ABC)?.written, true);
  assert.equal(mark.absorbed.get(AB)?.witnessedBelow, true);
  assert.equal(mark.witnessedBelow, false);
  assert.equal(dirty.size, 0);
});

test('S11 in a drain the oldest change goes first, and only pauses asked for afterwards count', () => {
  const dirty = new DirtySet(TIMES);
  dirty.mark({ ...finished(A), speed: 'writing' }, 20);
  dirty.mark({ ...finished(AB), speed: 'writing' }, 10, { notBeforeMs: 9_000 });
  assert.equal(dirty.take(20), undefined);
  dirty.hasten(Number.POSITIVE_INFINITY);
  dirty.mark(finished(ABC), 20, { notBeforeMs: 25 });
  assert.deepEqual([dirty.take(20)?.path, dirty.take(20)?.path, dirty.take(20)?.path], [AB, A, undefined]);
  assert.equal(dirty.nextDueMs(), 25);
  assert.equal(dirty.take(25)?.path, ABC);
});

test('what is beneath a subtree mark that waits does not wait with it', () => {
  const dirty = new DirtySet(TIMES);
  dirty.mark(finished(A, { scope: 'subtree' }), 0, { notBeforeMs: 60_000 });
  dirty.mark(finished(AB), 1);
  assert.equal(dirty.take(6)?.path, AB);
});

test("a proof makes room for any other mark, whose time is not the proof's", () => {
  const dirty = new DirtySet(TIMES);
  dirty.mark(finished(A), 0, { notBeforeMs: 60_000, proof: true });
  dirty.mark(finished(A), 1);
  dirty.mark(finished(A), 2, { notBeforeMs: 60_000, proof: true });
  assert.equal(dirty.take(6)?.proof, false);
});

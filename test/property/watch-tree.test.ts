// The watch tree against the naive thing: a map from every path to its watch, rewritten on each move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isWithin, joinPath, nameOf, namesOf, parentOf, type RelPath, ROOT } from '../../src/model/path.ts';
import { WatchTree } from '../../src/watch/watch-tree.ts';

type Wd = number | undefined;

/** What WatchTree means, with a path in every entry and no cleverness. */
class NaiveTree {
  readonly paths = new Map<RelPath, Wd>([[ROOT, undefined]]);
  readonly limbo = new Map<number, Map<RelPath, Wd>>();
  readonly dying: number[] = [];

  link(dir: RelPath, wd: Wd): number[] | 'cycle' {
    const waiting = [...this.limbo].find(([, subtree]) => wd !== undefined && [...subtree.values()].includes(wd));
    const held = [...this.paths].find(([, other]) => wd !== undefined && other === wd)?.[0];
    if (held !== undefined && held !== dir && isWithin(dir, held)) return 'cycle';
    if (dir === ROOT && (waiting !== undefined || (held !== undefined && held !== ROOT))) return 'cycle';
    if (held === dir) return [];
    if (held !== undefined) return this.#place(dir, cut(this.paths, held));
    if (waiting !== undefined) {
      const [cookie, subtree] = waiting;
      const top = [...subtree].find(([, other]) => other === wd)![0];
      const taken = cut(subtree, top);
      if (top === ROOT) this.limbo.delete(cookie);
      return this.#place(dir, taken);
    }
    if (this.paths.has(dir) && this.paths.get(dir) === undefined) {
      this.paths.set(dir, wd);
      return [];
    }
    if (this.paths.has(dir) && this.paths.get(dir) === wd) return [];
    return this.#place(dir, new Map([[ROOT, wd]]));
  }

  toLimbo(dir: RelPath, cookie: number): number[] {
    const given = this.dropLimbo(cookie);
    this.limbo.set(cookie, cut(this.paths, dir));
    return given;
  }

  dropLimbo(cookie: number): number[] {
    const given = watchesIn(this.limbo.get(cookie) ?? new Map());
    this.limbo.delete(cookie);
    return this.#given(given);
  }

  drop(dir: RelPath): number[] {
    const given = watchesIn(cut(this.paths, dir));
    if (dir === ROOT) this.paths.set(ROOT, undefined);
    return this.#given(given);
  }

  ignored(wd: number): void {
    const at = this.dying.indexOf(wd);
    if (at >= 0) this.dying.splice(at, 1);
    else
      for (const place of [this.paths, ...this.limbo.values()]) {
        for (const [path, other] of place) if (other === wd) place.set(path, undefined);
      }
  }

  #place(dir: RelPath, subtree: Map<RelPath, Wd>): number[] {
    const given = this.#given(watchesIn(cut(this.paths, dir)));
    for (const [path, wd] of subtree) this.paths.set(under(dir, path), wd);
    return given;
  }

  #given(wds: number[]): number[] {
    this.dying.push(...wds);
    return wds;
  }
}

function under(dir: RelPath, path: RelPath): RelPath {
  return namesOf(path).reduce(joinPath, dir);
}

/** Removes a subtree from the map; what it returns is relative to `dir`. */
function cut(paths: Map<RelPath, Wd>, dir: RelPath): Map<RelPath, Wd> {
  const taken = new Map<RelPath, Wd>();
  for (const [path, wd] of [...paths]) {
    if (!isWithin(path, dir)) continue;
    taken.set(namesOf(path).slice(namesOf(dir).length).reduce(joinPath, ROOT), wd);
    paths.delete(path);
  }
  return taken;
}

function watchesIn(paths: Map<RelPath, Wd>): number[] {
  return [...paths.values()].filter((wd) => wd !== undefined);
}

const dir = fc
  .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 })
  .map((names) => names.join('/') as RelPath);
const wd = fc.nat({ max: 6 });
const cookie = fc.nat({ max: 1 });

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('link' as const), dir, wd: fc.option(wd, { nil: undefined }) }) },
  fc.record({ do: fc.constant('link' as const), dir: fc.constant(ROOT), wd: fc.option(wd, { nil: undefined }) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('toLimbo' as const), dir, cookie }) },
  fc.record({ do: fc.constant('dropLimbo' as const), cookie }),
  fc.record({ do: fc.constant('drop' as const), dir: fc.oneof(dir, fc.constant(ROOT)) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ignored' as const), wd }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Does the step on both, if the naive tree knows the directories it is about; both must give up the same watches. */
function perform(tree: WatchTree, naive: NaiveTree, one: Step): void {
  const sorted = (wds: number[] | 'cycle') => (wds === 'cycle' ? wds : [...wds].sort());
  const same = (real: number[] | 'cycle', expected: number[] | 'cycle') =>
    assert.deepEqual(sorted(real), sorted(expected));
  if (one.do === 'ignored') {
    tree.ignored(one.wd);
    naive.ignored(one.wd);
  } else if (one.do === 'dropLimbo') {
    same(tree.dropLimbo(one.cookie), naive.dropLimbo(one.cookie));
  } else if (one.do === 'link') {
    if (one.dir !== ROOT && !naive.paths.has(parentOf(one.dir))) return;
    const parent = one.dir === ROOT ? undefined : tree.at(parentOf(one.dir));
    same(tree.link(parent, nameOf(one.dir), { wd: one.wd, ino: 1n }), naive.link(one.dir, one.wd));
  } else if (naive.paths.has(one.dir)) {
    const node = tree.at(one.dir)!;
    if (one.do === 'drop') same(tree.drop(node), naive.drop(one.dir));
    else same(tree.toLimbo(node, one.cookie), naive.toLimbo(one.dir, one.cookie));
  }
}

function assertSame(tree: WatchTree, naive: NaiveTree): void {
  for (const [path, wd] of naive.paths) {
    const node = tree.at(path);
    assert.ok(node, `${path} is known`);
    assert.equal(node.wd, wd);
    assert.equal(tree.pathOf(node), path);
    assert.deepEqual(
      [...node.children.keys()].sort(),
      [...naive.paths.keys()]
        .filter((p) => p !== ROOT && parentOf(p) === path)
        .map(nameOf)
        .sort(),
    );
    if (wd !== undefined) assert.equal(tree.nodeOfEvent(wd), naive.dying.includes(wd) ? undefined : node);
  }
  for (const subtree of naive.limbo.values()) {
    for (const wd of watchesIn(subtree)) assert.equal(tree.pathOf(tree.holder(wd)!), undefined);
  }
  const everywhere = [naive.paths, ...naive.limbo.values()];
  const watches = everywhere.flatMap(watchesIn);
  assert.equal(tree.watches, watches.length);
  assert.equal(tree.bare, everywhere.reduce((sum, place) => sum + place.size, 0) - watches.length);
  const topmost = [...naive.paths].filter(
    ([path, wd]) => wd === undefined && (path === ROOT || naive.paths.get(parentOf(path)) !== undefined),
  );
  assert.deepEqual(tree.unwatched().sort(), topmost.map(([path]) => path).sort());
}

test('the tree equals a map from path to watch that is rewritten on every move', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const tree = new WatchTree();
      const naive = new NaiveTree();
      for (const one of steps) {
        perform(tree, naive, one);
        assertSame(tree, naive);
      }
    }),
    { numRuns: 1000 },
  );
});

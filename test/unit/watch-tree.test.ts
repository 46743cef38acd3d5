import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RelPath } from '../../src/model/path.ts';
import { type WatchNode, WatchTree } from '../../src/watch/watch-tree.ts';

const at = (path: string) => path as RelPath;

/** A watched directory in `parent`; its inode number is its descriptor. */
function add(tree: WatchTree, parent: WatchNode | undefined, name: string, wd: number | undefined): WatchNode {
  assert.deepEqual(tree.link(parent, name, { wd, ino: BigInt(wd ?? 0) }), []);
  return parent === undefined ? tree.root : parent.children.get(name)!;
}

/** root(1)/a(2)/b(3)/c(4) */
function chain(): { tree: WatchTree; a: WatchNode; b: WatchNode; c: WatchNode } {
  const tree = new WatchTree();
  const root = add(tree, undefined, '', 1);
  const a = add(tree, root, 'a', 2);
  const b = add(tree, a, 'b', 3);
  return { tree, a, b, c: add(tree, b, 'c', 4) };
}

test('a directory that is moved waits in limbo and then brings every watch beneath it', () => {
  const { tree, a, c } = chain();
  assert.deepEqual(tree.toLimbo(a, 7), []);
  assert.equal(tree.pathOf(c), undefined);
  assert.deepEqual(tree.link(tree.root, 'z', { wd: 2, ino: 2n }), []);
  assert.equal(tree.pathOf(c), 'z/b/c');
  assert.equal(tree.nodeOfEvent(4), c);
  assert.deepEqual(tree.dropLimbo(7), []);
  assert.equal(tree.pathOf(a), 'z');
});

test('a directory that is moved and turns up nowhere gives up every watch beneath it', () => {
  const { tree, a } = chain();
  tree.toLimbo(a, 7);
  assert.deepEqual(tree.dropLimbo(7), [2, 3, 4]);
  assert.equal(tree.watches, 1);
});

test('a descriptor that turns up elsewhere takes its subtree there', () => {
  const { tree, b, c } = chain();
  assert.deepEqual(tree.link(tree.root, 'q', { wd: 3, ino: 3n }), []);
  assert.equal(tree.pathOf(b), 'q');
  assert.equal(tree.pathOf(c), 'q/c');
  assert.equal(tree.at(at('a/b')), undefined);
});

test('a descriptor that turns up beneath itself is refused and changes nothing', () => {
  const { tree, a, c } = chain();
  assert.equal(tree.link(c, 'x', { wd: 2, ino: 2n }), 'cycle');
  assert.equal(tree.pathOf(a), 'a');
  assert.equal(tree.watches, 4);
});

test('another directory at a path gives up the watches of the one before', () => {
  const { tree } = chain();
  assert.deepEqual(tree.link(tree.root, 'a', { wd: 9, ino: 9n }), [2, 3, 4]);
  assert.equal(tree.at(at('a/b')), undefined);
  assert.equal(tree.pathOf(tree.nodeOfEvent(9)!), 'a');
});

test('events of a watch that was given up belong to nobody until IN_IGNORED, also when the number is reused', () => {
  const { tree, c } = chain();
  assert.deepEqual(tree.drop(c), [4]);
  assert.equal(tree.nodeOfEvent(4), undefined);
  const reused = add(tree, tree.root, 'new', 4);
  assert.equal(tree.nodeOfEvent(4), undefined, 'what is queued is still about the old one');
  assert.equal(tree.ignored(4), undefined);
  assert.equal(tree.nodeOfEvent(4), reused);
});

test('IN_IGNORED of a watch that is held says which directory lost it', () => {
  const { tree, b } = chain();
  assert.equal(tree.ignored(3), b);
  assert.equal(b.wd, undefined);
  assert.equal(tree.holder(3), undefined);
});

test('after lost events no number stays muted and limbo is empty', () => {
  const { tree, a, b } = chain();
  tree.drop(b);
  tree.toLimbo(a, 5);
  assert.deepEqual(tree.eventsLost(), [2]);
  const reused = add(tree, tree.root, 'new', 3);
  assert.equal(tree.nodeOfEvent(3), reused);
});

test('only the topmost unwatched directories are to be polled', () => {
  const { tree, a } = chain();
  const bare = add(tree, a, 'bare', undefined);
  add(tree, bare, 'below', undefined);
  assert.deepEqual(tree.unwatched(), ['a/bare']);
  assert.equal(tree.bare, 2);
  add(tree, a, 'bare', 8);
  assert.deepEqual(tree.unwatched(), ['a/bare/below']);
});

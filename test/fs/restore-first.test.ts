// --first: what is wanted first is in place before anything else is begun.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { createOrder } from '../../src/filter/order.ts';
import { UsageError } from '../../src/model/errors.ts';
import type { RelPath } from '../../src/model/path.ts';
import { assertComplete, FILE, restoreGround, treeOf } from '../support/restoring.ts';

test('a path has the turn of the first glob that matches it or a directory above it', () => {
  const order = createOrder(['*.key', '/db/', 'index']);
  const turnOf = (path: string) => order.turnOf(path as RelPath);
  assert.equal(order.turns, 4);
  assert.deepEqual(['a/b.key', 'db/b.key', 'db/x/y', 'x/db/y', 'x/index', 'index/z', 'other'].map(turnOf), [
    ...[0, 0, 1, 3, 2, 2, 3],
  ]);
  assert.throws(() => createOrder(['[']), UsageError);
});

test('each turn is in place before the next one is asked for, new files and others alike', async (t) => {
  const ground = restoreGround(t);
  const names = ['a', 'd/1', 'd/2', 'm', 'x.key', 'z.key'];
  for (const name of names) await ground.put(name, name, FILE);
  await ground.put('d/', '', { mode: '40755' });
  // These two are there already, and so no new files.
  mkdirSync(ground.at('d'));
  for (const name of ['d/2', 'a']) writeFileSync(ground.at(name), 'different');
  const asked: string[] = [];
  const getBytes = ground.store.getBytes.bind(ground.store);
  ground.store.getBytes = async (key, options) => {
    const name = key.slice('prefix/'.length);
    if (name.startsWith('d/'))
      assert.ok(
        ['x.key', 'z.key'].every((first) => existsSync(ground.at(first))),
        name,
      );
    if (['a', 'm'].includes(name)) assert.ok(asked.includes('d/1') && asked.includes('d/2'), name);
    asked.push(name);
    return await getBytes(key, options);
  };
  const report = await ground.restore({ order: createOrder(['*.key', '/d/']) });
  assertComplete(report);
  assert.deepEqual(asked.toSorted(), names);
  assert.deepEqual(
    [asked.slice(0, 2), asked.slice(2, 4)],
    [
      ['x.key', 'z.key'],
      ['d/1', 'd/2'],
    ],
  );
  assert.equal(treeOf(ground.root)['m'], 'm');
});

// Which files a command makes, what belongs to them, and what the filter and the watch make of that.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFilter } from '../../src/filter/filter.ts';
import { createSnapshotRules } from '../../src/filter/snapshot-rules.ts';
import { UsageError } from '../../src/model/errors.ts';
import { pathFromText } from '../../src/model/path.ts';
import type { Change } from '../../src/watch/changes.ts';
import { Hinter } from '../../src/watch/hints.ts';

const at = pathFromText;
const rules = createSnapshotRules([
  { glob: '*.db', command: 'first' },
  { glob: '/d/', command: 'second' },
]);

test('the last hook that matches a file, or a directory above it, says what makes it', () => {
  const commands = ['a.db', 'e/a.db', 'd/a.db', 'd/e/x', 'a.db.txt', 'x'].map((path) => rules.commandFor(at(path)));
  assert.deepEqual(commands, ['first', 'first', 'second', 'second', undefined, undefined]);
});

test('without hooks nothing is made, and nothing belongs to anything', () => {
  const none = createSnapshotRules([]);
  assert.deepEqual([none.commandFor(at('a.db')), none.ownerOf(at('a.db-wal'))], [undefined, undefined]);
});

test('what belongs to a file that is made is not made itself, though a hook matches it', () => {
  for (const suffix of ['-wal', '-shm', '-journal']) {
    assert.equal(rules.ownerOf(at(`e/a.db${suffix}`)), 'e/a.db', suffix);
    assert.deepEqual([rules.ownerOf(at(`d/x${suffix}`)), rules.commandFor(at(`d/x${suffix}`))], ['d/x', undefined]);
    assert.equal(rules.ownerOf(at(`x${suffix}`)), undefined, 'nothing makes x');
  }
  for (const path of ['a.db', 'a.db-log', 'a.db-wal.txt', 'a.dbwal']) assert.equal(rules.ownerOf(at(path)), undefined);
});

test('S16 a hook with a glob that cannot be used is refused', () => {
  assert.throws(() => createSnapshotRules([{ glob: '[', command: 'x' }]), UsageError);
});

test('S16 the filter leaves out what belongs to a file that is made, but no directory of such a name', () => {
  const filter = createFilter({ rootForRegex: '/', snapshots: rules });
  const included = (path: string, isDirectory = false) => filter.includes(at(path), isDirectory);
  assert.deepEqual(
    ['a.db', 'a.db-wal', 'a.db-shm', 'a.db-journal', 'x-wal'].map((path) => included(path)),
    [true, false, false, false, true],
  );
  assert.equal(included('a.db-wal', true), true);
});

test('S2 an event of what belongs to a file is a hint of the file, and proves nothing of it', () => {
  const heard: Change[] = [];
  const filter = createFilter({ rootForRegex: '/', snapshots: rules });
  const hinter = new Hinter(filter, (change) => heard.push(change), rules);
  hinter.entry(at('a.db-wal'), false, { speed: 'finished', written: true });
  hinter.entry(at('x-wal'), false, { speed: 'finished' });
  hinter.entry(at('a.db-wal'), true, { speed: 'finished' });
  assert.deepEqual(heard, [
    { path: 'a.db', scope: 'self', speed: 'finished', witnessed: false },
    { path: 'x-wal', scope: 'self', speed: 'finished', witnessed: true },
    { path: 'a.db-wal', scope: 'self', speed: 'finished', witnessed: true },
  ]);
});

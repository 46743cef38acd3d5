// What a scan cannot answer for goes back as it came.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Scanner, type ScanSink } from '../../src/agent/scanner.ts';
import { DirtySet } from '../../src/dirt/dirty-set.ts';
import { createFilter } from '../../src/filter/filter.ts';
import { Journal } from '../../src/ledger/journal.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { pathFromText, ROOT } from '../../src/model/path.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import type { Watch } from '../../src/watch/changes.ts';
import { tempDir } from '../support/temp-dir.ts';

test('S2 regression_vanished_while_scanned: the marks beneath a directory that changed meanwhile are not forgotten', async (t) => {
  const root = tempDir(t);
  mkdirSync(join(root, 'dir/sub'), { recursive: true });
  for (const name of ['dir/sub/file', 'other']) writeFileSync(join(root, name), '');
  const { ledger } = openLedger({ file: ':memory:' });
  t.after(() => ledger.close());
  const watch = {
    arm: (dir: string) => (dir === 'dir/sub' ? 'vanished' : 'armed'),
    retain: () => {},
  } as unknown as Watch;
  const scanner = new Scanner({
    tree: new LocalTree(Buffer.from(root)),
    filter: createFilter({ rootForRegex: root }),
    journal: new Journal(ledger, setImmediate),
    watch: () => watch,
    budget: { count: 1_000, percent: 50 },
    crossMounts: false,
    directoryDefaults: { mode: 0o40755, uid: process.geteuid!(), gid: process.getegid!() },
    deletes: 'ours',
  });
  const dirty = new DirtySet({ coalesceMs: 0, settleMs: 0, maxWaitMs: 0 });
  const own = { scope: 'self', speed: 'finished', witnessed: true } as const;
  for (const name of ['dir/sub/file', 'dir/sub/gone', 'other']) {
    dirty.mark({ ...own, path: pathFromText(name), written: true }, 0);
  }
  dirty.mark({ ...own, path: pathFromText('dir'), scope: 'subtree' }, 0);
  dirty.mark({ ...own, path: ROOT, scope: 'subtree', witnessed: false }, 0);

  const told: Parameters<ScanSink['again']>[] = [];
  const sink: ScanSink = {
    differs: () => {},
    unknown: () => {},
    again: (...all) => told.push(all),
    held: () => {},
    unchanged: () => {},
    room: async () => {},
  };
  const settled = await scanner.scan(dirty.take(1)!, { sink, signal: new AbortController().signal });
  assert.equal(told.length, 1);
  const [path, { witnessed, known }] = told[0]!;
  assert.deepEqual([path, witnessed], ['dir/sub', true], 'all beneath dir was seen to change');
  assert.deepEqual(known.map((mark) => [mark.path, mark.witnessed, mark.written]).sort(), [
    ['dir/sub/file', true, true],
    ['dir/sub/gone', true, true],
  ]);
  assert.ok(!settled.includes(pathFromText('dir/sub/gone')));
});

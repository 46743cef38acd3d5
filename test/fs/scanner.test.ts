// What a scan cannot answer for goes back as it came.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Candidate } from '../../src/agent/adopter.ts';
import { type ScannedMarks, Scanner, type ScannerOptions, type ScanSink } from '../../src/agent/scanner.ts';
import { DirtySet, type Mark } from '../../src/dirt/dirty-set.ts';
import { createFilter } from '../../src/filter/filter.ts';
import { Journal } from '../../src/ledger/journal.ts';
import { rowFor } from '../../src/ledger/row.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { fileKey } from '../../src/model/key.ts';
import { pathFromText, ROOT } from '../../src/model/path.ts';
import { NO_SNAPSHOTS } from '../../src/transfer/snapshots.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import type { Change, Watch } from '../../src/watch/changes.ts';
import { directoriesOf } from '../support/directories.ts';
import { ledgerRow } from '../support/ledger-rows.ts';
import { tempDir } from '../support/temp-dir.ts';

interface Told {
  readonly again: Parameters<ScanSink['again']>[];
  readonly unknown: string[];
  readonly differing: string[];
  readonly compared: string[];
  readonly adopted: string[];
}

/** Scans a root in which `files` are and these paths were marked; the scan is of everything. */
async function scan(
  t: TestContext,
  {
    files,
    marks,
    options,
    signal = new AbortController().signal,
  }: { files: string[]; marks: Change[]; options: Partial<ScannerOptions>; signal?: AbortSignal },
): Promise<Told & ScannedMarks> {
  const root = tempDir(t);
  for (const name of files) {
    mkdirSync(join(root, dirname(name)), { recursive: true });
    writeFileSync(join(root, name), '');
  }
  const { ledger } = openLedger({ file: ':memory:' });
  t.after(() => ledger.close());
  const tree = new LocalTree(Buffer.from(root));
  const scanner = new Scanner({
    tree,
    directories: directoriesOf(tree),
    filter: createFilter({ rootForRegex: root }),
    journal: new Journal(ledger, setImmediate),
    watch: () => undefined,
    budget: { count: 1_000, percent: 50 },
    hidden: () => new Map(),
    directoryDefaults: { mode: 0o40755, uid: process.geteuid!(), gid: process.getegid!(), times: false },
    deletes: 'ours',
    adopter: { isCandidate: () => false, adopt: async () => [] },
    snapshots: NO_SNAPSHOTS,
    ...options,
  });
  const dirty = new DirtySet({ coalesceMs: 0, settleMs: 0, maxWaitMs: 0 });
  dirty.mark({ path: ROOT, scope: 'subtree', speed: 'finished', witnessed: false }, 0);
  for (const change of marks) dirty.mark(change, 1);
  const told: Told = { again: [], unknown: [], differing: [], compared: [], adopted: [] };
  const sink: ScanSink = {
    differs: (path) => told.differing.push(path),
    unknown: (path) => told.unknown.push(path),
    again: (...all) => told.again.push(all),
    isHeld: () => false,
    held: () => {},
    unchanged: () => {},
    compares: (path) => told.compared.push(path),
    adopts: (path) => told.adopted.push(path),
    room: async () => {},
  };
  return { ...told, ...(await scanner.scan(dirty.take(1)!, { sink, signal })) };
}

/** An event told that this path was written, or is gone. */
function witnessed(path: string): Change {
  return { path: pathFromText(path), scope: 'self', speed: 'finished', witnessed: true, written: true };
}

/** What a mark knows. */
function knowledge(marks: readonly Mark[]): unknown[] {
  return marks.map((mark) => [mark.path, mark.witnessed, mark.written]).sort();
}

test('S2 regression_vanished_while_scanned: the marks beneath a directory that changed meanwhile are not forgotten', async (t) => {
  const watch = {
    arm: (dir: string) => (dir === 'dir/sub' ? 'vanished' : 'armed'),
    retain: () => {},
  } as unknown as Watch;
  const { again, settled } = await scan(t, {
    files: ['dir/sub/file', 'other'],
    marks: [
      ...['dir/sub/file', 'dir/sub/gone', 'other'].map(witnessed),
      { ...witnessed('dir'), scope: 'subtree', written: false },
    ],
    options: { watch: () => watch },
  });
  assert.equal(again.length, 1);
  const [path, before] = again[0]!;
  assert.deepEqual([path, before.witnessed], ['dir/sub', true], 'all beneath dir was seen to change');
  assert.deepEqual(knowledge(before.known), [
    ['dir/sub/file', true, true],
    ['dir/sub/gone', true, true],
  ]);
  assert.ok(!settled.includes(pathFromText('dir/sub/gone')));
});

test('S2 S4 regression_unseen_marks_forgotten: what events told of a place that cannot be seen is not forgotten', async (t) => {
  const { unknown, settled, unseen } = await scan(t, {
    files: ['dir/sub/file', 'other'],
    marks: ['dir/sub/file', 'dir/sub/gone', 'other'].map(witnessed),
    options: { hidden: () => new Map([[pathFromText('dir/sub'), 'a mount']]) },
  });
  assert.deepEqual(unknown, ['dir/sub']);
  assert.deepEqual(knowledge(unseen), [
    ['dir/sub/file', true, true],
    ['dir/sub/gone', true, true],
  ]);
  assert.deepEqual(settled, [ROOT]);
});

test('S3 what a command makes is not adopted for what the file holds', async (t) => {
  const { differing, compared } = await scan(t, {
    files: ['made', 'other'],
    marks: [],
    options: {
      adopter: { isCandidate: () => true, adopt: async (all) => all.map(() => undefined) },
      snapshots: { isMade: (path) => path === 'made', isStored: () => true },
    },
  });
  assert.deepEqual([differing, compared], [['made', 'other'], ['other']]);
});

test('S8 a scan of what is unchanged reads every directory once and nothing else, and gets the rows by the page', async (t) => {
  const files = ['a', ...Array.from({ length: 600 }, (_, i) => `dir/${i}`), 'dir/sub/c'];
  const root = tempDir(t);
  const tree = new LocalTree(Buffer.from(root));
  const calls: string[] = [];
  const counted = <T extends object>(subject: T, name: string): T =>
    new Proxy(subject, {
      get: (target, call) => {
        const value = target[call as keyof T] as unknown;
        if (typeof value !== 'function') return value;
        return (...all: unknown[]) => {
          calls.push(`${name}.${String(call)} ${all[0]}`);
          return value.apply(target, all);
        };
      },
    });
  const { ledger } = openLedger({ file: ':memory:' });
  t.after(() => ledger.close());
  for (const name of files) {
    mkdirSync(join(root, dirname(name)), { recursive: true });
    writeFileSync(join(root, name), '');
    const stat = tree.lstat(pathFromText(name))!;
    ledger.write([rowFor(fileKey(pathFromText(name)), stat, { state: 'known', checksum: null })]);
  }
  const found = await scan(t, {
    files: [],
    marks: [],
    options: {
      tree: counted(tree, 'tree'),
      directories: counted(directoriesOf(tree), 'directories'),
      journal: new Journal(counted(ledger, 'ledger'), setImmediate),
    },
  });
  assert.deepEqual([found.unknown, found.differing], [[], []]);
  assert.deepEqual(calls, [
    'ledger.outlines ',
    'tree.lstat ',
    'directories.read ',
    'directories.read dir',
    'directories.read dir/sub',
  ]);
});

/** An adopter that finds every other candidate equal, when it is let. */
function everyOther(let_: Promise<void> = Promise.resolve()) {
  const batches: number[] = [];
  return {
    batches,
    isCandidate: ({ stat }: Candidate) => stat.kind === 'file',
    adopt: async (candidates: readonly Candidate[]) => {
      batches.push(candidates.length);
      await let_;
      return candidates.map(({ path }) => (/[02468]$/.test(path) ? ledgerRow(path) : undefined));
    },
  };
}

test('S8 candidates are compared many at once, and those that are not equal differ', async (t) => {
  const files = Array.from({ length: 700 }, (_, i) => `d/${String(i).padStart(3, '0')}`);
  const adopter = everyOther();
  const { compared, adopted, differing } = await scan(t, { files, marks: [], options: { adopter } });
  const isEven = (_: string, i: number) => i % 2 === 0;
  assert.deepEqual(compared, files);
  assert.deepEqual(adopted.sort(), files.filter(isEven));
  assert.deepEqual(
    differing.sort(),
    files.filter((path, i) => !isEven(path, i)),
  );
  assert.ok(adopter.batches.length < 20 && Math.max(...adopter.batches) <= 64, `${adopter.batches}`);
});

test('S2 S4 what an event told of is no candidate: its mark is for a look', async (t) => {
  const { compared, differing } = await scan(t, {
    files: ['0', '2'],
    marks: [witnessed('0')],
    options: { adopter: everyOther() },
  });
  assert.deepEqual([compared, differing], [['2'], ['0']]);
});

test('S2 S4 a scan ends after its comparisons, and a scan that is aborted tells nothing of them', async (t) => {
  const wait = Promise.withResolvers<void>();
  let ended = false;
  const scanning = scan(t, { files: ['0', '1'], marks: [], options: { adopter: everyOther(wait.promise) } });
  void scanning.then(() => {
    ended = true;
  });
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.equal(ended, false);
  wait.resolve();
  const { adopted, differing } = await scanning;
  assert.deepEqual([adopted, differing], [['0'], ['1']]);

  const abort = new AbortController();
  const late = Promise.withResolvers<void>();
  const aborted = scan(t, {
    ...{ files: ['0', '1'], marks: [], signal: abort.signal },
    options: { adopter: everyOther(late.promise) },
  });
  abort.abort();
  late.resolve();
  const told = await aborted;
  assert.deepEqual([told.adopted, told.differing], [[], []]);
});

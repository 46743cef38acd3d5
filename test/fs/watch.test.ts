// The recursive watch on a real tree: what each operation is told as, and that no directory is lost on the way.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type RelPath, ROOT } from '../../src/model/path.ts';
import type { WatchOptions } from '../../src/watch/watcher.ts';
import { createWatch } from '../../src/watch/watcher.ts';
import { includeAll } from '../support/filters.ts';
import { Mirror } from '../support/mirror.ts';
import { tempDir } from '../support/temp-dir.ts';

interface Rig {
  readonly mirror: Mirror;
  /** The absolute path of a path in the watched tree, or beside it ('../out'). */
  at(path: string): string;
  /** Does something and returns what is hinted of it, shortest form: 'path scope speed ...'. */
  hintsOf(change: () => void): Promise<string[]>;
}

/** A watched directory 'root' with these directories in it, and an unwatched one 'out' beside it. */
async function rig(t: TestContext, directories: string[] = [], options: Partial<WatchOptions> = {}): Promise<Rig> {
  const base = tempDir(t);
  const at = (path: string) => join(base, 'root', path);
  for (const path of ['../out', '', ...directories]) mkdirSync(at(path), { recursive: true });
  const mirror = new Mirror(at(''), options);
  t.after(() => mirror.watch.close());
  await mirror.settle();
  const hintsOf = async (change: () => void) => {
    mirror.changes.length = 0;
    change();
    await mirror.watch.barrier();
    const hints = mirror.changes.map(({ path, scope, speed, written, moved, witnessed }) =>
      [path, scope, speed, written && 'written', moved && 'moved', witnessed || 'unwitnessed']
        .filter((word) => typeof word === 'string')
        .join(' '),
    );
    mirror.look();
    return hints;
  };
  return { mirror, at, hintsOf };
}

/** Proves that every directory is watched under its present name, by writing into each. */
async function assertAllWatched({ mirror, at }: Rig): Promise<void> {
  await mirror.settle();
  for (const dir of mirror.directories()) writeFileSync(join(at(''), dir, 'probe'), dir);
  await mirror.settle();
  assert.deepEqual(mirror.known, mirror.actual());
  assert.equal(mirror.watch.counts().watches, mirror.directories().length);
}

test('each operation on a file is told as what it is', async (t) => {
  const { at, hintsOf } = await rig(t, ['d']);
  let fd = -1;
  const parent = 'd self finished';
  const rows: [what: string, operation: () => void, hints: string[]][] = [
    ['create', () => (fd = openSync(at('d/f'), 'w')), ['d/f self writing', parent]],
    ['write', () => appendFileSync(fd, 'x'), ['d/f self writing written']],
    ['close', () => closeSync(fd), ['d/f self finished written']],
    ['change mode', () => chmodSync(at('d/f'), 0o600), ['d/f self finished']],
    ['hard link', () => linkSync(at('d/f'), at('d/l')), ['d/l self finished', parent]],
    ['symbolic link', () => symlinkSync('f', at('d/s')), ['d/s self finished', parent]],
    ['FIFO', () => execFileSync('mkfifo', [at('d/p')]), ['d/p self finished', parent]],
    ['rename', () => renameSync(at('d/f'), at('d/g')), ['d/f self finished', parent, 'd/g self finished moved']],
    ['delete', () => unlinkSync(at('d/g')), ['d/g self finished', parent]],
    [
      'create and delete at once',
      () => {
        writeFileSync(at('d/t'), '');
        unlinkSync(at('d/t'));
      },
      ['d/t self finished', parent, 'd/t self finished written', 'd/t self finished'],
    ],
  ];
  for (const [what, operation, hints] of rows) assert.deepEqual(await hintsOf(operation), hints, what);
});

test('each operation on a directory is told as what it is', async (t) => {
  const { at, hintsOf } = await rig(t, ['p']);
  const parent = 'p self finished';
  const rows: [what: string, operation: () => void, hints: string[]][] = [
    ['create', () => mkdirSync(at('p/d')), ['p/d subtree finished', parent]],
    ['change mode', () => chmodSync(at('p/d'), 0o700), ['p/d self finished', 'p/d self finished']],
    ['rename', () => renameSync(at('p/d'), at('p/e')), ['p/d subtree finished', parent, 'p/e subtree finished moved']],
    ['move out', () => renameSync(at('p/e'), at('../out/e')), ['p/e subtree finished', parent]],
    ['move in', () => renameSync(at('../out/e'), at('p/i')), ['p/i subtree finished moved', parent]],
    ['delete', () => rmdirSync(at('p/i')), ['p/i subtree finished', parent]],
    ['in the root, which has no object', () => mkdirSync(at('r')), ['r subtree finished']],
  ];
  for (const [what, operation, hints] of rows) assert.deepEqual(await hintsOf(operation), hints, what);
});

test('S10 after the barrier every earlier change has been hinted', async (t) => {
  const { mirror, at } = await rig(t, ['a/b']);
  const dirs = ['', 'a', 'a/b'];
  for (let i = 0; i < 300; i++) {
    const path = join(dirs[i % 3]!, `f${i}`);
    writeFileSync(at(path), '');
    await mirror.watch.barrier();
    assert.ok(mirror.changes.some((change) => change.path === path && change.written));
  }
});

test('S2 a storm of nested directories made by another process is seen to the last file', async (t) => {
  const it = await rig(t);
  const script =
    'for i in 1 2 3 4 5 6 7 8; do for j in 1 2 3 4 5; do mkdir -p $i/$j/a/b/c; echo x > $i/$j/a/b/c/f; done; mv $i m$i; done';
  const child = spawn('sh', ['-c', script], { cwd: it.at('') });
  const ended = once(child, 'exit');
  let running = true;
  void ended.then(() => (running = false));
  while (running) {
    await new Promise(setImmediate);
    it.mirror.look();
  }
  await it.mirror.settle();
  assert.equal(it.mirror.known.size, 8 * (1 + 5 * 5));
  assert.deepEqual(it.mirror.known, it.mirror.actual());
  await assertAllWatched(it);
});

test('S2 a write into a renamed directory is hinted under the new name only, however deep', async (t) => {
  const it = await rig(t, ['a/b/c']);
  await it.hintsOf(() => renameSync(it.at('a'), it.at('z')));
  const hints = await it.hintsOf(() => writeFileSync(it.at('z/b/c/f'), 'x'));
  assert.ok(hints.length > 0 && hints.every((hint) => hint.startsWith('z/b/c')));
  // At once, before the rename has been heard of.
  const both = await it.hintsOf(() => {
    renameSync(it.at('z'), it.at('y'));
    writeFileSync(it.at('y/b/c/f'), 'yy');
  });
  assert.ok(both.includes('y/b/c/f self finished written'));
  await assertAllWatched(it);
});

test('a rename costs no watch: the subtree keeps its own', async (t) => {
  const added: string[] = [];
  const removed: number[] = [];
  const { openInotify } = await import('../../src/watch/inotify.ts');
  const it = await rig(t, ['a/b', 'a/c'], {
    openInotify: (onEvents) => {
      const real = openInotify(onEvents);
      return {
        addWatch: (path, mask) => {
          added.push(path.toString());
          return real.addWatch(path, mask);
        },
        rmWatch: (wd) => {
          removed.push(wd);
          real.rmWatch(wd);
        },
        barrier: () => real.barrier(),
        setRef: (keeps) => real.setRef(keeps),
        close: () => real.close(),
      };
    },
  });
  added.length = 0;
  renameSync(it.at('a'), it.at('z'));
  await it.mirror.watch.barrier();
  assert.deepEqual(added, [it.at('z')]);
  assert.deepEqual(removed, []);
  assert.equal(it.mirror.watch.counts().watches, 4);
});

test('S2 two directories that swap names, by three renames or by one exchange, are both watched', async (t) => {
  const it = await rig(t, ['a/x', 'b/y']);
  renameSync(it.at('a'), it.at('t'));
  renameSync(it.at('b'), it.at('a'));
  renameSync(it.at('t'), it.at('b'));
  await assertAllWatched(it);
  const exchange = `import ctypes, sys
assert ctypes.CDLL(None).renameat2(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2) == 0`;
  execFileSync('python3', ['-c', exchange, it.at('a'), it.at('b')]);
  await assertAllWatched(it);
  assert.deepEqual(readdirSync(it.at('a')).sort(), ['probe', 'x']);
});

test('S2 a directory moved in is scanned with all it brings', async (t) => {
  const it = await rig(t);
  mkdirSync(it.at('../out/a/b'), { recursive: true });
  writeFileSync(it.at('../out/a/b/f'), 'x');
  assert.deepEqual(await it.hintsOf(() => renameSync(it.at('../out/a'), it.at('a'))), ['a subtree finished moved']);
  await assertAllWatched(it);
});

test('a directory moved out gives no hints and loses its watches once its rename has no second half', async (t) => {
  const timers: (() => void)[] = [];
  const it = await rig(t, ['a/b'], { schedule: (_delayMs, callback) => timers.push(callback) });
  await it.hintsOf(() => renameSync(it.at('a'), it.at('../out/a')));
  assert.deepEqual(await it.hintsOf(() => writeFileSync(it.at('../out/a/b/f'), 'x')), []);
  assert.equal(it.mirror.watch.counts().watches, 3);
  for (const timer of timers) timer();
  assert.equal(it.mirror.watch.counts().watches, 1);
  assert.deepEqual(await it.hintsOf(() => writeFileSync(it.at('../out/a/b/g'), 'x')), []);
  await it.hintsOf(() => renameSync(it.at('../out/a'), it.at('back')));
  await assertAllWatched(it);
});

test('S2 a directory that is deleted and made again is watched again, also if it happens at once', async (t) => {
  const it = await rig(t, ['a/b']);
  for (let i = 0; i < 20; i++) {
    rmSync(it.at('a'), { recursive: true });
    mkdirSync(it.at('a/b'), { recursive: true });
    if (i % 2 === 0) await it.mirror.settle();
    writeFileSync(it.at('a/b/f'), String(i));
    await it.mirror.settle();
    assert.deepEqual(it.mirror.known, it.mirror.actual());
  }
  await assertAllWatched(it);
});

test('S2 a directory replaced by a file, a link and another directory is each time what it is', async (t) => {
  const it = await rig(t, ['a/b', 'other/b']);
  const replacements = [
    () => writeFileSync(it.at('a'), 'x'),
    () => symlinkSync('other', it.at('a')),
    () => renameSync(it.at('other'), it.at('a')),
    () => mkdirSync(it.at('a/b'), { recursive: true }),
  ];
  for (const replace of replacements) {
    rmSync(it.at('a'), { recursive: true });
    replace();
    await it.mirror.settle();
    assert.deepEqual(it.mirror.known, it.mirror.actual());
  }
  await assertAllWatched(it);
});

test('regression: a name that leads through a symbolic link does not take the watch of what it leads to', async (t) => {
  const it = await rig(t, ['a/x', 'b']);
  // When the creation of b/x is heard of, b/x leads to a/x.
  mkdirSync(it.at('b/x'));
  renameSync(it.at('b'), it.at('c'));
  symlinkSync('a', it.at('b'));
  await assertAllWatched(it);
});

test('S14 names that are no text are hinted and watched byte for byte', async (t) => {
  const it = await rig(t);
  const path = (name: string) => Buffer.concat([Buffer.from(it.at('')), Buffer.from(`/${name}`, 'latin1')]);
  mkdirSync(path('\xff'));
  await it.mirror.settle();
  const hints = await it.hintsOf(() => writeFileSync(path('\xff/\xfe\xc3'), 'x'));
  assert.ok(hints.includes('\xff/\xfe\xc3 self finished written'));
  await it.hintsOf(() => renameSync(path('\xff'), path('\xc3')));
  await it.mirror.settle();
  assert.deepEqual(it.mirror.known, it.mirror.actual());
});

test('S16 what the filter excludes is neither hinted nor watched, what FILTER_REGEX matches not watched', async (t) => {
  const filter = {
    includes: (path: RelPath) => !path.startsWith('no') && path !== 'some',
    descends: (dir: RelPath) => !dir.startsWith('no'),
    watches: (path: RelPath) => !path.includes('quiet'),
  };
  const it = await rig(t, ['no/a', 'some/a', 'quiet/a', 'yes'], { filter });
  assert.equal(it.mirror.watch.counts().watches, 4);
  assert.deepEqual(it.mirror.watch.unwatched(), []);
  assert.equal(it.mirror.watch.arm('no' as RelPath), 'unwatched');
  assert.equal(it.mirror.watch.arm('quiet/a' as RelPath), 'unwatched');
  const silent = () => {
    for (const path of ['no/f', 'no/a/f', 'no-file', 'quiet/f', 'quiet/a/f', 'quietly'])
      writeFileSync(it.at(path), 'x');
    mkdirSync(it.at('no/b'));
    mkdirSync(it.at('quiet-too'));
  };
  assert.deepEqual(await it.hintsOf(silent), []);
  const told = await it.hintsOf(() => writeFileSync(it.at('some/a/f'), 'x'));
  assert.ok(told.includes('some/a/f self finished written'));
  // A watched directory that gets an unwatched name is let go, and the other way round.
  await it.hintsOf(() => renameSync(it.at('yes'), it.at('quiet/yes')));
  assert.deepEqual(await it.hintsOf(() => writeFileSync(it.at('quiet/yes/f'), 'x')), []);
  await it.hintsOf(() => renameSync(it.at('quiet/yes'), it.at('yes')));
  assert.ok((await it.hintsOf(() => writeFileSync(it.at('yes/f'), 'y'))).includes('yes/f self finished written'));
});

test('retain lets go of directories that are gone, never of one that appeared after the listing', async (t) => {
  const it = await rig(t, ['d/a', 'd/b']);
  rmSync(it.at('d/a'), { recursive: true });
  it.mirror.watch.retain('d' as RelPath, new Set());
  assert.equal(it.mirror.watch.counts().watches, 3);
  assert.ok((await it.hintsOf(() => writeFileSync(it.at('d/b/f'), 'x'))).includes('d/b/f self finished written'));
});

test('arming says vanished for what is no directory', async (t) => {
  const it = await rig(t);
  writeFileSync(it.at('f'), '');
  symlinkSync('/', it.at('l'));
  for (const path of ['f', 'l', 'none', 'f/beneath', 'none/beneath']) {
    assert.equal(it.mirror.watch.arm(path as RelPath), 'vanished', path);
  }
  assert.equal(it.mirror.watch.counts().watches, 1);
});

test('arming a directory whose parent is not known watches the parent and has it scanned', async (t) => {
  const base = tempDir(t);
  mkdirSync(join(base, 'a/b'), { recursive: true });
  const hints: string[] = [];
  const watch = createWatch({
    root: base,
    filter: includeAll,
    sink: ({ path, scope, witnessed }) => hints.push(`${path} ${scope} ${witnessed}`),
    onRootBreak: () => {},
  });
  t.after(() => watch.close());
  assert.equal(watch.arm('a/b' as RelPath), 'armed');
  assert.deepEqual(hints, ['a subtree false']);
  assert.equal(watch.counts().watches, 3);
});

function replaceRoot({ at }: Rig): void {
  renameSync(at(''), at('../elsewhere'));
  mkdirSync(at(''));
}

test('S4 a root that is moved, deleted or replaced is reported once, and nothing is witnessed from then on', async (t) => {
  const breaks: [reason: string, change: (it: Rig) => void][] = [
    ['moved', ({ at }) => renameSync(at(''), at('../elsewhere'))],
    ['deleted', ({ at }) => rmSync(at(''), { recursive: true })],
    ['moved', replaceRoot],
  ];
  for (const [reason, change] of breaks) {
    const it = await rig(t, ['a']);
    change(it);
    await it.mirror.watch.barrier();
    assert.deepEqual(it.mirror.breaks, [reason]);
    assert.equal(it.mirror.watch.counts().watches, 0);
    assert.equal(it.mirror.watch.arm(ROOT), readdirSync(dirname(it.at(''))).includes('root') ? 'armed' : 'vanished');
    if (it.mirror.watch.counts().watches === 0) continue;
    assert.deepEqual(await it.hintsOf(() => mkdirSync(it.at('new'))), ['new subtree finished unwitnessed']);
    assert.deepEqual(it.mirror.breaks, [reason]);
  }
});

test('S4 a scan that finds another directory in the place of the root reports it before any event does', async (t) => {
  const it = await rig(t);
  replaceRoot(it);
  it.mirror.watch.arm(ROOT);
  assert.deepEqual(it.mirror.breaks, ['moved']);
});

test('only a directory can be watched', (t) => {
  const base = tempDir(t);
  writeFileSync(join(base, 'f'), '');
  const options = { filter: includeAll, sink: () => {}, onRootBreak: () => {} };
  for (const name of ['f', 'none']) {
    assert.throws(() => createWatch({ ...options, root: join(base, name) }), { name: 'OperatorError', exitCode: 1 });
  }
});

test('after close nothing is armed and nothing is hinted', async (t) => {
  const it = await rig(t, ['a']);
  writeFileSync(it.at('a/f'), 'x');
  it.mirror.changes.length = 0;
  it.mirror.watch.close();
  it.mirror.watch.close();
  assert.equal(it.mirror.watch.arm('a' as RelPath), 'unwatched');
  it.mirror.watch.retain(ROOT, new Set());
  await new Promise(setImmediate);
  assert.deepEqual(it.mirror.changes, []);
});

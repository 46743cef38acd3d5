// The watcher on scripted events: what the kernel does too rarely to wait for.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RelPath } from '../../src/model/path.ts';
import {
  type EventHandler,
  IN_CLOSE_WRITE,
  IN_IGNORED,
  IN_ISDIR,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_Q_OVERFLOW,
  IN_UNMOUNT,
  InotifyError,
  type InotifyEvent,
} from '../../src/watch/inotify.ts';
import { Mirror } from '../support/mirror.ts';
import { tempDir } from '../support/temp-dir.ts';

const EACCES = -13;

/** A watched tree whose events come from the test. Descriptors are given out per path, in order, and kept for ever. */
function scripted(t: TestContext, directories: string[], duringAddWatch: (path: string) => void = () => {}) {
  const root = tempDir(t);
  for (const dir of directories) mkdirSync(join(root, dir), { recursive: true });
  const wds = new Map<string, number>();
  const removed: number[] = [];
  const denied = new Set<string>();
  let send: EventHandler = () => {};
  const mirror = new Mirror(root, {
    openInotify: (onEvents) => {
      send = onEvents;
      return {
        addWatch: (path) => {
          const name = path.toString().slice(root.length + 1);
          if (denied.has(name)) throw new InotifyError('inotify_add_watch', EACCES);
          duringAddWatch(path.toString());
          if (!wds.has(name)) wds.set(name, wds.size + 1);
          return wds.get(name)!;
        },
        rmWatch: (wd) => removed.push(wd),
        barrier: () => Promise.resolve(),
        setRef: () => {},
        close: () => {},
      };
    },
  });
  const emit = (...events: (Partial<InotifyEvent> & { in?: string })[]): string[] => {
    mirror.changes.length = 0;
    const whole = events.map(({ in: dir, ...event }) => ({
      wd: wds.get(dir ?? '')!,
      mask: 0,
      cookie: 0,
      name: '',
      ...event,
    }));
    send(whole);
    return mirror.changes.map(({ path, scope, witnessed }) => `${path} ${scope} ${witnessed}`);
  };
  return { root, mirror, emit, wds, removed, denied };
}

test('S2 an overflow makes the whole tree suspect, once each time, and costs no watch', (t) => {
  const { mirror, emit, removed } = scripted(t, ['a/b']);
  assert.deepEqual(emit({ wd: -1, mask: IN_Q_OVERFLOW }), [' subtree false']);
  assert.deepEqual(emit({ wd: -1, mask: IN_Q_OVERFLOW }), [' subtree false']);
  assert.deepEqual(removed, []);
  assert.deepEqual(mirror.watch.counts(), { watches: 3, overflows: 2, unwatched: 0 });
});

test('an overflow ends the wait for second halves of renames', (t) => {
  const { emit, wds, removed, root } = scripted(t, ['a/b']);
  rmSync(join(root, 'a'), { recursive: true });
  emit({ mask: IN_MOVED_FROM | IN_ISDIR, cookie: 1, name: 'a' }, { wd: -1, mask: IN_Q_OVERFLOW });
  assert.deepEqual(removed.sort(), [wds.get('a'), wds.get('a/b')]);
});

test('the halves of a rename may come in two batches, with others between them', (t) => {
  const { emit, removed, root, mirror, wds } = scripted(t, ['a/b', 'c']);
  rmSync(join(root, 'a'), { recursive: true });
  mkdirSync(join(root, 'z/b'), { recursive: true });
  wds.set('z', wds.get('a')!);
  emit({ mask: IN_MOVED_FROM | IN_ISDIR, cookie: 1, name: 'a' });
  assert.deepEqual(emit({ in: 'a/b', mask: IN_CLOSE_WRITE, name: 'f' }, { in: 'c', mask: IN_CLOSE_WRITE, name: 'f' }), [
    'c/f self true',
  ]);
  assert.deepEqual(emit({ mask: IN_MOVED_TO | IN_ISDIR, cookie: 1, name: 'z' }), ['z subtree true']);
  assert.deepEqual(emit({ in: 'a/b', mask: IN_CLOSE_WRITE, name: 'f' }), ['z/b/f self true']);
  assert.deepEqual(removed, []);
  assert.equal(mirror.watch.counts().watches, 4);
});

test('S2 a directory that is there when its departure is heard of stays watched', (t) => {
  // An exchange of two names: its events say that each left, one of them after both have arrived.
  const { emit, mirror } = scripted(t, ['a/b']);
  assert.deepEqual(emit({ mask: IN_MOVED_FROM | IN_ISDIR, cookie: 1, name: 'a' }), ['a subtree true']);
  assert.deepEqual(emit({ in: 'a/b', mask: IN_CLOSE_WRITE, name: 'f' }), ['a/b/f self true']);
  assert.equal(mirror.watch.counts().watches, 3);
});

test('S2 a directory replaced while it is armed is armed anew; what the first watch still says is nobody’s', (t) => {
  let replacements = 1;
  const { emit, wds, removed } = scripted(t, ['a'], (path) => {
    if (!path.endsWith('/a') || replacements-- <= 0) return;
    renameSync(path, `${path}-gone`);
    mkdirSync(path);
  });
  const wd = wds.get('a')!;
  assert.deepEqual(removed, [wd]);
  assert.deepEqual(emit({ in: 'a', mask: IN_CLOSE_WRITE, name: 'f' }), []);
  assert.deepEqual(emit({ wd, mask: IN_IGNORED }, { in: 'a', mask: IN_CLOSE_WRITE, name: 'f' }), ['a/f self true']);
});

test('events of a removed watch are nobody’s until IN_IGNORED', (t) => {
  const { emit, wds, root, mirror } = scripted(t, ['a']);
  const wd = wds.get('a')!;
  rmSync(join(root, 'a'), { recursive: true });
  mirror.watch.retain('' as RelPath, new Set());
  assert.deepEqual(emit({ wd, mask: IN_CLOSE_WRITE, name: 'f' }), []);
  mkdirSync(join(root, 'a'));
  mirror.watch.arm('a' as RelPath);
  assert.deepEqual(emit({ wd, mask: IN_CLOSE_WRITE, name: 'f' }), [], 'the same number again, but an older event');
  assert.deepEqual(emit({ wd, mask: IN_IGNORED }, { wd, mask: IN_CLOSE_WRITE, name: 'f' }), ['a/f self true']);
});

test('a watch that the kernel takes from a directory that is still there is put on again, and the directory scanned', (t) => {
  const { emit, wds, mirror } = scripted(t, ['a/b']);
  const wd = wds.get('a')!;
  wds.set('a', 77);
  assert.deepEqual(emit({ wd, mask: IN_UNMOUNT }, { wd, mask: IN_IGNORED }), ['a subtree false', 'a subtree false']);
  mirror.look();
  assert.deepEqual(emit({ wd: 77, mask: IN_CLOSE_WRITE, name: 'f' }), ['a/f self true']);
});

test('S4 an unmounted root is said to be unmounted, a lost watch to be lost', (t) => {
  const unmounted = scripted(t, ['a']);
  unmounted.emit({ mask: IN_UNMOUNT }, { mask: IN_IGNORED });
  assert.deepEqual(unmounted.mirror.breaks, ['unmounted']);
  const lost = scripted(t, ['a']);
  lost.emit({ mask: IN_IGNORED });
  assert.deepEqual(lost.mirror.breaks, ['watch-lost']);
  assert.deepEqual(lost.mirror.watch.unwatched(), ['']);
});

test('a directory that may not be watched is polled, and said so once', async (t) => {
  const { denied, mirror, root } = scripted(t, ['a']);
  mkdirSync(join(root, 'secret/deep'), { recursive: true });
  denied.add('secret');
  for (let i = 0; i < 3; i++) mirror.scan('' as RelPath);
  assert.deepEqual(mirror.watch.unwatched(), ['secret']);
  assert.deepEqual(mirror.warnings, ['Cannot watch secret (EACCES): it is polled instead']);
  denied.clear();
  await mirror.settle();
  assert.deepEqual(mirror.watch.counts(), { watches: 4, overflows: 0, unwatched: 0 });
});

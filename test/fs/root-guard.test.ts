// The root guard against real mounts: every delete rests on its answer.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadAddon } from '../../src/native/addon.ts';
import { Mounts } from '../../src/tree/mounts.ts';
import { fsidOf, RootGuard, sameRoot } from '../../src/tree/root-guard.ts';
import { IMAGES, type ImageType, makeImage, mountOn } from '../support/mounts.ts';
import { tempDir } from '../support/temp-dir.ts';

const mayMount = process.geteuid!() === 0 && canMount();

function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function guardOf(given: string): { guard: RootGuard; told: string[] } {
  const told: string[] = [];
  const options = { onBroken: (reason: string) => told.push(reason), fileSystemId: loadAddon().fileSystemId };
  return { guard: new RootGuard(given, realpathSync(given), options), told };
}

const mounted: string[] = [];

function directoryIn(t: TestContext): string {
  t.after(() => mounted.splice(0).forEach(unmount)); // before the directory is removed
  const root = join(tempDir(t), 'data');
  mkdirSync(root);
  return root;
}

function mountTmpfs(at: string): void {
  execFileSync('mount', ['-t', 'tmpfs', 'none', at]);
  mounted.push(at);
}

/** Root may read everything. */
function asNobody<T>(look: () => T): T {
  if (process.geteuid!() !== 0) return look();
  process.seteuid!(65_534);
  try {
    return look();
  } finally {
    process.seteuid!(0);
  }
}

/** Lazily, and as often as something is mounted there. */
function unmount(at: string): void {
  try {
    for (;;) execFileSync('umount', ['--lazy', at], { stdio: 'ignore' });
  } catch {
    // not mounted any more
  }
}

test('S4 a root that only changes its contents stays the root', (t) => {
  const root = directoryIn(t);
  const { guard, told } = guardOf(root);
  writeFileSync(join(root, 'f'), '');
  mkdirSync(join(root, 'd'));
  assert.equal(guard.check(), undefined);
  assert.deepEqual(told, []);
});

test('S4 a directory that took the place of the root is not the root, and it stays broken', (t) => {
  const root = directoryIn(t);
  const { guard, told } = guardOf(root);
  renameSync(root, `${root}.old`);
  mkdirSync(root);
  assert.match(guard.check()!, /another directory or mount/);
  rmdirSync(root);
  renameSync(`${root}.old`, root);
  assert.match(guard.check()!, /another directory or mount/, 'it came back, but files may be lost');
  assert.equal(told.length, 1, 'said once');
});

test('S4 a root that is gone or no directory any more is broken', (t) => {
  const root = directoryIn(t);
  const gone = guardOf(root).guard;
  const replaced = guardOf(root).guard;
  rmdirSync(root);
  assert.match(gone.check()!, /ENOENT/);
  writeFileSync(root, '');
  assert.match(replaced.check()!, /ENOTDIR/);
});

test('S4 a root that was reached by a link is broken when the link points elsewhere', (t) => {
  const root = directoryIn(t);
  mkdirSync(`${root}2`);
  const link = `${root}.link`;
  symlinkSync(root, link);
  const { guard } = guardOf(link);
  assert.equal(guard.check(), undefined);
  unlinkSync(link);
  symlinkSync(`${root}2`, link);
  assert.match(guard.check()!, /points elsewhere/);
});

test('S4 a root that was reached by a link is broken when the target is exchanged beneath it', (t) => {
  const root = directoryIn(t);
  const link = `${root}.link`;
  symlinkSync(root, link);
  const { guard } = guardOf(link);
  renameSync(root, `${root}.old`);
  mkdirSync(root);
  assert.match(guard.check()!, /another directory or mount/);
});

test('S4 a process without descriptors deletes nothing meanwhile, and that is no reason to distrust the root', (t) => {
  const { guard, told } = guardOf(directoryIn(t));
  const limit = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'))![1]!;
  const taken: number[] = [];
  const setLimit = (files: string): void =>
    void execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${files}:`]);
  setLimit('64');
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    assert.match(guard.check()!, /EMFILE/);
    assert.deepEqual([...new Mounts('/', { cross: false }).hidden().keys()], [''], 'everything is hidden');
  } finally {
    for (const fd of taken) closeSync(fd);
    setLimit(limit);
  }
  assert.equal(guard.check(), undefined);
  assert.deepEqual(told, []);
});

test('the id of a file system counts where it is its own', () => {
  assert.equal(fsidOf(0xef53n, 0xabn), 'ef53:ab');
  assert.equal(fsidOf(0x9123683en, -1n), '9123683e', 'it cannot be told');
  assert.equal(fsidOf(0x58465342n, 0xabn), '58465342', 'XFS tells the number of its device');
});

test('S4 an event may break the root; the first reason stays', (t) => {
  const { guard, told } = guardOf(directoryIn(t));
  guard.break('unmounted');
  guard.break('deleted');
  assert.equal(guard.check(), 'unmounted');
  assert.deepEqual(told, ['unmounted']);
});

test('a root that cannot be opened is refused at the start', (t) => {
  const root = tempDir(t);
  writeFileSync(join(root, 'f'), '');
  assert.throws(() => guardOf(join(root, 'f')), { code: 'ENOTDIR' });
});

test('the identity a ledger is bound to survives a new mount of the same directory, not a new directory', (t) => {
  const root = directoryIn(t);
  const { identity } = guardOf(root).guard;
  assert.ok(sameRoot(guardOf(root).guard.identity, identity));
  for (const other of [{ ino: 0n }, { birthtimeNs: 0n }, { fsid: '0' }])
    assert.equal(sameRoot({ ...identity, ...other }, identity), false);
  renameSync(root, `${root}.old`);
  mkdirSync(root);
  assert.equal(sameRoot(guardOf(root).guard.identity, identity), false);
});

test('S4 a root that cannot be read any more is broken: whoever may not look may not delete', (t) => {
  const root = directoryIn(t);
  const { guard } = guardOf(root);
  chmodSync(root, 0);
  assert.match(asNobody(() => guard.check())!, /cannot be read any more \(EACCES\)/);
});

if (mayMount) {
  test('S4 an unmounted root is broken: the empty directory beneath is not it', (t) => {
    const root = directoryIn(t);
    mountTmpfs(root);
    writeFileSync(join(root, 'f'), '');
    const { guard } = guardOf(root);
    unmount(root);
    assert.match(guard.check()!, /another directory or mount/);
  });

  test('S4 a mount that takes the place of the root is not the root', (t) => {
    const root = directoryIn(t);
    const { guard } = guardOf(root);
    mountTmpfs(root);
    assert.match(guard.check()!, /another directory or mount/);
  });

  test('S4 a remount with the same device and inode numbers is not the root', (t) => {
    const root = directoryIn(t);
    mountTmpfs(root);
    const { guard } = guardOf(root);
    const before = statSync(root, { bigint: true });
    unmount(root);
    mountTmpfs(root);
    const after = statSync(root, { bigint: true });
    assert.equal(after.ino, before.ino, 'what makes this case hard');
    assert.match(guard.check()!, /another directory or mount/);
  });

  test('S4 a bind mount of the very same directory is another mount: what was seen through it may differ', (t) => {
    const root = directoryIn(t);
    const { guard } = guardOf(root);
    execFileSync('mount', ['--bind', root, root]);
    mounted.push(root);
    assert.match(guard.check()!, /another directory or mount/);
    assert.ok(sameRoot(guardOf(root).guard.identity, guard.identity), 'a ledger may go on with it after a restart');
  });

  test('S4 a mount beneath the root does not break it, and is found', (t) => {
    const root = directoryIn(t);
    const { guard } = guardOf(root);
    mkdirSync(join(root, 'sub dir'));
    mountTmpfs(join(root, 'sub dir'));
    assert.equal(guard.check(), undefined);
    assert.deepEqual([...new Mounts(root, { cross: false }).hidden().keys()], ['sub dir']);
  });

  test('S4 a mount that was crossed hides its subtree when it is gone, and when another one is there', (t) => {
    const root = directoryIn(t);
    mkdirSync(join(root, 'sub'));
    const mounts = new Mounts(root, { cross: true });
    const hidden = (): string[] => [...mounts.hidden().keys()];
    assert.deepEqual(hidden(), []);
    mountTmpfs(join(root, 'sub'));
    assert.deepEqual(hidden(), [], 'it is crossed');
    unmount(join(root, 'sub'));
    assert.deepEqual(hidden(), ['sub']);
    mountTmpfs(join(root, 'sub'));
    assert.deepEqual(hidden(), ['sub'], 'empty as it is');
  });
  for (const type of Object.keys(IMAGES) as ImageType[]) {
    test(`the identity a ledger is bound to stays with a volume of ${type}, and another volume has another`, (t) => {
      const root = directoryIn(t);
      const identities = ['one', 'other', 'one'].map((name) => {
        const file = join(root, '..', name);
        if (!existsSync(file) && !makeImage(file, type)) return undefined;
        if (mountOn(root, { image: file }) === undefined) return undefined;
        mounted.push(root);
        const { identity } = guardOf(root).guard;
        // What is written must not change it, nor the time that passes.
        writeFileSync(join(root, `f${process.hrtime.bigint()}`), '');
        assert.ok(sameRoot(guardOf(root).guard.identity, identity));
        execFileSync('umount', [root]);
        return identity;
      });
      const [one, other, again] = identities;
      if (one === undefined || other === undefined || again === undefined) {
        console.log(`${t.name}: not run (no mkfs for it, or no loop devices)`);
        return;
      }
      assert.ok(sameRoot(again, one));
      assert.equal(sameRoot(other, one), false);
    });
  }
} else {
  console.log('root guard on real mounts: not run (needs root that may mount)');
}

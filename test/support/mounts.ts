// Mounts for tests, where this user may make them.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDir } from './temp-dir.ts';

export interface Mounted {
  /** Takes it off: at once, or for those in whose way it still is as soon as they let go. Idempotent. */
  unmount(options?: { lazily?: boolean }): void;
}

export interface MountOptions {
  /** This directory instead of an empty file system. */
  readonly bind?: string;
  /** The file system in this file instead of an empty one. */
  readonly image?: string;
  /** `size=1m`, `ro` and the like, of mount(8). */
  readonly flags?: string;
  /** mount(8)'s arguments before the directory, for everything else. */
  readonly what?: readonly string[];
}

/** Mounts what the options name on `dir`, by default an empty file system; undefined if this user cannot mount. */
export function mountOn(dir: string, { bind, image, flags = 'rw', what }: MountOptions = {}): Mounted | undefined {
  try {
    const kind = bind !== undefined ? ['--bind', bind] : image !== undefined ? [image] : ['-t', 'tmpfs', 'none'];
    execFileSync('mount', [...(what ?? [...kind, '-o', flags]), dir], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  let mounted = true;
  return {
    unmount: ({ lazily = false } = {}) => {
      if (mounted) execFileSync('umount', lazily ? ['--lazy', dir] : [dir]);
      mounted = false;
    },
  };
}

/** Mounts a FUSE file system on `dir` whose server is dead: every call answers ENOTCONN. */
export function mountDeadFuse(dir: string): Mounted | undefined {
  let fd: number;
  try {
    fd = openSync('/dev/fuse', 'r+');
  } catch {
    return undefined;
  }
  try {
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0';
    execFileSync('mount', ['-i', '-t', 'fuse', '-o', options, 'none', dir], {
      stdio: ['ignore', 'ignore', 'ignore', fd],
    });
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
  let mounted = true;
  return {
    unmount: () => {
      if (mounted) execFileSync('umount', ['--lazy', dir]);
      mounted = false;
    },
  };
}

/** File systems that can be made in a file: how, and from what size, MiB. */
export const IMAGES = {
  ext4: { mkfs: ['mkfs.ext4', '-q'], mib: 8 },
  /** Inodes of 128 bytes hold no birth time, and no nanoseconds. */
  'ext4 without birth times': { mkfs: ['mkfs.ext4', '-q', '-I', '128'], mib: 8 },
  xfs: { mkfs: ['mkfs.xfs', '-q', '-f'], mib: 300 },
  btrfs: { mkfs: ['mkfs.btrfs', '-q', '-f'], mib: 110 },
} as const;

export type ImageType = keyof typeof IMAGES;

/** Not everybody's path leads to what only root is expected to run. */
const ADMIN = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/** Makes a file system in `file`; false if the program for it is not installed. */
export function makeImage(file: string, type: ImageType): boolean {
  const { mkfs, mib } = IMAGES[type];
  const [program, ...args] = mkfs;
  writeFileSync(file, '');
  truncateSync(file, mib * 2 ** 20);
  try {
    execFileSync(program, [...args, file], { stdio: 'ignore', env: ADMIN });
    return true;
  } catch {
    return false;
  }
}

/** A loop device for `file`, undefined if there is none to be had. The device goes with the first unmount after `release`. */
export function attachLoop(file: string): { readonly device: string; release(): void } | undefined {
  try {
    const device = execFileSync('losetup', ['--find', '--show', file], {
      env: ADMIN,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return { device, release: () => void execFileSync('losetup', ['--detach', device], { env: ADMIN }) };
  } catch {
    return undefined;
  }
}

/** A new file system of this type for the test; undefined, and a line that says so, where there can be none. */
export function imageDir(t: TestContext, type: ImageType, { flags = 'rw' } = {}): string | undefined {
  let mounted: Mounted | undefined;
  t.after(() => mounted?.unmount({ lazily: true })); // before the directory goes
  const [dir, image] = ['mounted', 'image'].map((name) => join(tempDir(t), name)) as [string, string];
  mkdirSync(dir);
  if (makeImage(image, type)) mounted = mountOn(dir, { image, flags });
  if (mounted !== undefined) return dir;
  console.log(`${t.name}: not run, ${type} cannot be made or mounted here`);
  return undefined;
}

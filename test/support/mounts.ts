// Mounts for tests, where this user may make them.
import { execFileSync } from 'node:child_process';

export interface Mounted {
  /** Takes it off: at once, or for those in whose way it still is as soon as they let go. Idempotent. */
  unmount(options?: { lazily?: boolean }): void;
}

export interface MountOptions {
  /** This directory instead of an empty file system. */
  readonly bind?: string;
  /** `size=1m`, `ro` and the like, of mount(8). */
  readonly flags?: string;
}

/** Puts an empty file system, or the directory `bind`, on `dir`; undefined if this user cannot mount. */
export function mountOn(dir: string, { bind, flags = 'rw' }: MountOptions = {}): Mounted | undefined {
  try {
    const what = [...(bind === undefined ? ['-t', 'tmpfs', 'none'] : ['--bind', bind]), '-o', flags];
    execFileSync('mount', [...what, dir], { stdio: 'ignore' });
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

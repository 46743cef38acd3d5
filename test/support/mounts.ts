// Mounts for tests, where this user may make them.
import { execFileSync } from 'node:child_process';

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
}

/** Puts an empty file system, or what the options name, on `dir`; undefined if this user cannot mount. */
export function mountOn(dir: string, { bind, image, flags = 'rw' }: MountOptions = {}): Mounted | undefined {
  try {
    const kind = bind !== undefined ? ['--bind', bind] : image !== undefined ? [image] : ['-t', 'tmpfs', 'none'];
    const what = [...kind, '-o', flags];
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

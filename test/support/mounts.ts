// Mounts for tests, where this user may make them.
import { execFileSync } from 'node:child_process';
import type { TestContext } from 'node:test';

/** Takes the mount off again. */
export type Unmount = () => void;

/**
 * Puts an empty file system, or another directory, on `dir` until the test ends. Undefined, and a line that says so, if
 * this user cannot mount.
 */
export function mountOn(t: TestContext, dir: string, { bind }: { bind?: string } = {}): Unmount | undefined {
  try {
    const what = bind === undefined ? ['-t', 'tmpfs', 'none'] : ['--bind', bind];
    execFileSync('mount', [...what, dir], { stdio: 'ignore' });
  } catch {
    console.log(`${t.name}: not run, this user cannot mount`);
    return undefined;
  }
  let mounted = true;
  const unmount = (): void => {
    if (mounted) execFileSync('umount', [dir]);
    mounted = false;
  };
  t.after(unmount);
  return unmount;
}

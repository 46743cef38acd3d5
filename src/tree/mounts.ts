// Mount points beneath the root: what lies under one is hidden or another file system, and never proof of absence.
import { readFileSync } from 'node:fs';
import { type RelPath, ROOT } from '../model/path.ts';

/** Pure: the mount points strictly beneath `root` (byte strings), from the text of /proc/self/mountinfo (proc(5)). */
export function mountsBeneath(root: string, mountinfo: string): Set<RelPath> {
  const base = root === '/' ? '/' : `${root}/`;
  const found = new Set<RelPath>();
  for (const line of mountinfo.split('\n')) {
    const field = line.split(' ')[4];
    if (field === undefined) continue;
    // proc(5): blank, tab, newline and backslash are written in octal.
    const point = field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    if (point !== root && point.startsWith(base)) found.add(point.slice(base.length) as RelPath);
  }
  return found;
}

/** The mount points strictly beneath this root now. */
export function readMounts(root: string): Set<RelPath> {
  return mountsBeneath(root, readFileSync('/proc/self/mountinfo', 'latin1'));
}

/** Whether `path` is at or beneath one of the mount points. */
export function isCovered(path: RelPath, mounts: ReadonlySet<RelPath>): boolean {
  if (mounts.size === 0) return false;
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    if (mounts.has(path.slice(0, end) as RelPath)) return true;
  }
  return mounts.has(ROOT);
}

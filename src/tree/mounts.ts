// Mount points beneath the root: what lies under one is hidden or another file system, and never proof of absence.
import { readFileSync, statSync } from 'node:fs';
import { type RelPath, ROOT } from '../model/path.ts';
import { codeOf } from './error-code.ts';

/** Subtrees of which nothing is known, and why. */
export type Hidden = ReadonlyMap<RelPath, string>;

/** Pure: the mount points strictly beneath `root` (byte strings), from the text of /proc/self/mountinfo (proc(5)). */
export function mountsBeneath(root: string, mountinfo: string): Set<RelPath> {
  const base = root === '/' ? '/' : `${root}/`;
  const found = new Set<RelPath>();
  for (const { point } of mountsOf(mountinfo)) {
    if (point !== root && point.startsWith(base)) found.add(point.slice(base.length) as RelPath);
  }
  return found;
}

/** One line of the mount table. */
export interface Mount {
  /** Where it is mounted: a byte string. */
  readonly point: string;
  /** The name of the file system, such as ext4 or fuse.sshfs. */
  readonly type: string;
}

/** Pure: what an absolute path (a byte string) lies on: the last that was mounted on the longest part of it. */
export function mountOf(path: string, mountinfo: string): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mountsOf(mountinfo)) {
    const { point } = mount;
    const holds = point === path || path.startsWith(point === '/' ? '/' : `${point}/`);
    if (holds && point.length >= (found?.point.length ?? 0)) found = mount;
  }
  return found;
}

/** The lines of the mount table, in the order of mounting. */
function mountsOf(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const field = fields[4];
    if (field === undefined) return [];
    // proc(5): blank, tab, newline and backslash are written in octal.
    const point = field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    return [{ point, type: fields[fields.indexOf('-', 6) + 1] ?? '' }];
  });
}

/** The mounts beneath one root, and what they hide. */
export class Mounts {
  readonly #root: string;
  /** What was first seen mounted at each mount point; undefined: none is crossed. */
  readonly #crossed: Map<RelPath, string> | undefined;

  /** @param options `cross`: what is mounted beneath the root belongs to the tree (--cross-mounts) */
  constructor(root: string, { cross }: { readonly cross: boolean }) {
    this.#root = root;
    this.#crossed = cross ? new Map() : undefined;
  }

  /**
   * What is hidden now. With `cross` that is where something was mounted that is not there any more: its files are not
   * deleted, but elsewhere. While the mount table cannot be read (no descriptor is left, say) it is everything.
   */
  hidden(): Hidden {
    try {
      const mounted = mountsBeneath(this.#root, readFileSync('/proc/self/mountinfo', 'latin1'));
      if (this.#crossed === undefined) return whyAll(mounted, 'it lies on another mount, see --cross-mounts');
      for (const point of mounted) if (!this.#crossed.has(point)) this.#crossed.set(point, this.#identify(point));
      const lost = [...this.#crossed].filter(([point, then]) => !mounted.has(point) || this.#identify(point) !== then);
      return whyAll(
        lost.map(([point]) => point),
        'what was mounted there is gone: mount it again, or restart without it',
      );
    } catch (error) {
      return whyAll([ROOT], `the mount table cannot be read (${codeOf(error)})`);
    }
  }

  /** Mount ids are used again at once; the directory that is mounted tells more. */
  #identify(point: RelPath): string {
    try {
      const { dev, ino, birthtimeNs } = statSync(Buffer.from(`${this.#root}/${point}`, 'latin1'), { bigint: true });
      return `${dev} ${ino} ${birthtimeNs}`;
    } catch (error) {
      return codeOf(error);
    }
  }
}

function whyAll(paths: Iterable<RelPath>, reason: string): Hidden {
  return new Map(Array.from(paths, (path) => [path, reason]));
}

/** Whether `path` is at or beneath one of these paths. */
export function isCovered(path: RelPath, by: Pick<ReadonlySet<RelPath>, 'has' | 'size'>): boolean {
  return coverOf(path, by) !== undefined;
}

/** The lowest of these paths that `path` is at or beneath. */
export function coverOf(path: RelPath, by: Pick<ReadonlySet<RelPath>, 'has' | 'size'>): RelPath | undefined {
  if (by.size === 0) return undefined;
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const above = path.slice(0, end) as RelPath;
    if (by.has(above)) return above;
  }
  return by.has(ROOT) ? ROOT : undefined;
}

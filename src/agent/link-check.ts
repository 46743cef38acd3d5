// Pure. Whether files are one with several names on both sides.
import type { Stat } from '../model/entry.ts';
import { displayPath, type RelPath } from '../model/path.ts';

interface Name {
  readonly path: RelPath;
  readonly inode: string | undefined;
  readonly group: string | undefined;
}

/** Remembers the first name of each file that has several, on either side. */
export class LinkCheck {
  readonly #byInode = new Map<string, Name>();
  readonly #byGroup = new Map<string, Name>();

  /**
   * How this name differs from those before it; undefined: not at all.
   * @param linkGroup what S3 says that all names of the file have in common
   */
  differs(path: RelPath, stat: Stat, linkGroup: string | null): string | undefined {
    const { dev, ino, nlink, sizeBytes, mtimeNs, mode, uid, gid } = stat;
    const inode = nlink > 1 ? `${dev} ${ino}` : undefined;
    // A restore links what is equal.
    const group = linkGroup === null ? undefined : [linkGroup, sizeBytes, mtimeNs, mode, uid, gid].join(' ');
    const name = { path, inode, group };
    const onDisk = firstOf(this.#byInode, inode, name);
    const inS3 = firstOf(this.#byGroup, group, name);
    if (onDisk !== undefined && (group === undefined || onDisk.group !== group))
      return `one file with ${displayPath(onDisk.path)} on disk, not in S3`;
    if (inS3 !== undefined && (inode === undefined || inS3.inode !== inode))
      return `one file with ${displayPath(inS3.path)} in S3, not on disk`;
    return undefined;
  }
}

function firstOf(names: Map<string, Name>, key: string | undefined, name: Name): Name | undefined {
  if (key === undefined) return undefined;
  const first = names.get(key);
  if (first !== undefined && first.path !== name.path) return first;
  names.set(key, name); // it may be looked at twice
  return undefined;
}

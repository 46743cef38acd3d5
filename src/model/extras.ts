// Pure. What is kept of files besides their content and what their stat tells, where it is wanted.
import { hash } from 'node:crypto';
import type { Xattrs } from './xattrs.ts';

/** What is wanted: the options of these names. */
export interface Keeps {
  readonly xattrs: boolean;
  readonly hardLinks: boolean;
}

/** What was seen of one file or directory. */
export interface Extras {
  /** null: they are not kept. */
  readonly xattrs: Xattrs | null;
  /** What all names of its inode have in common; null: it has no other name; undefined: that is not kept. */
  readonly linkGroup: string | null | undefined;
}

/** Metadata that all names of one inode have in common. */
const LINKS = 'awssyncer-links';

/** An inode, told from those that had or will have its number. */
export interface InodeIdentity {
  readonly ino: bigint;
  /** 0 where the file system keeps none. */
  readonly birthtimeNs: bigint;
}

/** The same for all names beneath a root that an inode has, whoever looks and whenever. */
export function linkGroupOf(root: InodeIdentity, file: InodeIdentity): string {
  return hash('sha256', `${root.ino} ${root.birthtimeNs} ${file.ino} ${file.birthtimeNs}`).slice(0, 32);
}

/** The metadata that says so. */
export function linkMetadata(group: string | null | undefined): Record<string, string> {
  return group == null ? {} : { [LINKS]: group };
}

/** What an object says by its metadata; null: it had no other name, or nobody looked. */
export function storedLinkGroup(metadata: Readonly<Record<string, string>>): string | null {
  const group = metadata[LINKS];
  return group !== undefined && /^[0-9a-f]{32}$/.test(group) ? group : null;
}

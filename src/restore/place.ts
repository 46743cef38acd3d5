// A fetched object gets its attributes and its place.
import { closeSync, fchmodSync, fchownSync, fstatSync, lchownSync, renameSync, rmdirSync } from 'node:fs';
import { companionsOf } from '../model/companions.ts';
import { type Stat, sameContentStat } from '../model/entry.ts';
import { kindOfObject, SNAPSHOT } from '../model/metadata.ts';
import { displayPath, nameOf, parentOf, type RelPath } from '../model/path.ts';
import { storedXattrs, type Xattrs } from '../model/xattrs.ts';
import { etagKind } from '../store/etag.ts';
import { statOf } from '../tree/local-tree.ts';
import { BlockedError, ChangedError } from './errors.ts';
import { fetchObject, fetchSmall, SMALL_BYTES, type Small, verifySmall } from './fetch.ts';
import { moveAside } from './move-aside.ts';
import { MismatchError, type PlacedFile } from './new-files.ts';
import { type OpenDirectory, type RealTree, temporaryName } from './real-tree.ts';
import { type Download, discard, type Fetched, makeTemporary } from './temporary.ts';
import { finding, type Remote, type Restoring } from './work.ts';

const NS_PER_MS = 1_000_000n;

/** What an object that tells nothing of its mode gets. */
export const DEFAULT_FILE_PERMISSIONS = 0o644;

export interface Placement {
  readonly remote: Remote;
  readonly tree: RealTree;
  readonly path: RelPath;
  /** What the decision saw at the path; anything else now is left alone. */
  readonly expected: Stat | undefined;
  /** Called when everything is ready, before the path is replaced. */
  readonly keepLoser?: (directory: OpenDirectory) => void;
}

export interface Placed {
  readonly download: Download;
  /** The file in its place. */
  readonly stat: Stat;
  /** Nobody touched it since we wrote it. */
  readonly untouched: boolean;
}

/**
 * Downloads an object and renames it into place, so that a crash at any instant leaves the old or the new file.
 * @throws {BlockedError} if something that may not be replaced is in the way; {ChangedError} if the path changed
 */
export async function placeObject(work: Restoring, placement: Placement): Promise<Placed> {
  if (placement.remote.sizeBytes <= SMALL_BYTES) return await placeSmall(work, placement);
  const directory = placement.tree.make(parentOf(placement.path));
  try {
    const fetched = await fetchObject(work, { remote: placement.remote, directory });
    const xattrs = await wantedXattrs(work, placement, fetched).catch((error: unknown) => {
      discard(directory, fetched);
      throw error;
    });
    return putInPlace(work, { ...placement, directory, fetched, xattrs });
  } finally {
    directory.close();
  }
}

async function placeSmall(work: Restoring, placement: Placement): Promise<Placed> {
  const { tree, path, remote, expected } = placement;
  tree.ensure(parentOf(path));
  const small = await fetchSmall(work, remote);
  const replaces = expected !== undefined || placement.keepLoser !== undefined;
  const { etag } = small.head;
  // The others are given theirs one by one.
  const isPlain = ({ attributes, head }: Small): boolean =>
    !replaces &&
    kindOfObject(attributes) === 'file' &&
    !isSnapshot({ head }) &&
    (work.xattrs === undefined || storedXattrs(head.attributes.metadata).digest === '');
  if (isPlain(small) && etagKind(etag).kind === 'md5') {
    const placed = await placeNew(work, placement, { ...small, md5: work.opaqueEtags.seen ? '' : etag });
    if (placed !== undefined) {
      const { sha256: checksum, md5, ...rest } = placed;
      return { download: { ...small, checksum, verified: md5 === etag }, ...rest };
    }
  }
  const download = await verifySmall(work, remote, small);
  // It may be another object by now.
  if (isPlain(download)) {
    const placed = await placeNew(work, placement, { ...download, md5: '' });
    if (placed !== undefined) return { download, ...placed };
  }
  const xattrs = await wantedXattrs(work, placement, download);
  const directory = tree.make(parentOf(path));
  try {
    const fetched = makeTemporary(work, { directory, download });
    return putInPlace(work, { ...placement, directory, fetched, xattrs });
  } finally {
    directory.close();
  }
}

/** Places it where nothing is; undefined if it has not the MD5, which may be '' for any. */
async function placeNew(
  work: Restoring,
  { tree, path }: Placement,
  { bytes, md5, ...small }: Small & { readonly md5: string },
): Promise<PlacedFile | undefined> {
  const { uid, gid } = ownerOf(work, small);
  const attributes = [permissionsOf(small), uid, gid, modifiedNsOf(small), work.options.xattrs] as const;
  const temporary = temporaryName(work.options.randomName());
  try {
    const directory = tree.absolute(parentOf(path)).toString('latin1');
    return await work.newFiles.place([directory, temporary, nameOf(path), bytes, md5, ...attributes]);
  } catch (error) {
    if (error instanceof MismatchError) return undefined;
    tree.doubt();
    throw error;
  }
}

/** Those of a file; undefined if they are not kept. @throws StoreError */
async function wantedXattrs(
  work: Restoring,
  { remote }: Placement,
  { head }: Pick<Download, 'head'>,
): Promise<Xattrs | undefined> {
  return await work.xattrs?.wanted(remote.relKey, head);
}

/** Everything is there that it takes. */
interface Complete extends Placement {
  readonly directory: OpenDirectory;
  readonly fetched: Fetched;
  readonly xattrs: Xattrs | undefined;
}

/** Synchronous: between the last look at the path and the rename nothing else of ours runs. */
function putInPlace(work: Restoring, options: Complete): Placed {
  const { directory, fetched } = options;
  try {
    return rename(work, options);
  } catch (error) {
    discard(directory, { ...fetched, fd: null });
    throw error;
  } finally {
    if (fetched.fd !== null) closeSync(fetched.fd);
  }
}

function rename(work: Restoring, options: Complete): Placed {
  const { directory, fetched, path, expected } = options;
  const name = nameOf(path);
  applyAttributes(work, options);
  const before = statFetched(directory, fetched);
  if (!directory.isInPlace()) throw new BlockedError('its directory was moved away meanwhile');
  const now = directory.lstat(name);
  if (!sameOrAbsent(now, expected)) throw new ChangedError('it changed on disk meanwhile');
  options.keepLoser?.(directory);
  if (isSnapshot(fetched) && options.tree === work.tree) {
    setAside(work, { directory, path, replaced: options.keepLoser === undefined ? now : undefined });
  }
  if (now?.kind === 'directory') removeEmpty(directory.entry(name));
  renameSync(directory.entry(fetched.name), directory.entry(name));
  const stat = fetched.fd === null ? directory.lstat(name) : statOf(fstatSync(fetched.fd, { bigint: true }));
  const untouched =
    stat !== undefined && sameContentStat({ ...stat, ctimeNs: before.ctimeNs }, before) && stat.mode === before.mode;
  return { download: fetched, stat: untouched ? stat : before, untouched };
}

/** Owner before mode: chown(2) clears the set-user-ID bits. Time last. */
function applyAttributes(work: Restoring, { directory, fetched, remote, xattrs }: Complete): void {
  const { fd } = fetched;
  const path = directory.entry(fetched.name);
  const { uid, gid } = ownerOf(work, fetched);
  if (fd === null) {
    lchownSync(path, uid, gid);
  } else {
    fchownSync(fd, uid, gid);
    if (xattrs !== undefined) work.xattrs!.apply(fd, { key: remote.relKey, wanted: xattrs });
    fchmodSync(fd, permissionsOf(fetched));
  }
  const result = work.options.calls.setModified(fd ?? path, modifiedNsOf(fetched));
  if (result !== 0) throw new Error(`its modification time cannot be set (errno ${-result})`);
}

/** -1: as it is. */
function ownerOf({ options }: Restoring, { attributes }: Pick<Download, 'attributes'>): { uid: number; gid: number } {
  return options.owners ? { uid: attributes.uid ?? -1, gid: attributes.gid ?? -1 } : { uid: -1, gid: -1 };
}

function permissionsOf({ attributes }: Pick<Download, 'attributes'>): number {
  return (attributes.mode ?? DEFAULT_FILE_PERMISSIONS) & 0o7777;
}

function modifiedNsOf({ attributes, head }: Pick<Download, 'attributes' | 'head'>): bigint {
  return attributes.mtimeNs ?? BigInt(head.lastModifiedMs) * NS_PER_MS;
}

function statFetched(directory: OpenDirectory, { fd, name }: Fetched): Stat {
  const stat = fd === null ? directory.lstat(name) : statOf(fstatSync(fd, { bigint: true }));
  if (stat === undefined) throw new Error('its temporary file vanished');
  return stat;
}

function sameOrAbsent(a: Stat | undefined, b: Stat | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  // A directory's times move with every name in it, our temporary file included.
  if (a.kind === 'directory') return b.kind === 'directory' && a.ino === b.ino;
  return sameContentStat(a, b);
}

/** Whether it holds what a command made of the file, which is whole without anything beside it. */
function isSnapshot({ head }: Pick<Download, 'head'>): boolean {
  return head.attributes.metadata[SNAPSHOT] !== undefined;
}

/**
 * What lies beside the path and belongs to another state of it would be taken for a part of the new one: SQLite would
 * write the log of one database into the other. So it is kept, and what is replaced as well (if nobody has kept it), for it
 * may be of no use without. A log that S3 holds itself is restored like any other file, and said to be doubtful there.
 */
function setAside(
  work: Restoring,
  { directory, path, replaced }: { directory: OpenDirectory; path: RelPath; replaced: Stat | undefined },
): void {
  const stored = companionsOf(path).filter((companion) => work.storedLogs.has(companion));
  if (stored.length > 0) {
    const reason = `a command made it, and S3 also holds ${stored.map(displayPath).join(', ')}, perhaps of another state of it`;
    work.tally.partial.push(finding(path, reason));
  }
  const companions = companionsOf(path).flatMap((companion) => {
    if (work.storedLogs.has(companion)) return [];
    const local = directory.lstat(nameOf(companion));
    return local?.kind === 'file' ? { path: companion, local } : [];
  });
  if (companions.length === 0) return;
  const { conflicts } = work;
  if (conflicts === null) {
    const reason = 'beside it lies a log of another state of it, and without a state directory that cannot be kept';
    throw new Error(reason);
  }
  if (replaced?.kind === 'file') conflicts.keep(directory, { path, local: replaced });
  const reason = 'it belonged to another state of the file that was restored beside it';
  for (const companion of companions) moveAside(work, { conflicts, directory, ...companion, reason });
}

function removeEmpty(directory: Buffer): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST')
      throw new BlockedError('a directory that is not empty has this name');
    throw error;
  }
}

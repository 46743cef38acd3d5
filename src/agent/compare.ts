// What is different between a path and the object that should hold it.
import { createHash } from 'node:crypto';
import { type Stat, sameContentStat } from '../model/entry.ts';
import { storedLinkGroup } from '../model/extras.ts';
import { isMarker, pathOfKey, type RelKey } from '../model/key.ts';
import { decodeMetadata, kindOfObject, SNAPSHOT, type StoredAttributes } from '../model/metadata.ts';
import type { RelPath } from '../model/path.ts';
import { storedXattrs, XATTR_OBJECTS, type Xattrs, xattrNames } from '../model/xattrs.ts';
import type { XattrObjects } from '../restore/xattr-objects.ts';
import { comparableBy } from '../store/etag.ts';
import type { ListedObject, ObjectHead } from '../store/object-store.ts';
import { checksumIfStored } from '../transfer/adopt.ts';
import { RacedError, StableFile } from '../transfer/stable-file.ts';
import { codeOf } from '../tree/error-code.ts';
import type { WalkEntry } from '../tree/walk.ts';
import type { LinkCheck } from './link-check.ts';
import { checksumOfObject, type KnownObject, StaleError, UnreadableError } from './object-content.ts';
import type { Workspace } from './workspace.ts';

/**
 * - `missing`: on disk, not in S3.
 * - `extra`: in S3 as an agent stores it, not on disk.
 * - `foreign`: in S3 without what an agent stores with every object, not on disk.
 * - `kind`, `size`, `content`: both are there and differ.
 * - `metadata`: mode, owner, group or time differ from what the object says; what it does not say is not compared. Or
 *   extended attributes or hard links, where these are kept, differ from those that S3 holds.
 * - `unreadable`: it could not be compared.
 */
export type DifferenceKind = 'missing' | 'extra' | 'foreign' | 'kind' | 'size' | 'content' | 'metadata' | 'unreadable';

export interface Difference {
  readonly path: RelPath;
  readonly kind: DifferenceKind;
  readonly detail: string;
  /** What is on disk, if it was there to be compared. */
  readonly entry?: WalkEntry | undefined;
}

/** A key of the listing. */
export interface Listed {
  readonly key: RelKey;
  readonly object: ListedObject;
}

/** One side at least is there. */
export interface Pair {
  readonly entry: WalkEntry | undefined;
  readonly listed: Listed | undefined;
}

export interface CompareOptions {
  readonly signal: AbortSignal;
  /** Times of directories count. */
  readonly dirTimes: boolean;
  /** Every object is read: what the server says of its content is not believed. */
  readonly download: boolean;
  readonly xattrObjects: XattrObjects;
  /** Of all pairs; undefined: hard links are not compared. */
  readonly links: LinkCheck | undefined;
}

type Found = Pick<Difference, 'kind' | 'detail'>;

/**
 * All differences of one pair; none if a restore would bring back what is on disk. Asks S3 once for each object, and
 * reads those whose content it cannot tell.
 */
export async function differencesOf(workspace: Workspace, pair: Pair, options: CompareOptions): Promise<Difference[]> {
  const { entry } = pair;
  const path = entry?.path ?? pathOfKey(pair.listed!.key);
  try {
    const all = await find(workspace, pair, options).catch((error: unknown) => {
      // An agent that is running writes and deletes: once more, by what S3 holds now.
      if (error instanceof StaleError) return find(workspace, pair, options);
      throw error;
    });
    return all.map((found) => ({ path, entry, ...found }));
  } catch (error) {
    const detail = reasonOf(error);
    if (detail === undefined) throw error;
    return [{ path, entry, kind: 'unreadable', detail }];
  }
}

/** What keeps this one pair from being compared; undefined if it is more than that. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof RacedError || error instanceof StaleError || error instanceof UnreadableError)
    return error.message;
  return error instanceof Error && 'syscall' in error ? codeOf(error) : undefined;
}

async function find(
  workspace: Workspace,
  { entry, listed }: Pair,
  { signal, dirTimes, download, xattrObjects, links }: CompareOptions,
): Promise<Found[]> {
  const { retry, store } = workspace;
  const head = listed && (await retry(() => store.head(listed.object.key, { signal }), { signal }));
  if (entry === undefined) return head === undefined ? [] : [unexpected(workspace, listed!.key, head)];
  if (head === undefined) return [{ kind: 'missing', detail: 'on disk, not in S3' }];
  const stored = decodeMetadata(head.attributes.metadata);
  const kind = entry.stat.kind === 'directory' ? 'directory' : kindOfObject(stored);
  if (kind !== entry.stat.kind) return [{ kind: 'kind', detail: `a ${entry.stat.kind} on disk, a ${kind} in S3` }];
  const key = listed!.object.key;
  // What a command made of a file is not what the file holds.
  const isSnapshot = head.attributes.metadata[SNAPSHOT] !== undefined;
  const content = isSnapshot ? undefined : await contentOf(workspace, { entry, key, head, signal, download });
  const xattrs = await xattrsOf(workspace, { entry, head, xattrObjects });
  return [content, metadataOf(entry.stat, stored, { dirTimes }), xattrs, linksOf(entry, head, links)].filter(
    (found) => found !== undefined,
  );
}

/** An object that nothing on disk asks for. */
function unexpected({ tree }: Workspace, key: RelKey, { attributes }: ObjectHead): Found {
  const occupant = tree.lstat(pathOfKey(key))?.kind;
  const isDirectory = occupant === 'directory';
  if (occupant === 'other' || (occupant !== undefined && isDirectory !== isMarker(key))) {
    const seen = occupant === 'other' ? 'socket, FIFO or device' : occupant;
    return { kind: 'kind', detail: `a ${seen} on disk, a ${isMarker(key) ? 'directory' : 'file'} in S3` };
  }
  if (occupant !== undefined && !isDirectory)
    return { kind: 'unreadable', detail: 'it came while it was looked for, or lies beneath a mount' };
  const { mode, mtimeNs } = decodeMetadata(attributes.metadata);
  const kind = mode === undefined || mtimeNs === undefined ? 'foreign' : 'extra';
  return { kind, detail: isDirectory ? 'in S3, and the directory needs no object' : 'in S3, not on disk' };
}

interface Contents extends KnownObject {
  readonly entry: WalkEntry;
  readonly download: boolean;
}

async function contentOf(workspace: Workspace, contents: Contents): Promise<Found | undefined> {
  const { entry, head } = contents;
  const { kind, sizeBytes } = entry.stat;
  const expectedBytes = kind === 'directory' ? 0 : sizeBytes;
  if (expectedBytes !== head.sizeBytes)
    return { kind: 'size', detail: `${expectedBytes} bytes on disk, ${head.sizeBytes} in S3` };
  if (kind === 'directory') return undefined;
  if (kind === 'symlink') {
    const target = createHash('sha256').update(workspace.tree.readlink(entry.path)).digest('hex');
    const isEqual = (await checksumOfObject(workspace, contents)) === target;
    return isEqual ? undefined : { kind: 'content', detail: 'the link points elsewhere' };
  }
  const isEqual = await hasEqualContent(workspace, contents);
  return isEqual ? undefined : { kind: 'content', detail: 'same size, other content' };
}

/** @throws RacedError if it is not one state of the file that was compared, the one that was looked at. */
async function hasEqualContent(workspace: Workspace, contents: Contents): Promise<boolean> {
  const { entry } = contents;
  const file = StableFile.open(workspace.tree, entry.path);
  try {
    const isEqual = await isStored(workspace, { file, ...contents });
    if (!sameContentStat(file.before, entry.stat) || !file.isUnmoved())
      throw new RacedError('it changed while it was looked at');
    return isEqual;
  } finally {
    file.close();
  }
}

/** By the ETag where it can be computed from the disk and is to be believed, else by reading the object. */
async function isStored(workspace: Workspace, contents: Contents & { readonly file: StableFile }): Promise<boolean> {
  const { file, head, download, signal } = contents;
  const isComparable = !download && comparableBy(head.etag, head.sizeBytes).length > 0;
  if (isComparable && (await checksumIfStored(file, head.etag)) !== undefined) return true;
  // An ETag that differs proves nothing: parts of an unknown size, or encryption with a key.
  const local = createHash('sha256');
  for (let at = 0; at < file.before.sizeBytes; at += STEP_BYTES) {
    signal.throwIfAborted();
    local.update(await file.read(at, Math.min(STEP_BYTES, file.before.sizeBytes - at)));
  }
  return local.digest('hex') === (await checksumOfObject(workspace, contents));
}

/** @throws RacedError if they are not those of the state that was looked at */
async function xattrsOf(
  { tree }: Workspace,
  { entry, head, xattrObjects }: Pick<CompareOptions, 'xattrObjects'> & { entry: WalkEntry; head: ObjectHead },
): Promise<Found | undefined> {
  const { path, stat } = entry;
  const local = stat.kind === 'symlink' ? null : tree.xattrs(path);
  if (local === null) return undefined;
  const now = tree.lstat(path);
  // The times of a directory change with every name in it.
  const isSame = stat.kind === 'directory' ? now?.ino === stat.ino : now !== undefined && sameContentStat(now, stat);
  if (!isSame) throw new RacedError('it changed while it was looked at');
  const stored = storedXattrs(head.attributes.metadata);
  const remote = await xattrObjects.get(stored);
  if (remote === undefined) return { kind: 'metadata', detail: `S3 does not hold ${XATTR_OBJECTS}${stored.digest}` };
  if (remote.digest === local.digest) return undefined;
  const namesOf = ({ bytes }: Xattrs): string => xattrNames(bytes).join(', ') || 'none';
  return { kind: 'metadata', detail: `extended attributes: ${namesOf(local)} on disk, ${namesOf(remote)} in S3` };
}

function linksOf(
  { path, stat }: WalkEntry,
  { attributes }: ObjectHead,
  links: LinkCheck | undefined,
): Found | undefined {
  if (stat.kind !== 'file') return undefined;
  const detail = links?.differs(path, stat, storedLinkGroup(attributes.metadata));
  return detail === undefined ? undefined : { kind: 'metadata', detail };
}

const STEP_BYTES = 1024 * 1024;

const PERMISSIONS = 0o7777;

/** A link's permissions mean nothing, a directory's times are kept only if that is wanted. */
function metadataOf(
  stat: Stat,
  { mode, uid, gid, mtimeNs }: StoredAttributes,
  { dirTimes }: { dirTimes: boolean },
): Found | undefined {
  const permissions = (value: number) => (value & PERMISSIONS).toString(8);
  const fields: [name: string, disk: string | number | bigint, stored: string | number | bigint | undefined][] = [
    ['mode', permissions(stat.mode), mode === undefined || stat.kind === 'symlink' ? undefined : permissions(mode)],
    ['uid', stat.uid, uid],
    ['gid', stat.gid, gid],
    ['mtime', stat.mtimeNs, stat.kind === 'directory' && !dirTimes ? undefined : mtimeNs],
  ];
  const differing = fields.filter(([, disk, stored]) => stored !== undefined && disk !== stored);
  if (differing.length === 0) return undefined;
  const detail = differing.map(([name, disk, stored]) => `${name} ${disk} on disk, ${stored} in S3`).join('; ');
  return { kind: 'metadata', detail };
}

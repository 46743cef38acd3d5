// Evidence: lists S3, walks the disk, compares content. The ledger is not asked: it is what could be wrong.
import { createHash } from 'node:crypto';
import { isMarker, pathOfKey, type RelKey, relativeKey } from '../model/key.ts';
import { decodeMetadata, kindOfObject } from '../model/metadata.ts';
import { type RelPath, ROOT } from '../model/path.ts';
import { type DirectoryDefaults, needsMarker } from '../plan/marker.ts';
import { mergeByKey } from '../plan/merge.ts';
import { comparableBy } from '../store/etag.ts';
import type { ListedObject } from '../store/object-store.ts';
import { checksumIfStored } from '../transfer/adopt.ts';
import { RacedError, StableFile } from '../transfer/stable-file.ts';
import { Mounts } from '../tree/mounts.ts';
import { codeOf, type WalkEntry, walk } from '../tree/walk.ts';
import { isReservedKey } from './list-remote.ts';
import type { Workspace } from './workspace.ts';

/**
 * - `missing`: on disk, not in S3.
 * - `extra`: in S3, not on disk.
 * - `kind`, `size`, `content`: both are there and differ.
 * - `unreadable`: it could not be compared.
 */
export type DifferenceKind = 'missing' | 'extra' | 'kind' | 'size' | 'content' | 'unreadable';

export interface Difference {
  readonly path: RelPath;
  readonly kind: DifferenceKind;
  readonly detail: string;
}

export interface VerifyOptions {
  readonly crossMounts: boolean;
  readonly directoryDefaults: DirectoryDefaults;
  readonly onDifference: (difference: Difference) => void;
  readonly signal: AbortSignal;
}

export interface VerifyResult {
  readonly compared: number;
  readonly differences: number;
  /** Keys in S3 that cannot be a path here. */
  readonly impossible: readonly { readonly key: string; readonly reason: string }[];
}

interface Listed {
  readonly key: RelKey;
  readonly object: ListedObject;
}

/** Compares both sides by name, kind, size and content; changes nothing. */
export async function verify(workspace: Workspace, options: VerifyOptions): Promise<VerifyResult> {
  const { tree, filter } = workspace;
  let compared = 0;
  let differences = 0;
  const report = (path: RelPath, kind: DifferenceKind, detail: string): void => {
    differences++;
    options.onDifference({ path, kind, detail });
  };
  const { objects, impossible } = await listAll(workspace, options.signal);
  const entries = walk(tree, ROOT, {
    filter,
    hidden: new Mounts(tree.root, { cross: options.crossMounts }).hidden(),
    unknown: (path, reason) => report(path, 'unreadable', reason),
    again: (path) => report(path, 'unreadable', 'it changed while it was looked at'),
  });
  for (const { left, right } of mergeByKey(wanted(entries, options.directoryDefaults), objects.values())) {
    options.signal.throwIfAborted();
    compared++;
    if (left === undefined) report(pathOfKey(right!.key), 'extra', 'in S3, not on disk');
    else if (right === undefined) report(left.path, 'missing', 'on disk, not in S3');
    else
      await compare(workspace, {
        entry: left,
        object: right.object,
        report: (kind, detail) => report(left.path, kind, detail),
      });
  }
  return { compared, differences, impossible };
}

/** What S3 should hold: directories only if they need a marker, and nothing special. */
function* wanted(entries: Iterable<WalkEntry>, defaults: DirectoryDefaults): Generator<WalkEntry> {
  for (const entry of entries) {
    const { kind } = entry.stat;
    if (kind === 'other' || (kind === 'directory' && !needsMarker(entry.stat, entry.isEmpty, defaults))) continue;
    yield entry;
  }
}

async function listAll(
  { store, prefix, filter }: Workspace,
  signal: AbortSignal,
): Promise<{ objects: Listed[]; impossible: { key: string; reason: string }[] }> {
  const objects: Listed[] = [];
  const impossible: { key: string; reason: string }[] = [];
  for await (const page of store.list(prefix, { signal })) {
    for (const object of page) {
      const key = relativeKey(prefix, object.key);
      if (object.key === prefix) continue;
      if (typeof key !== 'string') impossible.push({ key: object.key, reason: key.impossible });
      else if (!isReservedKey(key) && filter.includes(pathOfKey(key), isMarker(key))) objects.push({ key, object });
    }
  }
  return { objects, impossible };
}

interface Comparison {
  readonly entry: WalkEntry;
  readonly object: ListedObject;
  readonly report: (kind: DifferenceKind, detail: string) => void;
}

async function compare(workspace: Workspace, comparison: Comparison): Promise<void> {
  const { entry, object, report } = comparison;
  if (entry.stat.kind === 'directory') return;
  try {
    if (entry.stat.sizeBytes !== object.sizeBytes)
      report('size', `${entry.stat.sizeBytes} bytes on disk, ${object.sizeBytes} in S3`);
    else if (entry.stat.kind === 'symlink') await compareLink(workspace, comparison);
    else if (!(await hasEqualContent(workspace, comparison))) report('content', 'same size, other content');
  } catch (error) {
    if (!(error instanceof RacedError) && !(error instanceof Error && 'syscall' in error)) throw error;
    report('unreadable', error instanceof RacedError ? error.message : codeOf(error));
  }
}

async function compareLink({ tree, store }: Workspace, { entry, object, report }: Comparison): Promise<void> {
  const head = await store.head(object.key);
  if (head === undefined || kindOfObject(decodeMetadata(head.attributes.metadata)) !== 'symlink') {
    return report('kind', 'a symbolic link on disk, a file in S3');
  }
  const target = createHash('md5').update(tree.readlink(entry.path)).digest('hex');
  if (target !== object.etag) report('content', 'the link points elsewhere');
}

/** By the ETag where it can be computed from the disk, else by reading the object. */
async function hasEqualContent(workspace: Workspace, { entry, object }: Comparison): Promise<boolean> {
  const file = await StableFile.open(workspace.tree, entry.path);
  try {
    if (
      comparableBy(object.etag, object.sizeBytes).length > 0 &&
      (await checksumIfStored(file, object.etag)) !== undefined
    )
      return true;
    // An ETag that differs proves nothing: parts of an unknown size, or encryption with a key.
    const remote = createHash('sha256');
    const { body } = await workspace.retry(() => workspace.store.get(object.key));
    for await (const chunk of body) remote.update(chunk);
    const local = createHash('sha256');
    for (let at = 0; at < file.before.sizeBytes; at += STEP_BYTES) {
      local.update(await file.read(at, Math.min(STEP_BYTES, file.before.sizeBytes - at)));
    }
    return local.digest('hex') === remote.digest('hex');
  } finally {
    await file.close();
  }
}

const STEP_BYTES = 1024 * 1024;

// The first look: which keys need work, side by side in S3, the ledger and on disk.
import { statfsSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { LedgerRow } from '../ledger/ledger.ts';
import { foreignRow } from '../ledger/row.ts';
import type { Stat } from '../model/entry.ts';
import { EXIT, OperatorError } from '../model/errors.ts';
import { isMarker, pathOfKey, type RelKey } from '../model/key.ts';
import { nameOf, parentOf, type RelPath, ROOT } from '../model/path.ts';
import { mergeByKey, type Pair } from '../plan/merge.ts';
import { planMarkerRestore, planRestore } from '../plan/restore-plan.ts';
import { BlockedError } from './errors.ts';
import { reasonOf } from './failures.ts';
import { RANGED_BYTES } from './fetch-ranges.ts';
import type { OpenDirectory, RealTree } from './real-tree.ts';
import { type Download, spaceShortage } from './space.ts';
import { finding, type Remote, type Restoring, unchanged } from './work.ts';

/** Keys between two turns of the event loop. */
const SLICE_KEYS = 1_000;

/** What needs work. Decisions are made again when their turn comes; new files are placed only where there is still none. */
export interface Survey {
  /** Files and symbolic links that S3 holds, and neither the ledger nor the disk. */
  readonly newFiles: Remote[];
  /** The other ones that S3 holds. */
  readonly files: Remote[];
  readonly markers: Remote[];
  /** Rows without an object. */
  readonly gone: LedgerRow[];
  readonly downloads: Download[];
}

type RemoteByKey = { readonly key: RelKey; readonly remote: Remote };

/** Compares every included key. Nothing on disk is changed, but what interrupted restores left is removed. */
export async function survey(
  work: Restoring,
  { remotes, losers }: { remotes: readonly Remote[]; losers: ReadonlySet<string> },
): Promise<Survey> {
  const found: Survey = { newFiles: [], files: [], markers: [], gone: [], downloads: [] };
  const looks = new Looks(work.tree, { sweep: work.options.pretend === undefined });
  let count = 0;
  try {
    for (const pair of mergeByKey(work.options.ledger.range('' as RelKey), byKey(remotes))) {
      if (++count % SLICE_KEYS === 0) await setImmediate();
      work.signal.throwIfAborted();
      if (pair.right === undefined) {
        if (work.options.filter.includes(pathOfKey(pair.key), isMarker(pair.key))) found.gone.push(pair.left!);
      } else if (losers.has(pair.key)) {
        await leaveLoser(work, pair);
      } else {
        examine(work, { pair, looks, found });
      }
    }
  } finally {
    looks.close();
  }
  return found;
}

function* byKey(remotes: readonly Remote[]): Generator<RemoteByKey> {
  for (const remote of remotes) yield { key: remote.relKey, remote };
}

function examine(
  work: Restoring,
  { pair, looks, found }: { pair: Pair<LedgerRow, RemoteByKey>; looks: Looks; found: Survey },
): void {
  const { remote } = pair.right!;
  let local: Stat | undefined;
  try {
    local = looks.lstat(pathOfKey(pair.key));
  } catch (error) {
    work.tally.failures.push(finding(pair.key, `it cannot be looked at: ${reasonOf(error)}`));
    return;
  }
  const state = {
    base: pair.left,
    local,
    remote,
    absenceIsEvidence: work.absenceIsEvidence,
    overwrite: work.options.overwrite,
  };
  const decision = isMarker(pair.key) ? planMarkerRestore(state) : planRestore({ ...state, answers: {} });
  if (decision.do === 'nothing') unchanged(work, pair.left!);
  else if (isMarker(pair.key)) found.markers.push(remote);
  else if (pair.left === undefined && local === undefined) found.newFiles.push(remote);
  else found.files.push(remote);
  if (decision.do !== 'download') return;
  found.downloads.push({ sizeBytes: remote.sizeBytes, replacedBytes: local?.kind === 'file' ? local.sizeBytes : 0 });
}

/** A key whose name belongs to a newer object. If it is ours, a crash left it: the upload's planner cleans up. */
async function leaveLoser(work: Restoring, { key, left, right }: Pair<LedgerRow, RemoteByKey>): Promise<void> {
  const { remote } = right!;
  if (left === undefined) await work.rows.saveOf(remote, foreignRow(remote.relKey, remote));
  else work.tally.dirty.push(pathOfKey(key));
}

/** @throws {OperatorError} if the file system cannot take what is to be downloaded, as far as that can be told. */
export function checkSpace(work: Restoring, { downloads }: Survey): void {
  const root = work.tree.absolute(ROOT);
  const { bavail, bsize, ffree, files } = statfsSync(root, { bigint: true });
  // File systems that make inodes as they need them have 0.
  const inodes = files === 0n ? Number.POSITIVE_INFINITY : Number(ffree);
  const free = { bytes: Number(bavail * bsize), inodes, blockBytes: Number(bsize) };
  // Only its content tells how much of a large file is holes.
  const needed = work.options.sparse ? downloads.map(withoutContent) : downloads;
  const rule = spaceShortage(needed, { free, concurrency: work.options.concurrency });
  if (rule === undefined) return;
  throw new OperatorError(`Cannot restore into ${root}: ${rule}`, {
    exitCode: EXIT.fatal,
    hint: 'Free some space, use a larger volume, or leave paths out with --exclude.',
  });
}

/** What it replaces makes no room for others then; only its inode counts. */
function withoutContent(download: Download): Download {
  const { sizeBytes, replacedBytes } = download;
  return sizeBytes < RANGED_BYTES ? download : { sizeBytes: 0, replacedBytes: Math.min(replacedBytes, 1) };
}

/** Stats in key order: neighbours share their directory, which stays open. Each directory is swept once. */
class Looks {
  readonly #tree: RealTree;
  readonly #sweeps: boolean;
  readonly #swept = new Set<RelPath>();
  #dir: RelPath | undefined;
  #open: OpenDirectory | undefined;

  constructor(tree: RealTree, { sweep }: { sweep: boolean }) {
    this.#tree = tree;
    this.#sweeps = sweep;
  }

  lstat(path: RelPath): Stat | undefined {
    this.#enter(parentOf(path));
    return this.#open?.lstat(nameOf(path));
  }

  close(): void {
    this.#open?.close();
    this.#open = undefined;
    this.#dir = undefined;
  }

  #enter(dir: RelPath): void {
    if (this.#dir === dir) return;
    this.close();
    try {
      this.#open = this.#tree.open(dir);
    } catch (error) {
      // Something else has this name: nothing of ours is beneath it.
      if (!(error instanceof BlockedError)) throw error;
    }
    this.#dir = dir;
    if (this.#open === undefined || !this.#sweeps || this.#swept.has(dir)) return;
    this.#swept.add(dir);
    this.#open.sweep();
  }
}

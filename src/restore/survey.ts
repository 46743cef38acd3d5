// The first look: which keys need work, side by side in S3, the ledger and on disk.
import { statfsSync } from 'node:fs';
import type { LedgerRow } from '../ledger/ledger.ts';
import type { Stat } from '../model/entry.ts';
import { isMarker, pathOfKey, type RelKey } from '../model/key.ts';
import { displayPath, nameOf, parentOf, type RelPath } from '../model/path.ts';
import { mergeByKey } from '../plan/merge.ts';
import { planMarkerRestore, planRestore } from '../plan/restore-plan.ts';
import { BlockedError } from './errors.ts';
import type { OpenDirectory, RealTree } from './real-tree.ts';
import { foreignRow } from './rows.ts';
import { spaceNeeded } from './space.ts';
import { finding, type Remote, type Restoring } from './work.ts';

/** Keys between two turns of the event loop. */
const SLICE_KEYS = 1_000;

/** What needs work. Decisions are made again, on a fresh look, when their turn comes. */
export interface Survey {
  /** Files and symbolic links that S3 holds. */
  readonly files: Remote[];
  readonly markers: Remote[];
  /** Rows of ours, files and markers, without an object. */
  readonly gone: LedgerRow[];
  /** Sizes of the objects to be downloaded, and of the local files they replace. */
  readonly downloads: { readonly sizeBytes: number; readonly replacedBytes: number }[];
}

/** Compares every included key. Nothing is changed but what interrupted restores left, which is removed. */
export async function survey(work: Restoring, { remotes, losers }: { remotes: Remote[]; losers: ReadonlySet<string> }): Promise<Survey> {
  const found: Survey = { files: [], markers: [], gone: [], downloads: [] };
  const looks = new Looks(work.tree);
  const keyed = remotes.map((remote) => ({ key: remote.relKey, remote }));
  let count = 0;
  try {
    for (const { key, left: row, right } of mergeByKey(work.options.ledger.range('' as RelKey), keyed.values())) {
      if (++count % SLICE_KEYS === 0) await new Promise(setImmediate);
      work.signal.throwIfAborted();
      if (row !== undefined && right === undefined && !work.options.filter.includes(pathOfKey(key), isMarker(key))) continue;
      await examine(work, { key, row, remote: right?.remote, losers, looks, found });
    }
  } finally {
    looks.close();
  }
  return found;
}

interface Examined {
  readonly key: RelKey;
  readonly row: LedgerRow | undefined;
  readonly remote: Remote | undefined;
  readonly losers: ReadonlySet<string>;
  readonly looks: Looks;
  readonly found: Survey;
}

async function examine(work: Restoring, { key, row, remote, losers, looks, found }: Examined): Promise<void> {
  if (remote === undefined) {
    found.gone.push(row!);
    return;
  }
  const base = work.baseIsTrusted ? row : undefined;
  if (losers.has(key)) return await leaveLoser(work, { remote, base });
  let local: Stat | undefined;
  try {
    local = looks.lstat(pathOfKey(key));
  } catch (error) {
    work.tally.failures.push(finding(key, `it cannot be looked at: ${(error as Error).message}`));
    return;
  }
  const state = { base, local, remote, absenceIsEvidence: work.absenceIsEvidence };
  if (isMarker(key)) {
    if (planMarkerRestore(state).do === 'nothing') work.tally.unchanged++;
    else found.markers.push(remote);
    return;
  }
  const decision = planRestore({ ...state, answers: {} });
  if (decision.do === 'nothing') {
    work.tally.unchanged++;
    return;
  }
  found.files.push(remote);
  if (decision.do === 'download') {
    found.downloads.push({ sizeBytes: remote.sizeBytes, replacedBytes: local?.kind === 'file' ? local.sizeBytes : 0 });
  }
}

/** A key whose name belongs to a newer object. It may be ours, left by a crash: then the upload's planner cleans up. */
async function leaveLoser(work: Restoring, { remote, base }: { remote: Remote; base: LedgerRow | undefined }): Promise<void> {
  if (base === undefined || base.state === 'foreign') await work.rows.save(foreignRow(remote));
  else work.tally.dirty.push(pathOfKey(remote.relKey));
}

/** @throws {OperatorError} if the file system cannot take what is to be downloaded. */
export function checkSpace(work: Restoring, { downloads }: Survey): void {
  const root = work.tree.absolute('' as RelPath);
  const { bavail, bsize, ffree, files } = statfsSync(root, { bigint: true });
  spaceNeeded(downloads, { concurrency: work.options.concurrency, blockBytes: Number(bsize) }).assertFits({
    root: displayPath(root.toString('latin1')),
    freeBytes: Number(bavail * bsize),
    // File systems that make inodes as they need them say 0.
    freeInodes: files === 0n ? Number.POSITIVE_INFINITY : Number(ffree),
  });
}

/** Stats in key order: neighbours share their directory, which stays open. Sweeps each directory once. */
class Looks {
  readonly #tree: RealTree;
  readonly #swept = new Set<RelPath>();
  #dir: RelPath | undefined;
  #open: OpenDirectory | undefined;

  constructor(tree: RealTree) {
    this.#tree = tree;
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
    if (this.#open === undefined || this.#swept.has(dir)) return;
    this.#swept.add(dir);
    this.#open.sweep();
  }
}

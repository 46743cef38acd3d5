// Gathers what the planner needs to know of one path: the disk, the ledger, the filter.
import type { PathFilter } from '../filter/path-filter.ts';
import type { Ledger, LedgerRow } from '../ledger/ledger.ts';
import { isAcknowledged, isUnchanged, sameFile } from '../ledger/unchanged.ts';
import type { Action, KeyKind } from '../model/action.ts';
import type { Stat } from '../model/entry.ts';
import { fileKey, markerKey, pathOfKey, type RelKey } from '../model/key.ts';
import { parentOf, type RelPath, ROOT } from '../model/path.ts';
import type { Xattrs } from '../model/xattrs.ts';
import { type DirectoryDefaults, needsMarker } from '../plan/marker.ts';
import { type PathState, planPath, type Source } from '../plan/plan-path.ts';
import type { Snapshots } from '../transfer/snapshots.ts';
import type { LocalTree } from '../tree/local-tree.ts';
import { becomesObject } from '../tree/walk.ts';
import type { UnreadWrites } from './unread-writes.ts';

/** What was seen of a path and what follows from it. */
export interface Look {
  readonly state: PathState;
  readonly actions: readonly Action[];
}

export interface LookOptions {
  readonly written: boolean;
  /** A scan found that the path differs. */
  readonly scanned?: boolean;
  /** Wall clock, ms. */
  readonly nowMs: number;
}

export interface LookerOptions {
  readonly tree: LocalTree;
  readonly ledger: Ledger;
  readonly filter: PathFilter;
  readonly directoryDefaults: DirectoryDefaults;
  readonly deleteForeign: boolean;
  readonly unreadWrites: UnreadWrites;
  readonly snapshots: Pick<Snapshots, 'isMade' | 'isStored'>;
}

/** Looks at paths; the same look is taken when an action is planned and again when a delete is about to be sent. */
export class Looker {
  readonly #o: LookerOptions;

  constructor(options: LookerOptions) {
    this.#o = options;
  }

  /** @throws the system error if the path's state cannot be known (EACCES, EIO...) */
  look(path: RelPath, { written, scanned = false, nowMs }: LookOptions): Look {
    const { tree, ledger, filter, deleteForeign, directoryDefaults } = this.#o;
    const stat = this.#includedStat(path, tree.lstat(path));
    const isRoot = path === ROOT;
    const isStored = !isRoot && stat?.kind === 'directory' && filter.includes(path, true);
    const xattrs = isStored ? tree.xattrs(path) : null;
    // What is to be expected of what is no directory: neither a marker of its own nor anything beneath it.
    const nothingBelow = stat?.kind !== 'directory' && ledger.isEmpty(markerKey(path), keysBelow(path)[1]);
    // An excluded key is nobody's business, whoever asked for this look.
    const fileRow = isRoot || !filter.includes(path, false) ? undefined : ledger.get(fileKey(path));
    const state: PathState = {
      stat,
      fileRow,
      source: stat?.kind === 'file' ? this.#source(path, stat, fileRow) : undefined,
      markerRow: isRoot || nothingBelow || !filter.includes(path, true) ? undefined : ledger.get(markerKey(path)),
      needsMarker: !isRoot && stat?.kind === 'directory' && this.#needsMarker(path, stat, xattrs),
      keeps: tree.keeps,
      xattrs,
      dirTimeCounts: directoryDefaults.times && scanned,
      hasRowsBelow: !isRoot && stat?.kind !== 'directory' && !nothingBelow && !ledger.isEmpty(...keysBelow(path)),
      hasStoredBelow: !isRoot && stat?.kind === 'directory' && ledger.hasAcknowledged(...keysBelow(path)),
      deleteForeign,
      written,
      snapshot: stat?.kind === 'file' ? this.#snapshot(path, stat) : undefined,
      nowMs,
    };
    return { state, actions: planPath(state) };
  }

  /**
   * Put before delete, across kinds: what took the key's place must be stored first.
   *
   * | on disk now | stored first |
   * |---|---|
   * | the path became a directory | something beneath it, or its marker; nothing if it is excluded |
   * | the directory became a file or link | that |
   * | a parent became a file or link | that |
   */
  isReplacementStored(path: RelPath, target: KeyKind, state: PathState): boolean {
    const { stat, fileRow, markerRow, hasStoredBelow } = state;
    if (stat?.kind === 'directory') {
      if (target === 'marker' || hasStoredBelow) return true;
      if (markerRow !== undefined && isAcknowledged(markerRow)) return true;
      return !this.#o.filter.includes(path, true) && !this.#o.filter.descends(path);
    }
    if (stat?.kind === 'file' || stat?.kind === 'symlink') return fileRow !== undefined && isAcknowledged(fileRow);
    if (stat !== undefined) return true;
    for (let up = parentOf(path); up !== ROOT; up = parentOf(up)) {
      const above = this.#o.tree.lstat(up);
      if (above === undefined) continue;
      if (above.kind === 'directory' || above.kind === 'other' || !this.#o.filter.includes(up, false)) return true;
      const row = this.#o.ledger.get(fileKey(up));
      return row !== undefined && row.kind === above.kind && isAcknowledged(row);
    }
    return true;
  }

  #snapshot(path: RelPath, stat: Stat): 'stored' | 'due' | undefined {
    const { snapshots } = this.#o;
    if (!snapshots.isMade(path)) return undefined;
    return snapshots.isStored(path, stat) ? 'stored' : 'due';
  }

  /**
   * What the file may be copied from; what a command made of another is nobody's content, and what a command makes is not
   * the file's. Links to one inode are no renames: a name that still has it may be written at any time.
   */
  #source(path: RelPath, stat: Stat, own: LedgerRow | undefined): Source | undefined {
    const { tree, ledger, filter, unreadWrites, snapshots } = this.#o;
    if (snapshots.isMade(path)) return undefined;
    if (own !== undefined && isUnchanged(own, stat)) return undefined;
    let source: Source | undefined;
    for (const row of ledger.byInode(stat.ino)) {
      const former = pathOfKey(row.key);
      if (former === path || row.kind !== 'file' || row.state !== 'known' || snapshots.isMade(former)) continue;
      if (row.sizeBytes !== stat.sizeBytes || row.mtimeNs !== stat.mtimeNs) continue;
      if (!filter.includes(former, false) || holdsInode(tree, former, stat.ino)) continue;
      source = { row, written: unreadWrites.has(former) };
      if (sameFile(row, stat)) break;
    }
    return source;
  }

  /** A file that is excluded does not exist for us, but neither is its object deleted: it counts as occupied. */
  #includedStat(path: RelPath, stat: Stat | undefined): Stat | undefined {
    if (stat === undefined || stat.kind === 'directory' || this.#o.filter.includes(path, false)) return stat;
    return { ...stat, kind: 'other' };
  }

  #needsMarker(dir: RelPath, stat: Stat, xattrs: Xattrs | null): boolean {
    const { tree, filter, directoryDefaults } = this.#o;
    if (!filter.includes(dir, true)) return false;
    const isEmpty = !tree.hasName(dir, (entry) => becomesObject(dir, entry, filter));
    return needsMarker(stat, { isEmpty, xattrs }, directoryDefaults);
  }
}

function holdsInode(tree: LocalTree, path: RelPath, ino: bigint): boolean {
  try {
    return tree.lstat(path)?.ino === ino;
  } catch {
    return true; // nobody can say what it holds
  }
}

/** The range of every key beneath `path/`, the marker excluded: no name holds a NUL, and '0' follows '/'. */
export function keysBelow(path: RelPath): [from: RelKey, to: RelKey] {
  return [`${path}/\0` as RelKey, `${path}0` as RelKey];
}

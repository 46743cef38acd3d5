// Pure. (path as it is on disk, what the ledger says of its two keys) -> what to do. The only place that decides.
import type { LedgerRow } from '../ledger/ledger.ts';
import { isAcknowledged, isComplete, sameFile, sameMetadata, sameXattrs } from '../ledger/unchanged.ts';
import type { Action, KeyKind } from '../model/action.ts';
import { type Stat, youngMs } from '../model/entry.ts';
import type { Keeps } from '../model/extras.ts';
import type { Xattrs } from '../model/xattrs.ts';

/** Where a file may have been before: a known row of its inode, size and mtime whose path holds that inode no longer. */
export interface Source {
  readonly row: LedgerRow;
  /** An event told of a write under that name since the last read. */
  readonly written: boolean;
}

/** Everything the decision rests on. */
export interface PathState {
  /** undefined: proven absent. */
  readonly stat: Stat | undefined;
  /** The row of key `path`. */
  readonly fileRow: LedgerRow | undefined;
  /** For a regular file: the row of another key that may hold it, because it was there before. */
  readonly source: Source | undefined;
  /** The row of key `path/`. */
  readonly markerRow: LedgerRow | undefined;
  /** For a directory: whether it needs a marker (plan/marker.ts). */
  readonly needsMarker: boolean;
  /** The row of a file that does not tell of all of this is to be completed. */
  readonly keeps: Keeps;
  /** The extended attributes of a directory; null if they are not kept. */
  readonly xattrs: Xattrs | null;
  /** The time of a directory counts: a scan has found it. Every name that comes or goes changes it. */
  readonly dirTimeCounts: boolean;
  /** The ledger has rows of ours beneath `path/`, the marker aside. */
  readonly hasRowsBelow: boolean;
  /** Some object beneath `path/`, the marker aside, is acknowledged. */
  readonly hasStoredBelow: boolean;
  /** Foreign rows may be deleted like our own (`sync --delete`, `--delete-foreign`). */
  readonly deleteForeign: boolean;
  /** An event told of a write since the last read. */
  readonly written: boolean;
  /**
   * Of a file that is stored as a command makes it: whether S3 got what was made of this very state of the file and its
   * logs. Neither its stat alone nor an event that told of a write says so. Undefined for every other.
   */
  readonly snapshot?: 'stored' | 'due' | undefined;
  /** Wall clock, ms. */
  readonly nowMs: number;
}

/**
 * Decides.
 *
 * | on disk | row | action |
 * |---|---|---|
 * | file | none, intent or of another kind | put |
 * | file | foreign, equal size | adopt if the content is equal, else put |
 * | file | foreign, other size | put |
 * | file | known, five fields equal, no write told of | nothing; see to its extended attributes and links if the row does not tell of them |
 * | file | known or fuzzy, anything else | compare the content (same size), put what differs |
 * | file | fuzzy, five fields and metadata equal, ctime in the future | nothing: no comparison can settle it before its time |
 * | file | unproven, five fields equal | prove by HEAD once the late request can no longer come; put if the row does not tell of those |
 * | file that a command makes | foreign | put |
 * | file that a command makes | any other; S3 got this very state, and the row tells of what goes with it | as with five fields equal and no write told of |
 * | file that a command makes | any other; else | have it made, compare that content, put what differs |
 * | file with a source | any for which it is put | copy, unread if five fields equal and no write told of, else if the content is; put otherwise |
 * | symbolic link | none, or differing | put |
 * | directory | marker needed and absent or differing / not needed and stored | put marker / delete it when an object beneath is stored |
 * | absent | ours | delete; an unproven one that is believed absent: prove |
 * | absent | foreign | nothing, unless the user said that foreign keys go too |
 * | socket, FIFO, device | any | skip: it occupies the name, so nothing of that name is deleted |
 * | not a directory | rows beneath | expand: look at each of them |
 */
export function planPath(state: PathState): Action[] {
  const { stat } = state;
  const actions: Action[] = [];
  if (stat === undefined) {
    actions.push(...planAbsent(state.fileRow, 'file', state), ...planAbsent(state.markerRow, 'marker', state));
  } else if (stat.kind === 'directory') {
    actions.push(...planMarker(state), ...planAbsent(state.fileRow, 'file', state));
  } else if (stat.kind === 'other') {
    actions.push({ do: 'skip-special' });
  } else {
    actions.push(...planStored(state, stat), ...planAbsent(state.markerRow, 'marker', state));
  }
  if (stat?.kind !== 'directory' && state.hasRowsBelow) actions.push({ do: 'expand' });
  return actions;
}

type PutContent = Extract<Action, { do: 'put-file' }>['content'];

function planStored(state: PathState, stat: Stat): Action[] {
  const row = state.fileRow;
  const symlink = stat.kind === 'symlink';
  const put = (content: PutContent, reason: string): Action[] =>
    symlink ? [{ do: 'put-symlink', reason }] : [putFile(state, stat, { content, reason })];
  if (row === undefined) return put('send', 'new');
  if (row.state === 'intent') return put('send', 'unfinished');
  const { snapshot } = state;
  if (row.state === 'foreign' && snapshot === undefined)
    return row.sizeBytes === stat.sizeBytes && !symlink ? put('adopt', 'foreign') : put('send', 'foreign');
  if (row.state === 'foreign') return put('send', 'foreign');
  if (row.kind !== stat.kind) return put('send', 'other kind');
  const same = snapshot === undefined ? sameFile(row, stat) && !state.written : snapshot === 'stored';
  const complete = isComplete(row, stat, state.keeps);
  if (row.state === 'known' && same && (!symlink || sameMetadata(row, stat))) {
    if (complete) return [];
    // Of what a command makes now nobody knows that S3 holds it.
    if (snapshot === undefined) return put('stored', 'what goes with it');
  }
  if (row.state === 'unproven')
    return same && complete && row.etag !== null ? [prove(row, 'file')] : put('send', 'unproven');
  if (row.state === 'fuzzy' && same && youngMs(stat, state.nowMs) < 0 && sameMetadata(row, stat)) return [];
  const isComparable = row.checksum !== null && (snapshot !== undefined || row.sizeBytes === stat.sizeBytes);
  return put(isComparable ? 'compare' : 'send', 'changed');
}

function putFile(
  { source, written }: PathState,
  stat: Stat,
  { content, reason }: { content: PutContent; reason: string },
): Action {
  if (source === undefined) return { do: 'put-file', content, reason };
  const proven = sameFile(source.row, stat) && !written && !source.written;
  // What may or may not be in S3 already is not asked where a copy costs no more.
  const otherwise = content === 'adopt' ? 'send' : content;
  return { do: 'put-file', content: otherwise, from: { key: source.row.key, proven }, reason: 'renamed' };
}

function planMarker(state: PathState): Action[] {
  const row = state.markerRow;
  const stat = state.stat!;
  if (!state.needsMarker) {
    // Put before delete: the marker may be all that S3 has of this directory until something beneath it is stored.
    return state.hasStoredBelow ? planAbsent(row, 'marker', state) : [];
  }
  if (row === undefined || row.state === 'intent' || row.state === 'foreign')
    return [{ do: 'put-marker', reason: 'new' }];
  const isStale =
    !sameMetadata(row, stat) || !sameXattrs(row, state.xattrs) || (state.dirTimeCounts && row.mtimeNs !== stat.mtimeNs);
  if (row.etag === null || isStale) return [{ do: 'put-marker', reason: 'changed' }];
  return row.state === 'unproven' ? [prove(row, 'marker')] : [];
}

/** The key must not exist (any more): the path is absent or of another kind. */
function planAbsent(row: LedgerRow | undefined, target: KeyKind, state: PathState): Action[] {
  if (row === undefined || (row.state === 'foreign' && !state.deleteForeign)) return [];
  if (row.state === 'unproven' && !isAcknowledged(row)) return [prove(row, target)];
  return [{ do: 'delete', target, reason: deleteReason(state.stat, target) }];
}

function deleteReason(stat: Stat | undefined, target: KeyKind): string {
  if (stat === undefined) return 'gone';
  return stat.kind === 'directory' && target === 'marker' ? 'no longer needed' : `now a ${stat.kind}`;
}

function prove(row: LedgerRow, target: KeyKind): Action {
  return { do: 'prove', target, notBeforeMs: row.proveAfterMs ?? 0 };
}

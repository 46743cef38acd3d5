// Pure. (what the ledger says, what is on disk, what S3 lists) -> what a restore does about one key.
import type { LedgerRow } from '../ledger/ledger.ts';
import { sameFile, sameMetadata } from '../ledger/unchanged.ts';
import type { Stat } from '../model/entry.ts';

/** Which version wins where disk and S3 differ; undefined: whichever the table says. */
export type Overwrite = 'never' | 'newer' | 'always' | undefined;

/** Everything the decision rests on. At least one of base, local and remote is there. */
export interface RestoreState {
  readonly base: LedgerRow | undefined;
  /** undefined: proven absent. */
  readonly local: Stat | undefined;
  readonly remote: { readonly etag: string; readonly sizeBytes: number } | undefined;
  /**
   * Whether a path that the ledger knows and the disk lacks was deleted by somebody. Not so in an empty root, or after
   * an unfinished restore: then it is only missing.
   */
  readonly absenceIsEvidence: boolean;
  readonly overwrite?: Overwrite;
  /** Answers to questions asked before; undefined while not asked. */
  readonly answers: RestoreAnswers;
}

/** What only reading content or asking S3 can tell. */
export interface RestoreAnswers {
  /** The local content has the checksum of the base. */
  readonly localIsBase?: boolean;
  /** The local content, and its kind, are those of the object. */
  readonly localIsRemote?: boolean;
  /** The modification time stored with the object; null if none is. */
  readonly remoteMtimeNs?: bigint | null;
}

export type Question = keyof RestoreAnswers;

/**
 * - `nothing`: the disk, S3 and the ledger agree.
 * - `ask`: answer the question and decide again.
 * - `download`: S3's version takes the path. `loser`: the local version goes to STATE/conflicts first.
 * - `save-remote`: the local version stays and is uploaded; S3's goes to STATE/conflicts.
 * - `keep`: neither version is touched, nor the row; reported.
 * - `adopt`: both are equal; only the ledger is written.
 * - `remove`: the local path goes, behind the guard.
 * - `hand-over`: the path is dirty; what happens in S3 is decided by the upload's planner and its guards.
 *   `forget`: the row goes first, because what it describes is no longer in S3.
 * - `forget`: only the row goes.
 * - `blocked`: something on disk occupies the name and stays; S3's version is left alone and reported.
 */
export type RestoreDecision =
  | { readonly do: 'nothing' }
  | { readonly do: 'ask'; readonly question: Question }
  | { readonly do: 'download'; readonly loser: boolean; readonly reason: string }
  | { readonly do: 'save-remote'; readonly reason: string }
  | { readonly do: 'keep'; readonly reason: string }
  | { readonly do: 'adopt' }
  | { readonly do: 'remove' }
  | { readonly do: 'hand-over'; readonly forget: boolean; readonly reason: string }
  | { readonly do: 'forget' }
  | { readonly do: 'blocked'; readonly reason: string };

const NOTHING: RestoreDecision = { do: 'nothing' };

/**
 * Decides about a file or symbolic link (for markers: planMarkerRestore).
 *
 * "As base" in S3 is an equal ETag. As base on disk is the five-field stat rule, or content with the base's checksum:
 * a changed mode or owner alone is no edit that could outweigh new content.
 *
 * | local | S3 | decision |
 * |---|---|---|
 * | as base | as base | nothing |
 * | as base | changed | download |
 * | as base | gone | remove |
 * | changed | as base | hand over (upload) |
 * | changed | changed, equal content | adopt |
 * | changed | changed | save remote |
 * | changed | gone | forget the row, hand over (upload) |
 * | gone | as base | hand over (delete in S3); download if absence is no evidence |
 * | gone | changed | download |
 * | gone | gone | forget |
 * | no base, absent | any | download |
 * | no base, equal content | there | adopt |
 * | no base, different, stored mtime newer, equal or none | there | download, the local loser is kept |
 * | no base, different, local mtime newer | there | save remote |
 * | no base, directory | there | download; placing it fails unless the directory is empty |
 * | no base | gone | forget a foreign row; hand over an unfinished one |
 * | socket, FIFO, device | there | blocked |
 *
 * `overwrite` changes these lines; "newer" is S3's stored mtime, strictly, and none stored is not newer:
 *
 * | local | S3 | never | newer | always |
 * |---|---|---|---|---|
 * | as base | changed | keep | download if newer, else keep | download |
 * | changed | as base | hand over | hand over | download, the local loser is kept |
 * | gone | as base | hand over | hand over | download |
 * | changed | changed | save remote | as the next line | as the next line |
 * | no base, different | there | save remote | download if newer, the local loser is kept; else save remote | download, the local loser is kept |
 *
 * A directory is no loser that could be kept: placing the file fails unless it is empty.
 *
 * What is a base: a `known` row; a `fuzzy` one, whose file counts as changed until its checksum says otherwise; an
 * `unproven` one only while S3 shows its ETag, and then the path is handed over to be proven. An `intent` row, an
 * unproven row with another ETag and a `foreign` row prove nothing about S3's content: they are no base, so that
 * nothing is overwritten or removed on their word.
 */
export function planRestore(state: RestoreState): RestoreDecision {
  const { local, remote } = state;
  const base = trustedBase(state);
  if (remote === undefined) return planGone(state, base);
  if (local === undefined) {
    if (base === undefined) return { do: 'download', loser: false, reason: 'new' };
    if (base.etag !== remote.etag) return { do: 'download', loser: false, reason: 'changed in S3' };
    if (!state.absenceIsEvidence || state.overwrite === 'always')
      return { do: 'download', loser: false, reason: 'missing on disk' };
    return { do: 'hand-over', forget: false, reason: 'deleted on disk' };
  }
  if (local.kind === 'other') return { do: 'blocked', reason: 'a socket, FIFO or device has this name' };
  if (base === undefined) return planWithoutBase(state, local, remote.sizeBytes);
  return base.etag === remote.etag ? planLocalChange(state, base, local) : planRemoteChange(state, base, local);
}

function trustedBase({ base, remote }: RestoreState): LedgerRow | undefined {
  if (base?.state === 'known' || base?.state === 'fuzzy') return base;
  return base?.state === 'unproven' && base.etag !== null && base.etag === remote?.etag ? base : undefined;
}

/** S3 is as base. */
function planLocalChange(state: RestoreState, base: LedgerRow, local: Stat): RestoreDecision {
  if (base.state === 'known' && sameFile(base, local) && sameMetadata(base, local)) return NOTHING;
  if (state.overwrite === 'always') {
    const asBase = isLocalAsBase(base, local, state.answers);
    if (asBase === undefined) return { do: 'ask', question: 'localIsBase' };
    if (!asBase) return replaceLoser(local, 'changed on disk');
  }
  if (base.state === 'unproven') return { do: 'hand-over', forget: false, reason: 'unproven' };
  // Whether a differing stat means differing content is the upload's question: S3 loses nothing by either answer.
  return { do: 'hand-over', forget: false, reason: 'changed on disk' };
}

/** S3 has another version than the base. */
function planRemoteChange(state: RestoreState, base: LedgerRow, local: Stat): RestoreDecision {
  const asBase = isLocalAsBase(base, local, state.answers);
  if (asBase === undefined) return { do: 'ask', question: 'localIsBase' };
  if (asBase) return planUpdate(state, local);
  if (couldBeEqual(local, state.remote!.sizeBytes)) {
    // Also what is left when an upload was stored and the process died before the ledger knew.
    if (state.answers.localIsRemote === undefined) return { do: 'ask', question: 'localIsRemote' };
    if (state.answers.localIsRemote) return { do: 'adopt' };
  }
  if (state.overwrite === 'newer' || state.overwrite === 'always') return planByAge(state, local);
  return { do: 'save-remote', reason: 'changed on both sides' };
}

/** Only S3 has changed. */
function planUpdate({ overwrite, answers: { remoteMtimeNs } }: RestoreState, local: Stat): RestoreDecision {
  const reason = 'changed in S3';
  if (overwrite === 'never') return { do: 'keep', reason };
  if (overwrite === 'newer') {
    if (remoteMtimeNs === undefined) return { do: 'ask', question: 'remoteMtimeNs' };
    if (remoteMtimeNs === null || remoteMtimeNs <= local.mtimeNs)
      return { do: 'keep', reason: `${reason}, and not newer there` };
  }
  return { do: 'download', loser: false, reason };
}

function planWithoutBase(state: RestoreState, local: Stat, remoteBytes: number): RestoreDecision {
  const { localIsRemote } = state.answers;
  if (local.kind === 'directory') return { do: 'download', loser: false, reason: 'new' };
  if (couldBeEqual(local, remoteBytes)) {
    if (localIsRemote === undefined) return { do: 'ask', question: 'localIsRemote' };
    if (localIsRemote) return { do: 'adopt' };
  }
  return planByAge(state, local);
}

/** Two versions of which neither comes from the other. */
function planByAge({ overwrite, answers: { remoteMtimeNs } }: RestoreState, local: Stat): RestoreDecision {
  if (overwrite === 'never') return { do: 'save-remote', reason: 'the disk is not overwritten' };
  if (overwrite === 'always') return replaceLoser(local, 'the disk is overwritten');
  if (remoteMtimeNs === undefined) return { do: 'ask', question: 'remoteMtimeNs' };
  const isNewerOnly = overwrite === 'newer';
  if (remoteMtimeNs === null) {
    return isNewerOnly ? { do: 'save-remote', reason: 'of unknown age in S3' } : replaceLoser(local, 'of unknown age');
  }
  if (remoteMtimeNs > local.mtimeNs) return replaceLoser(local, 'newer in S3');
  if (remoteMtimeNs < local.mtimeNs) return { do: 'save-remote', reason: 'newer on disk' };
  return isNewerOnly ? { do: 'save-remote', reason: 'not newer in S3' } : replaceLoser(local, 'newer in S3');
}

function replaceLoser({ kind }: Stat, reason: string): RestoreDecision {
  return { do: 'download', loser: kind !== 'directory', reason };
}

/** S3 has nothing under this key. */
function planGone(state: RestoreState, base: LedgerRow | undefined): RestoreDecision {
  const { local } = state;
  if (base === undefined) {
    return isUnfinished(state.base) ? { do: 'hand-over', forget: false, reason: 'unfinished' } : { do: 'forget' };
  }
  if (local === undefined || local.kind === 'other') return { do: 'forget' };
  const asBase = isLocalAsBase(base, local, state.answers);
  if (asBase === undefined) return { do: 'ask', question: 'localIsBase' };
  return asBase ? { do: 'remove' } : { do: 'hand-over', forget: true, reason: 'changed on disk, gone in S3' };
}

/** undefined: only the content can tell. */
function isLocalAsBase(base: LedgerRow, local: Stat, answers: RestoreAnswers): boolean | undefined {
  if (base.kind !== local.kind || base.sizeBytes !== local.sizeBytes) return false;
  if (base.state === 'known' && sameFile(base, local)) return true;
  return answers.localIsBase;
}

/** Whether a request of ours may still be under way for the key. */
function isUnfinished(row: LedgerRow | undefined): boolean {
  return row?.state === 'intent' || row?.state === 'unproven';
}

function couldBeEqual(local: Stat, remoteBytes: number): boolean {
  return (local.kind === 'file' || local.kind === 'symlink') && local.sizeBytes === remoteBytes;
}

/**
 * - `apply`: make the directory if need be and give it the marker's mode and owner.
 * - `remove`: remove the directory if it is empty, and forget the row.
 */
export type MarkerDecision =
  | { readonly do: 'nothing' | 'apply' | 'remove' | 'forget' | 'blocked' }
  | { readonly do: 'hand-over'; readonly forget: boolean };

/**
 * Decides about a directory marker. A directory has no content of its own, so S3 wins wherever there is no base.
 *
 * | local | S3 | decision |
 * |---|---|---|
 * | as base (mode, owner) | as base | nothing |
 * | changed | as base | hand over |
 * | gone or no directory | as base | hand over; apply if absence is no evidence |
 * | any | changed, or no base | apply; blocked when something else has the name |
 * | as base | gone | remove |
 * | changed | gone | forget the row, hand over |
 * | gone or no directory | gone | forget |
 * | any, intent or unproven row | gone | hand over |
 *
 * With `overwrite: 'always'` what would be handed over because the disk changed is applied; the others change nothing.
 */
export function planMarkerRestore(state: Omit<RestoreState, 'answers'>): MarkerDecision {
  const { local, remote, absenceIsEvidence } = state;
  const base = trustedBase({ ...state, answers: {} });
  const isDirectory = local?.kind === 'directory';
  if (remote === undefined) {
    if (base === undefined && isUnfinished(state.base)) return { do: 'hand-over', forget: false };
    if (base === undefined || !isDirectory) return { do: 'forget' };
    return sameMetadata(base, local) ? { do: 'remove' } : { do: 'hand-over', forget: true };
  }
  if (base !== undefined && base.etag === remote.etag) {
    if (isDirectory && sameMetadata(base, local)) return { do: 'nothing' };
    if (state.overwrite !== 'always' && (isDirectory || absenceIsEvidence)) return { do: 'hand-over', forget: false };
  }
  return { do: local === undefined || isDirectory ? 'apply' : 'blocked' };
}

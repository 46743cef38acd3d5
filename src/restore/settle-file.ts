// One file or symbolic link that S3 holds: look, decide, act.
import type { LedgerRow } from '../ledger/ledger.ts';
import type { Stat } from '../model/entry.ts';
import { storedLinkGroup } from '../model/extras.ts';
import { pathOfKey } from '../model/key.ts';
import { decodeMetadata } from '../model/metadata.ts';
import { parentOf, type RelPath } from '../model/path.ts';
import { storedXattrs } from '../model/xattrs.ts';
import { planRestore, type RestoreAnswers, type RestoreDecision } from '../plan/restore-plan.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { BlockedError } from './errors.ts';
import { isChanged, isVanished } from './failures.ts';
import { Inquiry } from './inquiry.ts';
import { leaveAlone } from './leave-alone.ts';
import type { Pretended } from './options.ts';
import { DEFAULT_FILE_PERMISSIONS, type Placed, placeObject } from './place.ts';
import { provenRow } from './rows.ts';
import { brought, finding, type Remote, type Restoring, unchanged } from './work.ts';

/** How often a path may change under our hands before that is its failure. */
const MAX_LOOKS = 5;

const NS_PER_MS = 1_000_000n;

/** What a decision was made from. */
interface Look {
  readonly remote: Remote;
  readonly path: RelPath;
  readonly local: Stat | undefined;
  readonly row: LedgerRow | undefined;
  readonly inquiry: Inquiry | undefined;
}

/**
 * Brings one key to rest. A new one, which neither the ledger nor the disk knew a moment ago, needs no look: it is
 * placed only where there is nothing.
 * @throws whatever makes that impossible for this key.
 */
export async function settleFile(
  work: Restoring,
  { remote: listed, isNew }: { remote: Remote; isNew: boolean },
): Promise<void> {
  let remote: Remote | undefined = listed;
  for (let looks = 1; remote !== undefined; looks++) {
    try {
      return await (isNew && looks === 1 ? download(work, newLook(remote)) : lookAndAct(work, remote));
    } catch (error) {
      if (error instanceof BlockedError) return await leaveAlone(work, { remote, reason: error.message });
      if (isVanished(error)) return;
      if (!isChanged(error) || looks === MAX_LOOKS) throw error;
    }
    remote = await lookAgain(work, remote);
  }
}

function newLook(remote: Remote): Look {
  return { remote, path: pathOfKey(remote.relKey), local: undefined, row: undefined, inquiry: undefined };
}

async function lookAndAct(work: Restoring, remote: Remote): Promise<void> {
  const path = pathOfKey(remote.relKey);
  const { ledger, overwrite } = work.options;
  const row = ledger.get(remote.relKey);
  const local = work.tree.lstat(path);
  const state = { base: row, local, remote, absenceIsEvidence: work.absenceIsEvidence, overwrite };
  const inquiry = local && new Inquiry(work, { key: remote.relKey, remote, local, base: row });
  let answers: RestoreAnswers = {};
  for (;;) {
    const decision = planRestore({ ...state, answers });
    if (decision.do !== 'ask') return await act(work, decision, { remote, path, local, row, inquiry });
    answers = { ...answers, ...(await inquiry!.answer(decision.question)) };
  }
}

async function act(work: Restoring, decision: Exclude<RestoreDecision, { do: 'ask' }>, look: Look): Promise<void> {
  switch (decision.do) {
    case 'nothing':
      unchanged(work, look.row!);
      return;
    case 'download':
      return decision.loser ? await replace(work, look, decision.reason) : await download(work, look);
    case 'save-remote':
      return await saveRemote(work, look, decision.reason);
    case 'keep':
      return keepBoth(work, look, decision.reason);
    case 'adopt':
      return await adopt(work, look);
    case 'hand-over':
      work.tally.dirty.push(look.path);
      return;
    case 'blocked':
      return await leaveAlone(work, { remote: look.remote, reason: decision.reason });
    case 'remove':
    case 'forget':
      throw new Error(`a key that S3 holds cannot be decided '${decision.do}'`);
  }
}

async function download(
  work: Restoring,
  look: Look,
  keepLoser?: Parameters<typeof placeObject>[1]['keepLoser'],
): Promise<void> {
  if (isPretended(work, look, keepLoser ? 'replace' : 'restore')) return;
  const { remote, path, local, row } = look;
  const placed = await placeObject(work, {
    remote,
    path,
    tree: work.tree,
    expected: local,
    ...(keepLoser && { keepLoser }),
  });
  countDownload(work, path, placed);
  const stat = placed.untouched ? placed.stat : neverUnchanged(placed.stat);
  if (!placed.untouched || remote.isAlias) work.tally.dirty.push(path);
  await saveRow(
    work,
    remote,
    provenRow(remote, { ...placed.download, stat, before: row, keepsXattrs: work.options.xattrs }),
  );
}

/** Whether this is a dry run, which says what would be had instead. */
function isPretended({ options, tally, tree }: Restoring, { path, remote }: Look, what: Pretended['what']): boolean {
  if (options.pretend === undefined) return false;
  // Throws what is in the way.
  tree.open(parentOf(path))?.close();
  tally.downloaded++;
  tally.downloadedBytes += remote.sizeBytes;
  options.pretend({ what, path, sizeBytes: remote.sizeBytes });
  return true;
}

/** S3's version takes the path, the local one is kept. */
async function replace(work: Restoring, look: Look, reason: string): Promise<void> {
  const { conflicts } = work;
  if (conflicts === null) return cannotKeepBoth(work, look);
  let keptAs = '';
  await download(work, look, (directory) => {
    keptAs = conflicts.keep(directory, { path: look.path, local: look.local! });
  });
  if (work.options.pretend !== undefined) return;
  work.tally.conflicts.push({ ...finding(look.path, reason), winner: 's3', keptAs });
}

/** The local version stays and will be uploaded, S3's is kept. */
async function saveRemote(work: Restoring, look: Look, reason: string): Promise<void> {
  const { conflicts } = work;
  if (conflicts === null)
    return work.options.overwrite === 'never' ? keepBoth(work, look, reason) : cannotKeepBoth(work, look);
  if (isPretended(work, look, 'keep-remote')) return;
  const { remote, path, row } = look;
  const placed = await placeObject(work, { remote, path, tree: conflicts.tree, expected: undefined });
  countDownload(work, path, placed);
  const keptAs = conflicts.tree.absolute(path).toString();
  work.tally.conflicts.push({ ...finding(path, reason), winner: 'local', keptAs });
  work.tally.dirty.push(path);
  const stat = neverUnchanged(placed.stat);
  await work.rows.saveOf(
    remote,
    provenRow(remote, { ...placed.download, stat, before: row, keepsXattrs: work.options.xattrs }),
  );
}

/** As it was asked for. The row stays too: another restore, which was not asked for it, sees what this one saw. */
function keepBoth(work: Restoring, { path }: Look, reason: string): void {
  work.tally.kept.push(finding(path, reason));
}

/** Without a state directory neither version may be touched, and none may be uploaded over the other. */
function cannotKeepBoth(work: Restoring, { path }: Look): void {
  work.tally.failures.push(finding(path, 'disk and S3 differ, and without a state directory the loser cannot be kept'));
}

/**
 * Equal content: the row says what S3 holds. Where mode, time, owner or extended attributes differ, the local ones are to
 * be stored.
 */
async function adopt(work: Restoring, { remote, path, local, row, inquiry }: Look): Promise<void> {
  const head = await inquiry!.head();
  const { checksum, xattrs } = await inquiry!.content();
  const { mode, mtimeNs, uid, gid } = decodeMetadata(head.attributes.metadata);
  const { owners } = work.options;
  const stored: Stat = {
    ...local!,
    mtimeNs: mtimeNs ?? BigInt(head.lastModifiedMs) * NS_PER_MS,
    mode:
      local!.kind === 'file' ? (local!.mode & ~0o7777) | ((mode ?? DEFAULT_FILE_PERMISSIONS) & 0o7777) : local!.mode,
    uid: (owners ? uid : undefined) ?? local!.uid,
    gid: (owners ? gid : undefined) ?? local!.gid,
  };
  const same =
    stored.mtimeNs === local!.mtimeNs &&
    stored.mode === local!.mode &&
    stored.uid === local!.uid &&
    stored.gid === local!.gid &&
    (xattrs === null || storedXattrs(head.attributes.metadata).digest === xattrs.digest) &&
    !isApart(work, local!, head);
  if (!same || remote.isAlias) work.tally.dirty.push(path);
  work.tally.adopted++;
  const stat = same ? local! : neverUnchanged(stored);
  await saveRow(
    work,
    remote,
    provenRow(remote, { stat, head, checksum, before: row, keepsXattrs: work.options.xattrs }),
  );
}

/** Nobody is known to have linked it; after an unfinished restore it is only not linked yet. */
function isApart({ options, absenceIsEvidence }: Restoring, local: Stat, { attributes }: ObjectHead): boolean {
  return options.hardLinks && absenceIsEvidence && local.nlink < 2 && storedLinkGroup(attributes.metadata) !== null;
}

/** That of a file with several names waits for them: only when they are linked it is true. */
async function saveRow(work: Restoring, remote: Remote, row: LedgerRow): Promise<void> {
  const isLinked = row.kind === 'file' && row.linkGroup !== null && row.ino !== 0n;
  if (work.options.hardLinks && isLinked && !remote.isAlias) work.linked.push({ row, isKnown: false });
  else await work.rows.saveOf(remote, row);
}

async function lookAgain(work: Restoring, remote: Remote): Promise<Remote | undefined> {
  const { store, retry } = work.options;
  const { signal } = work;
  const head = await retry(() => store.head(remote.key, { signal }), { signal });
  return head && { ...remote, etag: head.etag, sizeBytes: head.sizeBytes, lastModifiedMs: head.lastModifiedMs };
}

function countDownload(work: Restoring, path: RelPath, { download }: Placed): void {
  brought(work, path, download.head.sizeBytes);
  if (!download.verified) work.tally.unverified++;
}

/** A stat that no file on disk has: its row never counts as unchanged. */
function neverUnchanged(stat: Stat): Stat {
  return { ...stat, ctimeNs: 0n, ino: 0n };
}

// Directories that have an object of their own: mode, owner and extended attributes are applied when everything beneath
// them is there.
import { fchmodSync, fchownSync, fstatSync } from 'node:fs';
import type { Stat } from '../model/entry.ts';
import { pathOfKey } from '../model/key.ts';
import { decodeMetadata } from '../model/metadata.ts';
import type { Xattrs } from '../model/xattrs.ts';
import { DEFAULT_DIRECTORY_MODE } from '../plan/marker.ts';
import { planMarkerRestore } from '../plan/restore-plan.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { statOf } from '../tree/local-tree.ts';
import { BlockedError } from './errors.ts';
import { leaveAlone } from './leave-alone.ts';
import { provenRow } from './rows.ts';
import { brought, type Remote, type Restoring } from './work.ts';

/** SHA-256 of nothing: a directory's content is empty. */
const EMPTY_CHECKSUM = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** A marker to be applied. */
export interface Marker {
  readonly remote: Remote;
  readonly head: ObjectHead;
}

/** Decides about one marker; returns what is to be applied later, deepest directory first. */
export async function settleMarker(work: Restoring, remote: Remote): Promise<Marker | undefined> {
  const { ledger, store, retry, overwrite } = work.options;
  const { signal } = work;
  const base = ledger.get(remote.relKey);
  const local = work.tree.lstat(pathOfKey(remote.relKey));
  const decision = planMarkerRestore({ base, local, remote, absenceIsEvidence: work.absenceIsEvidence, overwrite });
  if (decision.do === 'hand-over') work.tally.dirty.push(pathOfKey(remote.relKey));
  else if (decision.do === 'blocked')
    await leaveAlone(work, { remote, reason: 'something that is no directory has this name' });
  if (decision.do !== 'apply') return undefined;
  const head = await retry(() => store.head(remote.key, { signal }), { signal });
  return head && { remote, head };
}

/** Makes the directory if need be, gives it what the marker says, and writes its row. */
export async function applyMarker(work: Restoring, { remote, head }: Marker): Promise<void> {
  if (work.options.pretend !== undefined) {
    work.tally.downloaded++;
    return work.options.pretend({ what: 'apply', path: pathOfKey(remote.relKey) });
  }
  try {
    const xattrs = await work.xattrs?.wanted(remote.relKey, head);
    const { stat, wanted } = apply(work, { remote, head }, xattrs);
    const before = work.options.ledger.get(remote.relKey);
    await work.rows.save(
      provenRow(remote, {
        stat: { ...stat, mode: wanted },
        head,
        checksum: EMPTY_CHECKSUM,
        before,
        keepsXattrs: work.options.xattrs,
      }),
    );
    brought(work, pathOfKey(remote.relKey), 0);
    if (stat.mode !== wanted) work.tally.dirty.push(pathOfKey(remote.relKey));
  } catch (error) {
    if (!(error instanceof BlockedError)) throw error;
    await leaveAlone(work, { remote, reason: error.message });
  }
}

function apply(work: Restoring, { remote, head }: Marker, xattrs: Xattrs | undefined): { stat: Stat; wanted: number } {
  const { mode, uid, gid, mtimeNs } = decodeMetadata(head.attributes.metadata);
  const { owners, dirTimes, calls } = work.options;
  const directory = work.tree.make(pathOfKey(remote.relKey));
  try {
    if (owners) fchownSync(directory.fd, uid ?? -1, gid ?? -1);
    if (xattrs !== undefined) work.xattrs!.apply(directory.fd, { key: remote.relKey, wanted: xattrs });
    // A marker that tells no mode does not open a directory that somebody closed.
    if (mode !== undefined) fchmodSync(directory.fd, mode & 0o7777);
    // Nothing beneath comes after it: deeper directories have been made before.
    const result = dirTimes && mtimeNs !== undefined ? calls.setModified(directory.fd, mtimeNs) : 0;
    if (result !== 0) throw new Error(`its modification time cannot be set (errno ${-result})`);
    const stat = statOf(fstatSync(directory.fd, { bigint: true }));
    return { stat, wanted: (stat.mode & ~0o7777) | ((mode ?? DEFAULT_DIRECTORY_MODE) & 0o7777) };
  } finally {
    directory.close();
  }
}

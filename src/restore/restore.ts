// S3 -> disk: list, compare, then remove, download and give directories their attributes.
import type { PathOrder } from '../filter/path-filter.ts';
import { HashThreads } from '../hash/hash-threads.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import { isAcknowledged } from '../ledger/unchanged.ts';
import { RefusedError } from '../model/errors.ts';
import { pathOfKey } from '../model/key.ts';
import { ROOT } from '../model/path.ts';
import { LocalTree } from '../tree/local-tree.ts';
import { takesPart } from '../tree/walk.ts';
import { ConflictStore } from './conflict-store.ts';
import { type Each, eachOf } from './each.ts';
import { linkFiles } from './link-files.ts';
import { listRemote, reportKeyConflicts } from './listing.ts';
import { NewFiles } from './new-files.ts';
import type { RestoreOptions, RestoreReport } from './options.ts';
import { ProgressCount } from './progress-count.ts';
import { RangeMemory } from './range-memory.ts';
import { RealTree } from './real-tree.ts';
import { removeExtra } from './remove-extra.ts';
import { RowBuffer } from './row-buffer.ts';
import { settleFile } from './settle-file.ts';
import { type Removal, removeLocally, settleGone } from './settle-gone.ts';
import { applyMarker, type Marker, settleMarker } from './settle-markers.ts';
import { checkSpace, type Survey, survey } from './survey.ts';
import { newTally, type Remote, type Restoring, type Tally } from './work.ts';
import { XattrObjects } from './xattr-objects.ts';
import { RestoredXattrs } from './xattrs.ts';

/**
 * Makes the disk what S3 holds, by the table of plan/restore-plan.ts. A crash at any instant leaves old or new files,
 * and the next restore goes on from there. Single files are not synced to the disk; their file system is, before the
 * ledger calls them restored.
 *
 * @throws {OperatorError} if nothing can go on: no space, disk full, S3 refuses as a whole, the ledger fails
 * @throws {RefusedError} if S3 holds nothing and the ledger knows better
 */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const { ledger, calls, nowMs, stateDir } = options;
  const abort = new AbortController();
  const tally = newTally();
  const xattrs = options.xattrs ? xattrsInto(tally, options, abort.signal) : undefined;
  const tree = new RealTree(options.root, { onMade: (fd) => xattrs?.strip(fd) });
  const work: Restoring = {
    options,
    tree,
    xattrs,
    linked: [],
    rows: new RowBuffer(ledger, { calls, fd: tree.fd, nowMs }),
    newFiles: new NewFiles(calls),
    rangeMemory: new RangeMemory(),
    hashThreads: HashThreads.ofProcess(),
    conflicts: stateDir === null ? null : new ConflictStore(stateDir, { startedMs: nowMs(), calls }),
    tally,
    progress: new ProgressCount(options.onProgress),
    nameless: new Set(),
    storedLogs: new Set(),
    removedInPretence: new Set(),
    absenceIsEvidence: begin(options),
    signal: abort.signal,
    opaqueEtags: { seen: false },
  };
  // A signal made of others costs more to listen to, and every request does.
  const onAbort = (): void => abort.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort);
  if (options.signal?.aborted) onAbort();
  try {
    await run(work, eachOf(work, abort));
    await work.rows.flush();
  } catch (error) {
    // What is in place is known to the ledger though the rest failed; if that fails as well, the first error counts.
    await work.rows.flush().catch(() => undefined);
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
    work.conflicts?.close();
    tree.close();
  }
  const complete = work.tally.failures.length === 0 && work.tally.heldRemovals.length === 0;
  const { kept } = work.tally;
  if (complete)
    ledger.setMeta({ restoring: false, listed: true, restored: kept.length > 0 ? null : options.selection });
  return { ...work.tally, complete };
}

function xattrsInto(
  tally: Tally,
  { present, prefix, retry, calls }: RestoreOptions,
  signal: AbortSignal,
): RestoredXattrs {
  return new RestoredXattrs({
    objects: new XattrObjects({ store: present, prefix, retry, signal }),
    calls,
    onMissing: (finding) => tally.partial.push(finding),
  });
}

/** Prepares the ledger; returns whether a path it knows and the disk lacks was deleted by somebody. */
function begin({ ledger, filter, root }: RestoreOptions): boolean {
  const { restoring } = ledger.meta();
  ledger.setMeta({ listed: false });
  ledger.forgetForeign();
  const isEmpty = !new LocalTree(root).hasName(ROOT, (entry) => takesPart(ROOT, entry, filter));
  return !restoring && !isEmpty;
}

async function run(work: Restoring, each: Each): Promise<void> {
  const remotes = await listRemote(work);
  const found = await survey(work, { remotes, losers: reportKeyConflicts(work, remotes) });
  const refusedKeys = work.tally.refused.length;
  if (remotes.length === 0) refuseIfKnown(work, found);
  checkSpace(work, found);
  // From here on the disk is changed: until the end, what is missing there is no deletion.
  work.options.ledger.setMeta({ restoring: true });
  // Removals make room for files, and files come before the modes of their directories.
  await settleAllGone(work, { rows: found.gone, each });
  work.progress.begin(totalsOf(found));
  for (const turn of inTurns(found, work.options.order)) {
    for (const isNew of [true, false]) {
      await each(isNew ? turn.newFiles : turn.files, {
        key: (remote) => remote.relKey,
        async settle(remote) {
          await settleFile(work, { remote, isNew });
          work.progress.settled();
        },
      });
    }
  }
  // Of a dry run nothing is in place.
  if (work.options.pretend === undefined) await linkFiles(work);
  const markers = await settleMarkers(work, { remotes: found.markers, each });
  await settleExtra(work, { remotes, each, refusedKeys });
  // Deepest first: a directory that its mode closes must be complete.
  const ordered = markers.toSorted((a, b) => (a.remote.relKey < b.remote.relKey ? 1 : -1));
  await each(ordered, { key: (marker) => marker.remote.relKey, settle: (marker) => applyMarker(work, marker) });
}

type Turn = Pick<Survey, 'newFiles' | 'files'>;

/** The files that are wanted first, then others, each turn in the order of the keys. */
function inTurns(found: Survey, order: PathOrder | undefined): readonly Turn[] {
  if (order === undefined || order.turns === 1) return [found];
  const turns = Array.from({ length: order.turns }, (): Turn => ({ newFiles: [], files: [] }));
  for (const list of ['newFiles', 'files'] as const) {
    for (const remote of found[list]) turns[order.turnOf(pathOfKey(remote.relKey))]![list].push(remote);
  }
  return turns;
}

async function settleAllGone(work: Restoring, { rows, each }: { rows: LedgerRow[]; each: Each }): Promise<void> {
  const removals: Removal[] = [];
  await each(rows, {
    key: (row) => row.key,
    async settle(row) {
      const removal = await settleGone(work, row);
      if (removal !== undefined) removals.push(removal);
    },
  });
  await removeLocally(work, { removals, each });
}

async function settleMarkers(
  work: Restoring,
  { remotes, each }: { remotes: Remote[]; each: Each },
): Promise<readonly Marker[]> {
  const markers: Marker[] = [];
  await each(remotes, {
    key: (remote) => remote.relKey,
    async settle(remote) {
      const marker = await settleMarker(work, remote);
      if (marker !== undefined) markers.push(marker);
      work.progress.settled();
    },
  });
  return markers;
}

/** Only what is proven to be complete may say what is too much: something that is in the way here is no proof. */
async function settleExtra(
  work: Restoring,
  { remotes, each, refusedKeys }: { remotes: readonly Remote[]; each: Each; refusedKeys: number },
): Promise<void> {
  const { tally, conflicts, options } = work;
  if (options.extra === undefined || conflicts === null) return;
  const isSound = tally.failures.length + tally.heldRemovals.length === 0 && tally.refused.length === refusedKeys;
  if (isSound) await removeExtra(work, { ...options.extra, remotes, each, conflicts });
  tally.extraLeft = !isSound;
}

function totalsOf({ newFiles, files, markers, downloads }: Survey): { totalFiles: number; totalBytes: number } {
  const totalFiles = newFiles.length + files.length + markers.length;
  return { totalFiles, totalBytes: downloads.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}

/** An emptied bucket, a mistyped prefix or lost permissions look alike; none of them may empty the disk. */
function refuseIfKnown({ options: { store, prefix, extra } }: Restoring, { gone }: Survey): void {
  const known = gone.filter(isAcknowledged).length;
  if (known === 0 && extra === undefined) return;
  const why = known > 0 ? `the ledger knows ${known} objects` : 'and --delete would empty the disk';
  throw new RefusedError(
    `Cannot restore from s3://${store.bucket}/${prefix}: it holds nothing, ${why}`,
    known > 0
      ? 'If it was emptied on purpose, use a new --state-dir; otherwise check bucket, prefix and permissions.'
      : 'Check bucket, prefix and permissions.',
  );
}

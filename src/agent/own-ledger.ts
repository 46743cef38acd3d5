// The ledger of this LOCAL and this prefix, fit to be believed: of this root, without uploads that nobody ends.
import { type Ledger, UNHEARD_UPLOAD } from '../ledger/ledger.ts';
import { openLedger } from '../ledger/sqlite-ledger.ts';
import { RefusedError } from '../model/errors.ts';
import { objectKey, pathOfKey } from '../model/key.ts';
import type { Log } from '../ops/log.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Retry } from '../transfer/retry.ts';
import { type RootGuard, sameRoot } from '../tree/root-guard.ts';
import { copyInMemory } from './dry-run.ts';

/**
 * What a command does about a ledger that was written for another directory at this path.
 * - `refuse`: ends with 4 (one-shot).
 * - `distrust`: uploads, but deletes nothing (watch).
 * - `accept`: S3 is the source, so another directory is nothing strange (restore, run).
 */
export type OtherRoot = 'refuse' | 'distrust' | 'accept';

export interface OwnLedgerOptions {
  readonly file: string | ':memory:';
  /** Work on a copy in memory. */
  readonly dryRun: boolean;
  readonly otherRoot: OtherRoot;
  readonly guard: RootGuard;
  readonly store: ObjectStore;
  readonly retry: Retry;
  readonly prefix: string;
  /** The remote side, normalised. */
  readonly url: string;
  /** The endpoint that is set; undefined: AWS's own. */
  readonly server: string | undefined;
  readonly log: Log;
}

/** @throws RefusedError, OperatorError */
export async function openOwnLedger(options: OwnLedgerOptions): Promise<Ledger> {
  const { log } = options;
  const { ledger, setAside } = openLedger({ file: options.file });
  try {
    if (setAside !== undefined) log.warn('the ledger was corrupt, a new one is built', { setAside });
    const isOther = isOfOtherRoot(ledger, options.guard);
    if (isOther && options.otherRoot === 'refuse') throw otherRootError(options.file);
    const own = options.dryRun ? inMemoryInstead(ledger) : ledger;
    await forgetOtherRemote(own, options);
    await sweepUploads(own, options);
    if (isOther) distrust(own, options);
    own.setMeta({ root: options.guard.identity, remote: placeOf(options) });
    return own;
  } catch (error) {
    ledger.close();
    throw error;
  }
}

function isOfOtherRoot(ledger: Ledger, guard: RootGuard): boolean {
  const { root } = ledger.meta();
  return root !== null && !sameRoot(guard.identity, root);
}

/** One state directory for two URLs, or two servers: what one of them holds says nothing of the other. */
async function forgetOtherRemote(ledger: Ledger, options: OwnLedgerOptions): Promise<void> {
  const { remote: before, restoring } = ledger.meta();
  const now = placeOf(options);
  if (before === null || before === now) return;
  // A server that does not answer may be a slip: what was remembered of the right one stays.
  await options.store.check();
  options.log.warn('the ledger is of another URL or server: everything is compared anew', { before, now });
  ledger.clear();
  ledger.setMeta({ restoring }); // files are missing here, wherever they should have come from
}

function placeOf({ url, server }: OwnLedgerOptions): string {
  return server === undefined ? url : `${url} at ${server}`;
}

function otherRootError(file: string): RefusedError {
  return new RefusedError(
    'Cannot synchronise: LOCAL is another directory than the one that was synchronised before',
    `Check that the right volume is mounted. If the change is intended, remove ${file} or use another --state-dir.`,
  );
}

/** Worthless as evidence: everything is compared anew, as without a ledger. */
function distrust(ledger: Ledger, { guard, otherRoot, log }: OwnLedgerOptions): void {
  log.warn('LOCAL is another directory than the one the ledger describes: everything is compared anew');
  ledger.clear();
  if (otherRoot === 'distrust') guard.break('it is another directory than the one that was synchronised before');
}

function inMemoryInstead(ledger: Ledger): Ledger {
  const copy = copyInMemory(ledger);
  ledger.close();
  return copy;
}

/** Aborts multipart uploads that a crash left open: our own, known from the ledger, and nobody else's. */
async function sweepUploads(ledger: Ledger, { store, retry, prefix, log }: OwnLedgerOptions): Promise<void> {
  for (const row of ledger.openUploads()) {
    const { uploadId } = row;
    if (uploadId === null) continue;
    const path = pathOfKey(row.key);
    try {
      if (uploadId === UNHEARD_UPLOAD) log.warn('an earlier run may have left an upload without parts', { path });
      else await retry(() => store.abortMultipart(objectKey(prefix, row.key), uploadId));
      ledger.write([{ ...row, uploadId: null }]);
    } catch (error) {
      log.warn('cannot abort an unfinished upload of an earlier run', { path, reason: String(error) });
    }
  }
}

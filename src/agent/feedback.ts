// The two doors back: an outcome updates the ledger; everything else marks its path dirty again.
import type { Mark } from '../dirt/dirty-set.ts';
import type { HotPaths } from '../dirt/hot-paths.ts';
import type { SettleTimes } from '../dirt/settle.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import { sameFile } from '../ledger/unchanged.ts';
import { markerKey, pathOfKey } from '../model/key.ts';
import { parentOf, type RelPath, ROOT } from '../model/path.ts';
import type { Log } from '../ops/log.ts';
import type { StoreError } from '../store/errors.ts';
import { backoffMs, type Random } from '../transfer/backoff.ts';
import type { TransferContext } from '../transfer/context.ts';
import type { Limiter } from '../transfer/limiter.ts';
import type { Outcome } from '../transfer/outcome.ts';
import { isRetryable } from '../transfer/retry.ts';
import type { Counters } from './counters.ts';
import type { DeleteJob, Verdict } from './delete-queue.ts';
import type { InodeHolds } from './inode-holds.ts';
import type { Look } from './look.ts';
import type { Meters } from './meters.ts';
import type { Patience } from './patience.ts';
import type { Problems } from './problems.ts';
import type { Pump } from './pump.ts';

export interface FeedbackOptions {
  readonly pump: Pump;
  readonly context: TransferContext;
  readonly limiter: Limiter;
  readonly problems: Problems;
  readonly counters: Counters;
  readonly meters: Meters;
  readonly log: Log;
  readonly hot: HotPaths;
  readonly holds: InodeHolds;
  readonly times: SettleTimes;
  readonly patience: Patience;
  /** No delete will happen until a restart. */
  readonly isRootBroken: () => boolean;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: Random;
  /** An error that nothing can go on after. */
  readonly onFatal: (error: unknown) => void;
}

/** The pause before a file is read again that changed while it was read, if somebody waits for it. */
const URGENT_RACE_MS = 20;
/** How long a delete waits at most before it is looked at again that waits for something to be stored. */
const LONGEST_WAIT_MS = 5000;
const LONGEST_URGENT_WAIT_MS = 200;

export class Feedback {
  readonly #o: FeedbackOptions;
  /** Deletes that wait until something else is stored. */
  readonly #early = new Set<RelPath>();
  #saidProof = false;
  /** The path of the last request that failed and may succeed later. */
  #lastFailed: RelPath | undefined;

  constructor(options: FeedbackOptions) {
    this.#o = options;
  }

  /** A transfer of this mark has ended. */
  transferEnded(mark: Mark, look: Look, outcome: Outcome): void {
    const { context, limiter } = this.#o;
    const { journal } = context;
    switch (outcome.end) {
      case 'stored':
        limiter.succeeded();
        journal.save(outcome.row);
        return this.#stored(mark, look, outcome);
      case 'equal':
        if (outcome.adopted) this.adopted(mark, outcome.row);
        else journal.save(outcome.row);
        this.#remarkOtherNames(mark, outcome.row, look);
        return this.#done(mark, look);
      case 'proven':
        limiter.succeeded();
        if (outcome.row === undefined) journal.forget(outcome.key);
        else journal.save(outcome.row);
        return this.#done(mark, look);
      case 'disproven':
        limiter.succeeded();
        journal.save(outcome.row);
        return this.#o.pump.again(mark, 0);
      case 'young':
        // Written a moment ago: counted, or a file that is written every few milliseconds would wait for ever.
        return this.#o.pump.again({ ...mark, races: mark.races + 1 }, outcome.inMs);
      case 'busy':
        return this.#o.pump.again(mark, outcome.inMs);
      case 'raced':
        return this.#raced(mark);
      case 'unreadable':
        return this.unreadable(mark, outcome.code);
      case 'failed':
        if (outcome.row !== undefined) journal.save(outcome.row);
        return this.#failed(mark, outcome.error);
    }
  }

  /** A foreign object was found to be this path's. */
  adopted(of: Pick<Mark, 'path' | 'epoch'>, row: LedgerRow): void {
    this.#o.context.journal.save(row);
    this.#o.counters.adopted++;
    this.#remarkParents(of);
    this.clear(of.path);
  }

  #stored(mark: Mark, look: Look, { row, how, bytes, torn, marked }: Extract<Outcome, { end: 'stored' }>): void {
    const { counters, meters, log, now, problems, times } = this.#o;
    const { path } = mark;
    const ageMs = now() - mark.firstAtMs;
    counters[how]++;
    counters.bytes += bytes;
    meters.done({ action: how, path, bytes, ageMs });
    log.info(how, { path, bytes, ageMs: Math.round(ageMs) });
    this.#o.hot.published(path, mark.firstAtMs, now());
    this.#remarkParents(mark);
    this.#remarkOtherNames(mark, row, look);
    if (torn) {
      problems.add(path, { kind: 'fuzzy', reason: 'it did not rest for --max-wait' });
      const fresh = { ...mark, firstAtMs: now(), lastAtMs: now(), finishedAtMs: undefined, races: 0, attempts: 0 };
      const later = this.#o.pump.postpone(fresh);
      return this.#o.pump.draining ? this.#o.pump.release(path) : this.#o.pump.again(later, times.settleMs);
    }
    if (marked) return this.#o.pump.again({ ...mark, races: 0 }, 0);
    this.#done(mark, look);
    if (row.proveAfterMs !== null) this.proveLater(path, row.proveAfterMs);
  }

  /**
   * inotify reports a write under the name it was made by; the inode's other names get no event. Those whose row shows
   * another state of it are looked at too. Ends, because a name that shows this state marks nobody.
   */
  #remarkOtherNames({ epoch }: Mark, row: LedgerRow, look: Look): void {
    const { stat } = look.state;
    if (stat?.kind !== 'file' || stat.nlink < 2) return;
    for (const other of this.#o.context.journal.ledger.byInode(row.ino)) {
      if (other.key === row.key || (sameFile(other, stat) && other.checksum === row.checksum)) continue;
      const path = pathOfKey(other.key);
      this.#o.pump.mark({ path, scope: 'self', speed: 'finished', witnessed: false, written: true }, { epoch });
    }
  }

  /** One action has been done; a path may have two (put the file, then delete the marker it replaces). */
  #done({ path, epoch }: Mark, look: Look): void {
    if (look.actions.length > 1) this.#remark(path, { pauseMs: 0, epoch });
    this.settled(path);
  }

  /** Markers of the directories above may not be needed any more now that something beneath them is stored. */
  #remarkParents({ path, epoch }: Pick<Mark, 'path' | 'epoch'>): void {
    for (let dir = parentOf(path); dir !== ROOT; dir = parentOf(dir)) {
      if (this.#o.context.journal.ledger.get(markerKey(dir)) !== undefined) this.#remark(dir, { pauseMs: 0, epoch });
    }
  }

  #raced(mark: Mark): void {
    const pauseMs = this.#o.pump.isUrgent(mark) ? URGENT_RACE_MS : 0;
    // A subtree mark: what it became may be a directory whose contents nobody has seen.
    const again: Mark = {
      ...mark,
      scope: 'subtree',
      races: mark.races + 1,
      finishedAtMs: undefined,
      lastAtMs: this.#o.now(),
    };
    this.#o.pump.again(again, pauseMs);
  }

  /** Nothing can be known of the path: nothing is done about it, and it is looked at again. */
  unreadable(mark: Mark, reason: string): void {
    const { limiter, problems, patience, now } = this.#o;
    problems.add(mark.path, { kind: 'unreadable', reason });
    // Too many files are open: less at once, and this one when others are closed.
    const retryable = reason === 'EMFILE' || reason === 'ENFILE';
    if (retryable) limiter.failed(now());
    this.#retry(mark, { retryable, pauseMs: patience.pauseMs(mark.attempts + 1), nowMs: now() });
  }

  #failed(mark: Mark, error: StoreError): void {
    const { limiter, problems, patience, now, random } = this.#o;
    if (error.reaction === 'aborted') return this.#o.pump.again(mark, 0);
    if (error.reaction === 'fatal' && patience.endsOnFatal) this.#o.onFatal(error);
    const attempts = mark.attempts + 1;
    const retryable = isRetryable(error);
    // One path that fails again and again says nothing about the endpoint: no other must wait for it.
    const isNews = mark.path !== this.#lastFailed || error.retryAfterMs !== undefined;
    if (!retryable) limiter.succeeded();
    else if (isNews) limiter.failed(now(), error.retryAfterMs);
    if (retryable) this.#lastFailed = mark.path;
    // One failure that a repetition cures is not worth a line.
    if (!retryable || attempts > 2) problems.add(mark.path, { kind: 'failed', reason: error.message });
    const pauseMs = retryable
      ? Math.max(backoffMs(attempts, random), error.retryAfterMs ?? 0)
      : patience.pauseMs(attempts);
    this.#retry(mark, { retryable, pauseMs, nowMs: now() });
  }

  /** Again after a pause, or never: then the problem that was reported stays. */
  #retry(mark: Mark, { retryable, pauseMs, nowMs }: { retryable: boolean; pauseMs: number; nowMs: number }): void {
    this.#o.meters.retries++;
    const again = { ...mark, attempts: mark.attempts + 1, failingSinceMs: mark.failingSinceMs ?? nowMs };
    const failed = retryable ? again : this.#o.pump.postpone(again);
    if (this.#o.patience.givesUp(failed, { retryable, nowMs, draining: this.#o.pump.draining })) {
      this.#early.delete(mark.path);
      this.#o.pump.release(mark.path);
    } else {
      this.#o.pump.again(failed, pauseMs);
    }
  }

  /** A delete was done, refused by a second look, or failed. */
  deleteEnded({ path, target, mark }: DeleteJob, how: Verdict | 'deleted' | StoreError): void {
    const { limiter, isRootBroken } = this.#o;
    if (how !== 'early') this.#early.delete(path);
    if (typeof how !== 'string') return this.#failed(mark, how);
    switch (how) {
      case 'deleted':
        limiter.succeeded();
        this.#deleted(mark, target === 'marker' ? `${path}/` : path);
        return this.#o.pump.again(mark, 0); // the path may have another key to look at
      case 'stale':
        return this.#o.pump.again(mark, 0);
      case 'early':
        return this.#tooEarly(mark);
      case 'blind':
        // A broken root stays broken until a restart, which scans: there is nothing to wait for.
        return isRootBroken() ? this.#o.pump.release(path) : this.unreadable(mark, 'it cannot be seen');
    }
  }

  #deleted({ firstAtMs }: Mark, path: string): void {
    const { counters, log, meters, now } = this.#o;
    counters.deleted++;
    log.info('deleted', { path });
    meters.done({ action: 'deleted', path, bytes: 0, ageMs: now() - firstAtMs });
  }

  /** Later; but when all that is left waits like this, what it waits for has been given up, and waiting is failing. */
  #tooEarly(mark: Mark): void {
    const { pump, problems, patience, now } = this.#o;
    this.#early.add(mark.path);
    if (pump.isOnlyLeft(this.#early)) {
      problems.add(mark.path, { kind: 'failed', reason: 'not deleted: what takes its place is not stored' });
      return this.#retry(mark, { retryable: false, pauseMs: patience.pauseMs(mark.attempts + 1), nowMs: now() });
    }
    // The longer it has waited, the longer it waits.
    const longestMs = pump.isUrgent(mark) ? LONGEST_URGENT_WAIT_MS : LONGEST_WAIT_MS;
    pump.again(mark, Math.min(longestMs, Math.max(50, (now() - mark.firstAtMs) / 2)));
  }

  /** Whether the path is to be deleted as soon as something else is stored. */
  waitsForOthers(path: RelPath): boolean {
    return this.#early.has(path);
  }

  /** A new hint about the path, or another work on it than its delete: it is no longer one that only waits. */
  waitsNoMore(path: RelPath): void {
    this.#early.delete(path);
  }

  /** S3 holds what is on disk, or nothing has to be done. */
  settled(path: RelPath): void {
    this.clear(path);
    this.#o.pump.release(path);
  }

  /** The same for a path that nobody works on. */
  clear(path: RelPath): void {
    this.#early.delete(path);
    this.#o.holds.release(path);
    this.#o.problems.clear(path);
  }

  /**
   * The path is settled but for a late request that may still be executed: S3 is asked when it no longer can. Not after
   * more than the request timeout, whatever a clock that was set back says. In a drain the next start does it;
   * no flush waits for it.
   */
  proveLater(path: RelPath, notBeforeMs: number): void {
    const { pump, context, now } = this.#o;
    if (pump.draining) return;
    const inMs = Math.min(notBeforeMs - context.steadyNow(), context.requestTimeoutMs);
    const change = { path, scope: 'self', speed: 'finished', witnessed: false } as const;
    pump.mark(change, { notBeforeMs: now() + inMs, epoch: Number.POSITIVE_INFINITY, proof: true });
    this.#o.log[this.#saidProof ? 'debug' : 'info'](
      'a request whose answer was lost may still be executed: S3 is asked later',
      { path, inMs },
    );
    this.#saidProof = true;
  }

  /** A new look at the path, without a hint. */
  #remark(path: RelPath, { pauseMs, epoch }: { pauseMs: number; epoch: number }): void {
    const change = { path, scope: 'self', speed: 'finished', witnessed: false } as const;
    this.#o.pump.mark(change, { notBeforeMs: this.#o.now() + pauseMs, epoch });
  }

  /** The path holds nothing that can be stored. */
  special(path: RelPath): void {
    this.#o.problems.add(path, { kind: 'special', reason: 'sockets, FIFOs and devices are not stored' });
  }
}

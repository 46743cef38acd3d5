// Dirty set -> plan -> transfers -> outcomes -> ledger, and failures back into the dirty set. Everything that is sent
// to S3 after a restore, in every mode, goes through here.
import type { Mark } from '../dirt/dirty-set.ts';
import { HotPaths } from '../dirt/hot-paths.ts';
import type { SettleTimes } from '../dirt/settle.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import { sameFile } from '../ledger/unchanged.ts';
import type { Action } from '../model/action.ts';
import { markerKey, pathOfKey } from '../model/key.ts';
import { isWithin, parentOf, type RelPath, ROOT } from '../model/path.ts';
import type { Log } from '../ops/log.ts';
import type { StoreError } from '../store/errors.ts';
import { backoffMs, type Random } from '../transfer/backoff.ts';
import type { TransferContext } from '../transfer/context.ts';
import type { Limiter } from '../transfer/limiter.ts';
import type { Outcome } from '../transfer/outcome.ts';
import { isRetryable } from '../transfer/retry.ts';
import { codeOf, isAbsence } from '../tree/walk.ts';
import type { Change } from '../watch/changes.ts';
import type { Counters } from './counters.ts';
import { judgeDeletes } from './delete-judge.ts';
import { type DeleteJob, DeleteQueue, type Verdict } from './delete-queue.ts';
import { InodeHolds } from './inode-holds.ts';
import { isTransfer, perform, type TransferAction } from './jobs.ts';
import type { Look, Looker } from './look.ts';
import type { Patience } from './patience.ts';
import type { Problems } from './problems.ts';
import { Pump, type Timer } from './pump.ts';
import type { Finding, ScanSink } from './scanner.ts';

export interface PipelineOptions {
  readonly context: TransferContext;
  readonly looker: Looker;
  readonly limiter: Limiter;
  readonly problems: Problems;
  readonly counters: Counters;
  readonly log: Log;
  readonly times: SettleTimes;
  readonly patience: Patience;
  /** Why no delete may happen now, or undefined. Looks at the disk. */
  readonly rootBroken: () => string | undefined;
  /** Reads the mount table and tells which paths lie under another mount. */
  readonly covered: () => (path: RelPath) => boolean;
  /** Deletes are dropped, not done (one-shot sync without --delete). */
  readonly keepDeleted: boolean;
  /** Scans a subtree; its findings come back through the sink. */
  readonly scan: (mark: Mark, sink: ScanSink, signal: AbortSignal) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: Random;
  readonly timer: Timer;
  /** An error that nothing can go on after: a broken ledger, a defect. */
  readonly onFatal: (error: unknown) => void;
}

/** Deletes a scan found and did not dare to do. */
export interface HeldDeletes {
  readonly paths: readonly RelPath[];
  readonly reason: 'budget' | 'empty';
}

/** How long deletes gather before a batch goes. */
const BATCH_MS = 20;
/** After so many overtaken reads in a row a drain takes a snapshot. */
const DRAIN_RACES = 3;
/** The pause before a file is read again that changed while it was read, in a drain. */
const DRAIN_RACE_MS = 20;

export class Pipeline implements ScanSink {
  readonly #o: PipelineOptions;
  readonly #pump: Pump;
  readonly #hot: HotPaths;
  readonly #deletes: DeleteQueue;
  readonly #holds = new InodeHolds();
  /** Arrivals by rename that nobody has looked at yet, oldest first: deletes wait for those older than themselves. */
  readonly #moves = new Map<RelPath, number>();
  #held: HeldDeletes | undefined;
  #deleteTimer: (() => void) | undefined;

  constructor(options: PipelineOptions) {
    this.#o = options;
    const { looker, limiter, times, now, timer, onFatal, rootBroken, covered, context } = options;
    this.#hot = new HotPaths(times.coalesceMs, times.maxWaitMs);
    this.#pump = new Pump({
      times,
      limiter,
      now,
      timer,
      onFatal,
      onMark: (mark) => this.#plan(mark),
      onSubtree: (mark, signal) => this.#scan(mark, signal),
    });
    const judgeOptions = {
      looker,
      holds: this.#holds,
      oldestMoveMs: () => this.#moves.values().next().value ?? Number.POSITIVE_INFINITY,
      pairingMs: times.coalesceMs,
      isMarked: (path: RelPath) => this.#pump.isMarked(path),
      rootBroken,
      covered,
      wallNow: context.wallNow,
    };
    this.#deletes = new DeleteQueue({
      context,
      judge: (jobs) => judgeDeletes(jobs, judgeOptions),
      submit: (request) => this.#pump.submit(request),
      done: (job, how) => this.#deleteEnded(job, how),
      signal: this.#pump.signal,
    });
  }

  /** A path may have changed. */
  change(change: Change): void {
    const now = this.#o.now();
    if (change.moved && !this.#moves.has(change.path)) this.#moves.set(change.path, now);
    this.#pump.mark(change, { notBeforeMs: this.#pump.draining ? now : this.#hot.notBeforeMs(change.path) });
  }

  /** Resolves when nothing is dirty, in flight or being scanned. */
  async idle(): Promise<void> {
    await this.#pump.idle();
    this.#o.context.journal.flush();
  }

  /** From now on nothing settles, and what cannot succeed is not waited for. */
  drain(): void {
    this.#pump.drain();
  }

  /** Ends everything in flight; nothing starts any more. */
  async stop(): Promise<void> {
    this.#deleteTimer?.();
    await this.#pump.stop();
    this.#o.context.journal.flush();
  }

  /** Paths that are not in S3 as they are on disk, as far as known. */
  pending(): Set<RelPath> {
    return this.#pump.pending();
  }

  /** Deletes that the last scan held back. */
  get heldDeletes(): HeldDeletes | undefined {
    return this.#held;
  }

  // What scans find.

  differs(path: RelPath, { witnessed, known, ino }: Finding): void {
    if (ino !== undefined) this.#holds.hold(path, ino);
    const closedWrite = known?.closedWrite ?? false;
    this.#pump.markFinding({ path, scope: 'self', speed: 'finished', witnessed, closedWrite }, known);
  }

  unknown(path: RelPath, reason: string): void {
    const { problems, patience, now } = this.#o;
    problems.add(path, { kind: 'unreadable', reason });
    if (patience.rescanMs === undefined || this.#pump.draining) return;
    this.#pump.mark(subtree(path), { notBeforeMs: now() + patience.rescanMs });
  }

  again(path: RelPath): void {
    this.#pump.mark(subtree(path));
  }

  held(paths: readonly RelPath[], reason: HeldDeletes['reason']): void {
    this.#held = { paths, reason };
    const why = reason === 'empty' ? 'LOCAL is empty' : 'nobody saw them happen and they are more than --max-delete';
    this.#o.log.error('deletes held back', { deletes: paths.length, reason: why });
  }

  unchanged(): void {
    this.#o.counters.unchanged++;
  }

  room(): Promise<void> {
    return this.#pump.room();
  }

  // One mark.

  async #scan(mark: Mark, signal: AbortSignal): Promise<void> {
    this.#o.problems.clearUnreadable(mark.path);
    await this.#o.scan(mark, this, signal);
    for (const path of this.#moves.keys()) if (isWithin(path, mark.path)) this.#moves.delete(path);
    // What the scan covered and did not mark again is as the ledger says.
    for (const path of [mark.path, ...mark.absorbed.keys()]) {
      if (signal.aborted || this.#pump.isMarked(path)) continue;
      this.#holds.release(path);
      this.#o.problems.clearSeen(path);
    }
  }

  #plan(mark: Mark): void {
    const look = this.#look(mark);
    if (look === undefined) return;
    const { path } = mark;
    const { stat } = look.state;
    if (stat?.kind === 'file') this.#holds.hold(path, stat.ino);
    this.#moves.delete(path);
    const find = <D extends Action['do']>(what: D) =>
      look.actions.find((action): action is Extract<Action, { do: D }> => action.do === what);
    if (find('expand')) this.#pump.mark({ ...subtree(path), witnessed: mark.witnessed });
    const transfer = look.actions.find(isTransfer);
    if (transfer !== undefined) return this.#transfer(mark, look, transfer);
    const removal = find('delete');
    if (removal !== undefined && !this.#o.keepDeleted) return this.#delete({ path, target: removal.target, mark });
    const wait = find('wait');
    if (wait !== undefined) return this.#pump.again(mark, wait.untilMs - this.#o.context.wallNow());
    this.#settled(path);
    if (find('skip-special') && stat?.kind === 'other') this.#reportSpecial(path);
  }

  #look(mark: Mark): Look | undefined {
    const { looker, context } = this.#o;
    try {
      // A drain cannot wait for a proof: it takes it at once.
      const nowMs = this.#pump.draining ? Number.POSITIVE_INFINITY : context.wallNow();
      return looker.look(mark.path, { closedWrite: mark.closedWrite, nowMs });
    } catch (error) {
      if (isAbsence(error))
        this.#pump.again(mark, 0); // gone between two system calls
      else if (error instanceof Error && 'syscall' in error) this.#unreadable(mark, codeOf(error));
      else throw error;
      return undefined;
    }
  }

  #reportSpecial(path: RelPath): void {
    this.#o.problems.add(path, { kind: 'special', reason: 'sockets, FIFOs and devices are not stored' });
  }

  #transfer(mark: Mark, look: Look, action: TransferAction): void {
    const { context, now, times } = this.#o;
    const restless = now() - mark.firstAtMs >= times.maxWaitMs || (this.#pump.draining && mark.races >= DRAIN_RACES);
    const force = mark.races > 0 && restless;
    this.#pump.submit(async () => {
      const outcome = await perform(context, action, { mark, look, force, signal: this.#pump.signal });
      this.#ended(mark, look, outcome);
    });
  }

  // Outcomes.

  #ended(mark: Mark, look: Look, outcome: Outcome): void {
    const { context, limiter, counters } = this.#o;
    const { journal } = context;
    switch (outcome.end) {
      case 'stored':
        limiter.succeeded();
        journal.save(outcome.row);
        return this.#stored(mark, look, outcome);
      case 'equal':
        journal.save(outcome.row);
        if (outcome.adopted) counters.adopted++;
        this.#remarkOtherNames(outcome.row, look);
        return this.#done(mark.path, look);
      case 'proven':
        limiter.succeeded();
        if (outcome.row === undefined) journal.forget(outcome.key);
        else journal.save(outcome.row);
        return this.#done(mark.path, look);
      case 'disproven':
        limiter.succeeded();
        journal.save(outcome.row);
        return this.#pump.again(mark, 0);
      case 'young':
        return this.#pump.again(mark, outcome.inMs);
      case 'raced':
        return this.#raced(mark);
      case 'unreadable':
        return this.#unreadable(mark, outcome.code);
      case 'failed':
        if (outcome.row !== undefined) journal.save(outcome.row);
        return this.#failed(mark, outcome.error);
    }
  }

  #stored(mark: Mark, look: Look, { row, how, bytes, torn }: Extract<Outcome, { end: 'stored' }>): void {
    const { context, counters, log, now, problems, times } = this.#o;
    const { path } = mark;
    counters[how]++;
    counters.bytes += bytes;
    log.info(how, { path, bytes, ageMs: Math.round(now() - mark.firstAtMs) });
    this.#hot.published(path, mark.firstAtMs, now());
    this.#remarkParents(path);
    this.#remarkOtherNames(row, look);
    if (torn) {
      problems.add(path, { kind: 'fuzzy', reason: 'it did not rest for --max-wait' });
      const fresh = { ...mark, firstAtMs: now(), lastAtMs: now(), finishedAtMs: undefined, races: 0, attempts: 0 };
      return this.#pump.draining ? this.#pump.release(path) : this.#pump.again(fresh, times.settleMs);
    }
    this.#done(path, look);
    // In a drain the proof is left to the next start.
    if (row.proveAfterMs !== null && !this.#pump.draining) this.#remark(path, row.proveAfterMs - context.wallNow());
  }

  /**
   * inotify reports a write under the name it was made by; the inode's other names get no event. Those whose row shows
   * another state of it are looked at too. Ends, because a name that shows this state marks nobody.
   */
  #remarkOtherNames(row: LedgerRow, look: Look): void {
    const { stat } = look.state;
    if (stat?.kind !== 'file' || stat.nlink < 2) return;
    for (const other of this.#o.context.journal.settled.byInode(row.ino)) {
      if (other.key === row.key || (sameFile(other, stat) && other.checksum === row.checksum)) continue;
      this.#pump.mark({
        path: pathOfKey(other.key),
        scope: 'self',
        speed: 'finished',
        witnessed: false,
        closedWrite: true,
      });
    }
  }

  /** One action has been done; a path may have two (put the file, then delete the marker it replaces). */
  #done(path: RelPath, look: Look): void {
    if (look.actions.length > 1) this.#remark(path, 0);
    this.#settled(path);
  }

  /** Markers of the directories above may not be needed any more now that something beneath them is stored. */
  #remarkParents(path: RelPath): void {
    for (let dir = parentOf(path); dir !== ROOT; dir = parentOf(dir)) {
      if (this.#o.context.journal.get(markerKey(dir)) !== undefined) this.#remark(dir, 0);
    }
  }

  #raced(mark: Mark): void {
    const pauseMs = this.#pump.draining ? DRAIN_RACE_MS : 0;
    // A subtree mark: what it became may be a directory whose contents nobody has seen.
    const again: Mark = {
      ...mark,
      scope: 'subtree',
      races: mark.races + 1,
      finishedAtMs: undefined,
      lastAtMs: this.#o.now(),
    };
    this.#pump.again(again, pauseMs);
  }

  #unreadable(mark: Mark, reason: string): void {
    const { problems, patience, now } = this.#o;
    problems.add(mark.path, { kind: 'unreadable', reason });
    this.#retry(mark, { retryable: false, pauseMs: patience.pauseMs(mark.attempts + 1), nowMs: now() });
  }

  #failed(mark: Mark, error: StoreError): void {
    const { limiter, problems, patience, now, random } = this.#o;
    if (error.reaction === 'aborted') return this.#pump.again(mark, 0);
    const attempts = mark.attempts + 1;
    const retryable = isRetryable(error);
    if (retryable) limiter.failed(now(), error.retryAfterMs);
    else limiter.succeeded();
    // One failure that a repetition cures is not worth a line.
    if (!retryable || attempts > 2) {
      const kind = error.code === 'ImpossibleName' ? 'impossible' : 'failed';
      problems.add(mark.path, { kind, reason: error.message });
    }
    const pauseMs = retryable
      ? Math.max(backoffMs(attempts, random), error.retryAfterMs ?? 0)
      : patience.pauseMs(attempts);
    this.#retry(mark, { retryable, pauseMs, nowMs: now() });
  }

  /** Again after a pause, or never: then the problem that was reported stays. */
  #retry(mark: Mark, { retryable, pauseMs, nowMs }: { retryable: boolean; pauseMs: number; nowMs: number }): void {
    const failed = { ...mark, attempts: mark.attempts + 1, failingSinceMs: mark.failingSinceMs ?? nowMs };
    if (this.#o.patience.givesUp(failed, { retryable, nowMs, draining: this.#pump.draining })) {
      this.#pump.release(mark.path);
    } else {
      this.#pump.again(failed, pauseMs);
    }
  }

  // Deletes.

  #delete(job: DeleteJob): void {
    const { now, times, timer } = this.#o;
    // Deletes settle a little later than puts: the other half of a rename may be under way.
    const earlyMs = job.mark.firstAtMs + 2 * times.coalesceMs - now();
    if (earlyMs > 0 && !this.#pump.draining) return this.#pump.again(job.mark, earlyMs);
    this.#deletes.add(job);
    this.#deleteTimer ??= timer(
      () => {
        this.#deleteTimer = undefined;
        this.#deletes.flush();
      },
      this.#pump.draining ? 0 : BATCH_MS,
    );
  }

  #deleteEnded({ path, target, mark }: DeleteJob, how: Verdict | 'deleted' | StoreError): void {
    const { counters, log, limiter, now, rootBroken } = this.#o;
    if (typeof how !== 'string') return this.#failed(mark, how);
    switch (how) {
      case 'deleted':
        limiter.succeeded();
        counters.deleted++;
        log.info('deleted', { path: target === 'marker' ? `${path}/` : path });
        return this.#pump.again(mark, 0); // the path may have another key to look at
      case 'stale':
        return this.#pump.again(mark, 0);
      case 'early':
        // The longer it has waited, the longer it waits.
        return this.#pump.again(mark, Math.min(5000, Math.max(50, (now() - mark.firstAtMs) / 2)));
      case 'blind':
        // A broken root stays broken until a restart, which scans: there is nothing to wait for.
        return rootBroken() === undefined ? this.#unreadable(mark, 'it cannot be seen') : this.#pump.release(path);
    }
  }

  #settled(path: RelPath): void {
    this.#holds.release(path);
    this.#o.problems.clear(path);
    this.#pump.release(path);
  }

  /** A new look at the path, without a hint. */
  #remark(path: RelPath, pauseMs: number): void {
    const change = { path, scope: 'self', speed: 'finished', witnessed: true } as const;
    this.#pump.mark(change, { notBeforeMs: this.#o.now() + pauseMs });
  }
}

function subtree(path: RelPath): Change {
  return { path, scope: 'subtree', speed: 'finished', witnessed: false };
}

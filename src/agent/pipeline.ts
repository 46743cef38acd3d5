// Dirty set -> plan -> transfers; what comes back goes through feedback.ts. Everything that is sent to S3 after a
// restore, in every mode, goes through here.
import type { Mark } from '../dirt/dirty-set.ts';
import { HotPaths } from '../dirt/hot-paths.ts';
import type { SettleTimes } from '../dirt/settle.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import type { Action } from '../model/action.ts';
import { fileKey, markerKey, type RelKey } from '../model/key.ts';
import { type RelPath, ROOT } from '../model/path.ts';
import type { Log } from '../ops/log.ts';
import type { Random } from '../transfer/backoff.ts';
import type { TransferContext } from '../transfer/context.ts';
import type { Limiter } from '../transfer/limiter.ts';
import { codeOf, isAbsence } from '../tree/error-code.ts';
import type { Change } from '../watch/changes.ts';
import { aborted } from './aborted.ts';
import { Arrivals } from './arrivals.ts';
import type { Counters } from './counters.ts';
import { judgeDeletes } from './delete-judge.ts';
import { type DeleteJob, DeleteQueue } from './delete-queue.ts';
import { Feedback } from './feedback.ts';
import { DeleteHolds, type HeldDeletes, type HoldReason, sayHeld } from './held-deletes.ts';
import { InodeHolds } from './inode-holds.ts';
import { isTransfer, perform, type TransferAction } from './jobs.ts';
import type { Look, Looker } from './look.ts';
import type { Meters } from './meters.ts';
import type { Patience } from './patience.ts';
import type { Problems } from './problems.ts';
import { Pump, type Timer } from './pump.ts';
import type { Finding, ScannedMarks, ScanSink } from './scanner.ts';
import type { UnreadWrites } from './unread-writes.ts';

export interface PipelineOptions {
  readonly context: TransferContext;
  readonly looker: Looker;
  readonly limiter: Limiter;
  readonly problems: Problems;
  readonly unreadWrites: UnreadWrites;
  readonly counters: Counters;
  readonly meters: Meters;
  readonly log: Log;
  readonly times: SettleTimes;
  readonly patience: Patience;
  /** Why no delete may happen now, or undefined. Looks at the disk. */
  readonly rootBroken: () => string | undefined;
  /** No delete will happen until a restart. */
  readonly isRootBroken: () => boolean;
  /** Reads the mount table and tells which paths lie under another mount. */
  readonly covered: () => (path: RelPath) => boolean;
  /** Deletes are dropped, not done (one-shot sync without --delete). */
  readonly keepDeleted: boolean;
  /** How held deletes are let go, for people. */
  readonly release: string;
  /** Scans a subtree; its findings come back through the sink. */
  readonly scan: (mark: Mark, sink: ScanSink, signal: AbortSignal) => Promise<ScannedMarks>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: Random;
  readonly timer: Timer;
  /** An error that nothing can go on after: a broken ledger, a defect. */
  readonly onFatal: (error: unknown) => void;
}

/** How long deletes gather before a batch goes. */
const BATCH_MS = 20;
/** How often a put gives way to a copy of what it overwrites that may or may not come, each time for so long at least. */
const MAX_YIELDS = 20;
const YIELD_MS = 5;
/** After so many overtaken reads in a row a snapshot is taken, if somebody waits for it. */
const URGENT_RACES = 3;

/** What a flush did not bring to S3. */
export interface Unpublished {
  /** Still to be published, or being so. */
  readonly left: readonly RelPath[];
  /** Could not be published, and is tried again later. */
  readonly missed: readonly RelPath[];
}

export class Pipeline implements ScanSink {
  readonly #o: PipelineOptions;
  readonly #pump: Pump;
  readonly #hot: HotPaths;
  readonly #deletes: DeleteQueue;
  readonly #feedback: Feedback;
  readonly #holds = new InodeHolds();
  readonly #arrivals = new Arrivals();
  /** Keys whose proof a drain has asked for before its time. */
  readonly #askedEarly = new Set<RelKey>();
  readonly #held = new DeleteHolds();
  /** By path, how often it has given way by now. */
  readonly #yields = new Map<RelPath, number>();
  #deleteTimer: (() => void) | undefined;

  constructor(options: PipelineOptions) {
    this.#o = options;
    const { looker, limiter, times, now, timer, onFatal, rootBroken, covered, context } = options;
    this.#hot = new HotPaths(times.coalesceMs, times.maxWaitMs);
    this.#pump = new Pump({
      ...{ times, limiter, now, timer, onFatal },
      waiting: () => context.snapshots.running,
      onWork: () => options.meters.sampling?.wake(),
      onMark: (mark) => this.#plan(mark),
      onSubtree: (mark, signal) => this.#scan(mark, signal),
    });
    context.snapshots.onRunning(() => this.#pump.limitChanged());
    this.#feedback = new Feedback({ ...options, pump: this.#pump, hot: this.#hot, holds: this.#holds });
    const judgeOptions = {
      looker,
      holds: this.#holds,
      heardUntilMs: () => this.#heardUntilMs(),
      isRead: (key: RelKey) => context.copies.isRead(key),
      isMarked: (path: RelPath) => this.#pump.isMarked(path),
      rootBroken,
      covered,
      wallNow: context.wallNow,
    };
    this.#deletes = new DeleteQueue({
      context,
      judge: (jobs) => judgeDeletes(jobs, judgeOptions),
      submit: (request, batch) => this.#pump.submit(() => options.meters.transfers.during(batch, request)),
      done: (job, how) => this.#feedback.deleteEnded(job, how),
      signal: this.#pump.signal,
    });
  }

  /** A path may have changed. */
  change(change: Change, of?: { readonly epoch: number }): void {
    const now = this.#o.now();
    // No event tells of what was moved into a directory before it was watched.
    if (change.moved || change.scope === 'subtree') this.#arrivals.heard(change.path, now);
    if (change.written) this.#o.unreadWrites.heard(change.path, now);
    this.#feedback.waitsNoMore(change.path);
    this.#pump.mark(change, { notBeforeMs: this.#pump.draining ? now : this.#hot.notBeforeMs(change.path), ...of });
  }

  /** Resolves when what is dirty now has been dealt with, or put off because it cannot be stored. */
  round(): Promise<void> {
    return this.#pump.round();
  }

  /** Resolves when nothing is dirty, in flight or being scanned. */
  async idle(): Promise<void> {
    await this.#pump.idle();
    this.#o.context.journal.flush();
  }

  /**
   * Publishes what is dirty now at once, and ends when it is or the signal says so. What becomes dirty meanwhile is
   * not waited for.
   */
  async flush(signal: AbortSignal): Promise<Unpublished> {
    const wait = this.#pump.flush();
    await Promise.race([wait.ended, aborted(signal)]);
    this.#pump.forget(wait);
    this.#o.context.journal.flush();
    return { left: this.#pump.left(wait), missed: [...wait.missed] };
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

  /** What cannot be seen is scanned again later. */
  get #rescans(): boolean {
    return this.#o.patience.rescanMs !== undefined && !this.#pump.draining;
  }

  /** Paths that are not in S3 as they are on disk, as far as known. */
  pending(): Set<RelPath> {
    return this.#pump.pending();
  }

  /** For how long the oldest dirty path has been dirty, ms; undefined: none is. */
  oldestMs(): number | undefined {
    return this.#pump.oldestMs();
  }

  /** Since when nothing has been dirty or worked on, monotonic; undefined: something is. */
  get restingSinceMs(): number | undefined {
    return this.#pump.restingSinceMs;
  }

  /** Requests: so many may be under way, so many are, and for so many paths one that was cut off may yet execute. */
  requests(): { readonly limit: number; readonly inFlight: number; readonly proofs: number } {
    return { limit: this.#o.limiter.limit, inFlight: this.#pump.inFlight, proofs: this.#pump.proofs() };
  }

  /** Deletes that are held back. */
  get heldDeletes(): HeldDeletes | undefined {
    return this.#held.all;
  }

  /** Somebody saw what is held and wants it: from now on it counts as witnessed. @returns how many */
  approveDeletes(): number {
    const paths = this.#held.all?.paths ?? [];
    this.#held.clear();
    for (const path of paths) this.change({ path, scope: 'self', speed: 'finished', witnessed: true });
    if (paths.length > 0) this.#o.log.warn('deletes approved', { deletes: paths.length });
    return paths.length;
  }

  // What scans find.

  differs(path: RelPath, { witnessed, known, epoch, ino, gone }: Finding): void {
    // Found gone once more it would count as gone since now, and wait for this scan as it waited for the last.
    if (gone && known === undefined && this.#feedback.waitsForOthers(path)) return;
    if (ino !== undefined) this.#holds.hold(path, ino);
    const written = known?.written ?? false;
    this.#feedback.waitsNoMore(path);
    this.#pump.markFinding({ path, scope: 'self', speed: 'finished', witnessed, written }, { known, epoch });
  }

  unknown(path: RelPath, reason: string, of: { epoch: number }): void {
    const { problems, patience, now } = this.#o;
    problems.add(path, { kind: 'unreadable', reason });
    this.#pump.postpone({ path, ...of });
    if (this.#rescans) this.#pump.mark(subtree(path), { notBeforeMs: now() + patience.rescanMs! });
  }

  again(
    path: RelPath,
    { witnessed, epoch, known }: { witnessed: boolean; epoch: number; known: readonly Mark[] },
  ): void {
    this.change({ ...subtree(path), witnessed }, { epoch });
    for (const mark of known) this.#pump.restore(mark);
  }

  isHeld(path: RelPath): boolean {
    return this.#held.has(path);
  }

  held(dir: RelPath, paths: readonly RelPath[], options: { reason: HoldReason | undefined }): void {
    const isNews = this.#held.scanned(dir, paths, options);
    if (isNews) sayHeld(this.#o.log, this.#held.all!, this.#o.release);
  }

  unchanged(): void {
    this.#o.counters.unchanged++;
  }

  compares(path: RelPath, ino: bigint): void {
    this.#holds.hold(path, ino);
  }

  adopts(path: RelPath, row: LedgerRow, of: { epoch: number }): void {
    // Whoever works on the path, or is about to, decides by what it has seen itself.
    if (this.#pump.isPending(path)) return;
    this.#held.forget(path);
    this.#feedback.adopted({ path, ...of }, row);
  }

  room(): Promise<void> {
    return this.#pump.room();
  }

  // One mark.

  async #scan(mark: Mark, signal: AbortSignal): Promise<void> {
    this.#o.meters.scans++;
    this.#o.problems.clearUnreadable(mark.path);
    const startMs = this.#o.now();
    const { settled, unseen } = await this.#o.scan(mark, this, signal);
    if (mark.path === ROOT && !signal.aborted) this.#o.meters.fullScanMs = this.#o.context.wallNow();
    this.#arrivals.scanned(mark.path, { startMs, isMarked: (path) => this.#pump.isMarked(path) });
    // After the arrivals: what came to a place that cannot be seen must not hold up every delete.
    if (this.#rescans) for (const mark of unseen) this.#pump.restore(this.#pump.postpone(mark));
    for (const path of settled) {
      if (this.#pump.isMarked(path)) continue;
      this.#feedback.clear(path);
      this.#o.unreadWrites.published(path, startMs); // it was seen at some time after that
    }
  }

  #plan(mark: Mark): void {
    const look = this.#look(mark);
    if (look === undefined) return;
    const { path } = mark;
    this.#held.forget(path);
    const { stat, fileRow } = look.state;
    if (stat?.kind === 'file') this.#holds.hold(path, stat.ino);
    else this.#holds.depart(path, this.#o.now());
    this.#arrivals.seen(path);
    this.#holds.forgetDeparted(() => this.#heardUntilMs());
    const find = <D extends Action['do']>(what: D) =>
      look.actions.find((action): action is Extract<Action, { do: D }> => action.do === what);
    const transfer = this.#nextTransfer(mark, look);
    if (transfer !== undefined) {
      return this.#givesWay(mark, look) ? this.#pump.again(mark, YIELD_MS) : this.#transfer(mark, look, transfer);
    }
    if (stat?.kind !== 'file' && fileRow === undefined) this.#o.unreadWrites.published(path, mark.lastAtMs);
    const removal = find('delete');
    if (removal !== undefined && !this.#o.keepDeleted) return this.#delete({ path, target: removal.target, mark });
    // Last: what is beneath waits for this path anyway, and a fresh mark would forget how often this one failed.
    if (find('expand') && !mark.scanned) {
      this.#pump.mark({ ...subtree(path), witnessed: mark.witnessedBelow }, { epoch: mark.epoch });
    }
    this.#feedback.settled(path);
    if (find('skip-special') && stat?.kind === 'other') this.#feedback.special(path);
  }

  /** Of what was gone before, every new name has been looked at: the two halves of a rename may be heard of apart. */
  #heardUntilMs(): number {
    return this.#arrivals.oldestMs() - this.#o.times.coalesceMs;
  }

  #look(mark: Mark): Look | undefined {
    const { looker, context } = this.#o;
    try {
      return looker.look(mark.path, { written: mark.written, scanned: mark.scanned, nowMs: context.wallNow() });
    } catch (error) {
      if (isAbsence(error))
        this.#pump.again(mark, 0); // gone between two system calls
      else if (error instanceof Error && 'syscall' in error) {
        this.#arrivals.seen(mark.path); // what came to a place that cannot be seen must not hold up every delete
        this.#feedback.unreadable(mark, codeOf(error));
      } else throw error;
      return undefined;
    }
  }

  /** Proofs that are not due are put off. */
  #nextTransfer(mark: Mark, look: Look): TransferAction | undefined {
    for (const action of look.actions) {
      if (!isTransfer(action)) continue;
      if (action.do !== 'prove' || this.#isDue(action, mark)) return action;
      this.#feedback.proveLater(mark.path, action.notBeforeMs);
    }
    return undefined;
  }

  /** A drain has no time to wait: it asks once, and leaves the proof to the next start. */
  #isDue({ target, notBeforeMs }: Extract<Action, { do: 'prove' }>, { path, proof }: Mark): boolean {
    if (notBeforeMs <= this.#o.context.steadyNow()) return true;
    if (!this.#pump.draining) return proof;
    const key = target === 'file' ? fileKey(path) : markerKey(path);
    if (this.#askedEarly.has(key)) return false;
    this.#askedEarly.add(key);
    return true;
  }

  /**
   * The file of the object that is about to be overwritten may be on its way to another name, where it can be copied
   * from here as long as it is here. Only for a moment: it saves an upload, and nobody knows that there is one to save.
   * Turns are counted, not time: in each the copy gets on, however slow the machine is.
   */
  #givesWay({ path }: Mark, { state: { stat, fileRow } }: Look): boolean {
    const yields = this.#yields.get(path) ?? 0;
    this.#yields.delete(path);
    if (fileRow?.state !== 'known' || fileRow.kind !== 'file' || fileRow.ino === stat?.ino) return false;
    const heardUntilMs = Number.NEGATIVE_INFINITY;
    const mayCome = !this.#arrivals.isEmpty || this.#holds.isHeldElsewhere(fileRow.ino, path, { heardUntilMs });
    if (!mayCome || yields >= MAX_YIELDS) return false;
    this.#yields.set(path, yields + 1);
    return true;
  }

  #transfer(mark: Mark, look: Look, action: TransferAction): void {
    this.#feedback.waitsNoMore(mark.path);
    const { context, now, times, unreadWrites, meters } = this.#o;
    const restless =
      now() - mark.firstAtMs >= times.maxWaitMs || (this.#pump.isUrgent(mark) && mark.races >= URGENT_RACES);
    const force = mark.races > 0 && restless;
    this.#pump.submit(async () => {
      const job = { mark, look, force, transfers: meters.transfers, signal: this.#pump.signal };
      const outcome = await perform(context, action, job);
      if (outcome.end === 'equal' || outcome.end === 'stored') unreadWrites.published(mark.path, mark.lastAtMs);
      this.#feedback.transferEnded(mark, look, outcome);
    });
  }

  // Deletes.

  #delete(job: DeleteJob): void {
    const { now, times, timer } = this.#o;
    // Deletes settle a little later than puts: the other half of a rename may be under way.
    const earlyMs = job.mark.firstAtMs + 2 * times.coalesceMs - now();
    if (earlyMs > 0 && !this.#pump.isUrgent(job.mark)) return this.#pump.again(job.mark, earlyMs);
    this.#deletes.add(job);
    this.#deleteTimer ??= timer(
      () => {
        this.#deleteTimer = undefined;
        this.#deletes.flush();
      },
      this.#pump.draining ? 0 : BATCH_MS,
    );
  }
}

function subtree(path: RelPath): Change {
  return { path, scope: 'subtree', speed: 'finished', witnessed: false };
}

// When things happen: hands out due marks while the limit allows, runs what they lead to, knows when all is done.
import PQueue from 'p-queue';
import { DirtySet, type Mark, type MarkDetails } from '../dirt/dirty-set.ts';
import type { SettleTimes } from '../dirt/settle.ts';
import type { RelPath } from '../model/path.ts';
import type { Limiter } from '../transfer/limiter.ts';
import type { Change } from '../watch/changes.ts';

/** Calls back once after so many ms; returns the way to cancel. */
export type Timer = (callback: () => void, ms: number) => () => void;

export interface PumpOptions {
  readonly times: SettleTimes;
  readonly limiter: Limiter;
  /** How many of the requests that run send nothing, because they wait for a command: they do not count. Default: none. */
  readonly waiting?: () => number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly timer: Timer;
  /** Decides about one path. Its path is held until `release` or `again`. */
  readonly onMark: (mark: Mark) => void;
  /** Scans what a subtree mark covers; the pump releases its path when it ends. */
  readonly onSubtree: (mark: Mark, signal: AbortSignal) => Promise<void>;
  /** There is something to do, after a time in which there was not. */
  readonly onWork: () => void;
  /** An error that nothing can go on after: a broken ledger, a defect. */
  readonly onFatal: (error: unknown) => void;
}

/** Somebody waits for everything of an epoch and before. */
export interface Wait {
  readonly epoch: number;
  /** Resolves when nothing of it is marked or held, or when the pump stops. */
  readonly ended: Promise<void>;
  /** Paths that could not be published, and are put off beyond this wait. */
  readonly missed: ReadonlySet<RelPath>;
}

interface Waiter extends Wait {
  readonly missed: Set<RelPath>;
  readonly resolve: () => void;
}

/** Marks handed out in one turn of the event loop. */
const SLICE = 256;
/** Scans under way at once. */
const MAX_SCANS = 8;
/** Findings of scans that nobody has looked at, before scans are told to wait. */
const MAX_BACKLOG = 4096;

export class Pump {
  readonly #o: PumpOptions;
  readonly #dirty: DirtySet;
  readonly #queue: PQueue;
  readonly #abort = new AbortController();
  /** Findings of scans that have not been handed out yet. */
  readonly #backlog = new Set<RelPath>();
  readonly #waitingScans: Mark[] = [];
  #scans = 0;
  #rooms: (() => void)[] = [];
  readonly #waiters = new Set<Waiter>();
  /** Of what is marked now. */
  #epoch = 0;
  #draining = false;
  #restingSinceMs: number | undefined;
  #cancelTimer: (() => void) | undefined;
  /** When the next turn is due; Infinity: none is. */
  #nextTurnMs = Number.POSITIVE_INFINITY;

  constructor(options: PumpOptions) {
    this.#o = options;
    this.#dirty = new DirtySet(options.times);
    this.#queue = new PQueue({ concurrency: this.#limit });
    this.#restingSinceMs = options.now();
  }

  /** Aborted by stop(). */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Marks a path, in the present epoch unless the details name an older one. */
  mark(change: Change, details: MarkDetails = {}): void {
    this.#dirty.mark(change, this.#o.now(), { epoch: this.#epoch, ...details });
    this.#schedule();
  }

  /** Marks what a scan found: due at once, and counted until it is handed out. */
  markFinding(change: Change, details: Pick<MarkDetails, 'known' | 'epoch'> = {}): void {
    this.#backlog.add(change.path);
    const epoch = this.#epoch;
    this.#dirty.mark(change, this.#o.now() - this.#o.times.coalesceMs, { epoch, ...details, scanned: true });
    this.#schedule();
  }

  /** Whether the path has been marked again since its mark was handed out. */
  isMarked(path: RelPath): boolean {
    return this.#dirty.has(path);
  }

  /** Whether the path is marked or held. */
  isPending(path: RelPath): boolean {
    return this.#dirty.busy.has(path) || this.#dirty.has(path);
  }

  /** The work on a path has ended. */
  release(path: RelPath): void {
    this.#dirty.release(path);
    this.#schedule();
  }

  /** The work on a mark could not be done: the same mark again after a pause. */
  again(mark: Mark, pauseMs: number): void {
    this.#dirty.restore(mark, this.#o.now() + Math.max(0, pauseMs));
    this.release(mark.path);
  }

  /** Puts back a mark that nobody could answer for, while its path is worked on. */
  restore(mark: Mark): void {
    this.#dirty.restore(mark, this.#o.now());
    this.#schedule();
  }

  /** Runs a request when the limit allows. */
  submit(request: () => Promise<void>): void {
    void this.#queue.add(async () => {
      await request().catch(this.#o.onFatal);
      this.limitChanged();
    });
  }

  /** More or less may be done at a time than before. */
  limitChanged(): void {
    this.#queue.concurrency = this.#limit;
    this.#turnAt(this.#o.now());
  }

  /** Resolves when another finding is welcome. */
  room(): Promise<void> {
    if (this.#backlog.size < MAX_BACKLOG || this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#rooms.push(resolve);
      this.#schedule();
    });
  }

  /** Whether somebody waits for what comes of this mark: it does not settle. */
  isUrgent(mark: Pick<Mark, 'epoch'>): boolean {
    return this.#dirty.isUrgent(mark);
  }

  /** Hastens everything marked so far, and waits for it; what is marked later is of another epoch. */
  flush(): Wait {
    const epoch = this.#epoch++;
    this.#dirty.hasten(epoch);
    return this.#wait(epoch);
  }

  /** Resolves when everything marked so far has been dealt with, or put off. Hastens nothing. */
  round(): Promise<void> {
    return this.#wait(this.#epoch++).ended;
  }

  /** What a wait has not seen the end of. */
  left({ epoch }: Wait): RelPath[] {
    return [...this.#paths(epoch)];
  }

  /** Nobody is interested in this wait any more. */
  forget(wait: Wait): void {
    this.#waiters.delete(wait as Waiter);
  }

  /** The mark cannot be published now, and who waits for it is told so. @returns it, for a later attempt */
  postpone<M extends Pick<Mark, 'path' | 'epoch'>>(mark: M): M {
    for (const { epoch, missed } of this.#waiters) if (mark.epoch <= epoch) missed.add(mark.path);
    return { ...mark, epoch: this.#epoch };
  }

  /** Resolves when nothing is dirty, held or being scanned. */
  idle(): Promise<void> {
    return this.#wait(Number.POSITIVE_INFINITY).ended;
  }

  /** From now on nothing settles. */
  drain(): void {
    this.#draining = true;
    this.#dirty.hasten(Number.POSITIVE_INFINITY);
    this.#schedule();
  }

  /** Aborts what runs and waits for its end; nothing starts any more. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancelTimer?.();
    for (const resolve of this.#rooms.splice(0)) resolve();
    await this.#queue.onIdle();
    for (const { resolve } of this.#waiters) resolve();
  }

  /** Paths that are marked or held. */
  pending(): Set<RelPath> {
    return new Set(this.#paths(Number.POSITIVE_INFINITY));
  }

  /** Since when nothing has been marked or held; undefined: something is. */
  get restingSinceMs(): number | undefined {
    return this.#restingSinceMs;
  }

  /** For how long the oldest dirty path has been dirty, ms; undefined: none is. Proofs, which differ in nothing, aside. */
  oldestMs(): number | undefined {
    let firstAtMs = Number.POSITIVE_INFINITY;
    for (const work of this.#dirty.busy.values()) firstAtMs = Math.min(firstAtMs, work.firstAtMs);
    for (const mark of this.#dirty.marks()) if (!mark.proof) firstAtMs = Math.min(firstAtMs, mark.firstAtMs);
    return firstAtMs === Number.POSITIVE_INFINITY ? undefined : this.#o.now() - firstAtMs;
  }

  /** Paths that differ in nothing, and wait until a request that was cut off can no longer execute. */
  proofs(): number {
    let count = 0;
    for (const mark of this.#dirty.marks()) if (mark.proof) count++;
    return count;
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#queue.pending;
  }

  /** Whether nothing is marked or held but these paths. */
  isOnlyLeft(paths: ReadonlySet<RelPath>): boolean {
    for (const path of this.#paths(Number.POSITIVE_INFINITY)) if (!paths.has(path)) return false;
    return true;
  }

  *#paths(epoch: number): Generator<RelPath> {
    for (const [path, work] of this.#dirty.busy) if (work.epoch <= epoch) yield path;
    for (const mark of this.#dirty.marks()) if (mark.epoch <= epoch) yield mark.path;
  }

  #wait(epoch: number): Wait {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const waiter = { epoch, ended, resolve, missed: new Set<RelPath>() };
    this.#waiters.add(waiter);
    this.#turnAt(this.#o.now());
    return waiter;
  }

  #isOver({ epoch }: Waiter): boolean {
    return this.#dirty.left(epoch) === 0;
  }

  #schedule(): void {
    const { limiter, now, onWork } = this.#o;
    if (this.#dirty.left(Number.POSITIVE_INFINITY) === 0) this.#restingSinceMs ??= now();
    else if (this.#restingSinceMs !== undefined) {
      this.#restingSinceMs = undefined;
      onWork();
    }
    const dueMs = this.#rooms.length > 0 ? now() : this.#dirty.nextDueMs();
    if (dueMs !== undefined) this.#turnAt(Math.max(dueMs, limiter.pausedUntilMs));
    for (const waiter of this.#waiters) if (this.#isOver(waiter)) this.#turnAt(now());
  }

  #turnAt(atMs: number): void {
    if (this.signal.aborted || atMs >= this.#nextTurnMs) return;
    this.#cancelTimer?.();
    this.#nextTurnMs = atMs;
    this.#cancelTimer = this.#o.timer(() => this.#turn(), Math.max(0, atMs - this.#o.now()));
  }

  #turn(): void {
    this.#nextTurnMs = Number.POSITIVE_INFINITY;
    try {
      this.#handOut();
    } catch (error) {
      this.#o.onFatal(error);
    }
    if (this.#backlog.size < MAX_BACKLOG) for (const resolve of this.#rooms.splice(0)) resolve();
    for (const waiter of this.#waiters) {
      if (!this.#isOver(waiter)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
    // While the limit is reached, the end of a request brings the next turn.
    if (this.#hasCapacity()) this.#schedule();
  }

  #handOut(): void {
    const { limiter, now } = this.#o;
    this.#queue.concurrency = this.#limit;
    for (let count = 0; count < SLICE && this.#hasCapacity() && now() >= limiter.pausedUntilMs; count++) {
      const mark = this.#dirty.take(now());
      if (mark === undefined) {
        // What is left of the backlog was absorbed by a subtree mark, whose scan may itself be waiting for room.
        this.#backlog.clear();
        return;
      }
      this.#backlog.delete(mark.path);
      // A proof is of no epoch; once it is taken, what may come of it is of the present one.
      mark.epoch = Math.min(mark.epoch, this.#epoch);
      this.#dirty.hold(mark);
      if (mark.scope === 'subtree') this.#scan(mark);
      else this.#o.onMark(mark);
    }
  }

  get #limit(): number {
    return this.#o.limiter.limit + (this.#o.waiting?.() ?? 0);
  }

  /** The queue is fed lazily: it holds what runs, never what waits. */
  #hasCapacity(): boolean {
    return this.#queue.size === 0 && this.#queue.pending < this.#limit;
  }

  #scan(mark: Mark): void {
    if (this.#scans >= MAX_SCANS) {
      this.#waitingScans.push(mark);
      return;
    }
    this.#scans++;
    const end = (): void => {
      this.#scans--;
      this.release(mark.path);
      const next = this.#waitingScans.shift();
      if (next !== undefined && !this.signal.aborted) this.#scan(next);
    };
    this.#o.onSubtree(mark, this.signal).catch(this.#o.onFatal).finally(end);
  }
}

// The long run: watch, scan once, keep S3 in line until told to end, then flush.
import { statfsSync } from 'node:fs';
import type { SettleTimes } from '../dirt/settle.ts';
import { remoteFileSystem } from '../model/file-system.ts';
import type { RelPath } from '../model/path.ts';
import { type CheckpointStatus, type FlushReport, type PathProblem, some } from '../ops/control.ts';
import type { Watch } from '../watch/changes.ts';
import { type OpenInotify, openInotify as openKernelInotify } from '../watch/inotify.ts';
import { createWatch } from '../watch/watcher.ts';
import { aborted } from './aborted.ts';
import { Checkpointing } from './checkpointing.ts';
import { clock } from './clock.ts';
import { createEngine, type Engine, type EngineConfig, EVERYTHING } from './engine.ts';
import { giveBackMemory } from './memory.ts';
import { agentPatience } from './patience.ts';
import { untrustedSource } from './source.ts';
import { unfinished, unheard } from './unfinished.ts';
import type { Workspace } from './workspace.ts';

export interface WatchingConfig extends EngineConfig, SettleTimes {
  readonly deleteForeign: boolean;
  readonly auditIntervalMs: number;
  readonly pollIntervalMs: number;
  /** 0: no checkpoints are taken. */
  readonly checkpointIntervalMs: number;
  readonly filterRegex: string | undefined;
}

/** Fewer paths than these leave little behind. */
const BURST = 10_000;

/** A running agent. */
export class Watching {
  readonly #workspace: Workspace;
  readonly #config: WatchingConfig;
  readonly #engine: Engine;
  readonly #watch: Watch;
  readonly #cancels = new Map<'audit' | 'poll', () => void>();
  /** LOCAL is on a network file system: what other machines change brings no event. */
  readonly #isRemote: boolean;
  readonly #checkpoints: Checkpointing | undefined;
  readonly #firstSync: Promise<void>;
  readonly #ending = Promise.withResolvers<void>();
  #overflows = 0;
  #isEnding = false;
  /** How many paths had been dealt with when memory was given back. */
  #restedAt = Number.NEGATIVE_INFINITY;

  /** Watches first, then scans everything. @throws OperatorError if the root cannot be watched */
  constructor(workspace: Workspace, config: WatchingConfig, openInotify: OpenInotify = openKernelInotify) {
    const { guard, filter, log, root } = workspace;
    this.#workspace = workspace;
    this.#config = config;
    const untrusted = untrustedSource(workspace);
    if (untrusted !== undefined) guard.break(untrusted);
    this.#engine = createEngine(workspace, config, {
      times: config,
      patience: agentPatience(config.pollIntervalMs),
      deletes: config.deleteForeign ? 'all' : 'ours',
      release: workspace.stateDir?.path ? 'awssyncer approve-deletes' : 'a restart with a higher --max-delete',
    });
    this.#watch = createWatch({
      root,
      filter,
      snapshots: workspace.snapshotRules,
      sink: (change) => this.#engine.pipeline.change(change),
      onRootBreak: (reason) => guard.break(`it was ${reason}`),
      onOverflow: () => log.warn('the kernel dropped events, everything is scanned', { overflows: ++this.#overflows }),
      warn: (reason) => log.warn('not everything can be watched', { reason }, reason),
      openInotify,
    });
    this.#engine.watch = this.#watch;
    const remote = remoteFileSystem(statfsSync(root, { bigint: true }).type);
    this.#isRemote = remote !== undefined;
    if (this.#isRemote) {
      log.warn('changes made by other machines bring no event here: LOCAL is polled as well', { fileSystem: remote });
    }
    this.#engine.pipeline.change(EVERYTHING);
    this.#firstSync = this.#engine.pipeline.round();
    void this.#engine.pipeline.idle().then(() => this.#rest());
    this.#repeat(
      'poll',
      () => config.pollIntervalMs,
      () => {
        guard.check();
        this.#rest();
        this.#markUnwatched();
      },
    );
    if (config.checkpointIntervalMs > 0) {
      this.#checkpoints = new Checkpointing(workspace, {
        intervalMs: config.checkpointIntervalMs,
        quiet: async () => {
          await this.#hearAll();
          await this.idle();
        },
        barrier: () => this.barrier(),
        isInSync: () => this.isInSync(),
      });
    }
    // Jittered, so that many agents started together do not scan together.
    if (config.auditIntervalMs > 0) {
      this.#repeat(
        'audit',
        () => config.auditIntervalMs * (0.75 + clock.random() / 2),
        () => this.#engine.pipeline.change(EVERYTHING),
      );
    }
  }

  get engine(): Engine {
    return this.#engine;
  }

  /** It has been told to end. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Resolves when it is told to end. */
  get ending(): Promise<void> {
    return this.#ending.promise;
  }

  /** Directories that are watched. */
  get watches(): number {
    return this.#watch.counts().watches;
  }

  /** Resolves when what differed at the start has been sent, or put off because it cannot be. */
  get firstSync(): Promise<void> {
    return this.#firstSync;
  }

  /** How often the kernel dropped events. */
  get overflows(): number {
    return this.#overflows;
  }

  /** Nothing is dirty, failed or held: as far as known S3 holds what is on disk. */
  isInSync(): boolean {
    const { pipeline, problems } = this.#engine;
    if (pipeline.pending().size > 0 || problems.failures().length > 0 || pipeline.heldDeletes !== undefined)
      return false;
    return this.#workspace.guard.check() === undefined;
  }

  /** undefined: none are taken. */
  get checkpointIntervalMs(): number | undefined {
    return this.#config.checkpointIntervalMs || undefined;
  }

  /** undefined: none are taken. */
  checkpoint(): CheckpointStatus | undefined {
    return this.#checkpoints?.status();
  }

  /** The topmost directories that cannot be watched. */
  unwatched(): readonly RelPath[] {
    return this.#watch.unwatched();
  }

  /** Resolves when every event the kernel had queued has been heard. */
  barrier(): Promise<void> {
    return this.#watch.barrier();
  }

  /** Resolves when everything that is known to be dirty has been dealt with. */
  idle(): Promise<void> {
    return Promise.race([this.#engine.pipeline.idle(), this.#engine.fatal]);
  }

  /** Says that the end has begun, though it may watch for a while yet. What is left is to arrive, whatever it costs. */
  tellToEnd(): void {
    this.#isEnding = true;
    this.#workspace.bandwidth?.lift();
    this.#ending.resolve();
  }

  /**
   * Flushes: everything written before the call, and what is written while it runs, goes to S3 until nothing is left
   * or the signal says that time is up. The watch stays open meanwhile.
   */
  async drain(signal: AbortSignal): Promise<void> {
    this.tellToEnd();
    const { pipeline, fatal } = this.#engine;
    const drained = this.#drainUntilQuiet(signal).then(() => this.#checkpoints?.take(signal));
    await Promise.race([drained, fatal, aborted(signal)]);
    if (signal.aborted) this.#workspace.log.warn('time is up', { pending: pipeline.pending().size });
  }

  /** A barrier: everything written before the call goes to S3, at once; ends when it is there, or time is up. */
  async flush(signal: AbortSignal): Promise<FlushReport> {
    const { log } = this.#workspace;
    const startMs = clock.now();
    log.info('flushing');
    const missing = await Promise.race([this.#flush(signal), this.#engine.fatal]);
    const ms = Math.round(clock.now() - startMs);
    log[missing.length === 0 ? 'info' : 'warn']('flushed', { missing: missing.length, ms });
    const report = { complete: missing.length === 0, ms, missing: some(missing) };
    if (this.#checkpoints === undefined) return report;
    return { ...report, checkpoint: (report.complete && (await this.#checkpoints.take(signal))) || null };
  }

  /** Ends watching and everything in flight. */
  async stop(): Promise<void> {
    for (const cancel of this.#cancels.values()) cancel();
    await this.#checkpoints?.stop();
    this.#watch.close();
    await this.#engine.pipeline.stop();
  }

  async #flush(signal: AbortSignal): Promise<PathProblem[]> {
    const { pipeline, problems } = this.#engine;
    await Promise.race([this.#hearAll(), aborted(signal)]);
    if (signal.aborted) return [unheard()];
    const unpublished = await pipeline.flush(signal);
    return unfinished(unpublished, { problems, held: pipeline.heldDeletes, rootBroken: this.#workspace.guard.check() });
  }

  /** After this everything written before the call is marked, as far as it can be known. */
  async #hearAll(): Promise<void> {
    await this.#watch.barrier();
    this.#markUnwatched();
    // What FILTER_REGEX hides from watching is still part of every scan.
    if (this.#config.filterRegex) this.#engine.pipeline.change(EVERYTHING);
  }

  async #drainUntilQuiet(signal: AbortSignal): Promise<void> {
    const { pipeline } = this.#engine;
    await this.#hearAll();
    pipeline.drain();
    do {
      await pipeline.idle();
      await this.#watch.barrier();
    } while (pipeline.pending().size > 0 && !signal.aborted);
  }

  /** Gives back memory after the start and after every burst of work, when it is over. */
  #rest(): void {
    const { counters, ledger } = this.#workspace;
    const { uploaded, copied, adopted, deleted, unchanged } = counters;
    const done = uploaded + copied + adopted + deleted + unchanged;
    if (this.#isEnding || done - this.#restedAt < BURST || this.#engine.pipeline.pending().size > 0) return;
    this.#restedAt = done;
    giveBackMemory(ledger);
  }

  #markUnwatched(): void {
    if (this.#isRemote) this.#engine.pipeline.change(EVERYTHING);
    for (const path of this.#watch.unwatched()) {
      this.#engine.pipeline.change({ path, scope: 'subtree', speed: 'finished', witnessed: false });
    }
  }

  #repeat(name: 'audit' | 'poll', intervalMs: () => number, action: () => void): void {
    const again = (): void => {
      const cancel = clock.timer(() => {
        action();
        again();
      }, intervalMs());
      this.#cancels.set(name, cancel);
    };
    again();
  }
}

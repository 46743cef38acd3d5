// Takes checkpoints of a running agent: only of moments at which S3 held exactly what was on disk.
import { CheckpointWriter } from '../checkpoint/writer.ts';
import type { CheckpointStatus } from '../ops/control.ts';
import { aborted } from './aborted.ts';
import { clock, randomDigits } from './clock.ts';
import type { Workspace } from './workspace.ts';

export interface CheckpointingOptions {
  readonly intervalMs: number;
  /** Resolves when nothing is dirty that was heard of, or could be heard of by scanning what is not watched. */
  readonly quiet: () => Promise<void>;
  /** Resolves when everything that happened before the call has been heard of. */
  readonly barrier: () => Promise<void>;
  /** Nothing is dirty, failed or held. */
  readonly isInSync: () => boolean;
}

/** How long to wait when the moment was not the right one, at first and at most: to find out may take a scan. */
const AGAIN_MS = 1_000;
const MAX_AGAIN_MS = 60_000;

/** What is wanted of a workspace. */
type Surface = Pick<Workspace, 'store' | 'prefix' | 'ledger' | 'journal' | 'retry' | 'log'>;

export class Checkpointing {
  readonly #workspace: Surface;
  readonly #o: CheckpointingOptions;
  readonly #writer: CheckpointWriter;
  readonly #end = new AbortController();
  /** `heldMs`: the last moment at which it was seen to be what is on disk, wall clock. */
  #latest: { readonly id: string; readonly noted: number; readonly heldMs: number } | undefined;
  /** Ends when nobody takes one any more. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #running: Promise<void>;
  #hasFailed = false;

  /** Begins to take them. */
  constructor(workspace: Surface, options: CheckpointingOptions) {
    const { store, prefix, ledger, journal, retry } = workspace;
    this.#workspace = workspace;
    this.#o = options;
    const randomName = () => randomDigits().slice(0, 12);
    const save = journal.save.bind(journal);
    this.#writer = new CheckpointWriter({ store, prefix, ledger, save, retry, randomName });
    this.#running = this.#run().catch(() => undefined); // told to end while it waited
  }

  /**
   * Takes one if this is the moment, and S3 is not what the last one says.
   * @returns the checkpoint that tells of the tree as it was during the call; undefined: there is none
   */
  async take(signal: AbortSignal): Promise<string | undefined> {
    const either = AbortSignal.any([signal, this.#end.signal]);
    const taken = this.#turn.then(() => this.#take(either)).catch((error) => this.#fail(error, either));
    this.#turn = taken;
    // The one before may wait for S3 much longer than this one may.
    return await Promise.race([taken, aborted(either).then(() => undefined)]);
  }

  status(): CheckpointStatus {
    if (this.#latest === undefined) return { id: null, ageSeconds: null };
    const { id, heldMs } = this.#latest;
    const ageSeconds = this.#isCurrent() && this.#o.isInSync() ? 0 : (clock.wallNow() - heldMs) / 1000;
    return { id, ageSeconds: Math.max(0, Math.round(ageSeconds)) };
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
    await this.#turn;
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    const { intervalMs } = this.#o;
    let againMs = AGAIN_MS;
    while (!signal.aborted) {
      await Promise.race([this.#o.quiet(), aborted(signal)]);
      this.#hasFailed = false;
      const isOver = (await this.take(signal)) !== undefined || this.#hasFailed;
      await clock.sleep(isOver ? intervalMs : againMs, signal);
      againMs = isOver ? AGAIN_MS : Math.min(2 * againMs, MAX_AGAIN_MS, Math.max(AGAIN_MS, intervalMs));
    }
  }

  /**
   * A barrier hears whatever happened before it. If after that nothing is dirty, and no row has changed meanwhile, then
   * all that S3 holds was read before the barrier, and nothing had happened to it since: it is the tree at that moment,
   * not a mixture of two.
   */
  async #take(signal: AbortSignal): Promise<string | undefined> {
    const { ledger, log } = this.#workspace;
    const { isInSync, barrier } = this.#o;
    if (!isInSync()) return undefined;
    if (!this.#isCurrent()) await this.#writer.prepare(signal);
    const { noted } = ledger.chain;
    const atMs = clock.wallNow();
    await barrier();
    if (!isInSync() || ledger.chain.noted !== noted) return undefined;
    if (this.#isCurrent()) {
      this.#latest = { ...this.#latest!, heldMs: atMs };
      return this.#latest.id;
    }
    const draft = this.#writer.draft(atMs);
    if (draft === undefined) return undefined;
    await this.#writer.write(draft, signal);
    this.#latest = { id: draft.id, noted, heldMs: atMs };
    log.info('checkpoint', { id: draft.id, changes: draft.entries.length });
    return draft.id;
  }

  #isCurrent(): boolean {
    return this.#latest?.noted === this.#workspace.ledger.chain.noted;
  }

  #fail(error: unknown, signal: AbortSignal): undefined {
    this.#hasFailed = true;
    if (!signal.aborted) this.#workspace.log.error('no checkpoint', { reason: (error as Error).message });
    return undefined;
  }
}

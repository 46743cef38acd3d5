// Deletes, in batches, with their evidence taken a second time when the batch is built (S4, S5).

import type { Mark } from '../dirt/dirty-set.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import type { KeyKind } from '../model/action.ts';
import { messageOf } from '../model/errors.ts';
import { fileKey, markerKey } from '../model/key.ts';
import type { RelPath } from '../model/path.ts';
import { StoreError } from '../store/errors.ts';
import { mayExecute, owedProof, type TransferContext, wholeKey } from '../transfer/context.ts';
import type { Beginning } from './transfers.ts';

/** A delete that was planned; the path stays busy until it ends. */
export interface DeleteJob {
  readonly path: RelPath;
  readonly target: KeyKind;
  readonly mark: Mark;
}

/**
 * What the second look says of a job.
 * - `delete`: the evidence stands.
 * - `stale`: the plan no longer asks for it, or the path was dirtied meanwhile: plan anew.
 * - `early`: something must be stored first: later.
 * - `blind`: the root is broken or the path cannot be seen: no delete.
 */
export type Verdict = 'delete' | 'stale' | 'early' | 'blind';

export interface DeleteQueueOptions {
  readonly context: TransferContext;
  /** Takes the second look; called for a whole batch in one go, before its request is made. */
  readonly judge: (jobs: readonly DeleteJob[]) => Verdict[];
  /** Runs the request of a batch when the limit allows. */
  readonly submit: (request: () => Promise<void>, batch: Beginning) => void;
  readonly done: (job: DeleteJob, how: Verdict | 'deleted' | StoreError) => void;
  readonly signal: AbortSignal;
}

/** What one DeleteObjects request takes. */
const MAX_BATCH = 1000;

export class DeleteQueue {
  readonly #o: DeleteQueueOptions;
  #jobs: DeleteJob[] = [];

  constructor(options: DeleteQueueOptions) {
    this.#o = options;
  }

  add(job: DeleteJob): void {
    this.#jobs.push(job);
  }

  /** Sends what has gathered. */
  flush(): void {
    const gathered = this.#jobs;
    this.#jobs = [];
    for (let at = 0; at < gathered.length; at += MAX_BATCH) {
      const batch = gathered.slice(at, at + MAX_BATCH);
      // Judged when its turn has come, not when it was queued.
      this.#o.submit(() => this.#send(batch), { action: 'delete', path: batch[0]!.path, count: batch.length });
    }
  }

  async #send(batch: readonly DeleteJob[]): Promise<void> {
    const verdicts = this.#o.judge(batch);
    const { journal, store } = this.#o.context;
    const wanted: { job: DeleteJob; row: LedgerRow | undefined; key: string }[] = [];
    for (const [at, job] of batch.entries()) {
      if (verdicts[at] !== 'delete') {
        this.#o.done(job, verdicts[at]!);
        continue;
      }
      const relKey = job.target === 'file' ? fileKey(job.path) : markerKey(job.path);
      const row = journal.ledger.get(relKey);
      if (row !== undefined) journal.save(mayExecute(this.#o.context, row));
      wanted.push({ job, row, key: wholeKey(this.#o.context, relKey) });
    }
    if (wanted.length === 0) return;
    journal.flush();
    const failed = await this.#request(wanted.map(({ key }) => key));
    for (const { job, row, key } of wanted) {
      const error = failed instanceof StoreError ? failed : failed.get(key);
      // Its id is known from the row alone, which is about to go.
      if (error === undefined && row?.uploadId) await store.abortMultipart(key, row.uploadId).catch(() => undefined);
      if (row !== undefined) this.#record(row, error);
      this.#o.done(job, error === undefined ? 'deleted' : asStoreError(error));
    }
  }

  async #request(keys: readonly string[]): Promise<ReadonlyMap<string, Error> | StoreError> {
    try {
      return await this.#o.context.store.deleteMany(keys, { signal: this.#o.signal });
    } catch (error) {
      return asStoreError(error);
    }
  }

  /** A deleted key is forgotten, unless an ambiguous request may still bring it back or take it away. */
  #record(row: LedgerRow, error: Error | undefined): void {
    const { context } = this.#o;
    const { journal, steadyNow } = context;
    if (error === undefined) {
      const proveAfterMs = owedProof(row, steadyNow());
      if (proveAfterMs === null) journal.forget(row.key);
      else journal.save({ ...row, state: 'unproven', etag: null, proveAfterMs });
    } else {
      journal.save(error instanceof StoreError && error.ambiguous ? mayExecute(context, row) : row);
    }
  }
}

function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError(messageOf(error), { reaction: 'transient', code: 'Unknown', cause: error });
}

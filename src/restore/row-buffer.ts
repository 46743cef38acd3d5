// Ledger rows of restored files, written only when the files themselves would survive a power failure.
import type { Ledger, LedgerRow } from '../ledger/ledger.ts';
import { EXIT, OperatorError } from '../model/errors.ts';
import type { RelKey } from '../model/key.ts';
import type { FileCalls } from './options.ts';
import type { Remote } from './work.ts';

const MAX_ROWS = 2_000;
const MAX_AGE_MS = 5_000;

/**
 * Files are not synced one by one; instead the file system is, before rows are written. Otherwise a power failure could
 * leave an empty file and a row that calls it restored, and the emptiness would be taken for an edit and uploaded.
 * A file without its row costs a comparison at the next restore.
 */
export class RowBuffer {
  readonly #ledger: Ledger;
  readonly #sync: () => Promise<number>;
  readonly #nowMs: () => number;
  #rows: LedgerRow[] = [];
  #forget: RelKey[] = [];
  #oldestMs = 0;
  #flushing: Promise<void> = Promise.resolve();

  constructor(ledger: Ledger, options: { calls: Pick<FileCalls, 'syncFileSystem'>; fd: number; nowMs: () => number }) {
    this.#ledger = ledger;
    this.#sync = () => options.calls.syncFileSystem(options.fd);
    this.#nowMs = options.nowMs;
  }

  /** Resolves at once, or when what was due is written. */
  async save(row: LedgerRow): Promise<void> {
    this.#rows.push(row);
    await this.#flushIfDue();
  }

  /** The same for what this object showed; one under another key says nothing of what is under the path's own. */
  async saveOf({ isAlias = false }: Pick<Remote, 'isAlias'>, row: LedgerRow): Promise<void> {
    if (!isAlias) await this.save(row);
  }

  async forget(key: RelKey): Promise<void> {
    this.#forget.push(key);
    await this.#flushIfDue();
  }

  /** Writes everything saved so far. @throws {LedgerError} {OperatorError} */
  async flush(): Promise<void> {
    // One after the other: a later batch must not overtake an earlier one.
    this.#flushing = this.#flushing.then(() => this.#flushNow());
    await this.#flushing;
  }

  async #flushIfDue(): Promise<void> {
    const now = this.#nowMs();
    const count = this.#rows.length + this.#forget.length;
    if (count === 1) this.#oldestMs = now;
    if (count >= MAX_ROWS || now - this.#oldestMs >= MAX_AGE_MS) await this.flush();
  }

  async #flushNow(): Promise<void> {
    const [rows, forget] = [this.#rows, this.#forget];
    if (rows.length + forget.length === 0) return;
    this.#rows = [];
    this.#forget = [];
    const result = await this.#sync();
    if (result !== 0) {
      throw new OperatorError(`Cannot write restored files to the disk: syncfs failed with errno ${-result}`, {
        exitCode: EXIT.fatal,
        hint: 'Check the disk; the kernel log tells more.',
      });
    }
    this.#ledger.write(rows, forget);
  }
}

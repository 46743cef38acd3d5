// Group commit: many paths' rows in one transaction, and an intent that is durable before its request is sent.
import type { RelKey } from '../model/key.ts';
import type { Ledger, LedgerRow } from './ledger.ts';

/** Buffers writes to a ledger until the next turn of the event loop; reads through it see what is buffered. */
export class Journal {
  /** Rejects when what was buffered could not be written and nobody was there to be told. Never resolves. */
  readonly failed: Promise<never>;
  readonly #fail: (error: unknown) => void;
  readonly #ledger: Ledger;
  readonly #schedule: (flush: () => void) => void;
  /** null: to be forgotten. */
  #pending = new Map<RelKey, LedgerRow | null>();
  #waiting: PromiseWithResolvers<void> | undefined;

  /** @param schedule runs the flush later, once; setImmediate outside of tests */
  constructor(ledger: Ledger, schedule: (flush: () => void) => void) {
    this.#ledger = ledger;
    this.#schedule = schedule;
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined); // whoever waits for it will see it
    this.failed = promise;
    this.#fail = reject;
  }

  /** The row as it will be after the flush. */
  get(key: RelKey): LedgerRow | undefined {
    const pending = this.#pending.get(key);
    return pending === undefined ? this.#ledger.get(key) : (pending ?? undefined);
  }

  /** The ledger with everything written that was saved: for ranges and counts. */
  get settled(): Ledger {
    this.flush();
    return this.#ledger;
  }

  save(row: LedgerRow): void {
    this.#add(row.key, row);
  }

  forget(key: RelKey): void {
    this.#add(key, null);
  }

  /** Saves the row and resolves once it would survive a crash. */
  async saveDurably(row: LedgerRow): Promise<void> {
    this.save(row);
    await this.#waiting?.promise;
  }

  /** Writes what is buffered. @throws LedgerError */
  flush(): void {
    if (this.#pending.size === 0) return;
    const rows: LedgerRow[] = [];
    const forget: RelKey[] = [];
    for (const [key, row] of this.#pending) row === null ? forget.push(key) : rows.push(row);
    this.#pending = new Map();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    try {
      this.#ledger.write(rows, forget);
      waiting?.resolve();
    } catch (error) {
      waiting?.reject(error);
      throw error;
    }
  }

  #add(key: RelKey, row: LedgerRow | null): void {
    this.#pending.set(key, row);
    if (this.#waiting !== undefined) return;
    this.#waiting = Promise.withResolvers();
    this.#waiting.promise.catch(() => undefined); // the flush that failed has told already
    this.#schedule(() => {
      try {
        this.flush();
      } catch (error) {
        this.#fail(error);
      }
    });
  }
}

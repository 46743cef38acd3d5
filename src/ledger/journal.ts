// Group commit: many paths' rows in one transaction, and an intent that is durable before its request is sent.
import type { RelKey } from '../model/key.ts';
import type { Ledger, LedgerRow } from './ledger.ts';

/** Collects writes to a ledger for a moment. What was saved is read back from the ledger at once. */
export class Journal {
  /** Rejects when what was saved could not be made durable and nobody was there to be told. Never resolves. */
  readonly failed: Promise<never>;
  readonly ledger: Ledger;
  readonly #fail: (error: unknown) => void;
  readonly #schedule: (flush: () => void) => void;
  #waiting: PromiseWithResolvers<void> | undefined;

  /** @param schedule runs the flush later, once */
  constructor(ledger: Ledger, schedule: (flush: () => void) => void) {
    this.ledger = ledger;
    this.#schedule = schedule;
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined); // whoever waits for it will see it
    this.failed = promise;
    this.#fail = reject;
  }

  /** @throws LedgerError */
  save(row: LedgerRow): void {
    this.#add(row.key, row);
  }

  /** @throws LedgerError */
  forget(key: RelKey): void {
    this.#add(key, null);
  }

  /** Saves the row and resolves once it would survive a crash. */
  async saveDurably(row: LedgerRow): Promise<void> {
    this.save(row);
    await this.#waiting?.promise;
  }

  /** Makes durable what was saved. @throws LedgerError */
  flush(): void {
    this.#attempt(() => this.ledger.commit());
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #add(key: RelKey, row: LedgerRow | null): void {
    this.#attempt(() => this.ledger.stage(key, row));
    if (this.#waiting !== undefined) return;
    this.#waiting = Promise.withResolvers();
    this.#waiting.promise.catch(() => undefined); // whoever made it fail has been told
    this.#schedule(() => {
      try {
        this.flush();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  /** A failure takes everything saved since the last flush with it: nobody may go on waiting for that. */
  #attempt(change: () => void): void {
    try {
      change();
    } catch (error) {
      this.#waiting?.reject(error);
      this.#waiting = undefined;
      throw error;
    }
  }
}

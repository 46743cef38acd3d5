// Memory for large content on its way: bounded for all uploads together, and used again.

/** Memory for whoever took it, until it is given back. */
export interface Loan {
  readonly bytes: Buffer;
  /** To be called once, when nobody reads the bytes any more. */
  giveBack(): void;
}

interface Waiting {
  readonly lengthBytes: number;
  readonly grant: (loan: Loan) => void;
}

/**
 * Lends memory in the order it is asked for, never more than the budget at a time; what is larger
 * than the budget is lent when nothing else is. Nobody waits while holding a loan, so everybody gets one in the end.
 */
export class ContentMemory {
  readonly #budgetBytes: number;
  #lentBytes = 0;
  readonly #waiting = new Set<Waiting>();
  /** Given back, to be lent again: its pages are there. Let go of when nothing is lent. */
  readonly #spare: Buffer[] = [];

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** Waits until there is room. @throws the signal's reason */
  take(lengthBytes: number, signal?: AbortSignal): Promise<Loan> {
    const { promise, resolve, reject } = Promise.withResolvers<Loan>();
    if (signal?.aborted) reject(signal.reason);
    else {
      const giveUp = (): void => {
        this.#waiting.delete(waiting);
        reject(signal?.reason);
        this.#lend(); // those behind may need less
      };
      const grant = (loan: Loan): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve(loan);
      };
      const waiting = { lengthBytes, grant };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(waiting);
      this.#lend();
    }
    return promise;
  }

  #lend(): void {
    for (const waiting of this.#waiting) {
      const { lengthBytes, grant } = waiting;
      if (this.#lentBytes > 0 && this.#lentBytes + lengthBytes > this.#budgetBytes) return;
      this.#waiting.delete(waiting);
      this.#lentBytes += lengthBytes;
      const slab = this.#slab(lengthBytes);
      const giveBack = (): void => {
        this.#lentBytes -= lengthBytes;
        this.#spare.push(slab);
        this.#lend();
        if (this.#lentBytes === 0) this.#spare.length = 0;
      };
      grant({ bytes: slab.subarray(0, lengthBytes), giveBack });
    }
  }

  /** All parts of a file but the last have the same size: another slab than that is hardly asked for twice. */
  #slab(lengthBytes: number): Buffer {
    const slab = this.#spare.pop();
    return slab !== undefined && slab.length >= lengthBytes && slab.length <= this.#budgetBytes
      ? slab
      : Buffer.allocUnsafeSlow(lengthBytes);
  }
}

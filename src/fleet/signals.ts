// The signals of one directory: the process gets them for all, and a directory may be told alone.

/** Takes over these signals. @returns the way to give them back */
export type OnSignal = (signals: readonly NodeJS.Signals[], handler: (signal: NodeJS.Signals) => void) => () => void;

/**
 * Hands signals on. One that comes while nobody has taken it over waits for whoever does: the process that could die of
 * it is that of the others as well.
 */
export class SignalBox {
  readonly #handlers = new Map<NodeJS.Signals, (signal: NodeJS.Signals) => void>();
  readonly #pending = new Set<NodeJS.Signals>();

  readonly on: OnSignal = (signals, handler) => {
    for (const signal of signals) this.#handlers.set(signal, handler);
    for (const signal of signals) {
      // Not before the caller knows how to give it back.
      if (this.#pending.delete(signal)) queueMicrotask(() => this.send(signal));
    }
    return () => {
      for (const signal of signals) if (this.#handlers.get(signal) === handler) this.#handlers.delete(signal);
    };
  };

  send(signal: NodeJS.Signals): void {
    const handler = this.#handlers.get(signal);
    if (handler === undefined) this.#pending.add(signal);
    else handler(signal);
  }
}

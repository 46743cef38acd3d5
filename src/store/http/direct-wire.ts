// Connections straight to the server: as many as exchanges are under way, the one that was free last first.
import { Connection } from './connection.ts';
import { type Connector, connectorTo } from './connector.ts';
import { Exchange } from './exchange.ts';
import type { SendOptions, WireAnswer, WireRequest } from './messages.ts';
import type { Wire } from './wire.ts';
import { cutOff } from './wire-errors.ts';

export class DirectWire implements Wire {
  readonly #origin: URL;
  readonly #requestTimeoutMs: number;
  #connector: Promise<Connector> | undefined;
  readonly #open = new Set<Connection>();
  readonly #free: Connection[] = [];
  /** They wait for any connection. For each of them one is being made, which serves it or says why none can. */
  readonly #waiting: Exchange[] = [];
  #isClosed = false;

  constructor(origin: string, { requestTimeoutMs }: { readonly requestTimeoutMs: number }) {
    this.#origin = new URL(origin);
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  send(request: WireRequest, options?: SendOptions): Promise<WireAnswer> {
    const exchange = new Exchange(request, options);
    if (exchange.isOver) return exchange.answer;
    let connection = this.#free.pop();
    while (connection?.isUsable === false) connection = this.#free.pop(); // its end is about to be told
    if (connection !== undefined) connection.take(exchange);
    else {
      this.#waiting.push(exchange);
      this.#connect().catch((error: unknown) => this.#next()?.fail(error));
    }
    return exchange.answer;
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#open) connection.abort();
    for (const exchange of this.#waiting.splice(0)) exchange.fail(cutOff());
  }

  async #connect(): Promise<void> {
    this.#connector ??= connectorTo(this.#origin);
    const connector = await this.#connector;
    if (this.#isClosed) throw cutOff();
    const connection = new Connection({
      connector,
      requestTimeoutMs: this.#requestTimeoutMs,
      onFree: (free) => this.#use(free),
      onEnd: (ended, error) => this.#forget(ended, error),
    });
    this.#open.add(connection);
  }

  #use(connection: Connection): void {
    const exchange = this.#next();
    if (exchange !== undefined) connection.take(exchange);
    else this.#free.push(connection);
  }

  #forget(connection: Connection, error: Error | undefined): void {
    this.#open.delete(connection);
    const at = this.#free.indexOf(connection);
    if (at >= 0) this.#free.splice(at, 1);
    if (error !== undefined && this.#lacksConnections()) this.#next()?.fail(error);
  }

  /** Fewer are being made than are waited for: those who were served or aborted meanwhile leave theirs to others. */
  #lacksConnections(): boolean {
    const waiting = this.#waiting.filter(({ isOver }) => !isOver).length;
    return waiting > [...this.#open].filter(({ isReady }) => !isReady).length;
  }

  /** The one that has waited longest and has not been aborted meanwhile. */
  #next(): Exchange | undefined {
    for (;;) {
      const exchange = this.#waiting.shift();
      if (exchange === undefined || !exchange.isOver) return exchange;
    }
  }
}

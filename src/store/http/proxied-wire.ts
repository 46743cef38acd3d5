// Requests by way of the proxies that the environment names, or past them where it says so: undici's work.
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { CONNECT_TIMEOUT_MS, KEEP_ALIVE_MS } from './connection.ts';
import { Exchange } from './exchange.ts';
import type { SendOptions, WireAnswer, WireRequest } from './messages.ts';
import type { Wire, WireOptions } from './wire.ts';
import { errorOfUndici } from './wire-errors.ts';

/** Larger bodies go by pieces of this size: each that is taken counts as progress. */
const PIECE_BYTES = 256 * 1024;

export function openProxiedWire(origin: string, { requestTimeoutMs, proxies }: WireOptions): Wire {
  const agent = new EnvHttpProxyAgent({
    ...proxies,
    // Left to itself it would take an HTTP_PROXY for https as well.
    httpProxy: origin.startsWith('https:') ? '' : proxies.httpProxy,
    connections: null,
    allowH2: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    headersTimeout: requestTimeoutMs,
    bodyTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  const send = (request: WireRequest, options?: SendOptions): Promise<WireAnswer> => {
    const exchange = new Exchange(request, options);
    const { method, path, headers, body } = request;
    const length = body === undefined ? [] : [['content-length', String(body.length)]];
    const dispatched = { origin, method, path, headers: Object.fromEntries([...headers, ...length]) };
    // Without `reset` undici closes the connection after every HEAD.
    agent.dispatch({ ...dispatched, body: inPieces(body), reset: false }, new Handler(exchange));
    return exchange.answer;
  };
  return { send, close: () => void agent.destroy() };
}

/** A large body as a stream of pieces; they share its memory. */
function inPieces(body: Buffer | undefined): Buffer | Readable | null {
  if (body === undefined || body.length <= PIECE_BYTES) return body ?? null;
  return Readable.from(pieces(body), { objectMode: false, highWaterMark: PIECE_BYTES });
}

function* pieces(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES);
}

class Handler implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#exchange.begin(controller);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status >= 200) this.#exchange.head({ status, headers: joined(headers) }, controller);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#exchange.body(chunk);
  }

  onResponseEnd(): void {
    this.#exchange.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#exchange.fail(errorOfUndici(error));
  }
}

function joined(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : value,
  ]);
  return Object.fromEntries(entries);
}

// HTTP on connections that are kept: one request at a time on each, as many as callers have in flight.
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { onAbort } from '../on-abort.ts';
import { hasProxy, type Proxies } from '../proxies.ts';
import { connectionError } from './wire-errors.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** Servers close a connection that is not used; a request they do not get is ambiguous, so it is given up before. */
const KEEP_ALIVE_MS = 10_000;
/** Larger bodies go by pieces of this size: each that is taken counts as progress. */
const PIECE_BYTES = 256 * 1024;
const NOTHING = Buffer.alloc(0);

export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST';
  /** With the query. */
  readonly path: string;
  /** `host` is among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called at the last moment before it is written; may throw to hold it back. */
  readonly onSend?: (() => void) | undefined;
  /** Called when a 2xx answer begins; may throw to refuse its body. */
  readonly onHead?: ((head: Omit<WireAnswer, 'body'>) => void) | undefined;
  /** Where the body of a 2xx answer is put; `onHead` makes sure that it fits. */
  readonly into?: Buffer | undefined;
}

export interface WireAnswer {
  readonly status: number;
  /** Names are lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body; a stream if it was asked for and the status is 2xx. */
  readonly body: Buffer | Readable;
}

export interface WireOptions {
  /** A request that makes no progress for so long fails. */
  readonly requestTimeoutMs: number;
  readonly proxies: Proxies;
}

/** Connects to a server when there is something to send. The whole of undici takes three times as long to load as its pool. */
export async function openWire(origin: string, options: WireOptions): Promise<Wire> {
  const { requestTimeoutMs, proxies } = options;
  const pool = {
    connections: null,
    allowH2: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    headersTimeout: requestTimeoutMs,
    bodyTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  if (!hasProxy(proxies, origin)) {
    const { default: Pool } = await import('undici/lib/dispatcher/pool.js');
    return new Wire(origin, new Pool(origin, pool));
  }
  const { EnvHttpProxyAgent } = await import('undici');
  // Left to itself it would take an HTTP_PROXY for https as well.
  const httpProxy = origin.startsWith('https:') ? '' : proxies.httpProxy;
  return new Wire(origin, new EnvHttpProxyAgent({ ...pool, ...proxies, httpProxy }));
}

/** Connections to one server. */
export class Wire {
  readonly #origin: string;
  readonly #pool: Dispatcher;

  constructor(origin: string, pool: Dispatcher) {
    this.#origin = origin;
    this.#pool = pool;
  }

  /** Sends once; rejects as `connectionError` says, or with what `onSend` threw or the signal's reason. */
  send(request: WireRequest, options: { readonly stream?: boolean } = {}): Promise<WireAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<WireAnswer>();
    const exchange = new Exchange(request, { streams: options.stream === true, resolve, reject });
    const { method, path } = request;
    const body = bodyOf(request.body);
    const length = body instanceof Readable ? { 'content-length': String(request.body?.length) } : undefined;
    const headers = length === undefined ? request.headers : { ...request.headers, ...length };
    // Without `reset` undici closes the connection after every HEAD.
    const origin = this.#origin;
    this.#pool.dispatch({ origin, method, path, headers, body, reset: false }, exchange);
    return promise;
  }

  close(): void {
    void this.#pool.destroy();
  }
}

/** A large body as a stream of pieces; they share its memory. */
function bodyOf(body: Buffer | undefined): Buffer | Readable | null {
  if (body === undefined || body.length <= PIECE_BYTES) return body ?? null;
  return Readable.from(pieces(body), { objectMode: false, highWaterMark: PIECE_BYTES });
}

function* pieces(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES);
}

interface Settling {
  readonly streams: boolean;
  readonly resolve: (answer: WireAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** One request on its way, as the pool's handler. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: WireRequest;
  readonly #settling: Settling;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #chunks: Buffer[] = [];
  /** Set once the answer is accepted: an error's document does not belong there. */
  #into: Buffer | undefined;
  #filled = 0;
  #stream: Readable | undefined;
  readonly #forgetSignal: (() => void) | undefined;

  constructor(request: WireRequest, settling: Settling) {
    this.#request = request;
    this.#settling = settling;
    this.#forgetSignal = request.signal && onAbort(request.signal, this.#onAbort);
  }

  readonly #onAbort = (): void => {
    const reason = this.#request.signal?.reason;
    if (this.#controller === undefined) this.#settling.reject(reason);
    else this.#controller.abort(reason);
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It may have waited for its connection.
    this.#request.signal?.throwIfAborted();
    this.#request.onSend?.();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = joined(headers);
    if (status >= 300) return;
    if (!this.#settling.streams) return this.#begin(controller);
    const stream = new Readable({
      read: () => controller.resume(),
      destroy: (error, done) => {
        controller.abort(error ?? new Error('nobody reads the answer'));
        done(error);
      },
    });
    this.#stream = stream;
    this.#settling.resolve({ status, headers: this.#headers, body: stream });
  }

  #begin(controller: Dispatcher.DispatchController): void {
    const { onHead, into } = this.#request;
    try {
      onHead?.({ status: this.#status, headers: this.#headers });
      this.#into = into;
    } catch (error) {
      this.#settling.reject(error);
      controller.abort(error as Error);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#into !== undefined) this.#filled += chunk.copy(this.#into, this.#filled);
    else if (this.#stream === undefined) this.#chunks.push(chunk);
    else if (!this.#stream.push(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#forgetSignal?.();
    if (this.#stream !== undefined) this.#stream.push(null);
    else this.#settling.resolve({ status: this.#status, headers: this.#headers, body: this.#whole() });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#forgetSignal?.();
    const failure = connectionError(error);
    if (this.#stream !== undefined) this.#stream.destroy(failure);
    else this.#settling.reject(failure);
  }

  #whole(): Buffer {
    if (this.#into !== undefined) return this.#into.subarray(0, this.#filled);
    const [first = NOTHING, ...more] = this.#chunks;
    return more.length === 0 ? first : Buffer.concat(this.#chunks);
  }
}

/** Headers that came more than once are joined, as HTTP allows. */
function joined(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  for (const name in headers) {
    const value = headers[name];
    if (Array.isArray(value)) headers[name] = value.join(', ');
  }
  return headers as Record<string, string>;
}

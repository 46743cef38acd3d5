// Answers those who ask or steer a running agent: HTTP on the socket of its state directory, and on TCP if told to.
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, ListenOptions, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../model/errors.ts';
import { UnavailableError } from './control.ts';
import { openSocketWay } from './control-socket.ts';
import type { Log } from './log.ts';
import { type Answer, answer, type Door, Refusal, type Site, Text } from './site.ts';

/** A server that listens. */
export interface ControlServer {
  /** Lets answers that are under way go out for a moment, then ends every connection. */
  close(): Promise<void>;
}

export interface ControlServerOptions {
  readonly site: Site;
  readonly log: Log;
  /** Blots out the secrets in what is answered: an answer may quote a server. */
  readonly redact: (text: string) => string;
  /** The time a client has to send its request; 5 s by default, for nobody types it by hand. */
  readonly requestMs?: number;
}

export interface TcpOptions extends ControlServerOptions {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  /** Reads what a client must send to steer, not only ask; undefined: nobody may steer. */
  readonly token: (() => string) | undefined;
}

const MAX_HEADER_BYTES = 8_192;
const MAX_CONNECTIONS = 64;
/** Node would look at all connections every few seconds, also if there are none. No request has a body or a successor. */
const NO_PERIODIC_CHECKS = { headersTimeout: 0, requestTimeout: 0, connectionsCheckingInterval: 2 ** 31 - 1 };
/** The time answers have to go out when the agent ends. */
const CLOSING_MS = 1_000;

/**
 * Listens in this directory for whoever can open it. The caller has locked it: a socket that is there is the one of
 * an agent that was killed.
 *
 * @throws the system error if there can be no socket in it
 */
export async function listenInDirectory(directory: string, options: ControlServerOptions): Promise<ControlServer> {
  const way = openSocketWay(directory);
  const listener = new Listener('socket', options);
  try {
    rmSync(way.path, { force: true });
    await listener.listen({ path: way.path });
    chmodSync(way.path, 0o600);
  } catch (error) {
    way.close();
    throw error;
  }
  // The end of the listener removes the socket, by the same way.
  return { close: () => listener.close().finally(way.close) };
}

/** Listens on TCP, where who has no token may only ask. @throws the system error if the address cannot be used */
export async function listenOnTcp({
  host,
  port,
  token,
  ...options
}: TcpOptions): Promise<ControlServer & { readonly port: number }> {
  const listener = new Listener({ token }, options);
  await listener.listen({ host, port });
  return { port: listener.port, close: () => listener.close() };
}

class Listener {
  readonly #server: Server;
  readonly #log: Log;
  readonly #underWay = new Set<ServerResponse>();

  constructor(door: Door, { site, log, redact, requestMs = 5_000 }: ControlServerOptions) {
    this.#log = log;
    const limits = { ...NO_PERIODIC_CHECKS, maxHeaderSize: MAX_HEADER_BYTES };
    const patience = new WeakMap<Socket, NodeJS.Timeout>();
    this.#server = createServer(limits, (request, response) => {
      clearTimeout(patience.get(request.socket));
      answer({ request, door, site, gone: this.#goneOf(response) })
        .catch((error: unknown) => refused(error, log))
        .then(([code, body]) => send(response, code, redacted(body, redact)));
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('clientError', refuseNonsense);
    this.#server.on('connection', (socket: Socket) => {
      const late = setTimeout(() => refuseNonsense({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket), requestMs);
      patience.set(socket, late);
      socket.once('close', () => clearTimeout(late));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(where: ListenOptions): Promise<void> {
    const listening = once(this.#server, 'listening');
    this.#server.listen(where);
    await listening;
    this.#server.on('error', ({ message }) => this.#log.warn('the control server has a problem', { reason: message }));
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    const sent = Promise.all([...this.#underWay].map((response) => once(response, 'close')));
    await Promise.race([sent, sleep(CLOSING_MS, undefined, { ref: false })]);
    this.#server.closeAllConnections();
    await closed;
  }

  #goneOf(response: ServerResponse): AbortSignal {
    const controller = new AbortController();
    this.#underWay.add(response);
    response.once('close', () => {
      this.#underWay.delete(response);
      controller.abort();
    });
    return controller.signal;
  }
}

/** As what is sent. */
function redacted(body: object | Text, redact: (text: string) => string): Text {
  const { type, text, headers } = body instanceof Text ? body : asJson(body);
  return new Text(type, redact(text), headers);
}

function asJson(body: object, headers?: Readonly<Record<string, string>>): Text {
  return new Text('application/json', `${JSON.stringify(body)}\n`, headers);
}

function send(response: ServerResponse, code: number, { type, text, headers }: Text): void {
  const plain = { 'cache-control': 'no-store', connection: 'close', 'x-content-type-options': 'nosniff' };
  response.writeHead(code, { ...plain, 'content-type': type, ...headers });
  response.end(text);
}

/** What is said instead of an answer. */
function refused(error: unknown, log: Log): Answer {
  if (error instanceof Refusal) return [error.code, asJson({ error: error.message }, error.headers)];
  if (error instanceof UnavailableError) return [503, { error: error.message }];
  log.error('cannot answer a request', { reason: messageOf(error) });
  return [500, { error: 'it cannot answer; its log says why' }];
}

const NONSENSE: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

/** What is no request of HTTP, or does not come to its end. */
function refuseNonsense({ code = '' }: { readonly code?: string }, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const status = NONSENSE[code] ?? '400 Bad Request';
  const body = `${JSON.stringify({ error: status.slice(4).toLowerCase() })}\n`;
  const head = `content-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close`;
  socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`, () => socket.destroy());
}

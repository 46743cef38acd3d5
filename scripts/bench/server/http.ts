// Just enough HTTP/1.1 on a socket: node:http costs several times what the work of this server does.
import { createServer, type Server, Socket } from 'node:net';

/** The beginning of a request. */
export interface HttpHead {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Lower-case names; bytes of values as latin1. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface HttpRequest extends HttpHead {
  readonly body: Buffer;
}

export interface HttpAnswer {
  readonly status: number;
  /** Header lines, each with its CRLF; never Content-Length or Date. */
  readonly head?: string;
  readonly body?: string | readonly Buffer[];
  /** Of the body a GET would have; the body's own if absent. */
  readonly lengthBytes?: number;
}

export interface HttpHandler {
  /** Where the body of a request goes. */
  place(head: HttpHead, lengthBytes: number): Buffer;
  answer(request: HttpRequest): HttpAnswer;
  /** Bytes that crossed a socket. */
  onTraffic(bytes: { readonly received: number; readonly sent: number }): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_HEAD_BYTES = 64 * 1024;
/** So much of a body is written at once, then the socket is waited for. */
const WRITE_BYTES = 2 ** 20;
const NOTHING: Buffer = Buffer.alloc(0);
/** All sockets are read into this one: what is read is taken before the next is. */
const INPUT = Buffer.allocUnsafeSlow(256 * 1024);

/** One connection: requests are answered in their order, one at a time. */
class Connection {
  readonly #socket: Socket;
  readonly #handler: HttpHandler;
  /** What was read and not taken yet. */
  #stash: Buffer | undefined;
  #head: HttpHead | undefined;
  #body: Buffer = NOTHING;
  #bodyFilled = 0;
  #isWriting = false;

  /** @param accepted A socket from which nothing was read. */
  constructor(accepted: Socket, handler: HttpHandler) {
    this.#handler = handler;
    // Only a socket that is made with it reads into a buffer of ours, instead of one of its own for each read.
    const { _handle: handle } = accepted as unknown as { _handle: unknown };
    const onread = {
      buffer: INPUT,
      callback: (bytes: number): boolean => {
        handler.onTraffic({ received: bytes, sent: 0 });
        this.#take(INPUT.subarray(0, bytes));
        return true;
      },
    };
    this.#socket = new Socket({ handle, onread } as ConstructorParameters<typeof Socket>[0]);
    this.#socket.setNoDelay(true);
    // A client that goes away is its own business.
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.resume();
  }

  /** Reads and answers as far as the bytes go. */
  #take(read: Buffer): void {
    const bytes = this.#stash === undefined ? read : Buffer.concat([this.#stash, read]);
    this.#stash = undefined;
    let at = 0;
    do {
      if (this.#isWriting) break;
      if (this.#head === undefined) {
        const end = bytes.indexOf(HEAD_END, at);
        if (end < 0) break;
        this.#begin(parseHead(bytes.toString('latin1', at, end)));
        at = end + HEAD_END.length;
        if (at === bytes.length && this.#body.length > 0) this.#continue();
      }
      at += this.#fill(bytes, at);
      if (this.#bodyFilled === this.#body.length) this.#end();
    } while (at < bytes.length);
    if (at < bytes.length) this.#stash = Buffer.from(bytes.subarray(at));
    if (bytes.length - at > MAX_HEAD_BYTES && !this.#isWriting) this.#socket.destroy();
  }

  #begin(head: HttpHead): void {
    const length = Number(head.headers.get('content-length') ?? 0);
    if (head.headers.has('transfer-encoding') || !Number.isSafeInteger(length)) {
      // As S3 itself: only a length lets a body be taken as it comes.
      this.#socket.end('HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    }
    this.#head = head;
    this.#body = length === 0 ? NOTHING : this.#handler.place(head, length);
    this.#bodyFilled = 0;
  }

  #continue(): void {
    if (this.#head!.headers.has('expect')) this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
  }

  /** @returns how much of the bytes belongs to the body */
  #fill(bytes: Buffer, at: number): number {
    if (this.#body.length === 0) return 0;
    const taken = bytes.copy(this.#body, this.#bodyFilled, at);
    this.#bodyFilled += taken;
    return taken;
  }

  #end(): void {
    const { method, target, headers } = this.#head!;
    const request = { method, target, headers, body: this.#body };
    this.#head = undefined;
    this.#body = NOTHING;
    this.#bodyFilled = 0;
    this.#send(method, this.#handler.answer(request));
  }

  #send(method: string, { status, head = '', body = '', lengthBytes }: HttpAnswer): void {
    const pieces = typeof body === 'string' ? (body === '' ? [] : [Buffer.from(body)]) : body;
    const length = lengthBytes ?? pieces.reduce((sum, piece) => sum + piece.length, 0);
    const lengthLine = status === 204 || status === 304 ? '' : `Content-Length: ${length}\r\n`;
    const start = `HTTP/1.1 ${status} ${STATUS[status] ?? 'Status'}\r\nDate: ${httpDate()}\r\n${lengthLine}${head}\r\n`;
    const isBare = method === 'HEAD' || length === 0;
    this.#handler.onTraffic({ received: 0, sent: start.length + (isBare ? 0 : length) });
    if (isBare) {
      this.#socket.write(start, 'latin1');
      return;
    }
    this.#socket.cork();
    this.#socket.write(start, 'latin1');
    this.#isWriting = true;
    this.#write(pieces.flatMap(cut), 0);
  }

  /** Writes as much as the socket takes at once, and the rest when it has. */
  #write(pieces: readonly Buffer[], from: number): void {
    let at = from;
    for (let bytes = 0; at < pieces.length && bytes < WRITE_BYTES; at++) {
      bytes += pieces[at]!.length;
      this.#socket.write(pieces[at]!);
    }
    this.#socket.uncork();
    if (at === pieces.length) {
      this.#isWriting = false;
      if (this.#stash !== undefined) this.#take(NOTHING);
      return;
    }
    const next = (): void => {
      this.#socket.cork();
      this.#write(pieces, at);
    };
    if (this.#socket.writableNeedDrain) this.#socket.once('drain', next);
    else next();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  onClose(listener: () => void): void {
    this.#socket.once('close', listener);
  }
}

/** A piece in pieces that can be written at once. */
function cut(piece: Buffer): Buffer[] {
  if (piece.length <= WRITE_BYTES) return [piece];
  const count = Math.ceil(piece.length / WRITE_BYTES);
  return Array.from({ length: count }, (_, at) => piece.subarray(at * WRITE_BYTES, (at + 1) * WRITE_BYTES));
}

/** A server that is not listening yet; `cut` ends its connections. */
export function createHttpServer(handler: HttpHandler): { readonly server: Server; cut(): void } {
  const connections = new Set<Connection>();
  const server = createServer({ pauseOnConnect: true }, (accepted) => {
    const connection = new Connection(accepted, handler);
    connections.add(connection);
    connection.onClose(() => connections.delete(connection));
  });
  const cut = (): void => {
    for (const connection of connections) connection.destroy();
  };
  return { server, cut };
}

const STATUS: Readonly<Record<number, string>> = {
  ...{ 200: 'OK', 204: 'No Content', 206: 'Partial Content', 304: 'Not Modified', 400: 'Bad Request' },
  ...{ 404: 'Not Found', 409: 'Conflict', 412: 'Precondition Failed', 416: 'Range Not Satisfiable' },
  ...{ 501: 'Not Implemented' },
};

function parseHead(text: string): HttpHead {
  const firstEnd = text.indexOf('\r\n');
  const first = firstEnd < 0 ? text : text.slice(0, firstEnd);
  const methodEnd = first.indexOf(' ');
  const headers = new Map<string, string>();
  let at = firstEnd < 0 ? text.length : firstEnd + 2;
  while (at < text.length) {
    const found = text.indexOf('\r\n', at);
    const end = found < 0 ? text.length : found;
    const colon = text.indexOf(':', at);
    headers.set(text.slice(at, colon).toLowerCase(), text.slice(colon + 1, end).trim());
    at = end + 2;
  }
  return { method: first.slice(0, methodEnd), target: first.slice(methodEnd + 1, first.lastIndexOf(' ')), headers };
}

let dateSecond = 0;
let dateText = '';

/** Now, as headers say it. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}

// One connection: one exchange at a time, none while it is made or kept.
import type { Socket } from 'node:net';
import { AnswerReader } from './answer-reader.ts';
import type { Connector } from './connector.ts';
import type { Exchange, Flow } from './exchange.ts';
import { requestHead } from './request-head.ts';
import { broken, connectTimeout, cutOff, timedOut } from './wire-errors.ts';

export const CONNECT_TIMEOUT_MS = 5_000;
/** Servers close a connection that is not used; a request they do not get is ambiguous, so it is given up before. */
export const KEEP_ALIVE_MS = 10_000;
/** So much earlier than the server says it will. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

/** So much of a body that has its place is read there. Less is not worth telling the socket. */
const READ_IN_PLACE_BYTES = 256 * 1024;

/** Node remembers each place for as long as the socket lives: then another one goes on. */
const MAX_READS_IN_PLACE = 4096;

/** Larger bodies go by pieces of this size: each that is taken counts as progress, with TLS as without. */
const PIECE_BYTES = 256 * 1024;

/** All connections read into this: what is read has been taken before the next read. */
const INPUT = Buffer.allocUnsafeSlow(256 * 1024);

export interface ConnectionOptions {
  readonly connector: Connector;
  /** An exchange that makes no progress for so long fails. */
  readonly requestTimeoutMs: number;
  /** Another exchange may be given to it. */
  readonly onFree: (connection: Connection) => void;
  /** It has ended; `error` is why it was never ready. */
  readonly onEnd: (connection: Connection, error: Error | undefined) => void;
}

export class Connection implements Flow {
  readonly #o: ConnectionOptions;
  readonly #socket: Socket;
  #isReady = false;
  #exchange: Exchange | undefined;
  #reader: AnswerReader | undefined;
  #isPaused = false;
  #input: Buffer = INPUT;
  #readsInPlace = 0;
  #hasEnded = false;
  /** Of the body of the request. */
  #unsent: Buffer | undefined;
  #error: Error | undefined;

  constructor(options: ConnectionOptions) {
    this.#o = options;
    const { connect, readyEvent } = options.connector;
    this.#socket = connect({
      buffer: () => {
        this.#input = this.#nextInput();
        return this.#input;
      },
      callback: (bytes) => this.#onRead(bytes === this.#input.length ? this.#input : this.#input.subarray(0, bytes)),
    });
    const timer = setTimeout(() => this.#socket.destroy(connectTimeout()), CONNECT_TIMEOUT_MS);
    this.#socket
      .once(readyEvent, () => {
        clearTimeout(timer);
        this.#isReady = true;
        this.#free(KEEP_ALIVE_MS);
      })
      .on('timeout', () => this.#onTimeout())
      .once('end', () => {
        this.#hasEnded = true;
        this.#socket.destroy();
      })
      .on('error', (error) => {
        this.#error = this.#isReady && 'errno' in error ? broken(error) : error;
      })
      .once('close', () => {
        clearTimeout(timer);
        this.#onClose();
      });
    this.#socket.resume();
  }

  /** It has been made: whatever ended it later, a request may have been sent. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Neither side has ended it. */
  get isUsable(): boolean {
    return !this.#socket.destroyed;
  }

  /** Sends the request, unless it must not be sent: then the connection is free again. */
  take(exchange: Exchange): void {
    const { request } = exchange;
    let head: string;
    try {
      head = requestHead(request);
      exchange.begin(this);
    } catch (error) {
      exchange.fail(error);
      return this.#o.onFree(this);
    }
    this.#exchange = exchange;
    this.#reader = new AnswerReader(request.method, {
      head: (answered) => exchange.head(answered, this),
      body: (chunk) => exchange.body(chunk),
    });
    this.#socket.setTimeout(this.#o.requestTimeoutMs);
    if (request.body === undefined) {
      this.#socket.write(head, 'latin1');
      return;
    }
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    this.#unsent = request.body;
    this.#writePiece();
    this.#socket.uncork();
  }

  #writePiece(): void {
    const body = this.#unsent;
    if (body === undefined) return;
    if (body.length <= PIECE_BYTES) {
      this.#unsent = undefined;
      this.#socket.write(body);
    } else {
      this.#unsent = body.subarray(PIECE_BYTES);
      this.#socket.write(body.subarray(0, PIECE_BYTES), this.#onPiece);
    }
  }

  readonly #onPiece = (error: unknown): void => {
    if (error === undefined || error === null) this.#writePiece();
  };

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.setTimeout(this.#o.requestTimeoutMs);
    this.#socket.resume();
  }

  abort(): void {
    this.#socket.destroy();
  }

  /** Where the next read goes. */
  #nextInput(): Buffer {
    const bytes = this.#reader?.onlyBodyBytes ?? 0;
    const place = bytes >= READ_IN_PLACE_BYTES ? this.#exchange?.place : undefined;
    if (place === undefined || place.length < bytes) return INPUT;
    this.#readsInPlace++;
    return place.subarray(0, bytes);
  }

  #onRead(bytes: Buffer): boolean {
    const reader = this.#reader;
    try {
      if (reader === undefined) throw cutOff(); // nobody asked: what it means, nobody can know
      reader.read(bytes);
      if (reader.isDone) this.#done(reader);
    } catch (error) {
      this.#socket.destroy(error as Error);
    }
    return !this.#isPaused;
  }

  #done(reader: AnswerReader): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#reader = undefined;
    exchange?.end();
    // The last of the body may have been more than its reader wanted at once: with TLS several pieces come of one read.
    if (this.#isPaused) this.resume();
    const forMs = Math.min(KEEP_ALIVE_MS, reader.keepsMs - KEEP_ALIVE_MARGIN_MS);
    // What was answered before it was sent as a whole goes no further.
    const isSent = this.#unsent === undefined && this.#socket.writableLength === 0;
    const isFit = isSent && !this.#socket.destroyed && this.#readsInPlace <= MAX_READS_IN_PLACE;
    if (forMs <= 0 || !isFit) this.#socket.destroy();
    else this.#free(forMs);
  }

  #onTimeout(): void {
    // Whoever reads the answer may take as long as they like.
    if (!this.#isPaused) this.#socket.destroy(this.#exchange && timedOut());
  }

  #free(forMs: number): void {
    this.#socket.setTimeout(forMs);
    this.#o.onFree(this);
  }

  #onClose(): void {
    this.#unsent = undefined;
    // Closed by us it is not at its end, though it looks so if no length was announced.
    const isWhole = this.#hasEnded && this.#error === undefined && this.#reader?.close() === true;
    if (isWhole) this.#exchange?.end();
    else this.#exchange?.fail(this.#error ?? cutOff());
    this.#exchange = undefined;
    this.#o.onEnd(this, this.#isReady ? undefined : (this.#error ?? cutOff()));
  }
}

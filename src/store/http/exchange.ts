// One request on its way and what comes back of it, whatever carries it.
import { Readable } from 'node:stream';
import { onAbort } from '../on-abort.ts';
import type { SendOptions, WireAnswer, WireRequest } from './messages.ts';
import { malformed } from './wire-errors.ts';

/** What an exchange may ask of that which carries it, once its answer has begun. */
export interface Flow {
  /** No more of the body, for now. */
  pause(): void;
  resume(): void;
  /** Nobody wants the rest: the exchange is over, the connection cannot be used any more. */
  abort(reason: Error): void;
}

/** Up to this announced size a body has its room before it comes. What is larger must prove that it is. */
const MAX_ROOM_BYTES = 16 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export class Exchange {
  readonly request: WireRequest;
  readonly answer: Promise<WireAnswer>;
  readonly #settling = Promise.withResolvers<WireAnswer>();
  readonly #streams: boolean;
  readonly #forgetSignal: (() => void) | undefined;
  #flow: Pick<Flow, 'abort'> | undefined;
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  /** Where the body goes if its size is known or room was given. */
  #room: Buffer | undefined;
  #filled = 0;
  #chunks: Buffer[] = [];
  #stream: Readable | undefined;
  #isOver = false;

  constructor(request: WireRequest, { stream = false }: SendOptions = {}) {
    this.request = request;
    this.answer = this.#settling.promise;
    this.#streams = stream;
    this.#forgetSignal = request.signal && onAbort(request.signal, () => this.#abort(request.signal?.reason));
    if (request.signal?.aborted === true) this.fail(request.signal.reason);
  }

  /** It has an answer, has failed or was aborted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** To be called just before it is written. @throws if it must not be */
  begin(flow: Pick<Flow, 'abort'>): void {
    this.request.onSend?.();
    this.request.signal?.throwIfAborted(); // while it waited for its connection, or just now
    this.#flow = flow;
  }

  /** The answer begins. */
  head(answered: Omit<WireAnswer, 'body'>, flow: Flow): void {
    const { status, headers } = answered;
    this.#status = status;
    this.#headers = headers;
    const isAccepted = status < 300;
    if (isAccepted && this.#streams) return this.#open(flow);
    if (isAccepted && !this.#isWanted(answered)) return;
    // An error's document does not belong where the content was to be put.
    if (isAccepted) this.#room = this.request.into;
  }

  /** Where more of the body may be read to, if it has a place of its own; then the chunk is the beginning of that. */
  get place(): Buffer | undefined {
    const room = this.#isOver ? undefined : this.#room;
    return room !== undefined && this.#filled < room.length ? room.subarray(this.#filled) : undefined;
  }

  /** More of the body. The chunk is only lent, unless it is where `place` said. */
  body(chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#stream !== undefined) {
      if (!this.#stream.push(Buffer.from(chunk))) (this.#flow as Flow).pause();
      return;
    }
    if (this.#chunks.length === 0) this.#room ??= roomFor(this.#headers['content-length']);
    if (this.#room === undefined) this.#chunks.push(Buffer.from(chunk));
    else if (chunk.length <= this.#room.length - this.#filled) this.#filled += put(chunk, this.#room, this.#filled);
    else this.#abort(malformed('the body has no room'));
  }

  /** The answer is complete. */
  end(): void {
    if (!this.#over()) return;
    if (this.#stream !== undefined) this.#stream.push(null);
    else this.#settling.resolve({ status: this.#status, headers: this.#headers, body: this.#whole() });
  }

  fail(error: unknown): void {
    if (!this.#over()) return;
    if (this.#stream !== undefined) this.#stream.destroy(error as Error);
    else this.#settling.reject(error);
  }

  #over(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#forgetSignal?.();
    return true;
  }

  #abort(reason: Error): void {
    const flow = this.#flow;
    this.fail(reason);
    flow?.abort(reason);
  }

  #isWanted(answered: Omit<WireAnswer, 'body'>): boolean {
    try {
      this.request.onHead?.(answered);
      return true;
    } catch (error) {
      this.#abort(error as Error);
      return false;
    }
  }

  #open(flow: Flow): void {
    this.#flow = flow;
    const stream = new Readable({
      read: () => flow.resume(),
      destroy: (error, done) => {
        if (this.#over()) flow.abort(error ?? new Error('nobody reads the answer'));
        done(error);
      },
    });
    stream.on('error', () => {}); // whoever reads it is told, also if they begin to only later
    this.#stream = stream;
    this.#settling.resolve({ status: this.#status, headers: this.#headers, body: stream });
  }

  #whole(): Buffer {
    if (this.#room !== undefined) return this.#room.subarray(0, this.#filled);
    const [first = NOTHING, ...more] = this.#chunks;
    return more.length === 0 ? first : Buffer.concat(this.#chunks);
  }
}

/** @returns how many bytes they are */
function put(chunk: Buffer, room: Buffer, at: number): number {
  const isThere = chunk.buffer === room.buffer && chunk.byteOffset === room.byteOffset + at;
  return isThere ? chunk.length : chunk.copy(room, at);
}

function roomFor(length: string | undefined): Buffer | undefined {
  return length !== undefined && Number(length) <= MAX_ROOM_BYTES ? Buffer.allocUnsafe(Number(length)) : undefined;
}

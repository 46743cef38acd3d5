// Pure. HTTP/1.1 answers out of bytes that come in pieces of any size. Strict: what two readers could understand in two
// ways is refused. https://www.rfc-editor.org/rfc/rfc9112
import { malformed } from './wire-errors.ts';

/** Who is told. Chunks are only lent: the memory is that of the bytes that were read. */
export interface AnswerSink {
  head(answered: { readonly status: number; readonly headers: Readonly<Record<string, string>> }): void;
  body(chunk: Buffer): void;
}

type State = 'head' | 'length' | 'until-close' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'done';

/** Of a head, and of a line between chunks. */
const MAX_HEAD_BYTES = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');

/** Reads one answer. */
export class AnswerReader {
  readonly #hasBody: boolean;
  readonly #sink: AnswerSink;
  #state: State = 'head';
  /** What was read and cannot be understood yet. */
  #rest: Buffer | undefined;
  /** Of the body, or of the chunk. */
  #leftBytes = 0;
  #isKept = false;
  #keepAliveMs = Number.POSITIVE_INFINITY;

  constructor(method: string, sink: AnswerSink) {
    this.#hasBody = method !== 'HEAD';
    this.#sink = sink;
  }

  /** The whole answer has been read. */
  get isDone(): boolean {
    return this.#state === 'done';
  }

  /** For how long the server keeps the connection, ms; 0: not at all. To be asked when the answer is done. */
  get keepsMs(): number {
    return this.#isKept ? this.#keepAliveMs : 0;
  }

  /** Nothing but this many bytes of the body can come next; 0: something else may. */
  get onlyBodyBytes(): number {
    return this.#state === 'length' ? this.#leftBytes : 0;
  }

  /** @throws what `malformed` makes, and whatever the sink throws */
  read(read: Buffer): void {
    const bytes = this.#rest === undefined ? read : Buffer.concat([this.#rest, read]);
    this.#rest = undefined;
    let at = 0;
    while (at < bytes.length) {
      const next = this.#step(bytes, at);
      if (next === undefined) {
        if (bytes.length - at > MAX_HEAD_BYTES) throw malformed('a line has no end');
        this.#rest = Buffer.from(bytes.subarray(at)); // the bytes are the caller's
        return;
      }
      at = next;
    }
  }

  /** The connection has ended. @returns whether that is how the answer ends */
  close(): boolean {
    if (this.#state !== 'until-close') return false;
    this.#state = 'done';
    return true;
  }

  /** @returns how far it came; undefined: more must be read first */
  #step(bytes: Buffer, at: number): number | undefined {
    switch (this.#state) {
      case 'head':
        return this.#head(bytes, at);
      case 'length':
      case 'chunk':
        return this.#body(bytes, at);
      case 'until-close':
        this.#sink.body(at === 0 ? bytes : bytes.subarray(at));
        return bytes.length;
      case 'done':
        throw malformed('more came than was announced');
      default:
        return this.#line(bytes, at);
    }
  }

  #head(bytes: Buffer, at: number): number | undefined {
    const end = bytes.indexOf(HEAD_END, at);
    if (end < 0) return undefined;
    const { version, status, headers } = parseHead(bytes.toString('latin1', at, end));
    const after = end + HEAD_END.length;
    if (status === 101) throw malformed('another protocol was not asked for');
    if (status < 200) return after; // an announcement: the answer is still to come
    this.#announced(headers, version, this.#hasBody && status !== 204 && status !== 304);
    this.#sink.head({ status, headers });
    return after;
  }

  /** What will come, and whether another answer may follow. */
  #announced(headers: Readonly<Record<string, string>>, version: string, hasBody: boolean): void {
    const { connection = '', 'keep-alive': keepAlive = '', 'content-length': length } = headers;
    const coding = headers['transfer-encoding'];
    const says = (word: string): boolean => new RegExp(`(^|,)\\s*${word}\\s*(,|$)`, 'i').test(connection);
    this.#isKept = connection === '' ? version === '1' : version === '1' ? !says('close') : says('keep-alive');
    const [, seconds] = /timeout=(\d+)/i.exec(keepAlive) ?? [];
    if (seconds !== undefined) this.#keepAliveMs = Number(seconds) * 1000;
    if (coding !== undefined && length !== undefined) throw malformed('two lengths of the body');
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw malformed('the length of the body is no number');
    if (coding !== undefined && !/^chunked$/i.test(coding)) throw malformed(`a transfer coding of ${coding}`);
    this.#leftBytes = Number(length ?? 0);
    if (!hasBody) this.#state = 'done';
    else if (coding !== undefined) this.#state = 'chunk-size';
    else if (length !== undefined) this.#state = this.#leftBytes === 0 ? 'done' : 'length';
    else {
      this.#state = 'until-close';
      this.#isKept = false;
    }
  }

  #body(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#leftBytes);
    this.#leftBytes -= end - at;
    if (this.#leftBytes === 0) this.#state = this.#state === 'chunk' ? 'chunk-end' : 'done';
    this.#sink.body(bytes.subarray(at, end));
    return end;
  }

  #line(bytes: Buffer, at: number): number | undefined {
    const end = bytes.indexOf(LINE_END, at);
    if (end < 0) return undefined;
    const line = bytes.toString('latin1', at, end);
    if (this.#state === 'chunk-size') {
      const [, size] = /^([0-9a-f]{1,12})[ \t]*(;.*)?$/i.exec(line) ?? [];
      if (size === undefined) throw malformed('the size of a chunk is no number');
      this.#leftBytes = Number.parseInt(size, 16);
      this.#state = this.#leftBytes === 0 ? 'trailer' : 'chunk';
    } else if (this.#state === 'chunk-end') {
      if (line !== '') throw malformed('a chunk is longer than it says');
      this.#state = 'chunk-size';
    } else if (line === '') this.#state = 'done';
    return end + LINE_END.length;
  }
}

interface Head {
  /** What follows `HTTP/1.`. */
  readonly version: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

function parseHead(text: string): Head {
  const first = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?(?:\r\n|$)/.exec(text);
  if (first === null) throw malformed('it does not begin as one');
  const headers: Record<string, string> = {};
  for (let at = first[0].length; at < text.length; ) {
    const found = text.indexOf('\r\n', at);
    const end = found < 0 ? text.length : found;
    const colon = text.indexOf(':', at);
    if (colon <= at || colon >= end) throw malformed('a header has no name');
    const name = nameOf(text.slice(at, colon));
    const value = trimmed(text, colon + 1, end);
    if (/[\0\r\n]/.test(value)) throw malformed('a header is not one line');
    const before = headers[name]; // of `constructor` and the like no string
    headers[name] = typeof before === 'string' ? joined(name, before, value) : value;
    at = end + 2;
  }
  return { version: first[1]!, status: Number(first[2]), headers };
}

/** Without the blanks around it. No others: the last byte of a UTF-8 letter may be what Unicode has for one. */
function trimmed(text: string, from: number, to: number): string {
  let [start, end] = [from, to];
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** As servers write them: most say the same few in every answer. */
const NAMES = new Map<string, string>();
const MAX_NAMES = 256;

/** In lower case. */
function nameOf(written: string): string {
  const known = NAMES.get(written);
  if (known !== undefined) return known;
  // A blank before the colon or in front of a line means something else to other readers.
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(written)) throw malformed('a header has no name');
  const name = written.toLowerCase();
  if (NAMES.size < MAX_NAMES) NAMES.set(written, name);
  return name;
}

function joined(name: string, before: string, value: string): string {
  if (name !== 'content-length') return `${before}, ${value}`;
  if (before !== value) throw malformed('two lengths of the body');
  return value;
}

// Signed requests on kept connections. Credentials, address and clock are the SDK's: whatever it learns holds here too.
import { hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { Header, WireRequest } from '../http/messages.ts';
import type { Wire } from '../http/wire.ts';
import { learnServerKind, type ServerKind } from '../rgw.ts';
import type { Account } from './account.ts';
import { type Answered, errorOf } from './error-answer.ts';
import { EMPTY_SHA256, encodePath, Signer, type SigningCredentials, UNSIGNED_PAYLOAD } from './sigv4.ts';

const CREDENTIALS_FRESH_MS = 1_000;

/** What requests are sent with. */
export interface LeanClientOptions extends Account {
  readonly server: ServerKind;
  readonly version: string;
  readonly wire: Wire;
  readonly onRequest?: (() => void) | undefined;
  readonly beforeWrite?: ((key: string | undefined) => void) | undefined;
}

export interface LeanRequest {
  readonly method: WireRequest['method'];
  /** undefined for a request on the bucket. */
  readonly key?: string;
  /** Encoded and sorted by name. */
  readonly query?: string;
  readonly headers?: readonly Header[];
  readonly body?: Buffer;
  /** The key that is written to by a request on the bucket, if it is only one. */
  readonly writes?: string | undefined;
  /** Of the body, if it is known. */
  readonly sha256?: string | undefined;
  /** See WireRequest. */
  readonly onHead?: WireRequest['onHead'];
  /**
   * Whether a body has a Content-MD5. Default: it has whatever checksum the server is known to verify. False counts only
   * with `sha256`, which the signature makes servers verify.
   */
  readonly md5?: boolean;
  readonly into?: WireRequest['into'];
}

export type WholeAnswer = Answered & { readonly body: Buffer };
export type StreamedAnswer = Answered & { readonly body: Readable };

interface Sending {
  readonly signal: AbortSignal | undefined;
  readonly stream: boolean;
}

/** Sends each request once. An answer other than 2xx is thrown as the SDK would throw it. */
export class LeanClient {
  readonly #options: LeanClientOptions;
  readonly #signer: Signer;
  readonly #wire: Wire;
  readonly #host: string;
  readonly #userAgent: Header;
  readonly #isEncrypted: boolean;
  readonly #isAws: boolean;
  #lastDate = '';
  #known: SigningCredentials | undefined;
  #askedAtMs = 0;

  constructor(options: LeanClientOptions) {
    const { origin, region, signingName } = options.target;
    this.#options = options;
    this.#signer = new Signer(region, signingName);
    this.#wire = options.wire;
    const [scheme, host] = origin.split('//') as [string, string];
    this.#host = host;
    this.#userAgent = ['user-agent', `awssyncer/${options.version}`];
    this.#isEncrypted = scheme === 'https:';
    this.#isAws = /\.amazonaws\.com(\.cn)?$/.test(host);
  }

  /** The whole answer. */
  async send(request: LeanRequest, signal?: AbortSignal): Promise<WholeAnswer> {
    return (await this.#send(request, { signal, stream: false })) as WholeAnswer;
  }

  /** The answer as soon as its body begins; the caller consumes or destroys it. */
  async open(request: LeanRequest, signal?: AbortSignal): Promise<StreamedAnswer> {
    return (await this.#send(request, { signal, stream: true })) as StreamedAnswer;
  }

  /** Whether the server is known to be an RGW. */
  get speaksRgw(): boolean {
    return this.#options.server.isRgw === true;
  }

  /** Whether the server is AWS's own. */
  get speaksAws(): boolean {
    return this.#isAws;
  }

  close(): void {
    this.#wire.close();
  }

  #send(request: LeanRequest, sending: Sending): Promise<WholeAnswer | StreamedAnswer> {
    return this.#options.renewRefused(() => this.#sendOnce(request, sending));
  }

  async #sendOnce(request: LeanRequest, { signal, stream }: Sending): Promise<WholeAnswer | StreamedAnswer> {
    const { signing, onRequest, beforeWrite, server } = this.#options;
    const { method, key, query = '', body } = request;
    onRequest?.();
    const credentials = this.#fresh() ?? (await this.#ask());
    const path = this.#pathOf(key);
    const nowMs = Date.now() + signing.systemClockOffset;
    const payload = this.#payloadOf(request);
    const signable = { method, path, query, headers: this.#headersOf(request, payload), payload };
    const headers = this.#signer.sign(signable, credentials, nowMs);
    headers.push(this.#userAgent);
    const isRead = method === 'GET' || method === 'HEAD';
    const { onHead, into, writes = key } = request;
    const onSend = isRead || beforeWrite === undefined ? undefined : () => beforeWrite(writes);
    const sent = {
      method,
      path: query === '' ? path : `${path}?${query}`,
      headers,
      body,
      signal,
      onSend,
      onHead,
      into,
    };
    const answer = await this.#wire.send(sent, { stream });
    this.#learnClock(answer);
    learnServerKind(server, answer.headers['x-amz-request-id']);
    if (answer.status >= 200 && answer.status < 300) return answer as WholeAnswer | StreamedAnswer;
    this.#known = undefined; // they may be what was refused
    throw errorOf(answer, answer.body as Buffer);
  }

  /** What was answered less than a second ago: to ask the SDK, which remembers too, costs more than to sign. */
  #fresh(): SigningCredentials | undefined {
    const ageMs = performance.now() - this.#askedAtMs;
    return ageMs < CREDENTIALS_FRESH_MS ? this.#known : undefined;
  }

  async #ask(): Promise<SigningCredentials> {
    const credentials = await this.#options.signing.credentials();
    this.#askedAtMs = performance.now();
    this.#known = credentials;
    return credentials;
  }

  #pathOf(key: string | undefined): string {
    const { basePath } = this.#options.target;
    return key === undefined ? `${basePath}/` : `${basePath}/${encodePath(key)}`;
  }

  /** Those that are signed. */
  #headersOf({ headers = [], body, md5, sha256 }: LeanRequest, payload: string): Header[] {
    const all: Header[] = [['host', this.#host], ['x-amz-content-sha256', payload], ...headers];
    if (body === undefined || (md5 === false && sha256 !== undefined)) return all;
    all.push(md5 === undefined && this.#isAws ? crc32Header(body) : ['content-md5', hash('md5', body, 'base64')]);
    return all;
  }

  #payloadOf({ body, sha256 }: LeanRequest): string {
    if (body === undefined) return EMPTY_SHA256;
    return sha256 ?? (this.#isEncrypted ? UNSIGNED_PAYLOAD : hash('sha256', body));
  }

  /**
   * As the SDK does it, to the SDK's own offset: every answer tells the server's time, unless a cache gave it. One with
   * the second of the last tells nothing new, but a refusal may be for a clock that was set within it.
   */
  #learnClock({ status, headers: { date, age } }: Pick<Answered, 'status' | 'headers'>): void {
    if (date === undefined || age !== undefined || (date === this.#lastDate && status < 400)) return;
    this.#lastDate = date;
    const serverMs = Date.parse(date);
    if (!Number.isNaN(serverMs)) this.#options.signing.systemClockOffset = serverMs - Date.now();
  }
}

/** AWS's own choice. Every server verifies a Content-MD5, but RGW, for one, ignores the newer checksums. */
function crc32Header(body: Buffer): Header {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return ['x-amz-checksum-crc32', bytes.toString('base64')];
}

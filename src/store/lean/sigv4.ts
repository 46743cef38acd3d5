// Pure. AWS Signature Version 4 in the Authorization header, by S3's rules: keys are encoded once and never normalised.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
import { createHmac, hash } from 'node:crypto';
import type { Header } from '../http/messages.ts';

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface SignableRequest {
  readonly method: string;
  /** As it is sent: see `encodePath`. */
  readonly path: string;
  /** As it is sent, without `?`; parameters are encoded and sorted by name. */
  readonly query: string;
  /** All that are to be signed, `host` and `x-amz-content-sha256` included. */
  readonly headers: readonly Header[];
  /** SHA-256 of the body in hex, or UNSIGNED_PAYLOAD. */
  readonly payload: string;
}

export const EMPTY_SHA256 = hash('sha256', '');
/** For bodies that TLS protects. */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const BLOCK_BYTES = 64;
/** Room for a block and what follows it: the algorithm, two times, a scope and a hash. */
const SCRATCH = Buffer.alloc(1024);

/** The two halves of HMAC-SHA256 (RFC 2104) with a key, ready to be followed by a text. */
interface HmacPads {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

/** Signs for one region and service. What depends on the day or the second is computed once in each. */
export class Signer {
  readonly #region: string;
  readonly #service: string;
  #day = { date: '', secret: '', scope: '', pads: padsOf(Buffer.alloc(0)) };
  #second = { at: Number.NaN, timestamp: '' };

  constructor(region: string, service: string) {
    this.#region = region;
    this.#service = service;
  }

  /** The headers to be sent: those of the request, what the signature adds to them, and `authorization`. */
  sign(request: SignableRequest, credentials: SigningCredentials, nowMs: number): Header[] {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const timestamp = this.#timestamp(nowMs);
    const headers: Header[] = [...request.headers, ['x-amz-date', timestamp]];
    if (sessionToken !== undefined) headers.push(['x-amz-security-token', sessionToken]);
    headers.sort(byName);
    let canonicalHeaders = '';
    let names = '';
    for (const [name, value] of headers) {
      canonicalHeaders += `${name}:${trimmed(value)}\n`;
      names += names === '' ? name : `;${name}`;
    }
    const { scope, pads } = this.#keyOf(timestamp.slice(0, 8), secretAccessKey);
    const canonical = `${request.method}\n${request.path}\n${request.query}\n${canonicalHeaders}\n${names}\n${request.payload}`;
    const signature = hmacHex(pads, `${ALGORITHM}\n${timestamp}\n${scope}\n${hash('sha256', canonical)}`);
    const credential = `${accessKeyId}/${scope}`;
    headers.push([
      'authorization',
      `${ALGORITHM} Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
    ]);
    return headers;
  }

  #timestamp(nowMs: number): string {
    const at = Math.floor(nowMs / 1000);
    if (at !== this.#second.at) {
      this.#second = { at, timestamp: new Date(at * 1000).toISOString().replace(/[-:]|\.\d{3}/g, '') };
    }
    return this.#second.timestamp;
  }

  #keyOf(date: string, secret: string): { readonly scope: string; readonly pads: HmacPads } {
    if (date !== this.#day.date || secret !== this.#day.secret) {
      const parts = [date, this.#region, this.#service, 'aws4_request'];
      const derive = (key: Buffer, part: string): Buffer => createHmac('sha256', key).update(part).digest();
      const pads = padsOf(parts.reduce(derive, Buffer.from(`AWS4${secret}`)));
      this.#day = { date, secret, scope: parts.join('/'), pads };
    }
    return this.#day;
  }
}

/** A key in a path: everything but unreserved characters and `/` is encoded. */
export function encodePath(key: string): string {
  return /^[\w.~/-]*$/.test(key) ? key : key.split('/').map(encodeQuery).join('/');
}

/** A name or value in a query: everything but unreserved characters is encoded. */
export function encodeQuery(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function byName([a]: Header, [b]: Header): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function trimmed(value: string): string {
  return /^\s|\s\s|[^\S ]|\s$/.test(value) ? value.trim().replace(/\s+/g, ' ') : value;
}

/** The key has at most one block. */
function padsOf(key: Buffer): HmacPads {
  const [inner, outer] = [0x36, 0x5c].map((pad) => {
    const block = Buffer.alloc(BLOCK_BYTES, pad);
    for (const [at, byte] of key.entries()) block[at] = byte ^ pad;
    return block;
  }) as [Buffer, Buffer];
  return { inner, outer };
}

/** By two one-shot hashes: setting up an Hmac of node:crypto costs six times as much. The text is ASCII. */
function hmacHex({ inner, outer }: HmacPads, text: string): string {
  inner.copy(SCRATCH);
  const end = BLOCK_BYTES + SCRATCH.write(text, BLOCK_BYTES, 'latin1');
  const innerHash = hash('sha256', SCRATCH.subarray(0, end), 'buffer');
  outer.copy(SCRATCH);
  innerHash.copy(SCRATCH, BLOCK_BYTES);
  return hash('sha256', SCRATCH.subarray(0, BLOCK_BYTES + innerHash.length));
}

// Bodies: freed of their transport, cut into ranges, and named by ETags.
import { createHash, hash } from 'node:crypto';
import { S3Failure } from './failure.ts';
import type { HttpRequest } from './http.ts';

/**
 * How a body gets its ETag. Hashing a large body costs the server more than taking it, and here it is clients that are
 * measured.
 * - `md5`: the MD5 of the bytes, always.
 * - `cheap`: a Content-MD5 is believed; else a body of less than 1 MiB is hashed, and a larger one gets a name that is
 *   no MD5, as it does on AWS with SSE-KMS.
 */
export type EtagPolicy = 'md5' | 'cheap';

const CHEAP_BYTES = 2 ** 20;

export interface Body {
  readonly content: readonly Buffer[];
  readonly sizeBytes: number;
}

export function md5Hex(content: readonly Buffer[]): string {
  if (content.length === 1) return hash('md5', content[0]!, 'hex');
  const hasher = createHash('md5');
  for (const piece of content) hasher.update(piece);
  return hasher.digest('hex');
}

export function sizeOf(content: readonly Buffer[]): number {
  return content.length === 1 ? content[0]!.length : content.reduce((sum, piece) => sum + piece.length, 0);
}

const EMPTY: readonly Buffer[] = [];

/** The bytes that were meant: an aws-chunked body is freed of its chunks, whose signatures nobody checks. */
export function bodyOf({ headers, body }: HttpRequest): Body {
  const streaming = headers.get('x-amz-content-sha256')?.startsWith('STREAMING-') === true;
  const bytes = streaming ? dechunk(body) : body;
  return { content: bytes.length === 0 ? EMPTY : [bytes], sizeBytes: bytes.length };
}

/** Moves the bytes of all chunks together. */
function dechunk(raw: Buffer): Buffer {
  let [from, to] = [0, 0];
  for (;;) {
    const end = raw.indexOf('\r\n', from);
    const size = Number.parseInt(raw.toString('latin1', from, end), 16);
    if (end < 0 || Number.isNaN(size)) throw new S3Failure('InvalidArgument', 'The body is not aws-chunked');
    if (size === 0) return raw.subarray(0, to);
    to += raw.copy(raw, to, end + 2, end + 2 + size);
    from = end + 2 + size + 2;
  }
}

let namesMade = 0;

export function etagOf({ content, sizeBytes }: Body, options: { headers: HttpRequest['headers']; policy: EtagPolicy }) {
  const given = options.headers.get('content-md5');
  if (options.policy === 'cheap') {
    if (given !== undefined) return Buffer.from(given, 'base64').toString('hex');
    if (sizeBytes >= CHEAP_BYTES) return `not-md5-${++namesMade}`;
  }
  return md5Hex(content);
}

/** The ETag of a multipart object: the MD5 of its parts' MD5s, and their number. */
export function multipartEtag(parts: readonly { readonly etag: string }[]): string {
  // A part's name that is no MD5 is taken by its characters.
  const named = parts.map(({ etag }) => Buffer.from(etag, etag.startsWith('not-md5-') ? 'latin1' : 'hex'));
  return `${md5Hex(named)}-${parts.length}`;
}

export interface Range {
  readonly start: number;
  /** Of the last byte. */
  readonly end: number;
}

/**
 * Reads `bytes=...`; what is no single range is ignored, as HTTP wants.
 *
 * @throws S3Failure `InvalidRange`
 */
export function readRange(header: string | undefined, sizeBytes: number): Range | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, sizeBytes - Number(to)) : Number(from);
  const end = from === '' || to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (start >= sizeBytes || end < start) throw new S3Failure('InvalidRange');
  return { start, end };
}

/** The pieces of a range, without copying. */
export function slice(content: readonly Buffer[], { start, end }: Range): Buffer[] {
  const pieces: Buffer[] = [];
  let offset = 0;
  for (const piece of content) {
    if (offset > end) break;
    const cut = piece.subarray(Math.max(0, start - offset), Math.max(0, end + 1 - offset));
    if (cut.length > 0) pieces.push(cut);
    offset += piece.length;
  }
  return pieces;
}

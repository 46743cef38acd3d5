import { failure } from './errors.ts';
import { type SigningContext, sha256Hex, sign } from './sigv4.ts';

/** How the chunks of a streaming body are protected, by the value of x-amz-content-sha256. */
export const STREAMING: ReadonlyMap<string, { readonly signed: boolean; readonly trailer: boolean }> = new Map([
  ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { signed: false, trailer: true }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { signed: true, trailer: false }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { signed: true, trailer: true }],
]);

const MIN_CHUNK_BYTES = 8192;
const EMPTY_SHA256 = sha256Hex('');

/** A body freed of its transport. */
export interface Decoded {
  readonly bytes: Buffer;
  /** Lower-case names. */
  readonly trailers: ReadonlyMap<string, string>;
}

function readLine(raw: Buffer, from: number): { readonly line: string; readonly next: number } {
  const end = raw.indexOf('\r\n', from);
  if (end < 0) throw failure('IncompleteBody');
  return { line: raw.toString('latin1', from, end), next: end + 2 };
}

function checkSignature(expected: string, given: string | undefined): void {
  if (given !== expected) throw failure('SignatureDoesNotMatch', { fields: { ChunkSignatureExpected: expected } });
}

function readTrailers(raw: Buffer, from: number): Map<string, string> {
  const trailers = new Map<string, string>();
  let at = from;
  while (at < raw.length) {
    const { line, next } = readLine(raw, at);
    at = next;
    if (line === '') break;
    const [, name, value] = /^([\w-]+):\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw failure('MalformedTrailerError');
    trailers.set(name.toLowerCase(), value);
  }
  if (at !== raw.length) throw failure('IncompleteBody');
  return trailers;
}

function verifyTrailers(
  trailers: Map<string, string>,
  { previous, signing }: { readonly previous: string; readonly signing: SigningContext },
): void {
  const given = trailers.get('x-amz-trailer-signature');
  trailers.delete('x-amz-trailer-signature');
  const text = [...trailers].map(([name, value]) => `${name}:${value}\n`).join('');
  const parts = ['AWS4-HMAC-SHA256-TRAILER', signing.timestamp, signing.scope, previous, sha256Hex(text)];
  checkSignature(sign(signing.signingKey, parts.join('\n')), given);
}

/**
 * Decodes an aws-chunked body and verifies the chain of chunk signatures and the trailers' signature.
 *
 * @throws S3Failure if anything about it is not as
 *   https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html says.
 */
export function decodeChunked(
  raw: Buffer,
  options: {
    readonly signing: SigningContext;
    readonly signed: boolean;
    readonly trailer: boolean;
    readonly lengthBytes: number;
  },
): Decoded {
  const { signing } = options;
  const chunks: Buffer[] = [];
  let previous = signing.seed;
  let at = 0;
  for (;;) {
    const { line, next } = readLine(raw, at);
    const [, hex, given] = /^([0-9a-fA-F]+)(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line) ?? [];
    if (hex === undefined) throw failure('IncompleteBody');
    const data = raw.subarray(next, next + Number.parseInt(hex, 16));
    if (options.signed) {
      const parts = [
        'AWS4-HMAC-SHA256-PAYLOAD',
        signing.timestamp,
        signing.scope,
        previous,
        EMPTY_SHA256,
        sha256Hex(data),
      ];
      previous = sign(signing.signingKey, parts.join('\n'));
      checkSignature(previous, given);
    }
    at = next + data.length;
    if (data.length === 0) break;
    if ((chunks.at(-1)?.length ?? MIN_CHUNK_BYTES) < MIN_CHUNK_BYTES) throw failure('InvalidChunkSizeError');
    if (raw.toString('latin1', at, at + 2) !== '\r\n') throw failure('IncompleteBody');
    at += 2;
    chunks.push(data);
  }
  const trailers = readTrailers(raw, at);
  if (options.signed && options.trailer) verifyTrailers(trailers, { previous, signing });
  if (!options.trailer && trailers.size > 0) throw failure('MalformedTrailerError');
  const bytes = Buffer.concat(chunks);
  if (bytes.length !== options.lengthBytes) throw failure('IncompleteBody');
  return { bytes, trailers };
}

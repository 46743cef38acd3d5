import { type Decoded, decodeChunked, STREAMING } from './aws-chunked.ts';
import {
  ALGORITHMS,
  type Algorithm,
  type Checksum,
  checksumOf,
  isBase64Of,
  LENGTH_BYTES,
  md5Hex,
  parseAlgorithm,
} from './checksums.ts';
import { failure, notImplemented } from './errors.ts';
import type { S3Request } from './request.ts';
import { type SigningContext, sha256Hex } from './sigv4.ts';

/** A body that is what its digests say. */
export interface VerifiedBody {
  readonly bytes: Buffer;
  /** The x-amz-checksum-* the client sent, in a header or a trailer. */
  readonly checksum: Checksum | undefined;
}

/**
 * The length of the body as the client means it.
 *
 * @throws S3Failure `MissingContentLength`, or `NotImplemented` for chunked transfer, which hides the length.
 */
export function announcedLength(request: S3Request): number {
  const decoded = request.headers.get('x-amz-decoded-content-length');
  const length = decoded ?? request.headers.get('content-length');
  if (length === undefined) {
    const encoding = request.headers.get('transfer-encoding');
    throw encoding === undefined ? failure('MissingContentLength') : notImplemented('header', 'Transfer-Encoding');
  }
  if (!/^\d+$/.test(length))
    throw failure('InvalidArgument', { fields: { ArgumentName: 'content-length', ArgumentValue: length } });
  return Number(length);
}

function badDigest(algorithm: Algorithm, computed: string): Error {
  const message = `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`;
  return failure('BadDigest', { message, fields: { CalculatedDigest: computed } });
}

function invalidRequest(message: string): Error {
  return failure('InvalidRequest', { message });
}

function verifyMd5(request: S3Request, bytes: Buffer): void {
  const given = request.headers.get('content-md5');
  if (given === undefined) return;
  if (!isBase64Of(given, 16)) throw failure('InvalidDigest', { fields: { 'Content-MD5': given } });
  const computed = Buffer.from(md5Hex(bytes), 'hex').toString('base64');
  if (computed !== given) {
    const message = 'The Content-MD5 you specified did not match what we received.';
    throw failure('BadDigest', { message, fields: { ExpectedDigest: given, CalculatedDigest: computed } });
  }
}

/** The one checksum a request may carry, wherever it stands. */
export function givenChecksum(
  headers: ReadonlyMap<string, string>,
  trailers: ReadonlyMap<string, string>,
): { readonly algorithm: Algorithm; readonly value: string } | undefined {
  const given = ALGORITHMS.flatMap((algorithm) => {
    const name = `x-amz-checksum-${algorithm}`;
    const value = headers.get(name) ?? trailers.get(name);
    return value === undefined ? [] : [{ algorithm, value }];
  });
  if (given.length > 1)
    throw invalidRequest('Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.');
  const [one] = given;
  if (one !== undefined && !isBase64Of(one.value.replace(/-\d+$/, ''), LENGTH_BYTES[one.algorithm])) {
    throw invalidRequest(`Value for x-amz-checksum-${one.algorithm} header is invalid.`);
  }
  return one;
}

function verifyChecksum(request: S3Request, { bytes, trailers }: Decoded): Checksum | undefined {
  const given = givenChecksum(request.headers, trailers);
  const named = request.headers.get('x-amz-sdk-checksum-algorithm');
  if (named !== undefined) {
    const algorithm = parseAlgorithm(named);
    if (algorithm === undefined) throw invalidRequest('Value for x-amz-sdk-checksum-algorithm header is invalid.');
    if (given?.algorithm !== algorithm) {
      throw invalidRequest(
        'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
      );
    }
  }
  if (given === undefined) return undefined;
  const computed = checksumOf(given.algorithm, bytes);
  if (computed.value !== given.value) throw badDigest(given.algorithm, computed.value);
  return computed;
}

function decodeStreaming(
  request: S3Request,
  { raw, signing }: { readonly raw: Buffer; readonly signing: SigningContext },
): Decoded {
  const payload = request.headers.get('x-amz-content-sha256') ?? '';
  const mode = STREAMING.get(payload);
  if (mode === undefined) throw notImplemented('header', `x-amz-content-sha256: ${payload}`);
  if (!request.headers.has('x-amz-decoded-content-length')) throw failure('MissingContentLength');
  const { bytes, trailers } = decodeChunked(raw, { ...mode, signing, lengthBytes: announcedLength(request) });
  const announced = (request.headers.get('x-amz-trailer') ?? '').split(',').map((name) => name.trim().toLowerCase());
  const expected = announced.filter((name) => name !== '').sort();
  if ([...trailers.keys()].sort().join() !== expected.join()) throw failure('MalformedTrailerError');
  return { bytes, trailers };
}

/** The body as the client meant it, held against x-amz-content-sha256. */
function decodeBody(request: S3Request, raw: Buffer, { signing }: { readonly signing: SigningContext }): Decoded {
  const payload = request.headers.get('x-amz-content-sha256') ?? '';
  if (payload.startsWith('STREAMING-')) return decodeStreaming(request, { raw, signing });
  if (payload === 'UNSIGNED-PAYLOAD') return { bytes: raw, trailers: new Map() };
  if (!/^[0-9a-f]{64}$/.test(payload)) {
    const message = 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-..., or a valid sha256 value.';
    throw failure('InvalidArgument', {
      message,
      fields: { ArgumentName: 'x-amz-content-sha256', ArgumentValue: payload },
    });
  }
  const computed = sha256Hex(raw);
  if (computed === payload) return { bytes: raw, trailers: new Map() };
  throw failure('XAmzContentSHA256Mismatch', {
    fields: { ClientComputedContentSHA256: payload, S3ComputedContentSHA256: computed },
  });
}

/**
 * Verifies everything the headers say about the body.
 *
 * @param raw The body as it came over the wire.
 * @throws S3Failure `XAmzContentSHA256Mismatch`, `BadDigest`, `InvalidDigest`, ...
 */
export function verifyBody(
  request: S3Request,
  raw: Buffer,
  options: { readonly signing: SigningContext; readonly checksums: boolean },
): VerifiedBody {
  const decoded = decodeBody(request, raw, options);
  verifyMd5(request, decoded.bytes);
  return { bytes: decoded.bytes, checksum: options.checksums ? verifyChecksum(request, decoded) : undefined };
}

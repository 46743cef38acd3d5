import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { uriEncode, uriEncodePath } from './encoding.ts';
import { failure } from './errors.ts';
import type { Identities } from './identities.ts';
import type { S3Request } from './request.ts';

export interface SigningRules {
  readonly identities: Identities;
  readonly region: string;
  readonly nowMs: number;
}

/** What the chunks of an aws-chunked body are signed with. */
export interface SigningContext {
  readonly signingKey: Buffer;
  readonly scope: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly timestamp: string;
  /** The signature of the headers, from which the chain of chunk signatures starts. */
  readonly seed: string;
}

interface Authorization {
  readonly accessKeyId: string;
  readonly date: string;
  readonly scope: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const MAX_SKEW_MS = 15 * 60_000;
const ALGORITHM = 'AWS4-HMAC-SHA256';

export function sha256Hex(data: Buffer | string): string {
  return hash('sha256', data, 'hex');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'latin1').digest();
}

/** HMAC of a string to sign, in hex. */
export function sign(signingKey: Buffer, stringToSign: string): string {
  return hmac(signingKey, stringToSign).toString('hex');
}

function malformed(message: string, fields: Record<string, string> = {}): Error {
  return failure('AuthorizationHeaderMalformed', {
    message: `The authorization header is malformed; ${message}`,
    fields,
  });
}

function parseAuthorization(header: string, region: string): Authorization {
  if (!header.startsWith('AWS4-')) throw failure('InvalidArgument', { message: 'Unsupported Authorization Type' });
  const match = /^AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})$/.exec(
    header,
  );
  if (match === null) throw malformed('it is not "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature="');
  const [, credential = '', signedHeaders = '', signature = ''] = match;
  const [accessKeyId = '', date = '', scopeRegion, service, terminator, ...more] = credential.split('/');
  if (!/^\d{8}$/.test(date) || more.length > 0)
    throw malformed('the Credential is not KEY/DATE/REGION/s3/aws4_request.');
  if (scopeRegion !== region) {
    throw malformed(`the region '${scopeRegion}' is wrong; expecting '${region}'`, { Region: region });
  }
  if (service !== 's3') throw malformed(`incorrect service "${service}". This endpoint belongs to "s3".`);
  if (terminator !== 'aws4_request') throw malformed(`incorrect terminal "${terminator}". Use "aws4_request".`);
  return {
    accessKeyId,
    date,
    scope: `${date}/${region}/s3/aws4_request`,
    signedHeaders: signedHeaders.split(';').sort(),
    signature,
  };
}

/** `YYYYMMDDTHHMMSSZ` of the request, in the clock of the client. */
function requestTimestamp(request: S3Request): string {
  const header = request.headers.get('x-amz-date') ?? request.headers.get('date') ?? '';
  if (/^\d{8}T\d{6}Z$/.test(header)) return header;
  const parsed = Date.parse(header);
  if (Number.isNaN(parsed)) {
    throw failure('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header' });
  }
  return new Date(parsed).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function checkSkew(timestamp: string, nowMs: number): void {
  const iso = timestamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const requestMs = Date.parse(iso);
  if (Math.abs(requestMs - nowMs) <= MAX_SKEW_MS) return;
  throw failure('RequestTimeTooSkewed', {
    fields: {
      RequestTime: timestamp,
      ServerTime: new Date(nowMs).toISOString(),
      MaxAllowedSkewMilliseconds: MAX_SKEW_MS,
    },
  });
}

/** Unsigned, a header could have been added on the way. */
function checkSignedHeaders(request: S3Request, signedHeaders: readonly string[]): void {
  const missing = [...request.headers.keys()].filter(
    (name) => (name === 'host' || name.startsWith('x-amz-')) && !signedHeaders.includes(name),
  );
  if (missing.length === 0) return;
  const message = 'There were headers present in the request which were not signed';
  throw failure('AccessDenied', { message, fields: { HeadersNotSigned: missing.join(', ') } });
}

function canonicalRequest(request: S3Request, signedHeaders: readonly string[]): string {
  const query = request.query
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map((pair) => pair.join('='))
    .join('&');
  const headers = signedHeaders.map((name) => {
    const value = request.headers.get(name) ?? '';
    return `${name}:${value.trim().replace(/ +/g, ' ')}\n`;
  });
  return [
    request.method,
    uriEncodePath(request.path),
    query,
    headers.join(''),
    signedHeaders.join(';'),
    request.headers.get('x-amz-content-sha256'),
  ].join('\n');
}

const derivedKeys = new Map<string, Buffer>();

/** The key of a day, kept because deriving it costs more than the rest of a small request. */
function deriveKey(secretAccessKey: string, scope: string): Buffer {
  const name = `${secretAccessKey} ${scope}`;
  const known = derivedKeys.get(name);
  if (known !== undefined) return known;
  const [date = '', ...rest] = scope.split('/');
  const key = rest.reduce(hmac, hmac(`AWS4${secretAccessKey}`, date));
  derivedKeys.set(name, key);
  return key;
}

/**
 * Verifies the signature of a request's headers.
 *
 * @returns what its chunks, if it has any, are signed with.
 * @throws S3Failure with the code AWS answers.
 */
export function verifySignature(request: S3Request, rules: SigningRules): SigningContext {
  const header = request.headers.get('authorization');
  if (header === undefined) throw failure('AccessDenied');
  if (!request.headers.has('x-amz-content-sha256')) {
    throw failure('InvalidRequest', { message: 'Missing required header for this request: x-amz-content-sha256' });
  }
  const authorization = parseAuthorization(header, rules.region);
  const timestamp = requestTimestamp(request);
  if (!timestamp.startsWith(authorization.date)) {
    throw malformed(
      `Invalid credential date "${authorization.date}". This date is not the same as X-Amz-Date: "${timestamp}".`,
    );
  }
  checkSkew(timestamp, rules.nowMs);
  const token = request.headers.get('x-amz-security-token');
  const { secretAccessKey } = rules.identities.identify(authorization.accessKeyId, token);

  const canonical = canonicalRequest(request, authorization.signedHeaders);
  // Header values hold one character per byte, so latin1 gives back what was sent.
  const stringToSign = [ALGORITHM, timestamp, authorization.scope, sha256Hex(Buffer.from(canonical, 'latin1'))].join(
    '\n',
  );
  const signingKey = deriveKey(secretAccessKey, authorization.scope);
  const expected = sign(signingKey, stringToSign);
  if (!timingSafeEqual(Buffer.from(expected), Buffer.from(authorization.signature))) {
    throw failure('SignatureDoesNotMatch', {
      fields: { StringToSign: stringToSign, CanonicalRequest: canonical, SignatureProvided: authorization.signature },
    });
  }
  checkSignedHeaders(request, authorization.signedHeaders);
  return { signingKey, scope: authorization.scope, timestamp, seed: expected };
}

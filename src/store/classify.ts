// Pure. What a failure of the SDK, the network or the server means for the caller.
import { type Reaction, StoreError } from './errors.ts';
import { hintFor } from './hints.ts';

/** The request that failed. */
export interface Attempted {
  /** A verb for the message: "Cannot <action> s3://bucket/key". */
  readonly action: string;
  readonly bucket: string;
  readonly key?: string;
  /** Whether its late execution could still change the key. */
  readonly writes: boolean;
  /** Whether the caller's own signal had been raised when it failed. */
  readonly aborted: boolean;
}

/** What can be read from an error without trusting its class. */
interface Failure {
  /** S3's error code, else the system's errno name, else the error's name, else 'Unknown'. */
  readonly code: string;
  readonly message: string;
  /** undefined if no answer arrived. */
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** The region the bucket is in, if the answer tells that it is another one than ours. */
  readonly otherRegion: string | undefined;
}

/** OpenSSL's and Node's names for a certificate that is not accepted. */
const UNTRUSTED =
  'CERT_HAS_EXPIRED DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_VERIFY_LEAF_SIGNATURE ' +
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY ERR_TLS_CERT_ALTNAME_INVALID';

/**
 * Codes that decide by themselves; every other failure is judged by its status, and without one is transient.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
const CODES: Readonly<Record<Reaction, string>> = {
  throttled:
    'SlowDown TooManyRequests TooManyRequestsException RequestLimitExceeded RequestThrottled Throttling ' +
    'ThrottlingException BandwidthLimitExceeded',
  transient:
    'InternalError RequestTimeout OperationAborted RequestTimeTooSkewed BadDigest IncompleteBody InvalidPart ' +
    'InvalidPartOrder XAmzContentSHA256Mismatch XAmzContentChecksumMismatch',
  credentials:
    'CredentialsProviderError TokenProviderError InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken ' +
    'ExpiredTokenException TokenRefreshRequired InvalidToken InvalidClientTokenId UnrecognizedClientException ' +
    'InvalidSecurity NotSignedUp AccountProblem AuthorizationHeaderMalformed',
  denied: 'AccessDenied AllAccessDisabled InvalidObjectState QuotaExceeded',
  conflict: 'PreconditionFailed ConditionalRequestConflict',
  'not-found': 'NoSuchKey NoSuchUpload NoSuchVersion NotFound',
  rejected: 'NotImplemented ERR_INVALID_CHAR ERR_HTTP_INVALID_HEADER_VALUE',
  fatal:
    'NoSuchBucket PermanentRedirect TemporaryRedirect Redirect IllegalLocationConstraintException InvalidBucketName ' +
    `ERR_INVALID_URL ${UNTRUSTED}`,
  aborted: 'AbortError',
};

const REACTION_OF_CODE: ReadonlyMap<string, Reaction> = new Map(
  (Object.keys(CODES) as Reaction[]).flatMap((reaction) => CODES[reaction].split(' ').map((code) => [code, reaction])),
);

/** The local code of a connection that was never made; the SDK names it like a timeout of an answer. */
const CONNECT_TIMEOUT = 'ConnectTimeout';

/** Failures before the first byte of the request left this machine. */
const NEVER_SENT: ReadonlySet<string> = new Set(
  (
    'ECONNREFUSED ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH EADDRNOTAVAIL EMFILE CredentialsProviderError ' +
    `TokenProviderError ERR_INVALID_CHAR ERR_HTTP_INVALID_HEADER_VALUE ERR_PROXY_TUNNEL ${CONNECT_TIMEOUT} ${UNTRUSTED}`
  ).split(' '),
);

/** Turns whatever a request failed with into a StoreError; a StoreError is passed on as it is. */
export function classify(error: unknown, attempted: Attempted): StoreError {
  if (error instanceof StoreError) return error;
  const failure = read(error);
  const reaction = attempted.aborted ? 'aborted' : reactionTo(failure);
  const { code, otherRegion } = failure;
  const hint = hintFor({ reaction, code, otherRegion });
  const retryAfterMs = retryAfter(failure.headers);
  // No `cause`: the SDK's exceptions hold the whole exchange, which repeats signatures and the string to sign.
  return new StoreError(`Cannot ${attempted.action} ${locationOf(attempted)}: ${ruleFor(failure, reaction)}`, {
    reaction,
    code,
    ambiguous: attempted.writes && mayExecute(failure),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** What the caller must do about it. */
export function reactionOf(error: unknown): Reaction {
  return error instanceof StoreError ? error.reaction : reactionTo(read(error));
}

/** `s3://bucket/key` for people: control characters of the key are escaped. */
export function locationOf(where: { readonly bucket: string; readonly key?: string }): string {
  const key = (where.key ?? '').replace(
    /[\x00-\x1f\x7f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return where.key === undefined ? `s3://${where.bucket}` : `s3://${where.bucket}/${key}`;
}

function read(error: unknown): Failure {
  const fields = recordOf(error);
  const response = recordOf(fields['$response']);
  const answered = numberOf(response['statusCode']) ?? numberOf(recordOf(fields['$metadata'])['httpStatusCode']);
  const headers = recordOf(response['headers']) as Record<string, string>;
  const message = textOf(fields['message']);
  const code = codeOf(fields, message);
  const redirected = answered === 301 || answered === 307;
  const region = textOf(fields['Region']) || (redirected ? textOf(headers['x-amz-bucket-region']) : '');
  return { code, message, status: answered, headers, otherRegion: region === '' ? undefined : region };
}

function codeOf(fields: Readonly<Record<string, unknown>>, message: string): string {
  const name = textOf(fields['name']);
  if (name === 'TimeoutError' && message.includes('did not establish a connection')) return CONNECT_TIMEOUT;
  const code = textOf(fields['Code']) || textOf(fields['code']) || name;
  return code === '' || /^(Type|Syntax|Aggregate)?Error$/.test(code) ? 'Unknown' : code;
}

function reactionTo(failure: Failure): Reaction {
  if (failure.otherRegion !== undefined) return 'fatal';
  return REACTION_OF_CODE.get(failure.code) ?? reactionToStatus(failure.status);
}

function reactionToStatus(status: number | undefined): Reaction {
  // No answer, or an answer that says it worked but cannot be understood.
  if (status === undefined || status < 300) return 'transient';
  if (status < 400) return 'fatal';
  if (status === 401) return 'credentials';
  if (status === 403) return 'denied';
  if (status === 404) return 'not-found';
  if (status === 412) return 'conflict';
  if (status === 408 || status === 409) return 'transient';
  if (status === 429 || status === 503) return 'throttled';
  return status === 501 || status < 500 ? 'rejected' : 'transient';
}

/** Whether the server may have executed the request or still do so. A clear refusal (4xx, 503) is a promise that it will not. */
function mayExecute(failure: Failure): boolean {
  const { status, code } = failure;
  if (status === undefined) return !NEVER_SENT.has(code);
  if (code === 'InternalError' || code === 'RequestTimeout') return true;
  return status < 300 || status === 408 || (status >= 500 && status !== 501 && status !== 503);
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-retry-after: seconds, or a date, which is read against the server's own clock. */
function retryAfter(headers: Readonly<Record<string, string>>): number | undefined {
  const value = textOf(headers['retry-after']).trim();
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const waitMs = Date.parse(value) - Date.parse(textOf(headers['date']));
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

function ruleFor(failure: Failure, reaction: Reaction): string {
  const { code, status, otherRegion } = failure;
  if (reaction === 'aborted') return 'it was aborted';
  if (otherRegion !== undefined) return `the bucket is in the region ${otherRegion}`;
  if (code === 'NoSuchBucket') return 'there is no such bucket';
  if (code === CONNECT_TIMEOUT) return 'the endpoint does not accept connections in time';
  if (code === 'TimeoutError') return 'the server made no progress in time';
  const message = cleaned(failure.message);
  if (status === undefined && message.includes(code)) return message;
  if (status !== undefined && status < 300)
    return `the answer cannot be understood${message === '' ? '' : ` (${message})`}`;
  const answered = status === undefined ? '' : `the server answered ${status}`;
  const named = code === 'Unknown' ? '' : code;
  const told = message === '' ? '' : `(${message})`;
  return [answered, named, told].filter((part) => part !== '').join(' ') || 'it failed without a reason';
}

const MAX_MESSAGE = 300;

/** The first line of a message without what must not be told and without the SDK's advice to its own users. */
function cleaned(message: string): string {
  const line = (message.split('\n')[0] ?? '').trim();
  if (line === 'UnknownError') return '';
  const safe = line
    .replace(/(signature|credential|security-token|secret\w*|x-amz-\S+?)\s*[=:]\s*[^\s,&"']+/gi, '$1=...')
    .replace(/\b(AKIA|ASIA)[A-Z0-9]{12,}\b/g, '$1...');
  // Between words: of half a secret nobody could tell that it is one.
  return safe.length <= MAX_MESSAGE ? safe : `${safe.slice(0, MAX_MESSAGE).replace(/\S*$/, '')}...`;
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

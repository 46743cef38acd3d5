import type { Answer } from './answer.ts';
import { type XmlNode, xmlDocument } from './xml.ts';

/** The codes this server answers with, as https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html has them. */
const CODES = {
  AccessDenied: [403, 'Access Denied'],
  AuthorizationHeaderMalformed: [400, 'The authorization header you provided is invalid.'],
  BadDigest: [400, 'The Content-MD5 or checksum value that you specified did not match what the server received.'],
  BucketNotEmpty: [409, 'The bucket you tried to delete is not empty'],
  BucketAlreadyOwnedByYou: [409, 'The bucket you tried to create already exists, and you own it.'],
  ConditionalRequestConflict: [
    409,
    'A conflicting conditional operation is currently in progress against this resource.',
  ],
  EntityTooLarge: [400, 'Your proposed upload exceeds the maximum allowed size'],
  EntityTooSmall: [400, 'Your proposed upload is smaller than the minimum allowed size'],
  ExpiredToken: [400, 'The provided token has expired.'],
  IllegalLocationConstraintException: [400, 'The specified location constraint is incompatible with this endpoint.'],
  IllegalVersioningConfigurationException: [400, 'The versioning configuration specified in the request is invalid.'],
  IncompleteBody: [400, 'You did not provide the number of bytes specified by the Content-Length HTTP header.'],
  InternalError: [500, 'We encountered an internal error. Please try again.'],
  InvalidAccessKeyId: [403, 'The AWS Access Key Id you provided does not exist in our records.'],
  InvalidArgument: [400, 'Invalid Argument'],
  InvalidBucketName: [400, 'The specified bucket is not valid.'],
  InvalidChunkSizeError: [403, 'Only the last chunk is allowed to have a size less than 8192 bytes'],
  InvalidDigest: [400, 'The Content-MD5 you specified was invalid.'],
  InvalidPart: [
    400,
    'One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match.',
  ],
  InvalidPartOrder: [400, 'The list of parts was not in ascending order. Parts must be ordered by part number.'],
  InvalidRange: [416, 'The requested range is not satisfiable'],
  InvalidRequest: [400, 'Invalid Request'],
  InvalidToken: [400, 'The provided token is malformed or otherwise invalid.'],
  InvalidURI: [400, "Couldn't parse the specified URI."],
  KeyTooLongError: [400, 'Your key is too long'],
  MalformedTrailerError: [400, 'The request contained trailing data that was not well-formed.'],
  MalformedXML: [400, 'The XML you provided was not well-formed or did not validate against our published schema'],
  MetadataTooLarge: [400, 'Your metadata headers exceed the maximum allowed metadata size'],
  MethodNotAllowed: [405, 'The specified method is not allowed against this resource.'],
  MissingContentLength: [411, 'You must provide the Content-Length HTTP header.'],
  NoSuchBucket: [404, 'The specified bucket does not exist'],
  NoSuchKey: [404, 'The specified key does not exist.'],
  NoSuchLifecycleConfiguration: [404, 'The lifecycle configuration does not exist'],
  NoSuchUpload: [
    404,
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  ],
  NoSuchVersion: [404, 'The specified version does not exist.'],
  NotImplemented: [501, 'A header or parameter you provided implies functionality that is not implemented'],
  PreconditionFailed: [412, 'At least one of the pre-conditions you specified did not hold'],
  RequestTimeout: [
    400,
    'Your socket connection to the server was not read from or written to within the timeout period.',
  ],
  RequestTimeTooSkewed: [403, 'The difference between the request time and the current time is too large.'],
  ServiceUnavailable: [503, 'Service is unable to handle request.'],
  SignatureDoesNotMatch: [
    403,
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  ],
  SlowDown: [503, 'Please reduce your request rate.'],
  XAmzContentSHA256Mismatch: [400, "The provided 'x-amz-content-sha256' header does not match what was computed."],
} as const satisfies Record<string, readonly [status: number, message: string]>;

/** A code of the table above. */
export type S3Code = keyof typeof CODES;

export interface FailureOptions {
  /** Instead of the table's message. */
  readonly message?: string;
  /** More elements of the error body, e.g. `Region`. */
  readonly fields?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request answered with an error. */
export class S3Failure extends Error {
  override readonly name = 'S3Failure';
  readonly status: number;
  readonly code: string;
  readonly fields: Readonly<Record<string, string | number>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, options: FailureOptions & { readonly status?: number } = {}) {
    const [status, message] = CODES[code as S3Code] ?? [500, code];
    super(options.message ?? message);
    this.code = code;
    this.status = options.status ?? status;
    this.fields = options.fields ?? {};
    this.headers = options.headers ?? {};
  }
}

/** The failure of this code; the caller throws it. */
export function failure(code: S3Code, options: FailureOptions = {}): S3Failure {
  return new S3Failure(code, options);
}

/** 501 that names what this server does not have, so that nothing is ever ignored in silence. */
export function notImplemented(what: string, name: string): S3Failure {
  const message = `A ${what} you provided implies functionality that is not implemented: ${name}`;
  return failure('NotImplemented', { message, fields: { [what === 'header' ? 'Header' : 'Parameter']: name } });
}

/** The answer that tells of a failure. */
export function failureAnswer(
  error: S3Failure,
  context: { readonly resource: string; readonly requestId: string },
): Answer {
  const fields = Object.entries(error.fields).map(([name, value]): XmlNode => [name, value]);
  const body = xmlDocument([
    'Error',
    [
      ['Code', error.code],
      ['Message', error.message],
      ...fields,
      ['Resource', context.resource],
      ['RequestId', context.requestId],
    ],
  ]);
  return {
    status: error.status,
    headers: { 'content-type': 'application/xml', ...error.headers },
    body: Buffer.from(body),
  };
}

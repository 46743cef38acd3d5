import { failure, notImplemented } from './errors.ts';
import type { S3Request } from './request.ts';
import type { StoredObject } from './state.ts';

function failed(condition: string): Error {
  return failure('PreconditionFailed', { fields: { Condition: condition } });
}

/** Whether an If-Match or If-None-Match value names this ETag; quotes are optional, as on S3. */
export function namesEtag(value: string, etag: string): boolean {
  return value.split(',').some((one) => {
    const name = one.trim();
    return name === '*' || name === etag || name === `"${etag}"`;
  });
}

/**
 * The conditions of PutObject, CompleteMultipartUpload and CopyObject on the object they would replace.
 *
 * @throws S3Failure as https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html says: 412, or 404 for an
 *   If-Match without an object.
 */
export function checkWrite(request: S3Request, current: StoredObject | undefined): void {
  const ifMatch = request.headers.get('if-match');
  const ifNoneMatch = request.headers.get('if-none-match');
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*' || ifMatch !== undefined) throw notImplemented('header', 'If-None-Match');
    if (current !== undefined) throw failed('If-None-Match');
  }
  if (ifMatch !== undefined) checkIfMatch(ifMatch, { key: request.key, current });
}

/** A write or delete that wants this very object. */
export function checkIfMatch(
  ifMatch: string,
  { key, current }: { readonly key: string; readonly current: StoredObject | undefined },
): void {
  if (current === undefined) throw failure('NoSuchKey', { fields: { Key: key } });
  if (!namesEtag(ifMatch, current.etag)) throw failed('If-Match');
}

/** Date conditions that cannot be read are ignored (RFC 9110 13.1.3). */
function seconds(date: string | undefined): number | undefined {
  const ms = Date.parse(date ?? '');
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

/**
 * The conditions of a read, or of a copy's source (RFC 9110 13.2.2).
 *
 * @param options.prefix What the names of the headers begin with.
 * @returns whether the answer is 304.
 * @throws S3Failure `PreconditionFailed`
 */
export function checkRead(
  request: S3Request,
  object: StoredObject,
  { prefix = '' }: { readonly prefix?: '' | 'x-amz-copy-source-' } = {},
): boolean {
  const header = (name: string): string | undefined => request.headers.get(`${prefix}${name}`);
  const modified = Math.floor(object.lastModifiedMs / 1000);
  const ifMatch = header('if-match');
  const ifNoneMatch = header('if-none-match');
  const unmodifiedSince = seconds(header('if-unmodified-since'));
  const modifiedSince = seconds(header('if-modified-since'));
  if (ifMatch !== undefined) {
    if (!namesEtag(ifMatch, object.etag)) throw failed(`${prefix}If-Match`);
  } else if (unmodifiedSince !== undefined && modified > unmodifiedSince) {
    throw failed(`${prefix}If-Unmodified-Since`);
  }
  if (ifNoneMatch !== undefined) return namesEtag(ifNoneMatch, object.etag);
  return modifiedSince !== undefined && modified <= modifiedSince;
}

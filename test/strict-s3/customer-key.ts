// Keys of the customer's own (SSE-C): S3 keeps what tells a wrong key, and answers nobody without the right one.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html

import { md5Hex } from './checksums.ts';
import { failure } from './errors.ts';
import type { S3Request } from './request.ts';

const OWN = 'x-amz-server-side-encryption-customer';
export const OF_COPY_SOURCE = 'x-amz-copy-source-server-side-encryption-customer';

function invalid(code: 'InvalidArgument' | 'InvalidRequest' | 'AccessDenied', message: string): Error {
  return failure(code, { message });
}

/**
 * The MD5 of the key a request brings, in hex; undefined if it brings none.
 *
 * @throws S3Failure `InvalidArgument`
 */
export function customerKeyOf(request: S3Request, prefix = OWN): string | undefined {
  const [algorithm, key, md5] = ['algorithm', 'key', 'key-md5'].map((name) => request.headers.get(`${prefix}-${name}`));
  if (algorithm === undefined && key === undefined && md5 === undefined) return undefined;
  const bytes = Buffer.from(key ?? '', 'base64');
  if (algorithm !== 'AES256') throw invalid('InvalidArgument', 'The encryption request is not valid.');
  if (bytes.length !== 32) throw invalid('InvalidArgument', 'The secret key was invalid for the specified algorithm.');
  const hex = md5Hex(bytes);
  if (Buffer.from(md5 ?? '', 'base64').toString('hex') !== hex) {
    throw invalid('InvalidArgument', 'The calculated MD5 hash of the key did not match the hash that was provided.');
  }
  return hex;
}

/** @throws S3Failure unless the request brings the key that the object or upload was stored with, or neither has one */
export function checkCustomerKey(request: S3Request, stored: string | undefined, prefix = OWN): void {
  const given = customerKeyOf(request, prefix);
  if (given === stored) return;
  if (stored === undefined)
    throw invalid('InvalidRequest', 'The encryption parameters are not applicable to this object.');
  if (given !== undefined) throw invalid('AccessDenied', 'Access Denied');
  throw invalid(
    'InvalidRequest',
    'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
  );
}

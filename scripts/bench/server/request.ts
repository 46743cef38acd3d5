// What an HTTP request asks of S3, by path and query.
import { uriDecode } from '../../../test/strict-s3/encoding.ts';
import { S3Failure } from './failure.ts';
import type { HttpRequest } from './http.ts';

const MAX_KEY_BYTES = 1024;

/** A path-style request. */
export interface S3Request extends HttpRequest {
  /** Empty for the service itself. */
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
}

const NO_QUERY: ReadonlyMap<string, string> = new Map();

/** @throws S3Failure `InvalidArgument` for a path or query that cannot be decoded, `KeyTooLongError` */
export function readRequest(http: HttpRequest): S3Request {
  const { target } = http;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const slash = path.indexOf('/', 1);
  const bucket = decode(slash < 0 ? path.slice(1) : path.slice(1, slash));
  const key = slash < 0 ? '' : decode(path.slice(slash + 1));
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Failure('KeyTooLongError');
  return { ...http, bucket, key, query: mark < 0 ? NO_QUERY : readQuery(target.slice(mark + 1)) };
}

function readQuery(text: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const pair of text.split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 0) query.set(decode(pair), '');
    else query.set(decode(pair.slice(0, equals)), decode(pair.slice(equals + 1)));
  }
  return query;
}

function decode(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  const decoded = uriDecode(text);
  if (decoded === undefined) throw new S3Failure('InvalidArgument', `Cannot decode ${text}`);
  return decoded;
}

/** What `x-amz-copy-source` names. @throws S3Failure `InvalidArgument` */
export function readSource(header: string): { readonly bucket: string; readonly key: string } {
  const path = decode(header.replace(/\?versionId=.*$/s, ''));
  const [, bucket, key] = /^\/?([^/]+)\/(.+)$/s.exec(path) ?? [];
  if (bucket === undefined || key === undefined) throw new S3Failure('InvalidArgument', 'Invalid copy source');
  return { bucket, key };
}

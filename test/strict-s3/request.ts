import type { IncomingMessage } from 'node:http';
import { uriDecode } from './encoding.ts';
import { failure } from './errors.ts';

/** A request taken apart, its body still unread. */
export interface S3Request {
  readonly method: string;
  /** Decoded path as it was sent, for the signature. */
  readonly path: string;
  /** Empty for the service itself. */
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Lower-case names; repeated headers joined by a comma, values as latin1 characters, one per byte. */
  readonly headers: ReadonlyMap<string, string>;
}

function decode(text: string): string {
  const decoded = uriDecode(text);
  if (decoded === undefined) throw failure('InvalidURI');
  return decoded;
}

function parseHeaders(raw: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? raw[at + 1]! : `${before},${raw[at + 1]}`);
  }
  return headers;
}

/** `bucket` of `bucket.localhost` and of AWS's `bucket.s3.region.amazonaws.com`; undefined for path-style requests. */
function virtualHostBucket(host: string): string | undefined {
  return /^(.+?)\.(?:localhost|s3[\w.-]*\.amazonaws\.com)(?::\d+)?$/.exec(host)?.[1];
}

/**
 * Takes a request apart.
 *
 * @throws S3Failure `InvalidURI` if the target is no valid percent-encoded UTF-8.
 */
export function parseRequest(message: Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders'>): S3Request {
  const [, rawPath = '/', rawQuery = ''] = /^([^?]*)\??(.*)$/s.exec(message.url ?? '/') ?? [];
  const headers = parseHeaders(message.rawHeaders);
  const path = decode(rawPath);
  const hostBucket = virtualHostBucket(headers.get('host') ?? '');
  const [, pathBucket = '', pathKey = ''] = /^\/([^/]*)\/?(.*)$/s.exec(path) ?? [];
  const query = rawQuery
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(pair) ?? [];
      return [decode(name), decode(value)] as const;
    });
  return {
    method: message.method ?? 'GET',
    path,
    bucket: hostBucket ?? pathBucket,
    key: hostBucket === undefined ? pathKey : path.slice(1),
    query,
    headers,
  };
}

/** The first value of a query parameter. */
export function queryOf(request: S3Request, name: string): string | undefined {
  return request.query.find(([candidate]) => candidate === name)?.[1];
}

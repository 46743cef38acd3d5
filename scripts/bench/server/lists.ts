// Listings of objects, and the questions about buckets that clients ask on their way.
import { urlEncodeListed } from '../../../test/strict-s3/encoding.ts';
import { cutPage, lastOf } from '../../../test/strict-s3/listing.ts';
import { escapeXml, type XmlNode } from '../../../test/strict-s3/xml.ts';
import { bucketOf, type Call, isoTime, xmlAnswer } from './answer.ts';
import { Bucket } from './bucket.ts';
import { S3Failure } from './failure.ts';
import type { HttpAnswer } from './http.ts';

/** Keys that no encoding changes; nearly all. */
const PLAIN = /^[A-Za-z0-9\-._*/]*$/;

/** ListObjects and ListObjectsV2. */
export function listObjects({ service, request }: Call): HttpAnswer {
  const bucket = bucketOf(service, request.bucket);
  const { query } = request;
  const isV2 = query.get('list-type') === '2';
  const encodingType = query.get('encoding-type');
  const encode = (key: string): string =>
    PLAIN.test(key) ? key : encodingType === 'url' ? urlEncodeListed(key) : escapeXml(key);
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
  const token = query.get('continuation-token');
  const from = isV2 ? (token === undefined ? query.get('start-after') : fromToken(token)) : query.get('marker');
  const maxEntries = Math.min(Number(query.get('max-keys') ?? 1000), 1000);
  const page = cutPage(bucket.keys(), { prefix, delimiter, after: from ?? '', maxEntries });
  const next = page.truncated ? lastOf(page) : undefined;
  const element = (name: string, value: string | number | boolean | undefined): string =>
    value === undefined ? '' : `<${name}>${value}</${name}>`;
  let body = '';
  for (const entry of page.entries) {
    if (entry.kind === 'prefix') {
      body += `<CommonPrefixes><Prefix>${encode(entry.prefix)}</Prefix></CommonPrefixes>`;
      continue;
    }
    const { etag, modifiedMs, sizeBytes } = bucket.objects.get(entry.key)!;
    body +=
      `<Contents><Key>${encode(entry.key)}</Key><LastModified>${isoTime(modifiedMs)}</LastModified>` +
      `<ETag>&quot;${etag}&quot;</ETag><Size>${sizeBytes}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  }
  const paging = isV2
    ? element('KeyCount', page.entries.length) +
      element('ContinuationToken', token) +
      element('NextContinuationToken', next === undefined ? undefined : toToken(next))
    : element('Marker', encode(from ?? '')) + element('NextMarker', next === undefined ? undefined : encode(next));
  return {
    status: 200,
    head: 'Content-Type: application/xml\r\n',
    body:
      '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      `<Name>${bucket.name}</Name><Prefix>${encode(prefix)}</Prefix>` +
      element('Delimiter', delimiter === '' ? undefined : encode(delimiter)) +
      `<MaxKeys>${maxEntries}</MaxKeys>${element('EncodingType', encodingType)}` +
      `${element('IsTruncated', page.truncated)}${paging}${body}</ListBucketResult>`,
  };
}

function toToken(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function fromToken(token: string): string {
  return Buffer.from(token, 'base64url').toString();
}

export function listBuckets({ service }: Call): HttpAnswer {
  const buckets = [...service.buckets.keys()].map((name): XmlNode => {
    return ['Bucket', Object.entries({ Name: name, CreationDate: isoTime(0) })];
  });
  return xmlAnswer('ListAllMyBucketsResult', [
    ['Owner', [['ID', 'bench']]],
    ['Buckets', buckets],
  ]);
}

export function createBucket({ service, request }: Call): HttpAnswer {
  if (service.buckets.has(request.bucket)) throw new S3Failure('BucketAlreadyOwnedByYou');
  service.buckets.set(request.bucket, new Bucket(request.bucket));
  return { status: 200, head: `Location: /${request.bucket}\r\n` };
}

/** Whatever it holds goes with it. */
export function deleteBucket({ service, request }: Call): HttpAnswer {
  bucketOf(service, request.bucket).release();
  service.buckets.delete(request.bucket);
  return { status: 204 };
}

export function headBucket({ service, request }: Call): HttpAnswer {
  bucketOf(service, request.bucket);
  return { status: 200, head: 'x-amz-bucket-region: us-east-1\r\n' };
}

/** `us-east-1`, which S3 says by saying nothing. */
export function getBucketLocation({ service, request }: Call): HttpAnswer {
  bucketOf(service, request.bucket);
  return xmlAnswer('LocationConstraint', []);
}

/** Never versioned. */
export function getBucketVersioning({ service, request }: Call): HttpAnswer {
  bucketOf(service, request.bucket);
  return xmlAnswer('VersioningConfiguration', []);
}

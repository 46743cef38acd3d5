import { type Answer, type Call, isoSeconds, quoted, xmlAnswer } from './answer.ts';
import { OWNER_ID } from './buckets.ts';
import { urlEncodeListed } from './encoding.ts';
import { failure } from './errors.ts';
import { cutPage, lastOf, type Page, type PageRequest } from './listing.ts';
import { queryOf, type S3Request } from './request.ts';
import type { Bucket, StoredObject, Version } from './state.ts';
import type { XmlNode } from './xml.ts';

/** The parameters all listings share. */
export interface ListParameters {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxEntries: number;
  /** Applies encoding-type to a key. */
  readonly encode: (key: string) => string;
  readonly encodingType: string | undefined;
}

export function invalidArgument(name: string, value: string): Error {
  const message = `Invalid argument ${name}`;
  return failure('InvalidArgument', { message, fields: { ArgumentName: name, ArgumentValue: value } });
}

/** A page size from the query, capped by the server's. */
export function readMax(request: S3Request, options: { readonly name: string; readonly capEntries: number }): number {
  const text = queryOf(request, options.name) ?? String(options.capEntries);
  if (!/^\d{1,10}$/.test(text) || Number(text) > 2 ** 31 - 1) throw invalidArgument(options.name, text);
  return Math.min(Number(text), options.capEntries);
}

/** @param options.name What the page size is called: `max-keys`, `max-uploads`. */
export function readListParameters(
  request: S3Request,
  options: { readonly name: string; readonly capEntries: number },
): ListParameters {
  const encodingType = queryOf(request, 'encoding-type');
  if (encodingType !== undefined && encodingType !== 'url') throw invalidArgument('encoding-type', encodingType);
  return {
    prefix: queryOf(request, 'prefix') ?? '',
    delimiter: queryOf(request, 'delimiter') ?? '',
    maxEntries: readMax(request, options),
    encode: encodingType === undefined ? (key) => key : urlEncodeListed,
    encodingType,
  };
}

/** An element that is left out when it is empty. */
export function optional(name: string, value: string): XmlNode {
  return [name, value === '' ? undefined : value];
}

export function commonPrefixes(page: Page, encode: (key: string) => string): XmlNode[] {
  return page.entries.flatMap((entry): XmlNode[] =>
    entry.kind === 'prefix' ? [['CommonPrefixes', [['Prefix', encode(entry.prefix)]]]] : [],
  );
}

function describe(object: StoredObject): XmlNode[] {
  return [
    ['LastModified', isoSeconds(object.lastModifiedMs)],
    ['ETag', quoted(object.etag)],
    ['ChecksumAlgorithm', object.checksum?.algorithm.toUpperCase()],
    ['ChecksumType', object.checksum?.type],
    ['Size', object.bytes.length],
    ['StorageClass', object.properties.settings['x-amz-storage-class'] ?? 'STANDARD'],
  ];
}

const OWNER: XmlNode = ['Owner', [['ID', OWNER_ID]]];

function contents(bucket: Bucket, page: Page, options: { encode: (key: string) => string; owner: boolean }): XmlNode[] {
  return page.entries.flatMap((entry): XmlNode[] => {
    const object = entry.kind === 'key' ? bucket.current(entry.key) : undefined;
    if (entry.kind !== 'key' || object === undefined) return [];
    const owner = options.owner ? [OWNER] : [];
    return [['Contents', [['Key', options.encode(entry.key)], ...describe(object), ...owner]]];
  });
}

/** Tokens are opaque: base64 of the last entry, marked so that a key is not mistaken for one. */
function makeToken(last: string): string {
  return Buffer.from(`v2:${last}`).toString('base64');
}

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64').toString('utf8');
  if (!text.startsWith('v2:') || makeToken(text.slice(3)) !== token) throw invalidArgument('continuation-token', token);
  return text.slice(3);
}

export function listObjectsV2({ service, request }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  const { encode, encodingType, ...parameters } = readListParameters(request, {
    name: 'max-keys',
    capEntries: service.limits.pageSize,
  });
  const token = queryOf(request, 'continuation-token');
  const startAfter = queryOf(request, 'start-after') ?? '';
  const after = token === undefined ? startAfter : readToken(token);
  const page = cutPage(bucket.keys(), { ...parameters, after, include: (key) => bucket.current(key) !== undefined });
  return xmlAnswer('ListBucketResult', [
    ['Name', bucket.name],
    ['Prefix', encode(parameters.prefix)],
    optional('Delimiter', encode(parameters.delimiter)),
    ['MaxKeys', queryOf(request, 'max-keys') ?? 1000],
    ['EncodingType', encodingType],
    ['KeyCount', page.entries.length],
    ['IsTruncated', page.truncated],
    ['ContinuationToken', token],
    ['NextContinuationToken', page.truncated ? makeToken(lastOf(page)) : undefined],
    optional('StartAfter', encode(startAfter)),
    ...contents(bucket, page, { encode, owner: queryOf(request, 'fetch-owner') === 'true' }),
    ...commonPrefixes(page, encode),
  ]);
}

export function listObjects({ service, request }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  const { encode, encodingType, ...parameters } = readListParameters(request, {
    name: 'max-keys',
    capEntries: service.limits.pageSize,
  });
  const marker = queryOf(request, 'marker') ?? '';
  const page = cutPage(bucket.keys(), {
    ...parameters,
    after: marker,
    include: (key) => bucket.current(key) !== undefined,
  });
  // Without a delimiter there is no NextMarker: the caller goes on from the last key.
  const next = page.truncated && parameters.delimiter !== '' ? encode(lastOf(page)) : undefined;
  return xmlAnswer('ListBucketResult', [
    ['Name', bucket.name],
    ['Prefix', encode(parameters.prefix)],
    ['Marker', encode(marker)],
    optional('Delimiter', encode(parameters.delimiter)),
    ['MaxKeys', queryOf(request, 'max-keys') ?? 1000],
    ['EncodingType', encodingType],
    ['IsTruncated', page.truncated],
    ['NextMarker', next],
    ...contents(bucket, page, { encode, owner: true }),
    ...commonPrefixes(page, encode),
  ]);
}

/** A line of a version listing; a common prefix has no version. */
interface VersionEntry {
  readonly key: string;
  readonly version?: Version;
}

function versionNode(
  { key, version }: VersionEntry,
  options: { encode: (key: string) => string; bucket: Bucket },
): XmlNode {
  if (version === undefined) return ['CommonPrefixes', [['Prefix', options.encode(key)]]];
  const head: XmlNode[] = [
    ['Key', options.encode(key)],
    ['VersionId', version.versionId],
    ['IsLatest', options.bucket.versionsOf(key)[0] === version],
  ];
  if (version.kind === 'object') return ['Version', [...head, ...describe(version), OWNER]];
  return ['DeleteMarker', [...head, ['LastModified', isoSeconds(version.lastModifiedMs)], OWNER]];
}

/** Everything from the markers on, of which a page is the beginning. */
function versionEntries(bucket: Bucket, from: PageRequest & { readonly versionId: string }): VersionEntry[] {
  const versionsOf = (key: string): VersionEntry[] => bucket.versionsOf(key).map((version) => ({ key, version }));
  const sameKey = versionsOf(from.after);
  const at = sameKey.findIndex(({ version }) => version?.versionId === from.versionId);
  const page = cutPage(bucket.keys(), { ...from, maxEntries: from.maxEntries + 1 });
  return [
    ...(at < 0 ? [] : sameKey.slice(at + 1)),
    ...page.entries.flatMap((entry) => (entry.kind === 'prefix' ? [{ key: entry.prefix }] : versionsOf(entry.key))),
  ];
}

export function listObjectVersions({ service, request }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  const capEntries = service.limits.pageSize;
  const { encode, encodingType, ...parameters } = readListParameters(request, { name: 'max-keys', capEntries });
  const keyMarker = queryOf(request, 'key-marker') ?? '';
  const versionMarker = queryOf(request, 'version-id-marker') ?? '';
  if (versionMarker !== '' && keyMarker === '') throw invalidArgument('version-id-marker', versionMarker);
  const entries = versionEntries(bucket, { ...parameters, after: keyMarker, versionId: versionMarker });
  const shown = entries.slice(0, parameters.maxEntries);
  const next = shown.length < entries.length ? shown.at(-1) : undefined;
  return xmlAnswer('ListVersionsResult', [
    ['Name', bucket.name],
    ['Prefix', encode(parameters.prefix)],
    ['KeyMarker', encode(keyMarker)],
    ['VersionIdMarker', versionMarker],
    optional('Delimiter', encode(parameters.delimiter)),
    ['MaxKeys', queryOf(request, 'max-keys') ?? 1000],
    ['EncodingType', encodingType],
    ['IsTruncated', next !== undefined],
    ['NextKeyMarker', next === undefined ? undefined : encode(next.key)],
    ['NextVersionIdMarker', next?.version?.versionId],
    ...shown.map((entry) => versionNode(entry, { encode, bucket })),
  ]);
}

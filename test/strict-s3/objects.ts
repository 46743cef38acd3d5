import { type Answer, type Call, emptyAnswer, quoted, xmlAnswer } from './answer.ts';
import { readXml } from './buckets.ts';
import { checksumHeaders, checksumOf, md5Hex } from './checksums.ts';
import { checkIfMatch, checkRead, checkWrite } from './conditions.ts';
import { checkCustomerKey } from './customer-key.ts';
import { failure, S3Failure } from './errors.ts';
import { checkKey, propertyHeaders, readProperties } from './properties.ts';
import { queryOf } from './request.ts';
import { type Bucket, makeId, NULL_VERSION, type Properties, type StoredObject, type Version } from './state.ts';
import { childText, type XmlElement, type XmlNode } from './xml.ts';

/** The ETag of bytes stored at once. Under KMS, or with a customer's key, it is no MD5. */
export function singleEtag(bytes: Buffer, properties: Properties): string {
  const isKms = properties.settings['x-amz-server-side-encryption'] === 'aws:kms';
  return isKms || properties.customerKey !== undefined ? makeId() : md5Hex(bytes);
}

/** The header that names a version, where there are versions. */
export function versionHeader(bucket: Bucket, version: Version): Record<string, string> {
  return bucket.versioning === undefined ? {} : { 'x-amz-version-id': version.versionId };
}

/** @throws S3Failure `EntityTooLarge` */
export function checkSize(lengthBytes: number, maxBytes: number): void {
  if (lengthBytes <= maxBytes) return;
  throw failure('EntityTooLarge', { fields: { ProposedSize: lengthBytes, MaxSizeAllowed: maxBytes } });
}

export function putObject({ service, request, body, nowMs }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  const properties = readProperties(request);
  checkWrite(request, bucket.current(request.key));
  const stored = bucket.put(request.key, {
    ...body,
    etag: singleEtag(body.bytes, properties),
    lastModifiedMs: nowMs,
    properties,
  });
  return emptyAnswer(200, {
    etag: quoted(stored.etag),
    ...versionHeader(bucket, stored),
    ...checksumHeaders(stored.checksum),
  });
}

/**
 * The object a read means: the current one, or the version asked for.
 *
 * @throws S3Failure `NoSuchKey`, `NoSuchVersion`, `MethodNotAllowed` for a delete marker
 */
export function findObject(bucket: Bucket, key: string, versionId: string | undefined): StoredObject {
  const versions = bucket.versionsOf(key);
  if (versionId === undefined) {
    const [latest] = versions;
    if (latest?.kind === 'object') return latest;
    const headers = latest === undefined ? {} : { 'x-amz-delete-marker': 'true', ...versionHeader(bucket, latest) };
    throw failure('NoSuchKey', { fields: { Key: key }, headers });
  }
  checkVersionId(versionId);
  const version = versions.find((candidate) => candidate.versionId === versionId);
  if (version === undefined) throw failure('NoSuchVersion', { fields: { Key: key, VersionId: versionId } });
  if (version.kind === 'object') return version;
  const headers = { allow: 'DELETE', 'x-amz-delete-marker': 'true', ...versionHeader(bucket, version) };
  throw failure('MethodNotAllowed', { headers });
}

function checkVersionId(versionId: string): void {
  if (versionId === NULL_VERSION || /^[0-9a-f]{32}$/.test(versionId)) return;
  const fields = { ArgumentName: 'versionId', ArgumentValue: versionId };
  throw failure('InvalidArgument', { message: 'Invalid version id specified', fields });
}

/** The bytes a Range header asks for; undefined where it is to be ignored (RFC 9110 14.2). */
function parseRange(header: string | undefined, sizeBytes: number): { start: number; end: number } | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, sizeBytes - Number(to)) : Number(from);
  const end = from === '' || to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (from !== '' && to !== '' && Number(to) < start) return undefined;
  if (start > end) {
    throw failure('InvalidRange', { fields: { RangeRequested: header ?? '', ActualObjectSize: sizeBytes } });
  }
  return { start, end };
}

export function getObject({ service, request }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  const object = findObject(bucket, request.key, queryOf(request, 'versionId'));
  checkCustomerKey(request, object.properties.customerKey);
  const identity = {
    etag: quoted(object.etag),
    'last-modified': new Date(object.lastModifiedMs).toUTCString(),
    ...versionHeader(bucket, object),
  };
  if (checkRead(request, object)) return emptyAnswer(304, identity);
  const range = parseRange(request.headers.get('range'), object.bytes.length);
  const mode = request.headers.get('x-amz-checksum-mode');
  const headers: Record<string, string> = { ...identity, ...propertyHeaders(object), 'accept-ranges': 'bytes' };
  if (range === undefined) {
    // S3 computes a CRC-64/NVME for objects that came without a checksum.
    if (mode === 'ENABLED')
      Object.assign(headers, checksumHeaders(object.checksum ?? checksumOf('crc64nvme', object.bytes)));
    return { status: 200, headers, body: object.bytes };
  }
  headers['content-range'] = `bytes ${range.start}-${range.end}/${object.bytes.length}`;
  return { status: 206, headers, body: object.bytes.subarray(range.start, range.end + 1) };
}

/** What is to be deleted, on which condition. */
interface Target {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly ifMatch: string | undefined;
}

/** What a delete did, in the words of its answer. */
interface Deletion {
  readonly versionId?: string;
  readonly markerId?: string;
}

function deleteOne({ service, request, nowMs }: Call, { key, versionId, ifMatch }: Target): Deletion {
  const bucket = service.bucket(request.bucket);
  checkKey(key);
  if (ifMatch !== undefined) checkIfMatch(ifMatch, { key, current: bucket.current(key) });
  if (versionId === undefined) {
    const marker = bucket.remove(key, nowMs);
    return marker === undefined ? {} : { markerId: marker.versionId };
  }
  checkVersionId(versionId);
  const removed = bucket.removeVersion(key, versionId);
  return removed?.kind === 'delete-marker' ? { versionId, markerId: versionId } : { versionId };
}

export function deleteObject(call: Call): Answer {
  const { request } = call;
  const { versionId, markerId } = deleteOne(call, {
    key: request.key,
    versionId: queryOf(request, 'versionId'),
    ifMatch: request.headers.get('if-match'),
  });
  const id = versionId ?? markerId;
  return emptyAnswer(204, {
    ...(markerId === undefined ? {} : { 'x-amz-delete-marker': 'true' }),
    ...(id === undefined ? {} : { 'x-amz-version-id': id }),
  });
}

const MAX_DELETED_KEYS = 1000;

/**
 * The objects a DeleteObjects body names.
 *
 * @throws S3Failure `MalformedXML`
 */
function parseDelete(bytes: Buffer): { readonly quiet: boolean; readonly objects: readonly XmlElement[] } {
  const root = readXml(bytes, 'Delete');
  const objects = root.children.filter(({ name }) => name === 'Object');
  const named = objects.every((object) => (childText(object, 'Key') ?? '') !== '');
  if (objects.length === 0 || objects.length > MAX_DELETED_KEYS || !named) throw failure('MalformedXML');
  return { quiet: childText(root, 'Quiet') === 'true', objects };
}

function deleteListed(call: Call, object: XmlElement): XmlNode {
  const key = childText(object, 'Key') ?? '';
  const versionId = childText(object, 'VersionId');
  try {
    const denied = call.deniedKey(key);
    if (denied !== undefined) throw new S3Failure(denied);
    const { markerId } = deleteOne(call, { key, versionId, ifMatch: childText(object, 'ETag') });
    const marker: XmlNode[] = [
      ['DeleteMarker', true],
      ['DeleteMarkerVersionId', markerId],
    ];
    return ['Deleted', [['Key', key], ['VersionId', versionId], ...(markerId === undefined ? [] : marker)]];
  } catch (error) {
    if (!(error instanceof S3Failure)) throw error;
    return [
      'Error',
      [
        ['Key', key],
        ['VersionId', versionId],
        ['Code', error.code],
        ['Message', error.message],
      ],
    ];
  }
}

export function deleteObjects(call: Call): Answer {
  const { service, request, body } = call;
  service.bucket(request.bucket);
  if (!request.headers.has('content-md5') && body.checksum === undefined) {
    throw failure('InvalidRequest', {
      message: 'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
    });
  }
  const { quiet, objects } = parseDelete(body.bytes);
  const results = objects.map((object) => deleteListed(call, object));
  return xmlAnswer('DeleteResult', quiet ? results.filter(([name]) => name === 'Error') : results);
}

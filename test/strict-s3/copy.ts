import { type Answer, type Call, isoSeconds, quoted, xmlAnswer } from './answer.ts';
import { checksumNodes, checksumOf, parseAlgorithm } from './checksums.ts';
import { checkRead, checkWrite } from './conditions.ts';
import { checkCustomerKey, OF_COPY_SOURCE } from './customer-key.ts';
import { uriDecode } from './encoding.ts';
import { failure } from './errors.ts';
import { findObject, singleEtag, versionHeader } from './objects.ts';
import { readProperties, readSettings } from './properties.ts';
import type { S3Request } from './request.ts';
import type { Bucket, Properties, StoredObject } from './state.ts';

/** What `x-amz-copy-source` means, its conditions checked. */
export interface CopySource {
  readonly bucket: Bucket;
  readonly key: string;
  readonly versionId: string | undefined;
  readonly object: StoredObject;
}

function invalidRequest(message: string): Error {
  return failure('InvalidRequest', { message });
}

/**
 * Finds the source of a copy. Header bytes are decoded once, `+` to a space, as S3 does.
 *
 * @throws S3Failure `InvalidArgument`, `NoSuchBucket`, `NoSuchKey`, `PreconditionFailed`, ...
 */
export function findSource({ service, request }: Call): CopySource {
  const header = request.headers.get('x-amz-copy-source') ?? '';
  const [, rawPath = '', rawVersion] = /^(.*?)(?:\?versionId=([^?]*))?$/s.exec(header) ?? [];
  const [, bucketName = '', key = ''] = /^\/?([^/]+)\/(.+)$/s.exec(uriDecode(rawPath) ?? '') ?? [];
  if (bucketName === '' || key === '') {
    const fields = { ArgumentName: 'x-amz-copy-source', ArgumentValue: header };
    throw failure('InvalidArgument', { message: 'Invalid copy source object key', fields });
  }
  const bucket = service.bucket(bucketName);
  const versionId = rawVersion === undefined ? undefined : uriDecode(rawVersion);
  const object = findObject(bucket, key, versionId);
  checkCustomerKey(request, object.properties.customerKey, OF_COPY_SOURCE);
  if (checkRead(request, object, { prefix: 'x-amz-copy-source-' })) {
    throw failure('PreconditionFailed', { fields: { Condition: 'x-amz-copy-source-If-None-Match' } });
  }
  return { bucket, key, versionId, object };
}

/** The header that names the version copied, where there are versions. */
export function sourceVersionHeader({ bucket, object }: CopySource): Record<string, string> {
  return bucket.versioning === undefined ? {} : { 'x-amz-copy-source-version-id': object.versionId };
}

function readDirective(request: S3Request, name: string): 'COPY' | 'REPLACE' {
  const directive = request.headers.get(name) ?? 'COPY';
  if (directive === 'COPY' || directive === 'REPLACE') return directive;
  throw failure('InvalidArgument', {
    message: `Unknown ${name}.`,
    fields: { ArgumentName: name, ArgumentValue: directive },
  });
}

/** A copy takes metadata and tags along unless told otherwise, and never storage class, encryption, ACL or redirect. */
function copiedProperties(request: S3Request, source: StoredObject): Properties {
  const given = readProperties(request);
  const { metadata, headers } =
    readDirective(request, 'x-amz-metadata-directive') === 'REPLACE' ? given : source.properties;
  const { 'x-amz-tagging': newTags, ...settings } = given.settings;
  const replaceTags = readDirective(request, 'x-amz-tagging-directive') === 'REPLACE';
  const tags = replaceTags ? newTags : source.properties.settings['x-amz-tagging'];
  const { customerKey } = given;
  return {
    ...{ metadata, headers, customerKey },
    settings: tags === undefined ? settings : { ...settings, 'x-amz-tagging': tags },
  };
}

/** A copy onto itself must change something. */
function checkSelfCopy(request: S3Request, source: CopySource): void {
  const self = source.bucket.name === request.bucket && source.key === request.key && source.versionId === undefined;
  const { 'x-amz-tagging': _tags, 'x-amz-acl': _acl, ...changes } = readSettings(request);
  if (!self || readDirective(request, 'x-amz-metadata-directive') === 'REPLACE' || Object.keys(changes).length > 0)
    return;
  throw invalidRequest(
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  );
}

export function copyObject(call: Call): Answer {
  const { service, request, nowMs } = call;
  const bucket = service.bucket(request.bucket);
  const source = findSource(call);
  const { bytes, checksum } = source.object;
  if (bytes.length > service.limits.maxPutBytes) {
    const limit = service.limits.maxPutBytes;
    throw invalidRequest(
      `The specified copy source is larger than the maximum allowable size for a copy source: ${limit}`,
    );
  }
  checkSelfCopy(request, source);
  checkWrite(request, bucket.current(request.key));
  const properties = copiedProperties(request, source.object);
  const algorithm = parseAlgorithm(request.headers.get('x-amz-checksum-algorithm') ?? '') ?? checksum?.algorithm;
  const stored = bucket.put(request.key, {
    bytes,
    etag: singleEtag(bytes, properties),
    lastModifiedMs: nowMs,
    properties,
    checksum: algorithm === undefined ? undefined : checksumOf(algorithm, bytes),
  });
  return xmlAnswer(
    'CopyObjectResult',
    [['ETag', quoted(stored.etag)], ['LastModified', isoSeconds(nowMs)], ...checksumNodes(stored.checksum)],
    {
      ...versionHeader(bucket, stored),
      ...sourceVersionHeader(source),
    },
  );
}

import { customerKeyOf } from './customer-key.ts';
import { failure, notImplemented } from './errors.ts';
import type { S3Request } from './request.ts';
import type { Properties, StoredObject } from './state.ts';

const MAX_METADATA_BYTES = 2048;
const MAX_KEY_BYTES = 1024;
const STANDARD_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];
const SETTINGS = [
  'x-amz-acl',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-storage-class',
  'x-amz-tagging',
  'x-amz-website-redirect-location',
];
/** Settings that GET and HEAD answer as they were given. */
const ANSWERED = SETTINGS.filter((name) => name !== 'x-amz-acl' && name !== 'x-amz-tagging');
const STORAGE_CLASSES = [
  'STANDARD',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
  'GLACIER',
  'DEEP_ARCHIVE',
];
const META = 'x-amz-meta-';

/** @throws S3Failure `KeyTooLongError` */
export function checkKey(key: string): void {
  const size = Buffer.byteLength(key);
  if (size > MAX_KEY_BYTES) throw failure('KeyTooLongError', { fields: { Size: size, MaxSizeAllowed: MAX_KEY_BYTES } });
}

function pick(request: S3Request, names: readonly string[]): Record<string, string> {
  const given: Record<string, string> = {};
  for (const name of names) {
    const value = request.headers.get(name);
    if (value !== undefined) given[name] = value;
  }
  return given;
}

function readMetadata(request: S3Request): Record<string, string> {
  const metadata: Record<string, string> = {};
  let size = 0;
  for (const [name, value] of request.headers) {
    if (!name.startsWith(META)) continue;
    metadata[name.slice(META.length)] = value;
    size += Buffer.byteLength(name.slice(META.length)) + Buffer.byteLength(value, 'latin1');
  }
  if (size > MAX_METADATA_BYTES) {
    throw failure('MetadataTooLarge', { fields: { Size: size, MaxSizeAllowed: MAX_METADATA_BYTES } });
  }
  return metadata;
}

function readStandardHeaders(request: S3Request): Record<string, string> {
  const { 'content-encoding': encoding, ...headers } = pick(request, STANDARD_HEADERS);
  const codings = (encoding ?? '').split(',').map((coding) => coding.trim());
  // aws-chunked is how the body travels, not what the object is.
  const kept = codings.filter((coding) => coding !== '' && coding !== 'aws-chunked').join(',');
  return { 'content-type': 'binary/octet-stream', ...headers, ...(kept === '' ? {} : { 'content-encoding': kept }) };
}

/** The settings alone, which a copy never takes from its source. */
export function readSettings(request: S3Request): Record<string, string> {
  const settings = pick(request, SETTINGS);
  const storageClass = settings['x-amz-storage-class'];
  if (storageClass !== undefined && !STORAGE_CLASSES.includes(storageClass)) {
    throw failure('InvalidArgument', {
      message: 'The storage class you specified is not valid',
      fields: { ArgumentValue: storageClass },
    });
  }
  const encryption = settings['x-amz-server-side-encryption'];
  if (encryption !== undefined && encryption !== 'AES256' && encryption !== 'aws:kms') {
    throw notImplemented('header', `x-amz-server-side-encryption: ${encryption}`);
  }
  return settings;
}

/**
 * What a write says about its object.
 *
 * @throws S3Failure `MetadataTooLarge`, `InvalidArgument`
 */
export function readProperties(request: S3Request): Properties {
  const customerKey = customerKeyOf(request);
  const settings = readSettings(request);
  if (customerKey !== undefined && settings['x-amz-server-side-encryption'] !== undefined) {
    throw failure('InvalidArgument', { message: 'Server Side Encryption with Customer provided key is incompatible.' });
  }
  return { metadata: readMetadata(request), headers: readStandardHeaders(request), settings, customerKey };
}

/** A value that is not ASCII comes back as an RFC 2047 word of its latin1 reading, so raw UTF-8 does not survive: as on S3. */
function metadataValue(value: string): string {
  return /^[\x20-\x7e\t]*$/.test(value) ? value : `=?UTF-8?B?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}

/** The headers by which GET and HEAD answer an object's properties. */
export function propertyHeaders({ properties }: StoredObject): Record<string, string> {
  const headers: Record<string, string> = { ...properties.headers };
  for (const [name, value] of Object.entries(properties.metadata)) headers[META + name] = metadataValue(value);
  for (const name of ANSWERED) {
    const value = properties.settings[name];
    if (value !== undefined && value !== 'STANDARD') headers[name] = value;
  }
  const tags = properties.settings['x-amz-tagging'];
  if (tags !== undefined) headers['x-amz-tagging-count'] = String(tags.split('&').length);
  return headers;
}

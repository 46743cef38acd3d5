// Pure. The keys under the prefix, and their mapping to paths.
import { hash } from 'node:crypto';
import { type RelPath, textOf } from './path.ts';

/**
 * A key relative to the prefix, one character per byte like a RelPath: the path itself for a file or symbolic
 * link, the path and a final '/' for a directory marker. Byte order is S3's listing order.
 */
export type RelKey = string & { readonly __relKey: true };

/** The name the agent keeps for itself directly beneath the prefix. */
export const RESERVED_NAME = '.awssyncer';

/** The original container's ready marker; every bucket written by the original holds one. It is never synchronised. */
export const LEGACY_READY_MARKER = '.volume_ready';

/** Files being restored carry this prefix in their own directory until they are renamed into place. */
export const TEMPORARY_PREFIX = '.awssyncer-tmp-';

/** Bytes S3 allows in a whole key. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const MAX_KEY_BYTES = 1024;

const NAME_MAX_BYTES = 255;
const PATH_MAX_BYTES = 4095;

/** The key of a file or symbolic link at `path`. */
export function fileKey(path: RelPath): RelKey {
  return path as string as RelKey;
}

/** The key of the marker of directory `path`. */
export function markerKey(path: RelPath): RelKey {
  return `${path}/` as RelKey;
}

/** Whether `key` is a directory marker. */
export function isMarker(key: RelKey): boolean {
  return key.endsWith('/');
}

/** Whether S3 keeps something of the agent's own under this: a path of that name lies under an encoded one. */
function isReserved(key: string): boolean {
  return key === RESERVED_NAME || key.startsWith(`${RESERVED_NAME}/`);
}

/** The path an object with this key describes. */
export function pathOfKey(key: RelKey): RelPath {
  return (key.endsWith('/') ? key.slice(0, -1) : key) as RelPath;
}

/** Why a key has no path, for people. */
export interface Impossible {
  readonly impossible: string;
  /** The path that another program may have meant by it; we keep that under another key. */
  readonly alias?: RelKey;
}

/** Where names are that S3 cannot carry as they are: each byte but those that are safe everywhere as %XX. */
const ENCODED_NAMES = `${RESERVED_NAME}/names/`;

/**
 * The whole object key of `key` beneath `prefix` (UTF-8 text, either empty or ending in '/'), however long. What is
 * longer than S3 takes, store/long-keys.ts keeps under its hash.
 */
export function objectKey(prefix: string, key: RelKey): string {
  return prefix + nameOfKey(key);
}

/** Where objects are whose keys are too long, each under the SHA-256 of its key beneath the prefix. */
const HASHED_NAMES = `${ENCODED_NAMES}.h/`;

/** The object beside one that tells the key that was hashed. */
const NAME_SUFFIX = '.name';

/** No prefix may be longer: every hashed key must fit. */
export const MAX_PREFIX_BYTES = MAX_KEY_BYTES - HASHED_NAMES.length - 64 - NAME_SUFFIX.length;

/** Whether S3 does not take this key. */
export function isTooLong(key: string): boolean {
  // No text has more bytes than three times its length.
  return key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES;
}

/** The key under which S3 holds what has this key. */
export function storedKey(prefix: string, key: string): string {
  if (!isTooLong(key)) return key;
  return prefix + HASHED_NAMES + hash('sha256', key.slice(prefix.length));
}

/** The key of the object that tells which key this one, a hashed one, stands for. */
export function keyOfName(hashed: string): string {
  return hashed + NAME_SUFFIX;
}

/** If a listed key is a hashed one, or that of a name: the hashed one. */
export function hashedOf(prefix: string, listed: string): string | undefined {
  const place = prefix + HASHED_NAMES;
  if (!listed.startsWith(place)) return undefined;
  const [, digest] = /^([0-9a-f]{64})(?:\.name)?$/.exec(listed.slice(place.length)) ?? [];
  return digest && place + digest;
}

/** What follows the prefix. */
function nameOfKey(key: RelKey): string {
  return carriedText(key) ?? ENCODED_NAMES + encodeName(key);
}

/** Whether S3 holds `key` under another name, encoded or hashed: such keys are not listed in the order of the others. */
export function isListedApart(prefix: string, key: RelKey): boolean {
  const text = carriedText(key);
  return text === undefined || isTooLong(prefix + text);
}

/** Puts what was listed into the order of the keys. */
export function inKeyOrder<T>(listed: T[], keyOf: (item: T) => RelKey): T[] {
  return listed.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** What XML 1.0 cannot hold (bulk deletes are XML), and halves of surrogate pairs, which UTF-8 has not. */
const NOT_CARRIED = /[\x00-\x08\x0b\x0c\x0e-\x1f\p{Cs}\ufffe\uffff]/u;

/** The text of a key that S3 carries, and the agent does not use itself. */
function carriedText(key: RelKey): string | undefined {
  const text = textOf(key);
  return text === undefined || NOT_CARRIED.test(text) || isReserved(text) ? undefined : text;
}

function encodeName(key: RelKey): string {
  return key.replace(/[^\w.~/-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

function decodeName(name: string): RelKey {
  return name.replace(/%([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))) as RelKey;
}

/**
 * The relative key of a listed object; undefined for what belongs to the agent itself or to the original's container and
 * is no part of the tree; or why it cannot be a path: outside the prefix, an empty, '.' or '..' name
 * (it would leave the tree or mean another file), NUL, longer than Linux allows, or not the key that its path has.
 */
export function relativeKey(prefix: string, key: string): RelKey | Impossible | undefined {
  if (!key.startsWith(prefix)) return { impossible: `it does not start with the prefix ${prefix}` };
  const text = key.slice(prefix.length);
  const relative = Buffer.from(text, 'utf8').toString('latin1') as RelKey;
  const isNamed = relative.startsWith(ENCODED_NAMES) && relative !== ENCODED_NAMES;
  const hashed = isNamed ? hashedOf(prefix, key) : undefined;
  // Listed as it is only where name and object are not both there; a name alone means nothing.
  if (hashed !== undefined) return hashed === key ? { impossible: 'no name beside it tells its path' } : undefined;
  if (!isNamed && (isReserved(relative) || relative === LEGACY_READY_MARKER)) return undefined;
  const meant = isNamed ? decodeName(relative.slice(ENCODED_NAMES.length)) : relative;
  const wrong = whyNoPath(pathOfKey(meant));
  if (wrong !== undefined) return { impossible: wrong };
  if (isNamed ? nameOfKey(meant) === text : !NOT_CARRIED.test(text)) return meant;
  if (isNamed) return { impossible: 'it is no encoded name, but lies where these are kept' };
  return { impossible: 'its name holds what awssyncer keeps encoded', alias: meant };
}

function whyNoPath(path: RelPath): string | undefined {
  if (path.length > PATH_MAX_BYTES) return `the path has ${path.length} bytes, Linux allows ${PATH_MAX_BYTES}`;
  if (path.includes('\0')) return 'it holds a NUL byte';
  for (const name of path.split('/')) {
    if (name === '') return 'it has an empty name';
    if (name === '.' || name === '..') return `it has the name ${name}`;
    if (name.length > NAME_MAX_BYTES) return `a name has ${name.length} bytes, Linux allows ${NAME_MAX_BYTES}`;
  }
  return undefined;
}

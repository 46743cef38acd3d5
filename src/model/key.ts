// Pure. The keys under the prefix, and their mapping to paths.
import { type RelPath, textOf } from './path.ts';

/**
 * A key relative to the prefix, one character per byte like a RelPath: the path itself for a file or symbolic
 * link, the path and a final '/' for a directory marker. Byte order is S3's listing order.
 */
export type RelKey = string & { readonly __relKey: true };

/** Names the agent keeps for itself directly beneath the prefix and the root. */
export const RESERVED_NAME = '.awssyncer';

/** The original container's ready marker; every bucket written by the original holds one. It is never synchronised. */
export const LEGACY_READY_MARKER = '.volume_ready';

/** Files being restored carry this prefix in their own directory until they are renamed into place. */
export const TEMPORARY_PREFIX = '.awssyncer-tmp-';

/** Bytes S3 allows in a whole key. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
export const MAX_KEY_BYTES = 1024;

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

/** Keys that belong to the agent itself or to the original's container: they are no part of the tree. */
export function isReservedKey(key: RelKey): boolean {
  return key === RESERVED_NAME || key.startsWith(`${RESERVED_NAME}/`) || key === LEGACY_READY_MARKER;
}

/** The path an object with this key describes. */
export function pathOfKey(key: RelKey): RelPath {
  return (key.endsWith('/') ? key.slice(0, -1) : key) as RelPath;
}

/** Why a path has no key or a key has no path, for people. */
export interface Impossible {
  readonly impossible: string;
}

/**
 * The whole object key of `key` beneath `prefix` (UTF-8 text, either empty or ending in '/'), or why there is none:
 * not UTF-8, a character XML 1.0 cannot carry (bulk deletes are XML), or more than 1,024 bytes.
 */
export function objectKey(prefix: string, key: RelKey): string | Impossible {
  const text = textOf(key);
  if (text === undefined) return { impossible: 'the name is not UTF-8' };
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text)) {
    return { impossible: 'the name holds a control character that S3 cannot carry' };
  }
  const bytes = Buffer.byteLength(prefix) + key.length;
  if (bytes > MAX_KEY_BYTES) return { impossible: `the key has ${bytes} bytes, S3 allows ${MAX_KEY_BYTES}` };
  return prefix + text;
}

/**
 * The relative key of a listed object, or why it cannot be a path: outside the prefix, an empty, '.' or '..' name
 * (it would leave the tree or mean another file), NUL, or longer than Linux allows.
 */
export function relativeKey(prefix: string, key: string): RelKey | Impossible {
  if (!key.startsWith(prefix)) return { impossible: `it does not start with the prefix ${prefix}` };
  const relative = Buffer.from(key.slice(prefix.length), 'utf8').toString('latin1') as RelKey;
  const path = pathOfKey(relative);
  if (path.length > PATH_MAX_BYTES)
    return { impossible: `the path has ${path.length} bytes, Linux allows ${PATH_MAX_BYTES}` };
  if (path.includes('\0')) return { impossible: 'it holds a NUL byte' };
  for (const name of path.split('/')) {
    if (name === '') return { impossible: 'it has an empty name' };
    if (name === '.' || name === '..') return { impossible: `it has the name ${name}` };
    if (name.length > NAME_MAX_BYTES)
      return { impossible: `a name has ${name.length} bytes, Linux allows ${NAME_MAX_BYTES}` };
  }
  return relative;
}

// Pure. Paths inside the synchronised tree, as bytes.
//
// A file name on Linux is a byte string, not text. A RelPath therefore holds one byte per character
// (Latin-1), so that `<` on two of them is the byte order S3 lists keys in, Maps work, and no name is
// ever altered by a decoder. Text appears only at the edges: displayPath for people, objectKey for S3.

/** A path relative to the root, '/' between names, one character per byte; the root itself is ''. */
export type RelPath = string & { readonly __relPath: true };

/** The root of the tree. */
export const ROOT = '' as RelPath;

/** The path whose bytes these are. The caller vouches that it is relative and free of empty, '.' and '..' names. */
export function pathFromBytes(bytes: Uint8Array): RelPath {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as RelPath;
}

/** The path that this text means when it is written as UTF-8. */
export function pathFromText(text: string): RelPath {
  return Buffer.from(text, 'utf8').toString('latin1') as RelPath;
}

/** The bytes the kernel knows this path by (relative to the root). */
export function bytesOf(path: RelPath): Buffer {
  return Buffer.from(path, 'latin1');
}

/** The path of `name` (a byte string without '/') in directory `dir`. */
export function joinPath(dir: RelPath, name: string): RelPath {
  return (dir === ROOT ? name : `${dir}/${name}`) as RelPath;
}

/** The directory that holds `path`; the root's parent is the root. */
export function parentOf(path: RelPath): RelPath {
  const slash = path.lastIndexOf('/');
  return (slash < 0 ? ROOT : path.slice(0, slash)) as RelPath;
}

/** The last name of `path`. */
export function nameOf(path: RelPath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The names from the root down to `path`; none for the root. */
export function namesOf(path: RelPath): string[] {
  return path === ROOT ? [] : path.split('/');
}

/** Whether `path` is `ancestor` itself or lies beneath it. */
export function isWithin(path: RelPath, ancestor: RelPath): boolean {
  if (ancestor === ROOT) return true;
  return path.startsWith(ancestor) && (path.length === ancestor.length || path[ancestor.length] === '/');
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a byte string if it is valid UTF-8, else undefined. */
export function textOf(bytes: string): string | undefined {
  if (/^[\x00-\x7f]*$/.test(bytes)) return bytes;
  try {
    return strictUtf8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}

/**
 * A byte string for people and logs: as text if it is UTF-8, with `\xNN` for every byte of a control character; else for
 * every byte that is not ASCII.
 */
export function displayPath(bytes: string): string {
  if (bytes === '') return '.';
  const text = textOf(bytes);
  if (text === undefined) return bytes.replace(/[\x00-\x1f\x7f-\xff\\]/g, escaped);
  return text.replace(/[\x00-\x1f\x7f-\x9f\\]/g, (c) => [...pathFromText(c)].map(escaped).join(''));
}

function escaped(byte: string): string {
  return byte === '\\' ? '\\\\' : `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

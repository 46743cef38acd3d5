// Pure. Percent-encoding as S3 does it: bytes in, bytes out, and `+` a space.

/** `A-Z a-z 0-9 - . _ ~`, which SigV4 leaves alone. */
const UNRESERVED = /[A-Za-z0-9\-._~]/;

function encodeBytes(text: string, keep: RegExp): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const char = String.fromCharCode(byte);
    encoded += keep.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** SigV4's UriEncode of one query name or value. */
export function uriEncode(text: string): string {
  return encodeBytes(text, UNRESERVED);
}

/** SigV4's UriEncode of a path, in which `/` stays. */
export function uriEncodePath(path: string): string {
  return encodeBytes(path, /[A-Za-z0-9\-._~/]/);
}

/** What `encoding-type=url` makes of a key in a listing: a space is `+`, as in forms, which decodeURIComponent does not undo. */
export function urlEncodeListed(key: string): string {
  return encodeBytes(key, /[A-Za-z0-9\-._*/ ]/).replaceAll(' ', '+');
}

/**
 * Decodes a path, a query part or a copy source. `+` is a space everywhere, in paths too: S3's old quirk.
 *
 * @returns undefined for a broken escape or bytes that are not UTF-8.
 */
export function uriDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** Order of S3 listings: the keys' UTF-8 bytes. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

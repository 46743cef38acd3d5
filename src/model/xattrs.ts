// Pure. Extended attributes, ACLs among them, as objects carry them.
import { hash } from 'node:crypto';
import { RESERVED_NAME } from './key.ts';

/** All that belong to one file. */
export interface Xattrs {
  /** As src/native/xattrs.c encodes them: equal ones have equal bytes. */
  readonly bytes: Buffer;
  /** SHA-256 of the bytes in hex; '' if there are none. */
  readonly digest: string;
}

/** What an object says of them; `bytes` is undefined if these are in an object of their own. */
export type StoredXattrs = Pick<Xattrs, 'digest'> & { readonly bytes: Buffer | undefined };

export const NO_XATTRS: Xattrs = { bytes: Buffer.alloc(0), digest: '' };

/** Where those are that do not fit into an object's metadata, each under its digest. */
export const XATTR_OBJECTS = `${RESERVED_NAME}/xattrs/`;

/** All of them, in base64. */
const INLINE = 'awssyncer-xattrs';
/** The digest of those in an object of their own. */
const ELSEWHERE = 'awssyncer-xattrs-sha256';

/** @param bytes as the addon encodes them */
export function xattrsOf(bytes: Buffer): Xattrs {
  return bytes.length === 0 ? NO_XATTRS : { bytes, digest: hash('sha256', bytes) };
}

/** The metadata that holds them. */
export function inlineXattrs({ bytes }: Xattrs): Record<string, string> {
  return bytes.length === 0 ? {} : { [INLINE]: bytes.toString('base64') };
}

/** The metadata that says which object holds them. */
export function xattrsElsewhere({ digest }: Xattrs): Record<string, string> {
  return { [ELSEWHERE]: digest };
}

/** What an object says by its metadata; what is no digest says nothing. */
export function storedXattrs(metadata: Readonly<Record<string, string>>): StoredXattrs {
  const digest = metadata[ELSEWHERE];
  if (digest !== undefined && /^[0-9a-f]{64}$/.test(digest)) return { digest, bytes: undefined };
  return xattrsOf(Buffer.from(metadata[INLINE] ?? '', 'base64'));
}

/** The names in this encoding, in order; as far as it is one. */
export function xattrNames(bytes: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    if (end < 0 || end + 5 > bytes.length) return names;
    names.push(bytes.toString('latin1', at, end));
    at = end + 5 + bytes.readUInt32BE(end + 1);
  }
  return names;
}

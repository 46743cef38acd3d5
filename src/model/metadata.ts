// Pure. What an object's metadata says of the file it was, by rclone's names.
import type { Stat } from './entry.ts';

/** What a tool stored of a file besides its content; undefined where it stored nothing usable. */
export interface StoredAttributes {
  readonly mtimeNs: bigint | undefined;
  /** The whole st_mode if type bits were stored, else permissions alone. */
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** Set on an object that may be torn: a snapshot of a file that did not rest. */
export const FUZZY = 'awssyncer-fuzzy';

const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;

const NS_PER_SECOND = 1_000_000_000n;

/** (uid_t) -1 means "leave it" to chown(2). */
const MAX_ID = 0xfffffffe;

/** The metadata of an object: `mtime` in decimal seconds, `mode` in octal with type bits, `uid`, `gid`. */
export function encodeMetadata(stat: Pick<Stat, 'mtimeNs' | 'mode' | 'uid' | 'gid'>): Record<string, string> {
  return { mtime: encodeTime(stat.mtimeNs), mode: stat.mode.toString(8), uid: String(stat.uid), gid: String(stat.gid) };
}

/** Reads metadata written by anybody: what is missing, malformed or out of range is undefined. */
export function decodeMetadata(metadata: Readonly<Record<string, string>>): StoredAttributes {
  return {
    mtimeNs: decodeTime(metadata['mtime']),
    mode: decodeMode(metadata['mode']),
    uid: decodeId(metadata['uid']),
    gid: decodeId(metadata['gid']),
  };
}

/** What an object at a plain key was: a symbolic link if its mode says so, else a file. */
export function kindOfObject(attributes: StoredAttributes): 'file' | 'symlink' {
  return attributes.mode !== undefined && (attributes.mode & TYPE_BITS) === SYMLINK ? 'symlink' : 'file';
}

function encodeTime(ns: bigint): string {
  const sign = ns < 0n ? '-' : '';
  const magnitude = ns < 0n ? -ns : ns;
  const fraction = String(magnitude % NS_PER_SECOND).padStart(9, '0');
  return `${sign}${magnitude / NS_PER_SECOND}.${fraction}`;
}

/** Seconds with any number of decimals; digits beyond nanoseconds are dropped. */
function decodeTime(text: string | undefined): bigint | undefined {
  const match = /^(-?)(\d{1,11})(?:\.(\d*))?$/.exec(text ?? '');
  if (match === null) return undefined;
  const [, sign, seconds, decimals = ''] = match;
  const magnitude = BigInt(seconds!) * NS_PER_SECOND + BigInt(decimals.slice(0, 9).padEnd(9, '0'));
  const ns = sign === '-' ? -magnitude : magnitude;
  return BigInt.asIntN(64, ns) === ns ? ns : undefined;
}

/** Octal as rclone writes it; decimal as s3fs does, which is told by type bits that make sense only so. */
function decodeMode(text: string | undefined): number | undefined {
  if (!/^\d{1,8}$/.test(text ?? '')) return undefined;
  const octal = /^[0-7]+$/.test(text!) ? Number.parseInt(text!, 8) : undefined;
  if (octal !== undefined && (octal <= 0o7777 || isMode(octal))) return octal;
  const decimal = Number(text);
  return isMode(decimal) ? decimal : undefined;
}

function isMode(mode: number): boolean {
  return mode <= 0o177777 && [REGULAR, DIRECTORY, SYMLINK].includes(mode & TYPE_BITS);
}

function decodeId(text: string | undefined): number | undefined {
  if (!/^\d{1,10}$/.test(text ?? '')) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

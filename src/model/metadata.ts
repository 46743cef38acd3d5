// Pure. What an object's metadata says of the file it was: by rclone's names, which are ours, or by those of others.
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

/** Set on an object that holds what a command made of the file: its content is not the file's. */
export const SNAPSHOT = 'awssyncer-snapshot';

const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;

const NS_PER_SECOND = 1_000_000_000n;

/** (uid_t) -1 means "leave it" to chown(2). */
const MAX_ID = 0xfffffffe;

/**
 * The metadata of an object: `mtime` in decimal seconds, `mode` in octal with type bits, `uid`, `gid`. By its leading zero
 * s3fs knows it to be octal; rclone takes it so anyway.
 */
export function encodeMetadata(stat: Pick<Stat, 'mtimeNs' | 'mode' | 'uid' | 'gid'>): Record<string, string> {
  return {
    mtime: encodeTime(stat.mtimeNs),
    mode: `0${stat.mode.toString(8)}`,
    uid: String(stat.uid),
    gid: String(stat.gid),
  };
}

/**
 * Reads metadata written by anybody: what is missing, malformed or out of range is undefined.
 *
 * | written by | mtime | mode | uid, gid |
 * |---|---|---|---|
 * | awssyncer, rclone | `mtime`, decimal seconds | `mode`, octal | `uid`, `gid` |
 * | s3fs, goofys | `mtime`, seconds | `mode`, decimal | `uid`, `gid` |
 * | s3cmd, in `s3cmd-attrs` | `mtime:`, seconds | `mode:`, decimal | `uid:`, `gid:` |
 * | DataSync, File Gateway, FSx for Lustre | `file-mtime`, ns, or ms without a unit | `file-permissions`, octal | `file-owner`, `file-group` |
 */
export function decodeMetadata(metadata: Readonly<Record<string, string>>): StoredAttributes {
  const s3cmd = attributesOfS3cmd(metadata['s3cmd-attrs']);
  return {
    mtimeNs:
      decodeTime(metadata['mtime']) ?? decodeTime(s3cmd.get('mtime')) ?? decodeTimeInUnits(metadata['file-mtime']),
    mode:
      decodeMode(metadata['mode']) ?? decodeDecimalMode(s3cmd.get('mode')) ?? decodeMode(metadata['file-permissions']),
    uid: decodeId(metadata['uid'] ?? s3cmd.get('uid') ?? metadata['file-owner']),
    gid: decodeId(metadata['gid'] ?? s3cmd.get('gid') ?? metadata['file-group']),
  };
}

const NONE: ReadonlyMap<string, string> = new Map();

/** `NAME:VALUE/NAME:VALUE/...` */
function attributesOfS3cmd(text: string | undefined): ReadonlyMap<string, string> {
  if (text === undefined) return NONE;
  return new Map(text.split('/').map((pair) => pair.split(':', 2) as [string, string]));
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
  return storable(sign === '-' ? -magnitude : magnitude);
}

function decodeTimeInUnits(text: string | undefined): bigint | undefined {
  const [, number, unit] = /^(-?\d{1,20})(ns|ms)?$/.exec(text ?? '') ?? [];
  if (number === undefined) return undefined;
  return storable(BigInt(number) * (unit === 'ns' ? 1n : NS_PER_SECOND / 1000n));
}

/** undefined: no file system could hold it, nor could we. */
function storable(ns: bigint): bigint | undefined {
  return BigInt.asIntN(64, ns) === ns ? ns : undefined;
}

/** Every symbolic link of s3fs. In octal it would be a directory of mode 1471, which is ours only with a leading zero. */
const LINK_OF_S3FS = '41471';

/** Octal as rclone writes it; decimal as s3fs does, which is told by type bits that make sense only so. */
function decodeMode(text: string | undefined): number | undefined {
  if (!/^\d{1,8}$/.test(text ?? '')) return undefined;
  const octal = text !== LINK_OF_S3FS && /^[0-7]+$/.test(text!) ? Number.parseInt(text!, 8) : undefined;
  if (octal !== undefined && (octal <= 0o7777 || isMode(octal))) return octal;
  return decodeDecimalMode(text);
}

function decodeDecimalMode(text: string | undefined): number | undefined {
  const decimal = /^\d{1,6}$/.test(text ?? '') ? Number(text) : Number.NaN;
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

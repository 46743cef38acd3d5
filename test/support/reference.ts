// The reference model: what S3 must hold for a tree, written as plainly as possible and sharing nothing with the program.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectView } from '../strict-s3/inspect.ts';
import type { StrictS3 } from '../strict-s3/server.ts';
import { BUCKET } from './agent.ts';

/** key -> 'mode content', or 'mode uid gid mtime content', for every file, link and directory that needs a marker. */
export type Contents = Record<string, string>;

export interface ContentsOptions {
  /** `p/` by default. */
  readonly prefix?: string;
  /** Whether owner and time belong to it; a marker has no time. */
  readonly fully?: boolean;
}

/** What S3 must hold for the tree at `root`. */
export function expectedObjects(root: string, { prefix = 'p/', fully = false }: ContentsOptions = {}): Contents {
  const expected: Contents = {};
  const metadataOf = (stat: BigIntStats): string => {
    const seconds = stat.mtimeNs / 1_000_000_000n;
    const mtime = `${seconds}.${String(stat.mtimeNs % 1_000_000_000n).padStart(9, '0')}`;
    const mode = `0${stat.mode.toString(8)}`;
    return fully ? `${mode} ${stat.uid} ${stat.gid} ${stat.isDirectory() ? '' : mtime}` : mode;
  };
  const visit = (dir: string, path: string): void => {
    const names = readdirSync(join(root, dir));
    const stat = lstatSync(join(root, dir), { bigint: true });
    const { mode, uid, gid } = stat;
    const isPlain = mode === 0o40755n && Number(uid) === process.geteuid!() && Number(gid) === process.getegid!();
    if (path !== '' && (names.length === 0 || !isPlain)) expected[`${prefix}${path}/`] = `${metadataOf(stat)} `;
    for (const name of names) {
      const below = path === '' ? name : `${path}/${name}`;
      const at = join(root, below);
      const stat = lstatSync(at, { bigint: true });
      if (stat.isDirectory()) visit(below, below);
      else if (stat.isSymbolicLink()) expected[prefix + below] = `${metadataOf(stat)} ${readlinkSync(at)}`;
      else if (stat.isFile()) expected[prefix + below] = `${metadataOf(stat)} ${readFileSync(at, 'latin1')}`;
    }
  };
  visit('', '');
  return expected;
}

/** What the server holds. */
export function storedObjects(server: StrictS3, options: ContentsOptions = {}): Contents {
  return contentsOf(server.bucket(BUCKET).objects(options.prefix ?? 'p/'), options);
}

/** What these objects are, in the words of the model, but for what the agent keeps there for itself. */
export function contentsOf(
  objects: Iterable<[key: string, object: Pick<ObjectView, 'metadata' | 'bytes'>]>,
  { fully = false }: ContentsOptions = {},
): Contents {
  const stored: Contents = {};
  const all = new Map(objects);
  for (const [place, { metadata, bytes }] of all) {
    const key = keyOfPlace(place, all);
    if (key === undefined) continue;
    const { mode, uid, gid, mtime } = metadata;
    const about = fully ? `${mode} ${uid} ${gid} ${key.endsWith('/') ? '' : mtime}` : mode;
    stored[key] = `${about} ${bytes.toString('latin1')}`;
  }
  return stored;
}

/** The key of what is kept there; undefined: nothing of the tree. A name without its object is something left over. */
function keyOfPlace(place: string, all: ReadonlyMap<string, { readonly bytes: Buffer }>): string | undefined {
  const [, prefix, hashed] = /^(.*?)\.awssyncer\/(?:names\/\.h\/(.*))?/.exec(place) ?? [];
  if (prefix === undefined) return place;
  if (hashed === undefined) return undefined;
  if (hashed.endsWith('.name')) return all.has(place.slice(0, -'.name'.length)) ? undefined : place;
  const name = all.get(`${place}.name`)?.bytes.toString();
  return name === undefined ? place : prefix + name;
}

/** Where the object of this key is. */
export function placeOf(key: string, prefix = 'p/'): string {
  if (Buffer.byteLength(key) <= 1_024) return key;
  return `${prefix}.awssyncer/names/.h/${createHash('sha256').update(key.slice(prefix.length)).digest('hex')}`;
}

/** S2: what is beneath the prefix is what the tree asks for, and besides it only the keys of `others`. */
export function assertMirrored(
  server: StrictS3,
  root: string,
  { prefix = 'p/', others = [], message }: { prefix?: string; others?: readonly string[]; message?: string } = {},
): void {
  const stored = storedObjects(server, { prefix });
  for (const key of others) delete stored[key];
  assert.deepEqual(abbreviated(stored), abbreviated(expectedObjects(root, { prefix })), message);
}

/** A difference of megabytes takes minutes to print. */
function abbreviated(contents: Contents): Contents {
  const short = (text: string): string =>
    text.length < 1000 ? text : `${text.length} bytes, SHA-256 ${createHash('sha256').update(text).digest('hex')}`;
  return Object.fromEntries(Object.entries(contents).map(([key, content]) => [key, short(content)]));
}

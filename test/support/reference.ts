// The reference model: what S3 must hold for a tree, written as plainly as possible and sharing nothing with the program.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { StrictS3 } from '../strict-s3/server.ts';
import { BUCKET } from './agent.ts';

/** key -> 'mode content', for every file, link and directory that needs a marker. */
export type Contents = Record<string, string>;

/** What S3 must hold for the tree at `root`. */
export function expectedObjects(root: string, prefix = 'p/'): Contents {
  const expected: Contents = {};
  const visit = (dir: string, path: string): void => {
    const names = readdirSync(join(root, dir));
    const { mode, uid, gid } = lstatSync(join(root, dir));
    const isPlain = mode === 0o40755 && uid === process.geteuid!() && gid === process.getegid!();
    if (path !== '' && (names.length === 0 || !isPlain)) expected[`${prefix}${path}/`] = `${mode.toString(8)} `;
    for (const name of names) {
      const below = path === '' ? name : `${path}/${name}`;
      const stat = lstatSync(join(root, below));
      if (stat.isDirectory()) visit(below, below);
      else if (stat.isSymbolicLink())
        expected[prefix + below] = `${stat.mode.toString(8)} ${readlinkSync(join(root, below))}`;
      else if (stat.isFile())
        expected[prefix + below] = `${stat.mode.toString(8)} ${readFileSync(join(root, below), 'latin1')}`;
    }
  };
  visit('', '');
  return expected;
}

/** What the server holds, but for what the agent keeps there for itself. */
export function storedObjects(server: StrictS3, prefix = 'p/'): Contents {
  const stored: Contents = {};
  for (const [key, object] of server.bucket(BUCKET).objects(prefix)) {
    if (!key.startsWith(`${prefix}.awssyncer/`))
      stored[key] = `${object.metadata['mode']} ${object.bytes.toString('latin1')}`;
  }
  return stored;
}

/** S2: what is beneath the prefix is what the tree asks for, and besides it only the keys of `others`. */
export function assertMirrored(
  server: StrictS3,
  root: string,
  { prefix = 'p/', others = [], message }: { prefix?: string; others?: readonly string[]; message?: string } = {},
): void {
  const stored = storedObjects(server, prefix);
  for (const key of others) delete stored[key];
  assert.deepEqual(abbreviated(stored), abbreviated(expectedObjects(root, prefix)), message);
}

/** A difference of megabytes takes minutes to print. */
function abbreviated(contents: Contents): Contents {
  const short = (text: string): string =>
    text.length < 1000 ? text : `${text.length} bytes, SHA-256 ${createHash('sha256').update(text).digest('hex')}`;
  return Object.fromEntries(Object.entries(contents).map(([key, content]) => [key, short(content)]));
}

// The paths of the command line in the file system as it is now.
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../model/errors.ts';
import { pathFromText, type RelPath } from '../model/path.ts';

/** All absolute. */
export interface Places {
  /** LOCAL without symbolic links, as far as it exists: the root of the tree. */
  readonly local: string;
  /** LOCAL as the user wrote it, which is what FILTER_REGEX was written against. */
  readonly localAsGiven: string;
  readonly readyFile: string | undefined;
  /** The ready file as a path of the tree, if it lies beneath LOCAL: to be left out of everything. */
  readonly readyPath: RelPath | undefined;
}

/**
 * Resolves LOCAL and --ready-file. Whether LOCAL exists is for the command to judge: a restore may create it.
 *
 * @param cwd the working directory
 * @throws UsageError when the ready file could not be created
 */
export function resolvePlaces(config: { local: string; readyFile?: string | undefined }, cwd: string): Places {
  const localAsGiven = resolve(cwd, config.local);
  const local = realPath(localAsGiven);
  if (config.readyFile === undefined) return { local, localAsGiven, readyFile: undefined, readyPath: undefined };
  const given = resolve(cwd, config.readyFile);
  const directory = realPath(dirname(given));
  const readyFile = join(directory, basename(given));
  const fail = (rule: string, hint: string) =>
    new UsageError(`Cannot use --ready-file: ${rule}, current value is '${config.readyFile}'`, hint);
  if (isDirectory(readyFile) || readyFile === local)
    throw fail('it must be a file', `Write ${join(readyFile, 'ready')}.`);
  if (directory !== local && !isDirectory(directory)) {
    throw fail('its directory must exist', `Create ${directory}, or name another place.`);
  }
  const root = local === '/' ? '/' : `${local}/`;
  const readyPath = readyFile.startsWith(root) ? pathFromText(readyFile.slice(root.length)) : undefined;
  return { local, localAsGiven, readyFile, readyPath };
}

/** The path without symbolic links, as far as it exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

// The state directory: where it is, and that one process at a time uses it.
import { createHash } from 'node:crypto';
import { accessSync, chmodSync, constants, existsSync, readdirSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { EXIT, OperatorError, UsageError } from '../model/errors.ts';
import { remoteFileSystem } from '../model/file-system.ts';
import { makeDirectory } from '../tree/make-directory.ts';
import { lockDirectory, lockHolder } from './lock.ts';
import { writeSides } from './sides.ts';

/** The value of --state-dir that keeps the ledger in memory. */
export const NO_STATE_DIR = 'none';

const LOCK_FILE = 'lock.sqlite';

/** A state directory held by this process until `release` or its death. */
export interface StateDir {
  /** Absolute; null when nothing is kept on disk. */
  readonly path: string | null;
  /** What openLedger is to be given. */
  readonly ledgerFile: string | ':memory:';
  /** What the operator should know, one sentence each. */
  readonly warnings: readonly string[];
  release(): void;
}

export interface StateDirOptions {
  /** LOCAL, absolute. */
  readonly local: string;
  /** The S3 URL, normalised. */
  readonly url: string;
  /** --state-dir: a path, 'none', or undefined for the default place. */
  readonly stateDir?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The effective user; 0 keeps its state under /var/lib. */
  readonly uid: number;
}

/** Where the state of this pair of LOCAL and URL lives unless --state-dir says otherwise. */
export function defaultStateDir({ local, url, ...who }: Omit<StateDirOptions, 'stateDir'>): string {
  const id = createHash('sha256')
    .update(`${realPath(local)}\0${url}`)
    .digest('hex')
    .slice(0, 16);
  return join(stateHome(who), id);
}

/**
 * What holds all state directories of this user that have no place of their own.
 * https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function stateHome({ env, uid }: Pick<StateDirOptions, 'env' | 'uid'>): string {
  if (uid === 0) return '/var/lib/awssyncer';
  const xdg = env['XDG_STATE_HOME'];
  if (xdg?.startsWith('/')) return join(xdg, 'awssyncer');
  const home = env['HOME'];
  if (home === undefined || !home.startsWith('/')) {
    throw new UsageError(
      'Cannot choose a state directory: HOME is not set',
      'Use --state-dir=PATH or --state-dir=none.',
    );
  }
  return join(home, '.local/state/awssyncer');
}

/**
 * Makes and locks the state directory.
 *
 * @throws {UsageError} if it lies inside LOCAL: state would be synchronised, and change with every synchronisation.
 * @throws {OperatorError} if it cannot be made, is another's, or another process uses it.
 */
export function openStateDir(options: StateDirOptions): StateDir {
  if (options.stateDir === NO_STATE_DIR) {
    return { path: null, ledgerFile: ':memory:', warnings: [], release: () => {} };
  }
  const path = placeOf(options);
  const warnings = prepareDirectory(path);
  const lock = lockDirectory(path, { file: LOCK_FILE });
  writeSides(path, { local: realPath(options.local), url: options.url });
  return { path, ledgerFile: join(path, 'ledger.sqlite'), warnings, release: () => lock.release() };
}

/** A state directory as it is found, or would be made. */
export interface StateDirFacts {
  /** Absolute; null when nothing is kept on disk. */
  readonly path: string | null;
  readonly exists: boolean;
  /** What a user without privileges may still write, on its file system. */
  readonly freeBytes: number;
  /** As of `openStateDir`, but for what it would mend. */
  readonly warnings: readonly string[];
  /** Who uses it; undefined: nobody. */
  readonly holder: string | undefined;
}

/**
 * Looks whether `openStateDir` would work, and changes nothing.
 *
 * @throws {UsageError | OperatorError} as that does, but for a directory that is in use
 */
export function examineStateDir(options: StateDirOptions): StateDirFacts {
  if (options.stateDir === NO_STATE_DIR) {
    return { path: null, exists: false, freeBytes: 0, warnings: [], holder: undefined };
  }
  const path = placeOf(options);
  return usable(path, () => {
    const exists = existsSync(path);
    const nearest = exists ? path : nearestAbove(path);
    if (!statSync(nearest).isDirectory()) throw new Error(`${nearest} is not a directory`);
    accessSync(nearest, constants.W_OK | constants.X_OK);
    if (exists) refuseOtherPurpose(path);
    const { bavail, bsize } = statfsSync(nearest);
    const holder = exists ? lockHolder(path, { file: LOCK_FILE }) : undefined;
    return { path, exists, freeBytes: bavail * bsize, warnings: warnIfRemote(nearest), holder };
  });
}

function nearestAbove(path: string): string {
  const parent = dirname(path);
  return existsSync(parent) ? parent : nearestAbove(parent);
}

function placeOf(options: StateDirOptions): string {
  const path = realPath(options.stateDir ?? defaultStateDir(options));
  refuseInside(path, realPath(options.local));
  return path;
}

function refuseInside(path: string, local: string): void {
  if (path !== local && !path.startsWith(local === '/' ? '/' : `${local}/`)) return;
  throw new UsageError(
    `Cannot use state directory ${path}: it lies inside LOCAL ${local}, which is synchronised`,
    'Name a directory outside with --state-dir=PATH, or keep no state with --state-dir=none.',
  );
}

/** Makes the directory private (mode 0700); returns warnings. */
function prepareDirectory(path: string): string[] {
  return usable(path, () => {
    makeDirectory(path, 0o700);
    return [...makePrivate(path), ...warnIfRemote(path)];
  });
}

/** Tells in one way what is in the way of using the directory. */
function usable<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`Cannot use state directory ${path}: ${error instanceof Error ? error.message : error}`, {
      exitCode: EXIT.fatal,
      hint: 'Name a writable directory with --state-dir=PATH, or keep no state with --state-dir=none.',
      cause: error,
    });
  }
}

/** @throws OperatorError if it plainly serves another purpose (--state-dir=/tmp) */
function refuseOtherPurpose(path: string): void {
  if (isPrivate(path)) return;
  const names = readdirSync(path);
  if (names.length > 0 && !names.includes(LOCK_FILE)) {
    throw new OperatorError(`Cannot use state directory ${path}: others can read it and it holds other files`, {
      exitCode: EXIT.fatal,
      hint: `Name a directory of its own, such as ${join(path, 'awssyncer')}.`,
    });
  }
}

function isPrivate(path: string): boolean {
  return (statSync(path).mode & 0o077) === 0;
}

/** Closes an existing directory to others. @throws OperatorError if it plainly serves another purpose */
function makePrivate(path: string): string[] {
  refuseOtherPurpose(path);
  if (isPrivate(path)) return [];
  try {
    chmodSync(path, 0o700);
    return [];
  } catch {
    return [`The state directory ${path} is open to other users and cannot be closed to them (chmod 0700).`];
  }
}

function warnIfRemote(path: string): string[] {
  const name = remoteFileSystem(statfsSync(path, { bigint: true }).type);
  if (name === undefined) return [];
  return [`The state directory ${path} is on a network file system (${name}): its lock may not hold across machines.`];
}

/** The absolute path without symbolic links, as far as it exists. */
function realPath(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(realPath(parent), basename(absolute));
  }
}

// A lock on a directory that the kernel drops when its holder dies.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EXIT, OperatorError } from '../model/errors.ts';
import { isBusy } from './sqlite-error.ts';

/** Keeps the connections reachable: the garbage collector would close a forgotten one, and end its lock. */
const held = new Set<DatabaseSync>();

/** Longer than whoever only looks whether the directory is locked keeps others waiting. */
const PATIENCE_MS = 250;

/** For people. */
const PID_FILE = 'pid';

/** A lock that is held until `release` or the death of the process. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Takes the lock of `directory`. Node has no flock(2); an exclusive transaction on an empty SQLite database is a
 * lock of fcntl(2), seen by every process on the machine whatever container it runs in.
 *
 * @throws {OperatorError} if another process, or this one, holds it.
 */
export function lockDirectory(directory: string, { file }: { file: string }): DirectoryLock {
  const pidFile = join(directory, PID_FILE);
  const db = openExclusively(directory, { file, pidFile });
  tellHolder(pidFile);
  held.add(db);
  return {
    release() {
      if (held.delete(db)) db.close();
    },
  };
}

/** Who holds the lock of `directory`, for people; undefined if nobody does. Changes nothing. */
export function lockHolder(directory: string, { file }: { file: string }): string | undefined {
  const path = join(directory, file);
  if (!existsSync(path)) return undefined;
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    db.prepare('SELECT * FROM sqlite_schema').all();
    return undefined;
  } catch (error) {
    if (isBusy(error)) return `another awssyncer${holder(join(directory, PID_FILE))}`;
    throw error;
  } finally {
    db.close();
  }
}

function openExclusively(directory: string, { file, pidFile }: { file: string; pidFile: string }): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(join(directory, file), { timeout: PATIENCE_MS });
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db?.close();
    const busy = isBusy(error);
    const rule = busy ? `another awssyncer${holder(pidFile)} uses it` : error instanceof Error ? error.message : error;
    throw new OperatorError(`Cannot use state directory ${directory}: ${rule}`, {
      exitCode: EXIT.fatal,
      hint: busy
        ? 'Stop it first. Only another LOCAL or S3 URL may have an agent, and a --state-dir, of its own.'
        : 'Name a writable directory with --state-dir=PATH.',
      cause: error,
    });
  }
}

/** The pid is for people only: the lock itself never depends on it, and a full disk is for the ledger to tell of. */
function tellHolder(pidFile: string): void {
  try {
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch {}
}

function holder(pidFile: string): string {
  try {
    return ` (pid ${readFileSync(pidFile, 'utf8').trim()})`;
  } catch {
    return '';
  }
}

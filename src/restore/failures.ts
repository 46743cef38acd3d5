// Which errors concern one path, and which end the restore.
import { LedgerError } from '../ledger/ledger.ts';
import { EXIT, messageOf, OperatorError } from '../model/errors.ts';
import { StoreError } from '../store/errors.ts';
import { ChangedError } from './errors.ts';

/** System errors that would meet every other file as well. */
const DISK_ERRORS: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EROFS', 'the file system is read-only'],
  ['EMFILE', 'too many files are open in this process'],
  ['ENFILE', 'too many files are open on this machine'],
]);

/** The error that ends everything, or undefined if only this path failed. */
export function fatalError(error: unknown): unknown {
  if (error instanceof OperatorError || error instanceof LedgerError) return error;
  if (error instanceof StoreError)
    return ['fatal', 'credentials', 'aborted'].includes(error.reaction) ? error : undefined;
  const rule = DISK_ERRORS.get((error as NodeJS.ErrnoException).code ?? '');
  if (rule === undefined) return undefined;
  return new OperatorError(`Cannot restore: ${rule}`, {
    exitCode: EXIT.fatal,
    hint: 'Run it again when that is solved: what is already there is not downloaded again.',
    cause: error,
  });
}

/** Whether the object was deleted since it was listed: S3 is right, nothing is to be done. */
export function isVanished(error: unknown): boolean {
  return error instanceof StoreError && error.reaction === 'not-found';
}

/** Whether the path or the object is no longer what it was when that was decided. */
export function isChanged(error: unknown): boolean {
  return error instanceof ChangedError || (error instanceof StoreError && error.reaction === 'conflict');
}

/** The reason for people. A system error names a path in /proc/self/fd, which is nobody's; the finding names the right one. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error && 'syscall' in error) return error.message.replace(/, (\w+)(?: '.*)?$/s, ' ($1)');
  return messageOf(error);
}

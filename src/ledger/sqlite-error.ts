// Pure. What an error of node:sqlite means. https://www.sqlite.org/rescode.html
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** The file is a sound SQLite database, but not a sound ledger. */
export class NotALedgerError extends Error {
  override readonly name = 'NotALedgerError';
}

/** Whether another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE_BUSY;
}

/** Whether the file itself is damaged or foreign: no retry can help. */
export function isCorrupt(error: unknown): boolean {
  const code = primaryCode(error);
  return error instanceof NotALedgerError || code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

/** The low byte is the primary code of an extended one. */
function primaryCode(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
}

// Stats for tests; they agree with the rows of ledger-rows.ts.
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import type { Stat } from '../../src/model/entry.ts';
import { ledgerRow } from './ledger-rows.ts';

/** The stat that a row was made from. */
export function statOfRow(row: LedgerRow): Stat {
  const { kind, sizeBytes, mtimeNs, ctimeNs, ino, mode, uid, gid } = row;
  return { kind, sizeBytes, mtimeNs, ctimeNs, ino, mode, uid, gid, dev: 1n, nlink: 1 };
}

/** The stat of `ledgerRow(...)`. */
export function fileStat(change: Partial<Stat> = {}): Stat {
  return { ...statOfRow(ledgerRow('')), ...change };
}

export function directoryStat(change: Partial<Stat> = {}): Stat {
  return { ...fileStat(), kind: 'directory', mode: 0o040755, ...change };
}

export function symlinkStat(change: Partial<Stat> = {}): Stat {
  return { ...fileStat(), kind: 'symlink', mode: 0o120777, ...change };
}

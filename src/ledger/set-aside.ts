// A ledger that cannot be read is kept for inspection and never used again.
import { existsSync, renameSync, rmSync } from 'node:fs';

/** Renames a closed database and its logs to the first free `<file>.corrupt-<n>`; returns that name. */
export function setAside(file: string): string {
  let n = 1;
  while (existsSync(`${file}.corrupt-${n}`)) n++;
  const aside = `${file}.corrupt-${n}`;
  // The logs go first: after a crash between two renames the database without its log is at worst found corrupt again,
  // whereas a log without its database would be replayed into the new one.
  for (const log of ['-wal', '-journal']) {
    if (existsSync(file + log)) renameSync(file + log, aside + log);
  }
  rmSync(`${file}-shm`, { force: true });
  renameSync(file, aside);
  return aside;
}

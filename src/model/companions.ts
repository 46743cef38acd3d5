// Pure. The files that SQLite keeps beside a database: they mean something only together with the very state it is in.
// https://www.sqlite.org/tempfiles.html
import type { RelPath } from './path.ts';

/** A change of these is a change of the database. */
const LOGS = ['-wal', '-journal'] as const;

/** All of them, as endings of the database's name. */
export const COMPANIONS = [...LOGS, '-shm'] as const;

/** The paths at which a database's logs may be. */
export function logsOf(path: RelPath): RelPath[] {
  return LOGS.map((suffix) => `${path}${suffix}` as RelPath);
}

/** The path of the database that this one may belong to; undefined if its name is none of these. */
export function ownerOf(path: RelPath): RelPath | undefined {
  const suffix = COMPANIONS.find((each) => path.endsWith(each));
  return suffix === undefined ? undefined : (path.slice(0, -suffix.length) as RelPath);
}

/** The paths at which anything that belongs to it may be. */
export function companionsOf(path: RelPath): RelPath[] {
  return COMPANIONS.map((suffix) => `${path}${suffix}` as RelPath);
}

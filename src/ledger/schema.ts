// The ledger's tables, and which files are a ledger this program may use.
import type { DatabaseSync } from 'node:sqlite';
import { EXIT, OperatorError } from '../model/errors.ts';
import { NotALedgerError } from './sqlite-error.ts';

/** Version of the tables below, kept in PRAGMA user_version. A change of the tables raises it and adds a migration. */
export const SCHEMA_VERSION = 7;

/** Kept in PRAGMA application_id, so that another program's database is never taken for a ledger: "awss". */
const APPLICATION_ID = 0x61777373;

/**
 * As it was in version 3; later columns are added to it. Keys are BLOBs because SQLite compares those by memcmp, which is
 * the order S3 lists in. The checks are written out because SQLite builds a table in memory for every IN (...) of every
 * row it writes.
 */
const ENTRY = `
  CREATE TABLE entry (
    key BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind = 'file' OR kind = 'directory' OR kind = 'symlink'),
    state TEXT NOT NULL CHECK
      (state = 'known' OR state = 'intent' OR state = 'unproven' OR state = 'fuzzy' OR state = 'foreign'),
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    ino INTEGER NOT NULL,
    mode INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    checksum BLOB CHECK (length(checksum) = 32),
    etag TEXT,
    version_id TEXT,
    upload_id TEXT,
    prove_after_ms INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX entry_by_ino ON entry (ino) WHERE ino <> 0;
  CREATE INDEX entry_foreign ON entry (key) WHERE state = 'foreign';
  CREATE INDEX entry_open_upload ON entry (key) WHERE upload_id IS NOT NULL;
`;

const META = `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    listed INTEGER NOT NULL,
    restoring INTEGER NOT NULL,
    root_ino INTEGER,
    root_birthtime_ns INTEGER,
    root_fsid TEXT,
    generation INTEGER,
    chain TEXT,
    restored TEXT,
    remote TEXT
  ) STRICT;
  INSERT INTO meta (id, listed, restoring) VALUES (1, 0, 0);
`;

/** The keys that changed since the last segment of the chain of checkpoints. */
const CHANGED = 'CREATE TABLE changed (key BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;';

/** What is kept of files besides content and stat. */
const EXTRAS = `ALTER TABLE entry ADD COLUMN xattrs BLOB CHECK (length(xattrs) = 32 OR length(xattrs) = 0);
  ALTER TABLE entry ADD COLUMN link_group TEXT;`;

/** What brings the tables of each earlier version, from 1 on, to the next. */
const MIGRATIONS = [
  'ALTER TABLE meta ADD COLUMN generation INTEGER; ALTER TABLE entry DROP COLUMN generation',
  `ALTER TABLE entry RENAME TO old; DROP INDEX entry_by_ino; DROP INDEX entry_foreign; DROP INDEX entry_open_upload;
    ${ENTRY} INSERT INTO entry SELECT * FROM old; DROP TABLE old`,
  `ALTER TABLE meta ADD COLUMN chain TEXT; ${CHANGED}`,
  'ALTER TABLE meta ADD COLUMN restored TEXT',
  EXTRAS,
  'ALTER TABLE meta ADD COLUMN remote TEXT',
];

/**
 * Makes the tables in a new database, or brings those of an earlier version to the present one.
 *
 * @throws {OperatorError} if a newer program wrote the ledger: what it means is unknown here, so it is left alone.
 * @throws {NotALedgerError} if it is another program's database.
 */
export function prepareSchema(db: DatabaseSync, file: string): void {
  const version = pragma(db, 'user_version');
  if (version === 0 && db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined) {
    db.exec(`BEGIN; ${ENTRY} ${META} ${CHANGED} ${EXTRAS}
      PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
    return;
  }
  if (pragma(db, 'application_id') !== APPLICATION_ID)
    throw new NotALedgerError(`${file} is another program's database`);
  if (version > SCHEMA_VERSION) {
    throw new OperatorError(
      `Cannot use ledger ${file}: its schema version is ${version}, this awssyncer knows version ${SCHEMA_VERSION}`,
      {
        exitCode: EXIT.fatal,
        hint: 'Run the newer awssyncer that wrote it, or move the file away: a new one costs a listing and hashing, never data.',
      },
    );
  }
  if (version === SCHEMA_VERSION) return;
  db.exec(`BEGIN; ${MIGRATIONS.slice(version - 1).join('; ')}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
}

/** The value of a numeric PRAGMA. */
export function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

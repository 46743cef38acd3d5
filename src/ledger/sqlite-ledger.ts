// The ledger on SQLite (node:sqlite).
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { EXIT, messageOf, OperatorError } from '../model/errors.ts';
import type { RelKey } from '../model/key.ts';
import { SqliteChain } from './chain.ts';
import { type Ledger, LedgerError, type LedgerMeta, type LedgerOutline, type LedgerRow } from './ledger.ts';
import {
  COLUMNS,
  decodeOutline,
  decodeRow,
  encodeKey,
  encodeRow,
  isExact,
  OUTLINE,
  OUTLINE_BY_TEXT,
  type SqlValue,
} from './row-codec.ts';
import { pragma, prepareSchema } from './schema.ts';
import { setAside } from './set-aside.ts';
import { isBusy, isCorrupt, NotALedgerError } from './sqlite-error.ts';

const PAGE_ROWS = 500;

/** What decodeRow reads. */
const ROWS = `SELECT ${COLUMNS.join(', ')} FROM entry`;
const BY_KEY = `${ROWS} WHERE key = ?`;
const ANY = 'SELECT 1 FROM entry WHERE key >= ? AND key < ? LIMIT 1';
const BY_INODE = `${ROWS} WHERE ino = ? AND ino <> 0 AND state <> 'foreign'`;

const UPSERT = `INSERT OR REPLACE INTO entry (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`;

/** An acknowledgement of what was announced: the inode is the same, so that its index is left alone. */
const ACKNOWLEDGE = `UPDATE entry SET ${COLUMNS.flatMap((column, i) =>
  column === 'key' || column === 'ino' ? [] : `${column} = ?${i + 1}`,
).join(', ')} WHERE key = ?${COLUMNS.indexOf('key') + 1} AND ino = ?${COLUMNS.indexOf('ino') + 1}`;

/** Keys that are remembered to be absent. */
const MAX_ABSENT = 4096;

/** Up to this size the whole file is checked at open (0.1 s); above it, every page is checked when it is read. */
const FULL_CHECK_BYTES = 8 * 1024 * 1024;

/** How long to wait for another program that has the file open, such as a backup. */
const BUSY_TIMEOUT_MS = 5_000;

/** An open ledger; `setAside` names where a corrupt predecessor went, for the log. */
export interface OpenedLedger {
  readonly ledger: Ledger;
  readonly setAside?: string;
}

/**
 * Opens or makes the ledger in `file`. A corrupt file is set aside and replaced by an empty ledger, which costs a
 * listing and hashing, never data.
 *
 * @throws {OperatorError} if a newer program wrote it, another process holds it, or it cannot be opened.
 */
export function openLedger({ file }: { file: string | ':memory:' }): OpenedLedger {
  try {
    return { ledger: new SqliteLedger(openDatabase(file), file) };
  } catch (error) {
    if (!isCorrupt(error)) throw cannotOpen(file, error);
    const aside = setAside(file);
    return { ledger: new SqliteLedger(openDatabase(file), file), setAside: aside };
  }
}

function openDatabase(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    // Exclusive from the first access on: the index of the write-ahead log then lives in our own memory instead of a
    // shared mapping, which network file systems cannot provide. https://www.sqlite.org/wal.html#noshm
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    // Before anything else is written: a file that is not ours is left as it is.
    prepareSchema(db, file);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    db.exec('PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864');
    checkPages(db, file);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** SQLite notices a foreign header and a truncated file by itself; this finds a damaged page before it is met. */
function checkPages(db: DatabaseSync, file: string): void {
  if (pragma(db, 'page_count') * pragma(db, 'page_size') > FULL_CHECK_BYTES) return;
  const verdict = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (verdict !== 'ok') throw new NotALedgerError(`${file}: ${verdict}`);
}

function cannotOpen(file: string, error: unknown): Error {
  if (error instanceof OperatorError) return error;
  const busy = isBusy(error);
  return new OperatorError(`Cannot open ledger ${file}: ${busy ? 'another process has it open' : messageOf(error)}`, {
    exitCode: EXIT.fatal,
    hint: busy ? 'Stop the other process first.' : 'Check the directory and its free space, or use --state-dir.',
    cause: error,
  });
}

class SqliteLedger implements Ledger {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #statements = new Map<string, StatementSync>();
  /** Some of the keys that have no row: the markers of the directories above it are asked for with every file. */
  readonly #absent = new Set<RelKey>();
  /** What `count` found, and after how many changes: /metrics asks again and again. */
  #counted: { readonly ours: number; readonly foreign: number; readonly changes: number } | undefined;
  readonly chain: SqliteChain;

  constructor(db: DatabaseSync, file: string) {
    this.#db = db;
    this.#file = file;
    this.chain = new SqliteChain({
      get: (key) => this.get(key),
      read: (sql, ...values) => this.#arrays(sql, ...values),
      run: (sql, ...values) => void this.#statement(sql).run(...values),
      transaction: (body) => this.#transaction(body),
    });
  }

  get(key: RelKey): LedgerRow | undefined {
    if (this.#absent.has(key)) return undefined;
    const row = this.#rows(BY_KEY, encodeKey(key))[0];
    if (row === undefined) this.#rememberAbsent(key);
    return row;
  }

  isEmpty(from: RelKey, to: RelKey): boolean {
    return this.#arrays(ANY, encodeKey(from), encodeKey(to)).length === 0;
  }

  range(from: RelKey, to?: RelKey): IterableIterator<LedgerRow> {
    return this.#pages({ from, to }, (where, ...values) => this.#rows(`${ROWS} ${where}`, ...values));
  }

  outlines(from: RelKey, to?: RelKey): IterableIterator<LedgerOutline> {
    return this.#pages({ from, to }, (where, ...values) => {
      // A BLOB costs as much as all else together, and most keys are ASCII.
      const page = this.#arrays(`SELECT ${OUTLINE_BY_TEXT} FROM entry ${where}`, ...values);
      const isRight = page.every(([key]) => isExact(key));
      return (isRight ? page : this.#arrays(`SELECT ${OUTLINE} FROM entry ${where}`, ...values)).map(decodeOutline);
    });
  }

  *#pages<R extends { readonly key: RelKey }>(
    { from, to }: { from: RelKey; to: RelKey | undefined },
    read: (where: string, ...values: SqlValue[]) => R[],
  ): IterableIterator<R> {
    const end = to === undefined ? [] : [encodeKey(to)];
    const where = `WHERE key >= ? ${to === undefined ? '' : 'AND key < ?'} ORDER BY key LIMIT ${PAGE_ROWS}`;
    let next = encodeKey(from);
    for (;;) {
      // A page is read as a whole, so that no cursor is open while the caller writes.
      const page = read(where, next, ...end);
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_ROWS) return;
      next = encodeKey(`${last.key}\0` as RelKey);
    }
  }

  hasAcknowledged(from: RelKey, to: RelKey): boolean {
    const sql = `SELECT 1 FROM entry WHERE key >= ? AND key < ?
      AND (state IN ('known', 'fuzzy') OR (state = 'unproven' AND etag IS NOT NULL)) LIMIT 1`;
    return this.#all(sql, encodeKey(from), encodeKey(to)).length > 0;
  }

  byInode(ino: bigint): LedgerRow[] {
    return this.#rows(BY_INODE, BigInt.asIntN(64, ino));
  }

  openUploads(): LedgerRow[] {
    return this.#rows(`${ROWS} WHERE upload_id IS NOT NULL`);
  }

  owedProofs(nowMs: number): { keys: number; untilMs: number } | undefined {
    const sql = 'SELECT count(*) AS keys, max(prove_after_ms) AS until FROM entry WHERE prove_after_ms > ?';
    const [row] = this.#all(sql, Math.floor(nowMs));
    return row?.['keys'] ? { keys: Number(row['keys']), untilMs: Number(row['until']) } : undefined;
  }

  count(): { ours: number; foreign: number } {
    const changes = Number(this.#all('SELECT total_changes() AS changes')[0]!['changes']);
    if (this.#counted?.changes !== changes) this.#counted = { ...this.#count(), changes };
    const { ours, foreign } = this.#counted;
    return { ours, foreign };
  }

  #count(): { ours: number; foreign: number } {
    // Without a condition every row need not be read: 50 ms for a million of them.
    const [row] = this.#all(`SELECT (SELECT count(*) FROM entry) AS every,
      (SELECT count(*) FROM entry WHERE state = 'foreign') AS "foreign"`);
    const [every, foreign] = [Number(row!['every']), Number(row!['foreign'])];
    return { ours: every - foreign, foreign };
  }

  stage(key: RelKey, row: LedgerRow | null): void {
    this.#guard('write', () => {
      this.#begin();
      if (row?.state !== 'known' || !this.#acknowledge(row)) this.#put(key, row);
      else this.chain.note(key);
    });
  }

  commit(): void {
    if (this.#db.isTransaction) this.#guard('write', () => this.#db.exec('COMMIT'));
  }

  write(rows: readonly LedgerRow[], forget: readonly RelKey[] = []): void {
    if (rows.length === 0 && forget.length === 0) return;
    this.#transaction(() => {
      for (const key of forget) this.#put(key, null);
      for (const row of rows) this.#put(row.key, row);
    });
  }

  forgetForeign(): void {
    this.#transaction(() => this.#statement("DELETE FROM entry WHERE state = 'foreign'").run());
  }

  clear(): void {
    this.#transaction(() => this.#statement('DELETE FROM entry').run());
    this.setMeta({ listed: false, restoring: false, root: null, generation: null, restored: null, remote: null });
    this.chain.end();
  }

  meta(): LedgerMeta {
    const row = this.#all('SELECT * FROM meta')[0] ?? {};
    const fsid = row['root_fsid'] ?? null;
    return {
      listed: row['listed'] === 1n,
      restoring: row['restoring'] === 1n,
      root:
        fsid === null
          ? null
          : { ino: row['root_ino'] as bigint, birthtimeNs: row['root_birthtime_ns'] as bigint, fsid: fsid as string },
      generation: row['generation'] == null ? null : Number(row['generation']),
      restored: (row['restored'] ?? null) as string | null,
      remote: (row['remote'] ?? null) as string | null,
    };
  }

  setMeta(change: Partial<LedgerMeta>): void {
    const { listed, restoring, root, generation, restored, remote } = { ...this.meta(), ...change };
    this.#transaction(() =>
      this.#statement(
        'UPDATE meta SET listed = ?, restoring = ?, root_ino = ?, root_birthtime_ns = ?, root_fsid = ?, generation = ?, restored = ?, remote = ?',
      ).run(
        Number(listed),
        Number(restoring),
        root === null ? null : BigInt.asIntN(64, root.ino),
        root === null ? null : root.birthtimeNs,
        root === null ? null : root.fsid,
        generation,
        restored,
        remote,
      ),
    );
  }

  shrink(): void {
    this.#guard('read', () => this.#db.exec('PRAGMA shrink_memory'));
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #rows(sql: string, ...values: SqlValue[]): LedgerRow[] {
    return this.#arrays(sql, ...values).map(decodeRow);
  }

  #arrays(sql: string, ...values: SqlValue[]): SqlValue[][] {
    const rows = this.#guard('read', () => this.#statement(sql, { asArrays: true }).all(...values));
    return rows as unknown as SqlValue[][];
  }

  #all(sql: string, ...values: SqlValue[]): Record<string, SqlValue>[] {
    return this.#guard('read', () => this.#statement(sql).all(...values));
  }

  #statement(sql: string, { asArrays = false } = {}): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      statement.setReadBigInts(true);
      statement.setReturnArrays(asArrays);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #begin(): void {
    if (!this.#db.isTransaction) this.#db.exec('BEGIN IMMEDIATE');
  }

  /** @returns whether the row was there, with this inode */
  #acknowledge(row: LedgerRow): boolean {
    return this.#statement(ACKNOWLEDGE).run(...encodeRow(row)).changes !== 0n;
  }

  #rememberAbsent(key: RelKey): void {
    if (this.#absent.size >= MAX_ABSENT) this.#absent.clear();
    this.#absent.add(key);
  }

  #put(key: RelKey, row: LedgerRow | null): void {
    this.#absent.delete(key);
    if (row === null) this.#statement('DELETE FROM entry WHERE key = ?').run(encodeKey(key));
    else this.#statement(UPSERT).run(...encodeRow(row));
    this.chain.note(key);
  }

  /** What is staged goes with it. */
  #transaction(body: () => void): void {
    this.#guard('write', () => {
      this.#begin();
      body();
      this.#db.exec('COMMIT');
    });
  }

  /** Turns SQLite's errors into LedgerErrors, and makes sure that a corrupt file is not met again at the next start. */
  #guard<T>(action: string, body: () => T): T {
    try {
      return body();
    } catch (error) {
      let fate = '';
      // SQLite itself rolls back after some errors, a full disk among them.
      if (this.#db.isOpen && this.#db.isTransaction) this.#db.exec('ROLLBACK');
      this.#absent.clear();
      this.#counted = undefined;
      if (isCorrupt(error) && this.#db.isOpen) {
        this.#db.close();
        if (this.#file !== ':memory:') fate = `; it was set aside as ${setAside(this.#file)}`;
      }
      throw new LedgerError(`Cannot ${action} ledger ${this.#file}: ${messageOf(error)}${fate}`, { cause: error });
    }
  }
}

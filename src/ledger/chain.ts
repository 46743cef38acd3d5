// The keys whose rows changed since a chain of checkpoints was last added to, in the ledger's own database.
import type { RelKey } from '../model/key.ts';
import type { ChainSegment, CheckpointChain, LedgerRow } from './ledger.ts';
import { encodeKey, type SqlValue } from './row-codec.ts';

/** The ledger it is part of. */
export interface ChainDatabase {
  get(key: RelKey): LedgerRow | undefined;
  read(sql: string, ...values: SqlValue[]): SqlValue[][];
  run(sql: string, ...values: SqlValue[]): void;
  /** Everything `body` runs, with what is staged, or nothing. */
  transaction(body: () => void): void;
}

/** Whether the row says that we hold this version, or nothing, under its key. */
function isVersion(row: LedgerRow | undefined, versionId: string | null): boolean {
  // Of a row that is known, null says only that the version is not.
  if (versionId === null) return row === undefined || row.state === 'foreign';
  return row?.state === 'known' && row.versionId === versionId;
}

export class SqliteChain implements CheckpointChain {
  readonly #db: ChainDatabase;
  #segments: readonly ChainSegment[] | undefined;
  #noted = 0;

  constructor(db: ChainDatabase) {
    this.#db = db;
    const text = db.read('SELECT chain FROM meta')[0]?.[0];
    this.#segments = typeof text === 'string' ? JSON.parse(text) : undefined;
  }

  get segments(): readonly ChainSegment[] | undefined {
    return this.#segments;
  }

  get noted(): number {
    return this.#noted;
  }

  begin(): void {
    this.#replace([], "INSERT INTO changed SELECT key FROM entry WHERE state <> 'foreign'");
  }

  end(): void {
    if (this.#segments !== undefined) this.#replace(undefined);
  }

  changed(after: RelKey, limit: number): RelKey[] {
    const page = this.#db.read('SELECT key FROM changed WHERE key > ? ORDER BY key LIMIT ?', encodeKey(after), limit);
    return page.map(([key]) => Buffer.from(key as Uint8Array).toString('latin1') as RelKey);
  }

  add(segment: ChainSegment, told: ReadonlyMap<RelKey, string | null>): void {
    const segments = [...this.#segments!, segment];
    this.#db.transaction(() => {
      for (const [key, versionId] of told) {
        if (isVersion(this.#db.get(key), versionId)) this.#db.run('DELETE FROM changed WHERE key = ?', encodeKey(key));
      }
      this.#save(segments);
    });
    this.#segments = segments;
  }

  /** The key's row is written or forgotten in the transaction that is open. */
  note(key: RelKey): void {
    if (this.#segments === undefined) return;
    this.#noted++;
    this.#db.run('INSERT OR IGNORE INTO changed (key) VALUES (?)', encodeKey(key));
  }

  #replace(segments: readonly ChainSegment[] | undefined, ...fill: readonly string[]): void {
    this.#db.transaction(() => {
      for (const sql of ['DELETE FROM changed', ...fill]) this.#db.run(sql);
      this.#save(segments);
    });
    this.#segments = segments;
  }

  #save(segments: readonly ChainSegment[] | undefined): void {
    this.#db.run('UPDATE meta SET chain = ?', segments === undefined ? null : JSON.stringify(segments));
  }
}

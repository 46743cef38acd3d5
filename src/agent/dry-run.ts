// A dry run is the whole pipeline against a store that only pretends to write and a ledger nobody keeps.
import { createHash } from 'node:crypto';
import type { Ledger, LedgerRow } from '../ledger/ledger.ts';
import { openLedger } from '../ledger/sqlite-ledger.ts';
import type { RelKey } from '../model/key.ts';
import type { Log } from '../ops/log.ts';
import type { ObjectStore, Written } from '../store/object-store.ts';

const COPY_ROWS = 1000;

/** The same ledger in memory. */
export function copyInMemory(original: Ledger): Ledger {
  const { ledger } = openLedger({ file: ':memory:' });
  const rows: LedgerRow[] = [];
  for (const row of original.range('' as RelKey)) {
    if (rows.push(row) === COPY_ROWS) ledger.write(rows.splice(0));
  }
  ledger.write(rows);
  ledger.setMeta(original.meta());
  return ledger;
}

/** Reads go to the server, writes nowhere. */
export function pretendStore(store: ObjectStore): ObjectStore {
  const written = async (content: string | Buffer): Promise<Written> => ({
    etag: createHash('md5').update(content).digest('hex'),
    versionId: null,
  });
  return {
    bucket: store.bucket,
    check: (options) => store.check(options),
    head: (key, options) => store.head(key, options),
    get: (key, options) => store.get(key, options),
    getBytes: (key, options) => store.getBytes(key, options),
    list: (prefix, options) => store.list(prefix, options),
    put: (_key, body) => written(body),
    putMultipart: async (key, source) => {
      await source.verify(); // though nothing of it was read
      return written(key);
    },
    copy: (from) => written(from.key),
    deleteMany: async () => new Map(),
    abortMultipart: async () => {},
    past: (choice) => store.past(choice),
    versions: (key, options) => store.versions(key, options),
    close: () => store.close(),
  };
}

const PRETENDED: ReadonlyMap<string, string> = new Map([
  ['uploaded', 'would upload'],
  ['copied', 'would copy'],
  ['deleted', 'would delete'],
  ['restored', 'nothing was changed; would be'],
]);

/** Says of every change that it would be made. */
export function pretendLog(log: Log): Log {
  const pretended = (message: string) => (PRETENDED.get(message) ?? message) as 'would upload';
  return { ...log, info: (message, ...rest) => log.info(pretended(message), ...rest) };
}

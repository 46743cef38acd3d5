// A dry run is the whole pipeline against a store that only pretends to write and a ledger nobody keeps.
import { createHash } from 'node:crypto';
import { Journal } from '../ledger/journal.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import { openLedger } from '../ledger/sqlite-ledger.ts';
import type { RelKey } from '../model/key.ts';
import type { ObjectStore, Written } from '../store/object-store.ts';
import type { Workspace } from './workspace.ts';

const COPY_ROWS = 1000;

/** The same workspace, in which nothing is changed: neither S3 nor the ledger. Closing it closes the original. */
export function dryRunOf(workspace: Workspace): Workspace {
  const { ledger } = openLedger({ file: ':memory:' });
  let rows: LedgerRow[] = [];
  for (const row of workspace.ledger.range('' as RelKey)) {
    if (rows.push(row) === COPY_ROWS) ledger.write(rows.splice(0));
  }
  ledger.write(rows);
  rows = [];
  ledger.setMeta(workspace.ledger.meta());
  const { log } = workspace;
  return {
    ...workspace,
    ledger,
    journal: new Journal(ledger, setImmediate),
    store: pretend(workspace.store),
    log: { ...log, info: (message, fields) => log.info(`would have: ${message}`, fields) },
    close: () => {
      ledger.close();
      workspace.close();
    },
  };
}

/** Reads go to the server, writes nowhere. */
function pretend(store: ObjectStore): ObjectStore {
  const written = async (content: string | Buffer): Promise<Written> => ({
    etag: createHash('md5').update(content).digest('hex'),
    versionId: null,
  });
  return {
    bucket: store.bucket,
    check: (options) => store.check(options),
    head: (key, options) => store.head(key, options),
    get: (key, options) => store.get(key, options),
    list: (prefix, options) => store.list(prefix, options),
    put: (_key, body) => written(body),
    putMultipart: (key) => written(key),
    copy: (from) => written(from.key),
    deleteMany: async () => new Map(),
    abortMultipart: async () => {},
    close: () => store.close(),
  };
}

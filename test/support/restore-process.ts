// A restore in a process of its own, to be killed: argv is the target as JSON, bucket, LOCAL, ledger file.
import { writeSync } from 'node:fs';
import { argv } from 'node:process';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { restore } from '../../src/restore/restore.ts';
import { createS3Store } from '../../src/store/s3-store.ts';
import { restoreOptions } from './restoring.ts';

const [target = '', bucket = '', root = '', file = ''] = argv.slice(2);
const retry = <T>(attempt: () => Promise<T>): Promise<T> => attempt();
const store = createS3Store({ ...JSON.parse(target), bucket, requestTimeoutMs: 10_000, version: 'test', retry });
const { ledger } = openLedger({ file });
let clockMs = 0;
let settled = 0;
await restore({
  ...restoreOptions({ root, store, ledger, stateDir: null }),
  // Time flies, so that rows are written at every file instead of every few seconds.
  nowMs: () => (clockMs += 10_000),
  onProgress: ({ files }) => {
    if (files > settled) writeSync(1, `${files}\n`);
    settled = files;
  },
});
ledger.close();
store.close();

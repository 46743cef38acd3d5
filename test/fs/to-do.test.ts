// What a sync still has to do.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { countToDo } from '../../src/agent/to-do.ts';
import { createFilter } from '../../src/filter/filter.ts';
import { rowFor } from '../../src/ledger/row.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import type { RelKey } from '../../src/model/key.ts';
import type { RelPath } from '../../src/model/path.ts';
import { loadAddon } from '../../src/native/addon.ts';
import { DirectoryReader } from '../../src/tree/directory-reader.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import { ledgerRow } from '../support/ledger-rows.ts';
import { tempDir } from '../support/temp-dir.ts';

test('what is to do is what differs from the ledger; what S3 holds in the same size is probably not sent', async (t) => {
  const root = tempDir(t);
  const tree = new LocalTree(Buffer.from(root));
  const { ledger } = openLedger({ file: ':memory:' });
  t.after(() => ledger.close());
  mkdirSync(join(root, 'd'));
  for (const name of ['d/new', 'd/x.log', 'foreign', 'grown', 'known', 'unproven'])
    writeFileSync(join(root, name), '12345');
  execFileSync('mkfifo', [join(root, 'fifo')]);
  const rowOf = (name: string) => {
    const stat = tree.lstat(name as RelPath)!;
    return rowFor(name as RelKey, stat, { state: 'known', checksum: ledgerRow(name).checksum });
  };
  ledger.write([
    rowOf('known'),
    { ...rowOf('foreign'), state: 'foreign' },
    { ...rowOf('unproven'), state: 'unproven', proveAfterMs: 1 },
    { ...rowOf('grown'), sizeBytes: 2 },
    ledgerRow('gone'),
  ]);
  const directories = new DirectoryReader(tree, loadAddon().readDirectory);
  const filter = createFilter({ rules: [{ include: false, glob: '*.log' }], rootForRegex: root });
  const count = (signal: AbortSignal) =>
    countToDo({ tree, directories, filter, ledger }, { crossMounts: false, signal });
  assert.deepEqual(await count(new AbortController().signal), { files: 4, bytes: 15 });
  assert.deepEqual(await count(AbortSignal.abort()), { files: 0, bytes: 0 });
});

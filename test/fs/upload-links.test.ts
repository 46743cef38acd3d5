// What the names of one file have in common in S3.
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import type { RelPath } from '../../src/model/path.ts';
import { proveKey } from '../../src/transfer/prove.ts';
import { uploadFile } from '../../src/transfer/upload-file.ts';
import { ended, type TransferBench, transferBench } from '../support/transfers.ts';

const { signal } = new AbortController();
const GROUP = 'ab'.repeat(16);

async function upload(bench: TransferBench, path: string, row?: LedgerRow): Promise<LedgerRow> {
  const request = { path: path as RelPath, content: 'send', row, force: false, overtaken: false, signal } as const;
  const stored = ended(await uploadFile(bench.context, request), 'stored').row;
  bench.context.journal.save(stored);
  return stored;
}

function named(bench: TransferBench, ...names: string[]): void {
  const [first, ...others] = names;
  bench.write(first!, 'content');
  for (const name of others) linkSync(join(bench.root, first!), join(bench.root, name));
}

test('S13 names that are stored at the same time agree, and other files have another group or none', async (t) => {
  const bench = transferBench(t, { hardLinks: true });
  named(bench, 'a', 'b');
  named(bench, 'c', 'd');
  named(bench, 'alone');
  const rows = await Promise.all(['a', 'b', 'c', 'd', 'alone'].map((path) => upload(bench, path)));
  const [a, b, c, d, alone] = rows.map(({ linkGroup }) => linkGroup);
  assert.match(a!, /^[0-9a-f]{32}$/);
  assert.deepEqual([b, d, alone], [a, c, null]);
  assert.notEqual(a, c);
  assert.equal(bench.store.objects.get('p/a')!.attributes.metadata['awssyncer-links'], a);
  const without = transferBench(t);
  named(without, 'a', 'b');
  assert.equal((await upload(without, 'a')).linkGroup, null);
});

test('S8 a new name takes the group that the others have', async (t) => {
  const bench = transferBench(t, { hardLinks: true });
  named(bench, 'a', 'b', 'c');
  bench.context.journal.save({ ...(await upload(bench, 'a')), linkGroup: GROUP });
  assert.equal((await upload(bench, 'b')).linkGroup, GROUP);
  assert.equal((await upload(bench, 'c')).linkGroup, GROUP);
});

test('S13 a row tells nothing of a file that is not under its name any more', async (t) => {
  for (const gone of [
    (path: string) => rmSync(path),
    (path: string) => {
      rmSync(path);
      symlinkSync('b', path);
    },
    (path: string) => {
      rmSync(path);
      mkdirSync(path);
    },
  ]) {
    const bench = transferBench(t, { hardLinks: true });
    named(bench, 'a', 'b', 'c');
    bench.context.journal.save({ ...(await upload(bench, 'a')), linkGroup: GROUP });
    gone(join(bench.root, 'a'));
    assert.notEqual((await upload(bench, 'b')).linkGroup, GROUP);
  }
});

test('S6 S13 an object that tells of another group, or of none, is neither adopted nor what was believed', async (t) => {
  const bench = transferBench(t, { hardLinks: true });
  named(bench, 'a', 'b');
  const row = await upload(bench, 'a');
  const tell = (group: string | undefined): void => {
    const object = bench.store.objects.get('p/a')!;
    const { 'awssyncer-links': _, ...metadata } = object.attributes.metadata;
    const attributes = { metadata: group === undefined ? metadata : { ...metadata, 'awssyncer-links': group } };
    bench.store.objects.set('p/a', { ...object, attributes });
  };
  // It is younger than the file: nothing else need be asked.
  const foreign: LedgerRow = {
    ...row,
    ...{ state: 'foreign', checksum: null, linkGroup: null, ino: 0n, mtimeNs: row.mtimeNs + 10n ** 13n },
  };
  const request = {
    path: 'a' as RelPath,
    content: 'adopt',
    row: foreign,
    force: false,
    overtaken: false,
    signal,
  } as const;
  assert.equal((await uploadFile(bench.context, request)).end, 'equal');
  const unproven: LedgerRow = { ...row, state: 'unproven', proveAfterMs: bench.wallMs };
  assert.equal((await proveKey(bench.context, unproven, signal)).end, 'proven');
  for (const group of [undefined, GROUP]) {
    tell(group);
    assert.equal((await proveKey(bench.context, unproven, signal)).end, 'disproven');
    const mended = ended(await uploadFile(bench.context, request), 'stored');
    assert.deepEqual([mended.how, mended.row.linkGroup], ['copied', row.linkGroup]);
  }
});

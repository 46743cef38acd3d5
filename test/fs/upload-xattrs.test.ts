// Extended attributes on their way to S3: read with the content, of one state of the file, and believed only if they are there.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import type { RelPath } from '../../src/model/path.ts';
import { storedXattrs } from '../../src/model/xattrs.ts';
import { copyFile } from '../../src/transfer/copy-file.ts';
import type { Outcome } from '../../src/transfer/outcome.ts';
import { proveKey } from '../../src/transfer/prove.ts';
import { type UploadRequest, uploadFile } from '../../src/transfer/upload-file.ts';
import { uploadMarker } from '../../src/transfer/upload-inline.ts';
import { ended, type TransferBench, transferBench } from '../support/transfers.ts';
import { setAttributes } from '../support/xattrs.ts';

const F = 'f' as RelPath;
const { signal } = new AbortController();

function upload(bench: TransferBench, request: Partial<UploadRequest> = {}): Promise<Outcome> {
  return uploadFile(bench.context, {
    path: F,
    content: 'send',
    row: undefined,
    force: false,
    overtaken: false,
    signal,
    ...request,
  });
}

function digestIn(bench: TransferBench, key = F as string): string {
  return storedXattrs(bench.store.objects.get(`p/${key}`)!.attributes.metadata).digest;
}

/** A file with an attribute, and its row. */
async function stored(bench: TransferBench, content: string | Buffer = 'content'): Promise<LedgerRow> {
  bench.write(F, content);
  setAttributes(join(bench.root, F), { 'user.a': '1' });
  const { row } = ended(await upload(bench), 'stored');
  bench.context.journal.save(row);
  bench.store.calls.clear();
  return row;
}

test('S13 the row tells of the attributes that the object holds, and of nothing where they are not kept', async (t) => {
  for (const content of ['small', Buffer.alloc(1024 * 1024 + 1)]) {
    const bench = transferBench(t, { xattrs: true });
    const row = await stored(bench, content);
    assert.match(row.xattrs!, /^[0-9a-f]{64}$/);
    assert.equal(digestIn(bench), row.xattrs);
    const without = transferBench(t);
    assert.equal((await stored(without, content)).xattrs, null);
    assert.equal(digestIn(without), '');
  }
});

test('S3 attributes that change while a file is sent in parts are of another state of it', async (t) => {
  const bench = transferBench(t, { xattrs: true });
  bench.write(F, Buffer.alloc(1024 * 1024 + 1));
  const outcome = upload(bench);
  setAttributes(join(bench.root, F), { 'user.a': '1' });
  assert.equal((await outcome).end, 'raced');
});

test('S8 equal attributes cost nothing, others one request, and what is known of the content is not read', async (t) => {
  const bench = transferBench(t, { xattrs: true });
  const row = await stored(bench);
  const equal = ended(await upload(bench, { content: 'compare', row }), 'equal');
  assert.equal(equal.row.xattrs, row.xattrs);
  setAttributes(join(bench.root, F), { 'user.a': '2' });
  const changed = ended(await upload(bench, { content: 'compare', row }), 'stored').row;
  assert.notEqual(changed.xattrs, row.xattrs);
  assert.deepEqual(Object.fromEntries(bench.store.calls), { put: 1 });
  const unlooked = { ...changed, xattrs: null, checksum: '11'.repeat(32) };
  const completed = ended(await upload(bench, { content: 'stored', row: unlooked }), 'stored');
  assert.deepEqual([completed.how, completed.row.xattrs], ['copied', changed.xattrs]);
  assert.equal(completed.row.checksum, unlooked.checksum, 'it was not read');
  const another = { ...unlooked, mtimeNs: unlooked.mtimeNs + 1n };
  assert.deepEqual(await upload(bench, { content: 'stored', row: another }), { end: 'raced' });
});

test('S13 an object of equal content is not adopted with other attributes, or none', async (t) => {
  const bench = transferBench(t, { xattrs: true });
  const row = await stored(bench);
  const foreign: LedgerRow = {
    ...row,
    state: 'foreign',
    checksum: null,
    mtimeNs: row.mtimeNs + 10n ** 13n,
    xattrs: null,
  };
  assert.equal(ended(await upload(bench, { content: 'adopt', row: foreign }), 'equal').adopted, true);
  bench.store.objects.set('p/f', { ...bench.store.objects.get('p/f')!, attributes: { metadata: {} } });
  const mended = ended(await upload(bench, { content: 'adopt', row: foreign }), 'stored');
  assert.deepEqual([mended.how, digestIn(bench)], ['copied', mended.row.xattrs]);
});

test('S13 a copy that is not read carries the attributes of the file as it is', async (t) => {
  const bench = transferBench(t, { xattrs: true });
  const source = await stored(bench);
  renameSync(join(bench.root, F), join(bench.root, 'to'));
  const to = 'to' as RelPath;
  const stat = bench.context.tree.lstat(to)!;
  const request = {
    path: to,
    content: 'send',
    row: undefined,
    force: false,
    overtaken: false,
    signal,
    source,
    proven: true,
  } as const;
  setAttributes(join(bench.root, to), { 'user.a': 'changed after the look' });
  assert.deepEqual(await copyFile(bench.context, { ...request, stat }), { end: 'raced' });
  const now = bench.context.tree.lstat(to)!;
  const { row, how } = ended(await copyFile(bench.context, { ...request, stat: now }), 'stored');
  assert.deepEqual([how, digestIn(bench, 'to')], ['copied', row.xattrs]);
});

test('S6 S13 an object with other attributes is not what was believed', async (t) => {
  const bench = transferBench(t, { xattrs: true });
  const row: LedgerRow = { ...(await stored(bench)), state: 'unproven', proveAfterMs: bench.wallMs };
  assert.equal((await proveKey(bench.context, row, signal)).end, 'proven');
  const object = bench.store.objects.get('p/f')!;
  const { mtime, mode, uid, gid } = object.attributes.metadata as Record<string, string>;
  const attributes = { metadata: { mtime: mtime!, mode: mode!, uid: uid!, gid: gid! } };
  bench.store.objects.set('p/f', { ...object, attributes });
  assert.equal((await proveKey(bench.context, row, signal)).end, 'disproven');
  assert.equal((await proveKey(bench.context, { ...row, xattrs: null }, signal)).end, 'proven');
});

test('S13 a marker tells of the attributes that its directory was seen with', async (t) => {
  const bench = transferBench(t, { xattrs: true });
  mkdirSync(join(bench.root, 'd'));
  setAttributes(join(bench.root, 'd'), { 'user.a': '1' });
  const path = 'd' as RelPath;
  const { tree } = bench.context;
  const request = { path, stat: tree.lstat(path)!, xattrs: tree.xattrs(path), row: undefined, signal };
  const { row } = ended(await uploadMarker(bench.context, request), 'stored');
  assert.equal(digestIn(bench, 'd/'), row.xattrs);
  for (const xattrs of [request.xattrs, null]) {
    const equal = ended(await uploadMarker(bench.context, { ...request, xattrs, row }), 'equal');
    assert.equal(equal.row.xattrs, row.xattrs, 'S3 goes on telling of them');
  }
  setAttributes(join(bench.root, 'd'), { 'user.a': '2' });
  assert.equal((await uploadMarker(bench.context, { ...request, xattrs: tree.xattrs(path), row })).end, 'stored');
});

test('S3 attributes that change between the looks at a file are read again with it', async (t) => {
  const bench = transferBench(t, { xattrs: true });
  const row = await stored(bench);
  const { tree } = bench.context;
  const { xattrs } = tree;
  let n = 0;
  tree.xattrs = (of) => {
    const read = xattrs.call(tree, of);
    setAttributes(join(bench.root, F), { 'user.a': `after the look ${n++}` });
    return read;
  };
  for (const content of ['send', 'compare', 'stored'] as const) {
    const { ctimeNs } = tree.lstat(F)!;
    assert.deepEqual(
      await upload(bench, { content, row: { ...row, ctimeNs, xattrs: null } }),
      { end: 'raced' },
      content,
    );
  }
});

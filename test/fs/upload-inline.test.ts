// Symbolic links and directory markers: objects whose body is at hand.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import type { RelPath } from '../../src/model/path.ts';
import { type InlineRequest, uploadMarker, uploadSymlink } from '../../src/transfer/upload-inline.ts';
import { ambiguousError, ended, type TransferBench, transferBench } from '../support/transfers.ts';

const F = 'd/f' as RelPath;
const KEY = 'p/d/f';

function link(bench: TransferBench, target: string): InlineRequest {
  mkdirSync(join(bench.root, 'd'), { recursive: true });
  symlinkSync(Buffer.from(target, 'latin1'), join(bench.root, F));
  const { signal } = new AbortController();
  return { path: F, stat: bench.context.tree.lstat(F)!, xattrs: null, row: undefined, signal };
}

test('S13 a link is an object whose body is the target, byte for byte, and whose mode says so', async (t) => {
  const bench = transferBench(t);
  const request = link(bench, 'nowhere/\xff');
  const { row } = ended(await uploadSymlink(bench.context, request), 'stored');
  const object = bench.store.objects.get(KEY)!;
  assert.equal(object.body.toString('latin1'), 'nowhere/\xff');
  assert.equal(object.attributes.metadata['mode'], '0120777');
  assert.deepEqual(
    [row.kind, row.state, row.checksum],
    ['symlink', 'known', createHash('sha256').update(object.body).digest('hex')],
  );
});

test('a link that is another one than was looked at is a race', async (t) => {
  const bench = transferBench(t);
  const request = link(bench, 'a');
  rmSync(join(bench.root, F));
  assert.deepEqual(await uploadSymlink(bench.context, request), { end: 'raced' });
  bench.write(F, 'a file');
  assert.deepEqual(await uploadSymlink(bench.context, request), { end: 'raced' });
  rmSync(join(bench.root, F));
  symlinkSync('b', join(bench.root, F));
  assert.deepEqual(await uploadSymlink(bench.context, request), { end: 'raced' });
  assert.equal(bench.store.objects.size, 0);
});

test('S8 a link or marker that S3 holds as it is costs nothing', async (t) => {
  const bench = transferBench(t);
  const request = link(bench, 'a');
  const { row } = ended(await uploadSymlink(bench.context, request), 'stored');
  const again = ended(await uploadSymlink(bench.context, { ...request, row }), 'equal');
  assert.equal(again.row.etag, row.etag);
  assert.deepEqual(Object.fromEntries(bench.store.calls), { put: 1 });
  const fuzzy = await uploadSymlink(bench.context, { ...request, row: { ...row, state: 'unproven' } });
  assert.equal(fuzzy.end, 'stored', 'only what is known counts');
});

test('S13 a marker is an empty object with the mode of its directory, under the name and a slash', async (t) => {
  const bench = transferBench(t);
  mkdirSync(join(bench.root, 'd'), { mode: 0o700 });
  const { signal } = new AbortController();
  const path = 'd' as RelPath;
  const request = { path, stat: bench.context.tree.lstat(path)!, xattrs: null, row: undefined, signal };
  const seen: (string | undefined)[] = [];
  bench.store.before = () => seen.push(bench.ledger.get('d/' as LedgerRow['key'])?.state);
  const { row } = ended(await uploadMarker(bench.context, request), 'stored');
  assert.deepEqual(seen, ['intent']);
  const object = bench.store.objects.get('p/d/')!;
  assert.deepEqual([object.body.length, object.attributes.metadata['mode']], [0, '040700']);
  assert.deepEqual([row.key, row.kind, row.sizeBytes], ['d/', 'directory', 0]);
  bench.store.lost = ambiguousError();
  const failed = ended(await uploadMarker(bench.context, request), 'failed');
  assert.deepEqual([failed.row?.state, failed.row?.proveAfterMs], ['intent', bench.wallMs + 60_000]);
});

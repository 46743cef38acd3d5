// One file that does not rest -> one object, where its file system can clone files.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import type { RelPath } from '../../src/model/path.ts';
import type { Clones } from '../../src/transfer/clones.ts';
import type { Outcome } from '../../src/transfer/outcome.ts';
import { type UploadRequest, uploadFile } from '../../src/transfer/upload-file.ts';
import { copyingClones, ended, type TransferBench, transferBench } from '../support/transfers.ts';

const F = 'd/f' as RelPath;
const KEY = 'p/d/f';
const SMALL = 'hello';
const MIDDLE = 'm'.repeat(64 * 1024 + 1);
/** In parts. */
const LARGE = 'l'.repeat(1024 * 1024 + 1);

function upload(bench: TransferBench, request: Partial<UploadRequest> = {}): Promise<Outcome> {
  const { signal } = new AbortController();
  const rest = { content: 'send', row: bench.row(F), force: false, overtaken: true, signal } as const;
  return uploadFile(bench.context, { path: F, ...rest, ...request });
}

const calls = (bench: TransferBench): Record<string, number> => Object.fromEntries(bench.store.calls);

const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

test('S3 a forced snapshot of a clone is a state of the file: unmarked and not torn, but its row never counts as unchanged', async (t) => {
  for (const content of [SMALL, LARGE]) {
    const bench = transferBench(t, { clones: copyingClones(t) });
    bench.write(F, content);
    bench.wallMs = Date.now(); // a moment ago: equal stats prove nothing
    const meddle = () => bench.write(F, 'another');
    bench.store.before = meddle;
    const { row, torn, marked } = ended(await upload(bench, { force: true }), 'stored');
    assert.deepEqual([torn, marked, row.state, row.checksum], [false, false, 'fuzzy', sha256(content)]);
    const object = bench.store.objects.get(KEY)!;
    assert.ok(object.body.equals(Buffer.from(content)));
    assert.equal(object.attributes.metadata['awssyncer-fuzzy'], undefined);
  }
});

test('S3 a clone of a file that had rested is known, whatever becomes of the file while the clone is sent', async (t) => {
  const bench = transferBench(t, { clones: copyingClones(t) });
  bench.write(F, LARGE);
  const stat = bench.context.tree.lstat(F)!;
  // What changes now changes behind the clone.
  const { hash } = bench.context.hashes;
  bench.context.hashes.hash = (...args) => {
    bench.write(F, 'another');
    return hash.apply(bench.context.hashes, args);
  };
  const { row, torn, marked } = ended(await upload(bench), 'stored');
  assert.deepEqual([torn, marked, row.state, row.checksum], [false, false, 'known', sha256(LARGE)]);
  assert.deepEqual([row.ctimeNs, row.sizeBytes], [stat.ctimeNs, LARGE.length]);
  assert.equal(bench.row(F)?.sizeBytes, LARGE.length);
  assert.equal(bench.context.tree.lstat(F)!.sizeBytes, 7);
});

/** Clones of files that have grown since they were opened. */
function growingClones(t: TestContext, grow: () => void): Pick<Clones, 'make'> {
  const clones = copyingClones(t);
  const make: Clones['make'] = (request) => {
    grow();
    return clones.make(request);
  };
  return { make };
}

test('S3 a clone of a file that was written since it was looked at is sent only if it must be, with the size it has', async (t) => {
  for (const content of [MIDDLE, LARGE]) {
    const clones = growingClones(t, () => appendFileSync(join(bench.root, F), '!'));
    const bench: TransferBench = transferBench(t, { clones });
    bench.write(F, content);
    if (content === LARGE) {
      assert.deepEqual(await upload(bench), { end: 'raced' });
      assert.deepEqual(calls(bench), {}, 'no part of it is sent in vain');
    }
    const { row } = ended(await upload(bench, { force: true }), 'stored');
    const { body } = bench.store.objects.get(KEY)!;
    assert.equal(body.at(-1), '!'.charCodeAt(0));
    assert.deepEqual([row.state, row.sizeBytes, row.checksum], ['fuzzy', body.length, sha256(body)]);
  }
});

test('S8 a small file that was overtaken is not cloned, nor a large one that was not', async (t) => {
  const clones = { make: () => assert.fail('cloned') };
  for (const [content, overtaken] of [
    [SMALL, true],
    [LARGE, false],
  ] as const) {
    const bench = transferBench(t, { clones });
    bench.write(F, content);
    assert.equal(ended(await upload(bench, { overtaken }), 'stored').row.state, 'known');
  }
});

test('S8 S3 equal content of a clone is not sent, and its row does not count as unchanged', async (t) => {
  const bench = transferBench(t, { clones: copyingClones(t) });
  bench.write(F, SMALL);
  const { row: before } = ended(await upload(bench), 'stored');
  bench.context.journal.save(before);
  bench.store.calls.clear();
  bench.wallMs = Number(before.ctimeNs / 1_000_000n) + 1;
  const { row } = ended(await upload(bench, { content: 'compare', force: true }), 'equal');
  assert.deepEqual([row.state, row.etag, calls(bench)], ['fuzzy', before.etag, {}]);
});

test('S3 a foreign object that holds what a clone holds is adopted, and its row does not count as unchanged', async (t) => {
  const bench = transferBench(t, { clones: copyingClones(t) });
  bench.write(F, SMALL);
  const { row: stored } = ended(await upload(bench), 'stored');
  const mtimeNs = stored.ctimeNs + 3_600_000_000_000n; // written an hour later
  const row: LedgerRow = { ...stored, state: 'foreign', checksum: null, mtimeNs };
  bench.wallMs = Number(stored.ctimeNs / 1_000_000n) + 1;
  const equal = ended(await upload(bench, { content: 'adopt', row, force: true }), 'equal');
  assert.deepEqual([equal.adopted, equal.row.state, equal.row.checksum], [true, 'fuzzy', sha256(SMALL)]);
});

// One file -> one object: which request, what the ledger is to believe, and what is never published.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import type { RelPath } from '../../src/model/path.ts';
import { StoreError } from '../../src/store/errors.ts';
import type { Outcome } from '../../src/transfer/outcome.ts';
import { proveKey } from '../../src/transfer/prove.ts';
import { type UploadRequest, uploadFile } from '../../src/transfer/upload-file.ts';
import { ambiguousError, ended, type TransferBench, transferBench } from '../support/transfers.ts';

const F = 'd/f' as RelPath;
const KEY = 'p/d/f';

const SMALL = 'hello';
/** Above the size up to which changed metadata is sent along with the content. */
const MIDDLE = Buffer.alloc(64 * 1024 + 1, 'm');
/** In parts. */
const LARGE = Buffer.alloc(1024 * 1024 + 1, 'l');

function upload(bench: TransferBench, request: Partial<UploadRequest> = {}): Promise<Outcome> {
  const { signal } = new AbortController();
  return uploadFile(bench.context, {
    path: F,
    content: 'send',
    row: bench.row(F),
    force: false,
    overtaken: false,
    signal,
    ...request,
  });
}

/** A file that is stored, and its row saved. */
async function storedFile(bench: TransferBench, content: string | Buffer): Promise<LedgerRow> {
  bench.write(F, content);
  const { row } = ended(await upload(bench), 'stored');
  bench.context.journal.save(row);
  bench.store.calls.clear();
  return row;
}

function calls(bench: TransferBench): Record<string, number> {
  return Object.fromEntries(bench.store.calls);
}

const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

for (const [size, content] of [
  ['small', SMALL],
  ['empty', ''],
  ['large', LARGE],
] as const) {
  test(`S8 a new ${size} file is one write, and its row says what was read`, async (t) => {
    const bench = transferBench(t);
    bench.write(F, content);
    const { row, how, bytes, torn } = ended(await upload(bench), 'stored');
    assert.deepEqual(calls(bench), { put: 1 });
    const object = bench.store.objects.get(KEY)!;
    assert.ok(object.body.equals(Buffer.from(content)));
    const stat = statSync(join(bench.root, F), { bigint: true });
    assert.deepEqual([how, bytes, torn], ['uploaded', content.length, false]);
    assert.deepEqual(
      [row.state, row.checksum, row.etag, row.ino, row.ctimeNs, row.proveAfterMs, row.uploadId],
      ['known', sha256(content), object.etag, stat.ino, stat.ctimeNs, null, null],
    );
    assert.equal(object.attributes.metadata['mode'], `0${Number(stat.mode).toString(8)}`);
    assert.equal(object.attributes.metadata['awssyncer-fuzzy'], undefined);
  });
}

test('S6 before the request the ledger says durably that it may execute, for a new key and for a known one', async (t) => {
  const bench = transferBench(t);
  bench.write(F, SMALL);
  const seen: (string | undefined)[] = [];
  // Past the journal: what would survive a crash.
  bench.store.before = () => seen.push(bench.ledger.get(F as string as LedgerRow['key'])?.state);
  const { row } = ended(await upload(bench), 'stored');
  bench.context.journal.save(row);
  appendFileSync(join(bench.root, F), '!');
  await upload(bench);
  assert.deepEqual(seen, ['intent', 'unproven']);
});

test('S8 equal content with equal metadata costs no request; the row takes the new stat', async (t) => {
  for (const content of [SMALL, MIDDLE, LARGE]) {
    const bench = transferBench(t);
    const before = await storedFile(bench, content);
    const path = join(bench.root, F);
    const { mode } = statSync(path);
    chmodSync(path, 0o600);
    chmodSync(path, mode & 0o7777); // only the ctime differs now
    const { row, adopted } = ended(await upload(bench, { content: 'compare' }), 'equal');
    assert.deepEqual(calls(bench), {});
    assert.equal(adopted, false);
    assert.notEqual(row.ctimeNs, before.ctimeNs);
    assert.deepEqual([row.state, row.etag, row.checksum], ['known', before.etag, before.checksum]);
  }
});

test('S8 changed metadata is one PUT up to 64 KiB, above it one copy of the object onto itself', async (t) => {
  for (const [content, how, call] of [
    [MIDDLE.subarray(1), 'uploaded', { put: 1 }],
    [MIDDLE, 'copied', { copy: 1 }],
    [LARGE, 'copied', { copy: 1 }],
  ] as const) {
    const bench = transferBench(t);
    await storedFile(bench, content);
    chmodSync(join(bench.root, F), 0o640);
    const { row, how: done, bytes } = ended(await upload(bench, { content: 'compare' }), 'stored');
    assert.deepEqual([done, calls(bench)], [how, call]);
    assert.equal(bytes, how === 'copied' ? 0 : content.length);
    const object = bench.store.objects.get(KEY)!;
    assert.equal(object.attributes.metadata['mode'], '0100640');
    assert.deepEqual([row.mode, row.etag, row.checksum], [0o100640, object.etag, sha256(content)]);
  }
});

test('changed content of the same size is sent', async (t) => {
  for (const content of [MIDDLE, LARGE]) {
    const bench = transferBench(t);
    await storedFile(bench, content);
    const other = Buffer.from(content).fill('z', 10, 20);
    bench.write(F, other);
    const { row, how } = ended(await upload(bench, { content: 'compare' }), 'stored');
    assert.equal(how, 'uploaded');
    assert.equal(row.checksum, sha256(other));
    assert.ok(bench.store.objects.get(KEY)!.body.equals(other));
  }
});

for (const [claim, meddle] of [
  ['was replaced by somebody', (bench: TransferBench) => bench.store.put(KEY, Buffer.from('theirs'), { metadata: {} })],
  ['was deleted by somebody', (bench: TransferBench) => bench.store.deleteMany([KEY])],
] as const) {
  test(`S2 a copy of an object that ${claim} is refused, and the content is sent`, async (t) => {
    for (const content of [MIDDLE, LARGE]) {
      const bench = transferBench(t);
      await storedFile(bench, content);
      await meddle(bench);
      chmodSync(join(bench.root, F), 0o640);
      const { how, row } = ended(await upload(bench, { content: 'compare' }), 'stored');
      assert.deepEqual([how, row.state], ['uploaded', 'known']);
      assert.ok(bench.store.objects.get(KEY)!.body.equals(content));
    }
  });
}

async function foreignRow(bench: TransferBench, content: string | Buffer): Promise<LedgerRow> {
  bench.write(F, content);
  const { row } = ended(await upload(bench), 'stored');
  bench.store.calls.clear();
  // Written an hour after the file's last change.
  const mtimeNs = row.ctimeNs + 3_600_000_000_000n;
  return { ...row, state: 'foreign', checksum: null, ino: 0n, mtimeNs, ctimeNs: 0n };
}

test('S8 a foreign object of equal content that is newer than the file is adopted without a request', async (t) => {
  for (const content of [SMALL, MIDDLE]) {
    const bench = transferBench(t);
    const row = await foreignRow(bench, content);
    const outcome = ended(await upload(bench, { content: 'adopt', row }), 'equal');
    assert.equal(outcome.adopted, true);
    assert.deepEqual(calls(bench), {});
    assert.deepEqual([outcome.row.state, outcome.row.checksum, outcome.row.etag], ['known', sha256(content), row.etag]);
  }
});

type Metadata = Readonly<Record<string, string>>;

for (const [claim, meddle, expected] of [
  ['says the same: adopted', (metadata) => metadata, { end: 'equal', calls: { head: 1 } }],
  ['says nothing: adopted', () => ({}), { end: 'equal', calls: { head: 1 } }],
  [
    'says another mode: copied',
    (metadata) => ({ ...metadata, mode: '100600' }),
    { end: 'stored', calls: { head: 1, copy: 1 } },
  ],
  [
    'is marked as a snapshot: copied',
    (metadata) => ({ ...metadata, 'awssyncer-fuzzy': '1' }),
    { end: 'stored', calls: { head: 1, copy: 1 } },
  ],
  ['is a symbolic link: overwritten', () => ({ mode: '120777' }), { end: 'stored', calls: { head: 1, put: 1 } }],
] as [string, (metadata: Metadata) => Metadata, { end: string; calls: object }][]) {
  test(`S13 a foreign object of equal content that may be older than the file is asked what it says of it: it ${claim}`, async (t) => {
    const bench = transferBench(t);
    const row = await foreignRow(bench, SMALL);
    const object = bench.store.objects.get(KEY)!;
    bench.store.objects.set(KEY, { ...object, attributes: { metadata: meddle(object.attributes.metadata) } });
    const { ctimeNs: mtimeNs } = statSync(join(bench.root, F), { bigint: true });
    const outcome = await upload(bench, { content: 'adopt', row: { ...row, mtimeNs } });
    assert.deepEqual({ end: outcome.end, calls: calls(bench) }, expected);
  });
}

test('a foreign object of other content, or of an ETag that tells nothing, is overwritten', async (t) => {
  for (const etag of [createHash('md5').update('world').digest('hex'), 'opaque', null]) {
    const bench = transferBench(t);
    const row = { ...(await foreignRow(bench, SMALL)), etag };
    ended(await upload(bench, { content: 'adopt', row }), 'stored');
    assert.deepEqual(calls(bench), { put: 1 });
  }
});

test('S3 a file that was written a moment ago is not read yet', async (t) => {
  const bench = transferBench(t);
  bench.write(F, SMALL);
  bench.wallMs = Number(statSync(join(bench.root, F), { bigint: true }).ctimeNs / 1_000_000n) + 5;
  assert.deepEqual(await upload(bench), { end: 'young', inMs: 15 });
  const { row, torn } = ended(await upload(bench, { force: true }), 'stored');
  assert.deepEqual([torn, row.state], [true, 'fuzzy'], 'it may have been written while it was read');
});

test('S3 a file whose ctime lies in the future is stored, and never taken for unchanged', async (t) => {
  const bench = transferBench(t);
  bench.write(F, SMALL);
  bench.wallMs -= 3_600_000;
  const { row } = ended(await upload(bench), 'stored');
  assert.equal(row.state, 'fuzzy');
  const again = ended(await upload(bench, { content: 'compare', row }), 'equal');
  assert.equal(again.row.state, 'fuzzy');
});

/** Changes the file at its first read. */
function writeWhileRead(bench: TransferBench): void {
  const { lstat } = bench.context.tree;
  bench.context.tree.lstat = (path) => {
    appendFileSync(join(bench.root, F), '!');
    bench.context.tree.lstat = lstat;
    return lstat.call(bench.context.tree, path);
  };
}

test('S3 a file that changed while it was read is not published', async (t) => {
  for (const content of [SMALL, LARGE]) {
    const bench = transferBench(t);
    bench.write(F, content);
    writeWhileRead(bench);
    assert.deepEqual(await upload(bench), { end: 'raced' });
    assert.equal(bench.store.objects.size, 0, 'a multipart upload is not completed either');
  }
});

test('S3 a large file that changed while it was compared is neither copied nor sent', async (t) => {
  const bench = transferBench(t);
  await storedFile(bench, LARGE);
  chmodSync(join(bench.root, F), 0o640);
  writeWhileRead(bench);
  assert.deepEqual(await upload(bench, { content: 'compare' }), { end: 'raced' });
  assert.deepEqual(calls(bench), {});
});

test('S3 a foreign object is not adopted by a file that changed while it was compared', async (t) => {
  const bench = transferBench(t);
  const row = await foreignRow(bench, SMALL);
  writeWhileRead(bench);
  assert.deepEqual(await upload(bench, { content: 'adopt', row }), { end: 'raced' });
});

test('S3 a forced snapshot is published as one: marked, reported torn, and never known', async (t) => {
  for (const content of [SMALL, LARGE]) {
    const bench = transferBench(t);
    bench.write(F, content);
    writeWhileRead(bench);
    const { row, torn } = ended(await upload(bench, { force: true }), 'stored');
    assert.deepEqual([torn, row.state], [true, 'fuzzy']);
    const object = bench.store.objects.get(KEY)!;
    assert.equal(object.attributes.metadata['awssyncer-fuzzy'], '1');
    assert.equal(row.checksum, sha256(object.body), 'the checksum is that of what was sent');
  }
});

test('S3 the mark of a snapshot comes off when the file is found to have rested, also if its content is equal', async (t) => {
  for (const content of [SMALL, MIDDLE, LARGE]) {
    const bench = transferBench(t);
    bench.write(F, content);
    const isMarked = () => bench.store.objects.get(KEY)!.attributes.metadata['awssyncer-fuzzy'] !== undefined;
    if (content !== LARGE) writeWhileRead(bench);
    const first = ended(await upload(bench, { force: true }), 'stored');
    // Parts must say it before anybody knows.
    assert.deepEqual([first.torn, first.marked, first.row.state], [content !== LARGE, true, 'fuzzy']);
    assert.ok(isMarked());
    bench.write(F, bench.store.objects.get(KEY)!.body);
    const { row, how, marked } = ended(await upload(bench, { content: 'compare', row: first.row }), 'stored');
    assert.deepEqual([marked, row.state, how], [false, 'known', content === SMALL ? 'uploaded' : 'copied']);
    assert.ok(!isMarked());
  }
});

test('S3 a proof does not make a snapshot known', async (t) => {
  const bench = transferBench(t);
  bench.write(F, SMALL);
  writeWhileRead(bench);
  const { row } = ended(await upload(bench, { force: true }), 'stored');
  const { signal } = new AbortController();
  const { row: after } = ended(await proveKey(bench.context, { ...row, state: 'unproven' }, signal), 'disproven');
  assert.equal(after.state, 'intent');
});

test('S6 a failure that is not ambiguous brings back the row of before', async (t) => {
  const bench = transferBench(t);
  bench.write(F, SMALL);
  bench.store.before = () => {
    throw new StoreError('no', { reaction: 'throttled', code: 'SlowDown' });
  };
  const { error, row } = ended(await upload(bench), 'failed') as Extract<Outcome, { end: 'failed' }>;
  assert.deepEqual([error.code, row?.state, row?.proveAfterMs], ['SlowDown', 'intent', null], 'the key counts as ours');
});

test('S6 an ambiguous failure on a new key leaves an intent that must be proven', async (t) => {
  const bench = transferBench(t);
  bench.write(F, SMALL);
  bench.store.lost = ambiguousError();
  const { row } = ended(await upload(bench), 'failed');
  assert.deepEqual([row?.state, row?.proveAfterMs], ['intent', bench.wallMs + 60_000]);
});

test('S6 an ambiguous failure on a known key leaves what was known, unproven', async (t) => {
  for (const content of ['send', 'compare'] as const) {
    const bench = transferBench(t);
    const known = await storedFile(bench, MIDDLE);
    chmodSync(join(bench.root, F), 0o640);
    bench.store.lost = ambiguousError();
    const { row } = ended(await upload(bench, { content }), 'failed');
    assert.deepEqual(row, { ...known, state: 'unproven', proveAfterMs: bench.wallMs + 60_000 });
  }
});

test('S6 the successor of an ambiguous request is unproven until the late one can no longer come', async (t) => {
  const bench = transferBench(t);
  bench.write(F, SMALL);
  bench.store.lost = ambiguousError();
  bench.context.journal.save(ended(await upload(bench), 'failed').row!);
  bench.store.lost = undefined;
  const proveAfterMs = bench.wallMs + 60_000;
  bench.wallMs += 59_999;
  const early = ended(await upload(bench), 'stored').row;
  assert.deepEqual([early.state, early.proveAfterMs], ['unproven', proveAfterMs]);
  bench.context.journal.save(early);
  bench.wallMs += 1;
  assert.equal(ended(await upload(bench), 'stored').row.state, 'known');
});

test('a file that is gone or no file any more is a race; one that cannot be opened is unreadable', async (t) => {
  const bench = transferBench(t);
  mkdirSync(join(bench.root, F), { recursive: true });
  assert.deepEqual(await upload(bench), { end: 'raced' });
  rmSync(join(bench.root, 'd'), { recursive: true });
  assert.deepEqual(await upload(bench), { end: 'raced' });
  assert.deepEqual(await upload(bench, { path: `${'x'.repeat(256)}` as RelPath }), {
    end: 'unreadable',
    code: 'ENAMETOOLONG',
  });
  assert.deepEqual(calls(bench), {});
});

test('a defect is no outcome', async (t) => {
  const bench = transferBench(t);
  bench.write(F, SMALL);
  bench.store.before = () => {
    throw new TypeError('a defect');
  };
  await assert.rejects(upload(bench), TypeError);
});

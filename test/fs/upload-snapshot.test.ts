// One file that a command makes -> one object: when that counts as stored, and what the object says.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, linkSync, openSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SnapshotHooks } from '../../src/agent/snapshot-hooks.ts';
import { createSnapshotRules } from '../../src/filter/snapshot-rules.ts';
import type { Keeps } from '../../src/model/extras.ts';
import type { RelPath } from '../../src/model/path.ts';
import { storedXattrs } from '../../src/model/xattrs.ts';
import { StoreError } from '../../src/store/errors.ts';
import { NO_SNAPSHOTS, type SeenState, type Snapshots } from '../../src/transfer/snapshots.ts';
import { type UploadRequest, uploadFile } from '../../src/transfer/upload-file.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import { tempDir } from '../support/temp-dir.ts';
import { ended, type TransferBench, transferBench } from '../support/transfers.ts';
import { setAttributes } from '../support/xattrs.ts';

const F = 'a.db' as RelPath;
/** More than goes with changed metadata otherwise. */
const MADE = 'm'.repeat(64 * 1024 + 1);

interface SnapshotBench extends TransferBench {
  readonly stored: SeenState[];
  /** Says so before each snapshot. */
  seen: SeenState;
  /** What is made; undefined: too much is being made. */
  made: string | undefined;
}

function bench(t: TestContext, keeps: Partial<Keeps> = {}): SnapshotBench {
  const file = join(tempDir(t), 'made');
  const snapshots: Snapshots = {
    ...NO_SNAPSHOTS,
    isMade: (path) => path === F,
    look: () => all.seen,
    stored: (_path, seen) => all.stored.push(seen),
    make: async () => {
      if (all.made === undefined) return undefined;
      writeFileSync(file, all.made);
      return { fd: openSync(file, 'r'), sizeBytes: all.made.length };
    },
  };
  const transfers = transferBench(t, keeps);
  const more = { stored: [], seen: { signature: 'one', youngMs: 0 }, made: MADE };
  const all: SnapshotBench = Object.assign(transfers, more, { context: { ...transfers.context, snapshots } });
  all.write(F, 'the file');
  return all;
}

function upload(all: SnapshotBench, request: Partial<UploadRequest> = {}) {
  const { signal } = new AbortController();
  const rest = { content: 'send', row: all.row(F), force: false, overtaken: false, signal } as const;
  return uploadFile(all.context, { path: F, ...rest, ...request });
}

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

test('S3 the object holds what was made, its row the stat of the file', async (t) => {
  const all = bench(t);
  const files = readdirSync('/proc/self/fd').length;
  const { row, torn, marked } = ended(await upload(all), 'stored');
  const { sizeBytes, ctimeNs } = all.context.tree.lstat(F)!;
  assert.deepEqual([torn, marked, row.state, row.checksum], [false, false, 'known', sha256(MADE)]);
  assert.deepEqual([row.sizeBytes, row.ctimeNs], [sizeBytes, ctimeNs]);
  const { body, attributes } = all.store.objects.get('p/a.db')!;
  assert.equal(body.toString(), MADE);
  assert.deepEqual(
    [attributes.metadata['awssyncer-snapshot'], attributes.metadata['awssyncer-fuzzy']],
    ['1', undefined],
  );
  assert.deepEqual(all.stored, [all.seen]);
  assert.equal(readdirSync('/proc/self/fd').length, files);
});

test('S8 changed metadata is sent with what was made: a copy would not say what it is', async (t) => {
  const all = bench(t);
  const { row } = ended(await upload(all), 'stored');
  all.context.journal.save(row);
  all.store.calls.clear();
  ended(await upload(all, { content: 'compare' }), 'equal');
  assert.deepEqual([...all.store.calls], []);
  chmodSync(join(all.root, F), 0o600);
  ended(await upload(all, { content: 'compare' }), 'stored');
  assert.deepEqual([...all.store.calls], [['put', 1]]);
  const { metadata } = all.store.objects.get('p/a.db')!.attributes;
  assert.deepEqual([metadata['mode'], metadata['awssyncer-snapshot']], ['0100600', '1']);
  assert.equal(all.stored.length, 3);
});

test('S13 attributes and links are those of the file, and a change of them is sent with what was made', async (t) => {
  const all = bench(t, { xattrs: true, hardLinks: true });
  const file = join(all.root, F);
  linkSync(file, join(all.root, 'b.db'));
  setAttributes(file, { 'user.a': '1' });
  const { row } = ended(await upload(all), 'stored');
  const metadata = () => all.store.objects.get('p/a.db')!.attributes.metadata;
  const expected = () => all.context.tree.xattrs(F)!.digest;
  assert.deepEqual([row.xattrs, storedXattrs(metadata()).digest], [expected(), expected()]);
  assert.match(row.linkGroup!, /^[0-9a-f]{32}$/);
  assert.equal(metadata()['awssyncer-links'], row.linkGroup);
  all.context.journal.save(row);
  all.store.calls.clear();
  ended(await upload(all, { content: 'compare' }), 'equal');
  assert.deepEqual([...all.store.calls], []);
  setAttributes(file, { 'user.a': '2' });
  const changed = ended(await upload(all, { content: 'compare' }), 'stored').row;
  assert.deepEqual([...all.store.calls], [['put', 1]]);
  assert.deepEqual([changed.xattrs, storedXattrs(metadata()).digest], [expected(), expected()]);
  assert.notEqual(changed.xattrs, row.xattrs);
  assert.deepEqual([metadata()['awssyncer-links'], metadata()['awssyncer-snapshot']], [row.linkGroup, '1']);
});

test('S3 attributes of another state of the file than its stat are not stored with that', async (t) => {
  const all = bench(t, { xattrs: true });
  const { tree } = all.context;
  t.mock.method(tree, 'xattrs', (opened: Parameters<LocalTree['xattrs']>[0]) => {
    chmodSync(join(all.root, F), 0o600);
    return LocalTree.prototype.xattrs.call(tree, opened);
  });
  assert.deepEqual(await upload(all), { end: 'raced' });
  assert.deepEqual(all.stored, []);
});

test('S3 what was made a moment after a write is stored only if it must be, and then made anew', async (t) => {
  const all = bench(t);
  all.seen = { signature: 'young', youngMs: 7 };
  assert.deepEqual(await upload(all), { end: 'young', inMs: 7 });
  const { row, torn, marked } = ended(await upload(all, { force: true }), 'stored');
  assert.deepEqual([torn, marked, row.state, all.stored], [false, false, 'fuzzy', []]);
});

test('what S3 did not take is not stored', async (t) => {
  const all = bench(t);
  all.store.before = () => {
    throw new StoreError('no', { reaction: 'throttled', code: 'SlowDown' });
  };
  ended(await upload(all), 'failed');
  assert.deepEqual(all.stored, []);
});

test('an agent that ends does not take the end of the command for a failure', async (t) => {
  const all = bench(t);
  const controller = new AbortController();
  t.mock.method(all.context.snapshots, 'make', () => {
    controller.abort(new Error('enough'));
    return Promise.reject(controller.signal.reason);
  });
  const { error } = ended(await upload(all, { signal: controller.signal }), 'failed');
  assert.equal(error.reaction, 'aborted');
  assert.deepEqual(
    [...all.store.calls.keys()].filter((call) => call !== 'head'),
    [],
  );
});

test('while enough is being made the file waits, and nothing is sent', async (t) => {
  const all = bench(t);
  all.made = undefined;
  assert.deepEqual(await upload(all), { end: 'busy', inMs: 200 });
  assert.deepEqual(
    [...all.store.calls.keys()].filter((call) => call !== 'head'),
    [],
  );
});

test('S3 the youngest of the file and its logs is what counts; of a log only when it was written', (t) => {
  const root = tempDir(t);
  const tree = new LocalTree(Buffer.from(root));
  for (const name of ['a.db', 'a.db-wal', 'a.db-journal']) writeFileSync(join(root, name), '');
  const stat = tree.lstat(F)!;
  const ctimeMs = Number(stat.ctimeNs / 1_000_000n);
  let wallMs = ctimeMs + 10_000;
  const rules = createSnapshotRules([{ glob: '*.db', command: 'true' }]);
  const rest = { directory: root, timeoutMs: 1, env: {}, wallNow: () => wallMs };
  const hooks = new SnapshotHooks({ rules, tree, ...rest });
  const at = (name: string, ms: number) => utimesSync(join(root, name), ms / 1000, ms / 1000);
  for (const name of ['a.db-wal', 'a.db-journal']) {
    at('a.db-wal', ctimeMs - 50_000);
    at('a.db-journal', ctimeMs - 50_000);
    const before = hooks.look(F, stat);
    assert.equal(before.youngMs, 0);
    chmodSync(join(root, name), 0o600);
    assert.deepEqual(hooks.look(F, stat), before);
    at(name, wallMs - 5);
    const { youngMs, signature } = hooks.look(F, stat);
    assert.ok(youngMs > 10 && youngMs <= 20, `${youngMs}`);
    assert.notEqual(signature, before.signature);
  }
  wallMs = ctimeMs - 1_000_000;
  assert.equal(hooks.look(F, stat).youngMs, -1, 'no time can prove anything');
  const broken = { ...rest, tree: { ...tree, absoluteName: () => '', lstat: () => assert.fail('EACCES') } };
  const blind = new SnapshotHooks({ rules, ...broken });
  blind.stored(F, { signature: 'x', youngMs: 0 });
  assert.equal(blind.isStored(F, stat), false);
});

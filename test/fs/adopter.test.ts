// Files that S3 may hold already: hashed by the addon, and adopted only where nothing is in doubt.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Adopter, type AdopterOptions } from '../../src/agent/adopter.ts';
import { Journal } from '../../src/ledger/journal.ts';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import { foreignRow } from '../../src/ledger/row.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { fileKey } from '../../src/model/key.ts';
import { pathFromText } from '../../src/model/path.ts';
import { loadAddon } from '../../src/native/addon.ts';
import { LocalTree } from '../../src/tree/local-tree.ts';
import { tempDir } from '../support/temp-dir.ts';

const hex = (algorithm: string, content: Buffer | string): string =>
  createHash(algorithm).update(content).digest('hex');

const HOUR_MS = 3_600_000;

/** A directory whose files rest, and a ledger that has foreign rows of all of them, an hour younger. */
function place(
  t: TestContext,
  files: Readonly<Record<string, Buffer | string>>,
  options: Partial<AdopterOptions> = {},
) {
  const root = tempDir(t);
  const { ledger } = openLedger({ file: ':memory:' });
  t.after(() => ledger.close());
  const journal = new Journal(ledger, setImmediate);
  const tree = new LocalTree(Buffer.from(root));
  const at = (name: string): string => join(root, name);
  const list = (name: string, content: Buffer | string, change: Partial<LedgerRow> = {}): void => {
    const remote = { sizeBytes: content.length, etag: hex('md5', content), lastModifiedMs: Date.now() + HOUR_MS };
    ledger.write([{ ...foreignRow(fileKey(pathFromText(name)), remote), ...change }]);
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), content);
    list(name, content);
  }
  // So that all of them have rested for a while.
  const wallNow = (): number => Date.now() + 10_000;
  const adopter = new Adopter({ tree, journal, hashFiles: loadAddon().hashFiles, wallNow, ...options });
  const candidate = (name: string) => ({ path: pathFromText(name), stat: tree.lstat(pathFromText(name))! });
  return {
    ...{ root, ledger, journal, tree, at, list, adopter, candidate },
    isCandidate: (name: string) => adopter.isCandidate(candidate(name), ledger.get(fileKey(pathFromText(name)))),
    row: (name: string) => ledger.get(fileKey(pathFromText(name))),
  };
}

test('S8 files whose objects have their content are adopted, whatever their sizes', async (t) => {
  // Around the blocks and the padding of the hashes, more files than are hashed side by side, and none.
  const sizes = [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 4096, 65_535, 65_536];
  const files = Object.fromEntries(sizes.map((size) => [`d${size % 3}/é${size}`, Buffer.alloc(size, `${size}`)]));
  const { adopter, candidate, row, tree } = place(t, files);
  const rows = await adopter.adopt(Object.keys(files).map(candidate));
  for (const [index, [name, content]] of Object.entries(files).entries()) {
    const { sizeBytes, mtimeNs, ctimeNs, ino, mode, uid, gid } = tree.lstat(pathFromText(name))!;
    const stat = { kind: 'file', sizeBytes, mtimeNs, ctimeNs, ino, mode, uid, gid };
    assert.deepEqual(rows[index], { ...row(name)!, ...stat, state: 'known', checksum: hex('sha256', content) });
  }
  assert.deepEqual(await adopter.adopt([]), []);
});

test('S13 a file is a candidate only if its content alone decides', (t) => {
  const files = {
    same: 'same',
    longer: 'longer',
    large: Buffer.alloc(65_537),
    older: 'older',
    ours: 'ours',
    one: 'one',
  };
  const { isCandidate, adopter, candidate, ledger, journal, tree, list, row, at } = place(t, files);
  linkSync(at('one'), at('other'));
  symlinkSync('same', at('link'));
  list('link', 'same');
  list('longer', 'long');
  // The clocks may differ by a quarter of an hour: mode or owner may have been changed afterwards.
  list('older', 'older', { mtimeNs: BigInt(Date.now() + 14 * 60_000) * 1_000_000n });
  ledger.write([{ ...row('ours')!, state: 'intent' }]);
  assert.deepEqual(
    ['same', 'longer', 'large', 'older', 'ours', 'one', 'link'].filter((name) => isCandidate(name)),
    ['same'],
  );
  const keeping = new LocalTree(Buffer.from(tree.root, 'latin1'), { xattrs: true });
  const attentive = new Adopter({ tree: keeping, journal, hashFiles: loadAddon().hashFiles, wallNow: Date.now });
  assert.equal(attentive.isCandidate(candidate('same'), row('same')), false, 'nobody has looked at its attributes');
  assert.equal(adopter.isCandidate(candidate('same'), undefined), false);
});

test('S3 S13 what is not proven to be the object of its path is left to be looked at', async (t) => {
  const names = ['same', 'other', 'shorter', 'longer', 'gone', 'linked', 'moved/f', 'fifo', 'taken', 'opaque'];
  const { adopter, candidate, at, list, ledger, row } = place(t, Object.fromEntries(names.map((name) => [name, name])));
  const candidates = names.map(candidate);
  list('other', 'othel');
  truncateSync(at('shorter'), 3);
  appendFileSync(at('longer'), 'and what was not there before');
  for (const name of ['gone', 'linked', 'fifo']) renameSync(at(name), at(`${name}.before`));
  symlinkSync('linked.before', at('linked'));
  renameSync(at('moved'), at('elsewhere'));
  symlinkSync('elsewhere', at('moved'));
  assert.equal(spawnSync('mkfifo', [at('fifo')]).status, 0);
  ledger.write([{ ...row('taken')!, state: 'unproven' }]);
  list('opaque', 'opaque', { etag: `${hex('md5', 'opaque')}-1` });
  const rows = await adopter.adopt(candidates);
  assert.deepEqual(
    names.filter((_, index) => rows[index] !== undefined),
    ['same'],
  );
});

test('S3 a file that was written a moment ago, or whose times lie in the future, is left to be looked at', async (t) => {
  for (const [ageMs, isAdopted] of [
    [10, false],
    [-5000, false],
    [3000, true],
  ] as const) {
    let nowMs = 0;
    const { adopter, candidate, at } = place(t, { f: 'f' }, { wallNow: () => nowMs });
    nowMs = Number(lstatSync(at('f'), { bigint: true }).ctimeNs / 1_000_000n) + ageMs;
    const [row] = await adopter.adopt([candidate('f')]);
    assert.equal(row !== undefined, isAdopted, `${ageMs} ms after its ctime`);
  }
});

test('S3 S13 the row has the stat that belongs to the content, not the one the scan saw', async (t) => {
  const { adopter, candidate, at } = place(t, { touched: 'touched', replaced: 'replaced', written: 'written' });
  const candidates = ['touched', 'replaced', 'written'].map(candidate);
  utimesSync(at('touched'), 1, 1);
  writeFileSync(at('new'), 'replaced');
  renameSync(at('new'), at('replaced'));
  writeFileSync(at('written'), 'changed');
  const [touched, replaced, written] = await adopter.adopt(candidates);
  assert.equal(touched?.mtimeNs, 1_000_000_000n);
  assert.equal(replaced?.ino, lstatSync(at('replaced'), { bigint: true }).ino);
  assert.equal(written, undefined);
});

test('misuse is refused, not read', async (t) => {
  const root = tempDir(t);
  const { hashFiles } = loadAddon();
  const two = new Uint32Array(2);
  for (const paths of [`${root}/a\0`, `${root}/a\0${root}/b`, `${root}/a\0b\0c\0`]) {
    assert.throws(() => hashFiles(paths, two, root.length), { code: 'EINVAL' }, JSON.stringify(paths));
  }
  assert.throws(() => hashFiles(`${root}/a\0`, new Float32Array(1) as unknown as Uint32Array, 0), { code: 'EINVAL' });
  assert.throws(() => hashFiles(1 as unknown as string, two, 0));
});

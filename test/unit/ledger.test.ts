// What a ledger survives, and what it refuses.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { LedgerError, type LedgerRow } from '../../src/ledger/ledger.ts';
import { SCHEMA_VERSION } from '../../src/ledger/schema.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { EXIT, OperatorError } from '../../src/model/errors.ts';
import type { RelKey } from '../../src/model/key.ts';
import { ledgerRow } from '../support/ledger-rows.ts';
import { tempDir } from '../support/temp-dir.ts';

const manyRows = (count: number): LedgerRow[] => Array.from({ length: count }, (_, i) => ledgerRow(`file-${i}`));

test('rows and facts are there after closing and opening again', (t) => {
  const file = join(tempDir(t), 'ledger.sqlite');
  const root = { ino: 2n, birthtimeNs: 1_700_000_000_000_000_001n, fsid: '82f1a4' };
  const first = openLedger({ file }).ledger;
  assert.deepEqual(first.meta(), {
    listed: false,
    restoring: false,
    root: null,
    generation: null,
    restored: null,
    remote: null,
  });
  first.write([ledgerRow('a')]);
  first.setMeta({ restoring: true });
  first.setMeta({ listed: true, root });
  first.close();
  const second = openLedger({ file });
  assert.equal(second.setAside, undefined);
  assert.deepEqual([...second.ledger.range('' as RelKey)], [ledgerRow('a')]);
  assert.deepEqual(second.ledger.meta(), {
    listed: true,
    restoring: true,
    root,
    generation: null,
    restored: null,
    remote: null,
  });
  second.ledger.close();
});

test('a write that fails half-way changes nothing', () => {
  const { ledger } = openLedger({ file: ':memory:' });
  ledger.write([ledgerRow('kept')]);
  const bad = ledgerRow('bad', { state: 'nonsense' as 'known' });
  assert.throws(() => ledger.write([ledgerRow('new'), bad], ['kept' as RelKey]), LedgerError);
  assert.deepEqual([...ledger.range('' as RelKey)], [ledgerRow('kept')]);
  ledger.write([ledgerRow('after')]);
  assert.equal(ledger.count().ours, 2);
});

test('kill -9 in the middle of writes loses no committed row', async (t) => {
  const file = join(tempDir(t), 'ledger.sqlite');
  const script = `
    import { openLedger } from ${JSON.stringify(new URL('../../src/ledger/sqlite-ledger.ts', import.meta.url).href)};
    import { ledgerRow } from ${JSON.stringify(new URL('../support/ledger-rows.ts', import.meta.url).href)};
    import { writeSync } from 'node:fs';
    const { ledger } = openLedger({ file: ${JSON.stringify(file)} });
    for (let batch = 0; ; batch++) {
      ledger.write(Array.from({ length: 20 }, (_, i) => ledgerRow(\`\${String(batch).padStart(6, '0')}-\${i}\`)));
      writeSync(1, \`\${batch}\\n\`);
    }`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += chunk;
    if (output.split('\n').length > 300) child.kill('SIGKILL');
  }
  if (child.signalCode === null && child.exitCode === null) await once(child, 'exit');
  const committed = Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1)) + 1;
  const opened = openLedger({ file });
  assert.equal(opened.setAside, undefined);
  const batches = new Map<string, number>();
  for (const row of opened.ledger.range('' as RelKey)) {
    const batch = row.key.slice(0, 6);
    batches.set(batch, (batches.get(batch) ?? 0) + 1);
  }
  assert.ok(batches.size >= committed, `${committed} batches were acknowledged, ${batches.size} are there`);
  assert.deepEqual(new Set(batches.values()), new Set([20]), 'a batch is there as a whole or not at all');
  opened.ledger.close();
});

const damages: Record<string, (file: string) => void> = {
  'overwritten with text': (file) =>
    writeFileSync(file, 'this is not a database, but longer than a header would be'.repeat(50)),
  'cut in the middle': (file) => truncateSync(file, 3 * 4096),
  'damaged in one page': (file) => writeSync(openSync(file, 'r+'), Buffer.alloc(4096, 0x5a), 0, 4096, 5 * 4096),
  'another program’s database': (file) => {
    truncateSync(file, 0);
    new DatabaseSync(file).exec('CREATE TABLE theirs (a); PRAGMA user_version = 7;');
  },
};

for (const [damage, inflict] of Object.entries(damages)) {
  test(`a ledger ${damage} is set aside and a new one made`, (t) => {
    const directory = tempDir(t);
    const file = join(directory, 'ledger.sqlite');
    for (const n of [1, 2]) {
      const { ledger } = openLedger({ file });
      ledger.write(manyRows(2_000));
      ledger.close();
      inflict(file);
      const damaged = readFileSync(file);
      const reopened = openLedger({ file });
      assert.equal(reopened.setAside, `${file}.corrupt-${n}`);
      assert.deepEqual(readFileSync(reopened.setAside), damaged, 'the damaged file is kept as it was');
      assert.deepEqual(reopened.ledger.count(), { ours: 0, foreign: 0 });
      reopened.ledger.close();
    }
  });
}

test('how many there are is counted anew after every change, also one that was undone', () => {
  const { ledger } = openLedger({ file: ':memory:' });
  ledger.write([ledgerRow('a'), ledgerRow('b', { state: 'foreign' })]);
  assert.deepEqual(
    [ledger.count(), ledger.count()],
    [
      { ours: 1, foreign: 1 },
      { ours: 1, foreign: 1 },
    ],
  );
  ledger.stage('c' as RelKey, ledgerRow('c'));
  assert.equal(ledger.count().ours, 2);
  assert.throws(() => ledger.write([ledgerRow('d', { checksum: 'ab' })]), LedgerError);
  assert.equal(ledger.count().ours, 1);
  ledger.clear();
  assert.deepEqual(ledger.count(), { ours: 0, foreign: 0 });
  ledger.close();
});

test('damage met after opening fails that call and is gone at the next start', (t) => {
  const directory = tempDir(t);
  const file = join(directory, 'ledger.sqlite');
  const { ledger } = openLedger({ file });
  // Larger than the page cache, so that pages must be read from the file again.
  ledger.write(manyRows(15_000).map((row) => ({ ...row, etag: 'e'.repeat(2_000) })));
  const descriptor = openSync(file, 'r+');
  for (let page = 1; page < 4_000; page++) writeSync(descriptor, Buffer.alloc(4096, 0x5a), 0, 4096, page * 4096);
  assert.throws(() => [...ledger.range('' as RelKey)], /LedgerError: Cannot read ledger .*set aside as .*corrupt-1/);
  assert.throws(() => ledger.write([ledgerRow('late')]), LedgerError);
  ledger.close();
  const again = openLedger({ file });
  assert.equal(again.setAside, undefined);
  assert.equal(again.ledger.count().ours, 0);
  again.ledger.close();
  assert.ok(readdirSync(directory).includes('ledger.sqlite.corrupt-1'));
});

test('a ledger of a newer schema is refused and left as it is', (t) => {
  const file = join(tempDir(t), 'ledger.sqlite');
  openLedger({ file }).ledger.close();
  const db = new DatabaseSync(file);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  db.close();
  const before = readFileSync(file);
  assert.throws(
    () => openLedger({ file }),
    (error) =>
      error instanceof OperatorError &&
      error.exitCode === EXIT.fatal &&
      error.message.includes(`version is ${SCHEMA_VERSION + 1}, this awssyncer knows version ${SCHEMA_VERSION}`),
  );
  assert.deepEqual(readFileSync(file), before);
});

test('a ledger of the first schema is brought to the present one, with its rows and what it knew', (t) => {
  const file = join(tempDir(t), 'ledger.sqlite');
  const { ledger } = openLedger({ file });
  ledger.write([ledgerRow('a')]);
  ledger.setMeta({ listed: true, restored: 'all' });
  ledger.close();
  const db = new DatabaseSync(file);
  db.exec(`DROP TABLE changed; ALTER TABLE entry DROP COLUMN xattrs; ALTER TABLE entry DROP COLUMN link_group;
    ALTER TABLE meta DROP COLUMN chain; ALTER TABLE meta DROP COLUMN restored; ALTER TABLE meta DROP COLUMN remote;
    ALTER TABLE meta DROP COLUMN generation; ALTER TABLE entry ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
    PRAGMA user_version = 1`);
  db.close();
  for (const generation of [null, 3]) {
    const opened = openLedger({ file }).ledger;
    assert.deepEqual(opened.get('a' as RelKey), ledgerRow('a'));
    const { listed, restored } = opened.meta();
    assert.deepEqual([listed, opened.meta().generation, restored], [true, generation, generation && 'some']);
    opened.setMeta({ generation: 3, restored: 'some' });
    opened.close();
  }
});

test('a ledger that cannot be opened is one clear line', (t) => {
  assert.throws(
    () => openLedger({ file: join(tempDir(t), 'missing/ledger.sqlite') }),
    /OperatorError: Cannot open ledger/,
  );
});

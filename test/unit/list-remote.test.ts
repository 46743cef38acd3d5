// The ledger beside a complete listing, and what a HEAD proves: what S3 holds is ours, foreign, or to be proven.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { listRemote, type RemoteCounts } from '../../src/agent/list-remote.ts';
import type { LedgerRow } from '../../src/ledger/ledger.ts';
import { type RelKey, relativeKey } from '../../src/model/key.ts';
import { encodeMetadata } from '../../src/model/metadata.ts';
import { StoreError } from '../../src/store/errors.ts';
import { proveKey } from '../../src/transfer/prove.ts';
import { ledgerRow } from '../support/ledger-rows.ts';
import { ambiguousError, type TransferBench, transferBench } from '../support/transfers.ts';

const { signal } = new AbortController();

async function bench(
  t: TestContext,
  objects: readonly string[],
  rows: readonly LedgerRow[] = [],
): Promise<TransferBench> {
  const at = transferBench(t);
  for (const key of objects) await at.store.put(key, Buffer.from('abc'), { metadata: encodeMetadata(ledgerRow('k')) });
  at.ledger.write(rows);
  return at;
}

function list({ store, ledger, context }: TransferBench): Promise<RemoteCounts> {
  const says = (): void => {};
  const log = { error: says, warn: says, info: says, debug: says };
  return listRemote({ store, prefix: 'p/', ledger, journal: context.journal, log }, signal);
}

/** 'state key' of every row. */
function rows({ ledger }: TransferBench): string[] {
  return [...ledger.range('' as RelKey)].map(({ state, key }) => `${state} ${key}`);
}

const ABC = '900150983cd24fb0d6963f7d28e17f72';

test('S4 what is listed and has no row is foreign', async (t) => {
  const at = await bench(t, ['p/a', 'p/d/', 'p/d/x', 'q/other']);
  assert.deepEqual(await list(at), { listed: 3, impossible: [] });
  assert.deepEqual(rows(at), ['foreign a', 'foreign d/', 'foreign d/x']);
  const row = at.row('a')!;
  assert.deepEqual([row.kind, row.sizeBytes, row.etag, row.checksum], ['file', 3, ABC, null]);
  assert.equal(at.row('d/')?.kind, 'directory');
  assert.equal(at.ledger.meta().listed, true);
});

const TABLE: [claim: string, listed: boolean, row: Partial<LedgerRow>, after: string[]][] = [
  ['a listed object as we know it stays ours', true, { etag: ABC }, ['known k']],
  ['S4 a listed object with another ETag is foreign: somebody else wrote it', true, {}, ['foreign k']],
  ['S4 a snapshot with another ETag is foreign too', true, { state: 'fuzzy' }, ['foreign k']],
  ['an object of ours that is not listed is forgotten: somebody else deleted it', false, {}, []],
  ['S6 an intent stays when its key is listed', true, { state: 'intent', etag: null }, ['intent k']],
  ['S6 an intent stays when its key is not listed', false, { state: 'intent', etag: null }, ['intent k']],
  ['S6 an unproven row stays: another ETag may be our own', true, { state: 'unproven' }, ['unproven k']],
  [
    'S6 an unproven row stays when it is not listed: the late request may bring it back',
    false,
    { state: 'unproven' },
    ['unproven k'],
  ],
  ['S6 an unproven delete stays', false, { state: 'unproven', etag: null }, ['unproven k']],
  ['a foreign object that is not listed any more is forgotten', false, { state: 'foreign' }, []],
];

// The encoded one sorts before others as a key of S3, and behind them as a path.
for (const [key, name] of [
  ['k', 'k'],
  ['\xff', '.awssyncer/names/%FF'],
] as const) {
  for (const [claim, listed, change, after] of TABLE) {
    test(`${claim}${key === name ? '' : ', under an encoded name too'}`, async (t) => {
      const around = ['-', 'a', 'z'];
      const at = await bench(
        t,
        [...around, ...(listed ? [name] : [])].map((one) => `p/${one}`),
        [...around.map((one) => ledgerRow(one, { etag: ABC })), ledgerRow(key, change)],
      );
      await list(at);
      const found = rows(at).filter((row) => !around.some((one) => row === `known ${one}`));
      assert.deepEqual(
        found,
        after.map((row) => row.replace(/k$/, key)),
      );
      assert.equal(rows(at).length, around.length + after.length, 'what is around it stays as it is');
    });
  }
}

test('rows and keys between each other meet whatever their order, over several pages', async (t) => {
  const keys = Array.from({ length: 2_500 }, (_, i) => `k${String(i).padStart(4, '0')}`);
  const listed = keys.filter((_, i) => i % 3 !== 0);
  const ours = keys.filter((_, i) => i % 2 === 0);
  const at = await bench(
    t,
    listed.map((key) => `p/${key}`),
    ours.map((key) => ledgerRow(key, { etag: ABC })),
  );
  await list(at);
  const expected = keys.flatMap((key, i) => (i % 3 === 0 ? [] : [`${i % 2 === 0 ? 'known' : 'foreign'} ${key}`]));
  assert.deepEqual(rows(at), expected);
});

test('keys that are no path are told and left alone; keys of our own and the original are no content', async (t) => {
  const at = await bench(t, ['p/', 'p/a//b', 'p/../x', 'p/.awssyncer/lease', 'p/.volume_ready', 'p/d/.volume_ready']);
  const { listed, impossible } = await list(at);
  assert.equal(listed, 4);
  assert.deepEqual(impossible.map(({ key }) => key).sort(), ['p/../x', 'p/a//b']);
  assert.deepEqual(rows(at), ['foreign d/.volume_ready']);
  assert.equal(relativeKey('p/', 'p/.awssyncer-tmp'), '.awssyncer-tmp');
});

test('a listing that breaks off does not count as one', async (t) => {
  const at = await bench(t, ['p/a']);
  await list(at);
  at.store.list = () => {
    throw new StoreError('no', { reaction: 'denied', code: 'AccessDenied' });
  };
  await assert.rejects(list(at), StoreError);
  assert.equal(at.ledger.meta().listed, false, 'what was known of others is gone');
});

test('what was saved and not written yet counts', async (t) => {
  const at = await bench(t, ['p/a']);
  at.context.journal.save(ledgerRow('a', { etag: ABC }));
  await list(at);
  assert.deepEqual(rows(at), ['known a']);
});

const DUE = 1_000;

for (const [claim, stored, row, wallMs, outcome] of [
  ['the ETag it believes: known', true, { etag: ABC }, DUE, 'known'],
  ['nothing, as it believes: forgotten', false, { etag: null }, DUE, 'forgotten'],
  ['another ETag: looked at anew', true, {}, DUE, 'disproven'],
  ['something where nothing should be: looked at anew', true, { etag: null }, DUE, 'disproven'],
  ['nothing where something should be: looked at anew', false, {}, DUE, 'disproven'],
  ['the ETag it believes, too early: still unproven', true, { etag: ABC }, DUE - 1, 'early'],
  ['nothing, as it believes, too early: still unproven', false, { etag: null }, DUE - 1, 'early'],
  ['another ETag, too early: its successor still owes the proof', true, {}, DUE - 1, 'disproven early'],
] as const) {
  test(`S6 a HEAD that shows ${claim}`, async (t) => {
    const at = await bench(t, stored ? ['p/k'] : []);
    at.wallMs = wallMs;
    const unproven = ledgerRow('k', { state: 'unproven', proveAfterMs: DUE, ...row });
    assert.deepEqual(
      await proveKey(at.context, unproven, signal),
      {
        known: { end: 'proven', key: 'k', row: { ...unproven, state: 'known', proveAfterMs: null } },
        forgotten: { end: 'proven', key: 'k', row: undefined },
        early: { end: 'proven', key: 'k', row: unproven },
        disproven: { end: 'disproven', row: { ...unproven, state: 'intent', proveAfterMs: null } },
        'disproven early': { end: 'disproven', row: { ...unproven, state: 'intent' } },
      }[outcome],
    );
  });
}

test('a HEAD that fails proves nothing', async (t) => {
  const at = await bench(t, ['p/k']);
  at.store.head = () => Promise.reject(new StoreError('no', { reaction: 'transient', code: 'X' }));
  const row = ledgerRow('k', { state: 'unproven' });
  const outcome = await proveKey(at.context, row, signal);
  assert.deepEqual([outcome.end, 'row' in outcome && outcome.row], ['failed', row]);
  at.store.head = () => Promise.reject(ambiguousError());
  assert.equal((await proveKey(at.context, ledgerRow('k', { state: 'unproven' }), signal)).end, 'failed');
});

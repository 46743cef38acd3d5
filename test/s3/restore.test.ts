// A restore from S3 over HTTP: many files, faults of the server, and death in the middle.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { TEMPORARY_PREFIX } from '../../src/model/key.ts';
import { forEachConcurrently } from '../../src/restore/concurrent.ts';
import { restore } from '../../src/restore/restore.ts';
import { isRetryable } from '../../src/transfer/retry.ts';
import { openStore, sourceOf } from '../contract/ground.ts';
import type { Effect } from '../strict-s3/faults.ts';
import { PREFIX, restoreOptions, treeOf } from '../support/restoring.ts';
import { availableTargets, type S3Target, type TargetChoice } from '../support/s3-targets.ts';
import { tempDir } from '../support/temp-dir.ts';

const FAULTS: readonly Effect[] = [
  { kind: 'status', code: 'SlowDown' },
  { kind: 'status', code: 'InternalError' },
  { kind: 'reset' },
  { kind: 'truncate' },
];

const METADATA = { mtime: '1600000000.123456789', mode: '100640' };

async function restoreFrom(t: TestContext, choice: TargetChoice) {
  const target = await choice.start();
  t.after(() => target.close());
  const store = openStore(target, { bucket: await target.makeBucket() });
  t.after(() => store.close());
  const base = tempDir(t);
  const root = join(base, 'local');
  mkdirSync(root);
  const { ledger } = openLedger({ file: ':memory:' });
  t.after(() => ledger.close());
  const options = restoreOptions({ root, store, ledger, stateDir: join(base, 'state') });
  return { target, store, base, root, ledger, options };
}

/** Small files in a few directories; returns the tree they make. */
async function putMany(
  store: Awaited<ReturnType<typeof restoreFrom>>['store'],
  count: number,
): Promise<Record<string, string>> {
  const files = Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`d${i % 7}/e${i % 3}/f${i}`, `content of ${i}`]),
  );
  await forEachConcurrently(Object.entries(files), {
    concurrency: 32,
    work: async ([key, body]) => void (await store.put(PREFIX + key, Buffer.from(body), { metadata: METADATA })),
  });
  return files;
}

function filesOf(root: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(treeOf(root)).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

function gets({ strict }: S3Target): number {
  return strict?.countRequests('GetObject') ?? 0;
}

for (const choice of availableTargets()) {
  test(`S9 files small, large and in parts, links, directories and hostile names come back from ${choice.name}`, async (t) => {
    const { store, root, options } = await restoreFrom(t, choice);
    const large = randomBytes(6 * 2 ** 20);
    const ranged = randomBytes(17 * 2 ** 20);
    const put = (key: string, body: string | Buffer, mode: string) =>
      store.put(PREFIX + key, Buffer.from(body), { metadata: { ...METADATA, mode } });
    await put('a b+%2F/é', 'hostile', '100600');
    await put('large', large, '100644');
    await put('link', 'large', '120777');
    await put('empty/', '', '40700');
    await put('nothing', '', '100644');
    const multipart = { partSizeBytes: 5 * 2 ** 20, concurrency: 2, onStarted: () => {} };
    await store.putMultipart(
      `${PREFIX}parts`,
      sourceOf(ranged),
      { metadata: { ...METADATA, mode: '100755' } },
      multipart,
    );
    const report = await restore(options);
    assert.deepEqual([report.complete, report.refused, report.unverified], [true, [], 0]);
    assert.ok(readFileSync(join(root, 'parts')).equals(ranged) && readFileSync(join(root, 'large')).equals(large));
    const { large: _, parts: __, ...rest } = treeOf(root);
    assert.deepEqual(rest, { 'a b+%2F': null, 'a b+%2F/é': 'hostile', empty: null, link: '-> large', nothing: '' });
  });
}

const STRICT = availableTargets().find(({ name }) => name === 'strict') as TargetChoice;

test('S9 many small files come back, each by one GET, and the second restore by none', async (t) => {
  const { store, root, options, target } = await restoreFrom(t, STRICT);
  const files = await putMany(store, 500);
  const report = await restore({ ...options, concurrency: 32 });
  assert.deepEqual([report.complete, report.downloaded, report.unverified], [true, 500, 0]);
  assert.deepEqual(filesOf(root), files);
  assert.equal(gets(target), 500);
  const again = await restore(options);
  assert.deepEqual([again.unchanged, gets(target)], [500, 500]);
});

test('S9 kill -9 in the middle leaves whole files only, and the next restore fetches what is missing', async (t) => {
  const { target, store, root, base } = await restoreFrom(t, STRICT);
  const files = await putMany(store, 400);
  const file = join(base, 'ledger.sqlite');
  const { endpoint: endpointUrl, region, credentials } = target;
  const argv = [JSON.stringify({ endpointUrl, region, credentials }), store.bucket, root, file];
  const script = fileURLToPath(new URL('../support/restore-process.ts', import.meta.url));
  const child = spawn(process.execPath, [script, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  let lines = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    lines += text.split('\n').length - 1;
    if (lines >= 100) child.kill('SIGKILL');
  });
  const [, signal] = await once(child, 'exit');
  assert.equal(signal, 'SIGKILL');
  const left = Object.entries(filesOf(root)).filter(([path]) => !path.includes(TEMPORARY_PREFIX));
  assert.ok(left.length >= 100 && left.length < 400, `${left.length} files`);
  for (const [path, content] of left) assert.equal(content, files[path]);

  const { ledger } = openLedger({ file });
  t.after(() => ledger.close());
  assert.equal(ledger.meta().restoring, true);
  const before = gets(target);
  const report = await restore(restoreOptions({ root, store, ledger, stateDir: null }));
  assert.deepEqual([report.complete, report.dirty], [true, []]);
  assert.deepEqual(filesOf(root), files);
  assert.equal(gets(target) - before, 400 - left.length);
});

test('S9 a server that throttles, fails, resets and cuts bodies short delays a restore and does not spoil it', async (t) => {
  const { target, store, root, options } = await restoreFrom(t, STRICT);
  const files = await putMany(store, 60);
  const strict = target.strict!;
  for (const effect of FAULTS) strict.faults.add({ operation: 'GetObject', times: 4, effect });
  const retry = async <T>(attempt: () => Promise<T>): Promise<T> => {
    for (let failures = 0; ; failures++) {
      try {
        return await attempt();
      } catch (error) {
        if (!isRetryable(error) || failures === 30) throw error;
      }
    }
  };
  const report = await restore({ ...options, retry });
  assert.deepEqual([report.complete, report.unverified], [true, 0]);
  assert.deepEqual(filesOf(root), files);
});

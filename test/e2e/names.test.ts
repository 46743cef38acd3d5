// Any tree of names that are bytes comes back as it was.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { placeOf } from '../support/reference.ts';
import { availableTargets } from '../support/s3-targets.ts';
import { stageOn, strictStage } from '../support/stage.ts';

/** Names as Linux has them, one character for each byte. */
const name = fc
  .oneof(
    fc.string({
      unit: fc.constantFrom('a', '\xff', '\x01', '%', '/', '.', ' ', '\n', '\xc3\xa9', '-', '~'),
      maxLength: 4,
    }),
    fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.constantFrom('\xef\xbf\xbe', 'e\xcc\x81', '%FF', '.awssyncer', '.awssyncer-', '.volume_ready.', 'n'.repeat(255)),
  )
  .map((text) => text.replace(/[\0/]/g, '_'))
  .filter((text) => !['', '.', '..', '.volume_ready'].includes(text) && !text.startsWith('.awssyncer-tmp-'));

/** Down to where their keys are too long, and on to where the kernel takes no more of LOCAL and its copies. */
const deep = fc
  .tuple(fc.array(name, { maxLength: 3 }), name, fc.integer({ min: 3, max: 14 }))
  .map(([above, padding, depth]) => {
    const filler = Array.from({ length: depth }, () => padding.padEnd(250, padding).slice(0, 250));
    return [...above, ...filler, ...above];
  });

const trees = fc.uniqueArray(fc.oneof({ weight: 3, arbitrary: fc.array(name, { minLength: 1, maxLength: 3 }) }, deep), {
  maxLength: 12,
  comparator: (a, b) => a.join('/') === b.join('/') || isBelow(a, b) || isBelow(b, a),
});

function isBelow(a: readonly string[], b: readonly string[]): boolean {
  return a.length < b.length && a.every((each, at) => each === b[at]);
}

const bytes = (path: string): Buffer => Buffer.from(path, 'latin1');

/** Path -> content, all in bytes. */
function filesOf(root: string): Record<string, string> {
  const files: Record<string, string> = {};
  const visit = (dir: string): void => {
    for (const entry of readdirSync(bytes(dir), { withFileTypes: true, encoding: 'buffer' })) {
      const path = `${dir}/${entry.name.toString('latin1')}`;
      if (entry.isDirectory()) visit(path);
      else files[path.slice(root.length + 1)] = readFileSync(bytes(path), 'latin1');
    }
  };
  visit(root);
  return files;
}

for (const choice of availableTargets().filter(({ name }) => name !== 'fauxqs')) {
  test(`S14 on ${choice.name} any tree of byte names comes back as it was, and is known again`, async (t) => {
    const target = await choice.start();
    t.after(() => target.close());
    const property = fc.asyncProperty(trees, async (paths) => {
      const bucket = await target.makeBucket();
      const stage = stageOn(t, target, bucket);
      const { dir, local, url, run, write } = stage;
      write('kept'); // an empty directory is no source
      for (const path of paths) {
        mkdirSync(bytes([local, ...path.slice(0, -1)].join('/')), { recursive: true });
        writeFileSync(bytes([local, ...path].join('/')), bytes(path.join('/')));
      }
      const synced = await run(['sync', '--json', local, url]);
      assert.equal(synced.code, 0, synced.stderr);
      const verified = await run(['verify', local, url]);
      assert.equal(verified.code, 0, verified.stderr + verified.stdout);
      const copy = `${dir}/copy`;
      const restored = await run(['restore', '--state-dir', `${dir}/other`, url, copy]);
      assert.equal(restored.code, 0, restored.stderr);
      assert.deepEqual(filesOf(copy), filesOf(local));
      // The other side's ledger knows all of it: nothing is sent, and what goes goes in S3 as well.
      const again = await run(['sync', '--json', '--delete', '--state-dir', `${dir}/other`, copy, url]);
      const { uploaded, deleted, copied, adopted } = JSON.parse(again.stdout);
      assert.deepEqual([again.code, uploaded, deleted, copied, adopted], [0, 0, 0, 0, 0], again.stderr);
      const [first] = paths;
      if (first === undefined || first[0] === 'kept') return;
      rmSync(bytes([copy, first[0]].join('/')), { recursive: true });
      assert.equal((await run(['sync', '--delete', '--state-dir', `${dir}/other`, copy, url])).code, 0);
      assert.equal((await run(['verify', copy, url])).code, 0);
    });
    await fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? 8) });
  });
}

test('S14 verify tells of a hashed object without a name, of a name without an object, and of what is missing by that', async (t) => {
  const { bucket, local, url, run, write } = await strictStage(t);
  const [nameless, alone] = ['a', 'b'].map((name) => Array.from({ length: 6 }, () => name.repeat(200)).join('/'));
  for (const path of [nameless!, alone!]) write(path);
  assert.equal((await run(['sync', local, url])).code, 0);
  bucket.remove(`${placeOf(`p/${nameless}`)}.name`);
  bucket.remove(placeOf(`p/${alone}`));
  const { code, stdout, stderr } = await run(['verify', '--json', local, url]);
  assert.equal(code, 5, stderr);
  const { differences, impossible } = JSON.parse(stdout);
  assert.deepEqual(
    differences.map(({ path, kind }: Record<string, string>) => [path, kind]),
    [
      [nameless, 'missing'],
      [alone, 'missing'],
    ],
  );
  const told = impossible.map(({ key, reason }: Record<string, string>) => [key, reason]);
  assert.deepEqual(
    new Map(told),
    new Map([
      [placeOf(`p/${nameless}`), 'no name beside it tells its path'],
      [`${placeOf(`p/${alone}`)}.name`, 'it tells the key of an object that is not there: it may be deleted'],
    ]),
  );
  // The ledger knows whose it is: nothing is taken for deleted, neither here nor by a restore.
  assert.equal((await run(['restore', url, local])).code, 0);
  assert.deepEqual(Object.keys(filesOf(local)), [nameless]);
});

test('S14 regression_nameless_extra: restore --delete leaves what S3 holds under a hash whose name was lost', async (t) => {
  const { dir, local, url, at, run, write, bucket } = await strictStage(t);
  const long = Array.from({ length: 6 }, (_, i) => `${i}`.repeat(200)).join('/');
  for (const path of [long, 'short', 'extra']) write(path);
  assert.equal((await run(['sync', local, url])).code, 0);
  for (const key of bucket.keys('')) if (key.endsWith('.name') || key.endsWith('/extra')) bucket.remove(key);
  const { code, stderr } = await run(['restore', '--delete', '--state-dir', join(dir, 'new-state'), url, local]);
  assert.equal(code, 3, stderr);
  assert.match(stderr, /no name beside it tells its path/);
  assert.ok(existsSync(at(long)));
  assert.ok(!existsSync(at('extra')));
});

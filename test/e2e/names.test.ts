// Any tree of names that are bytes comes back as it was.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { availableTargets } from '../support/s3-targets.ts';
import { stageOn } from '../support/stage.ts';

/** Names as Linux has them, one character for each byte. */
const name = fc
  .oneof(
    fc.string({
      unit: fc.constantFrom('a', '\xff', '\x01', '%', '/', '.', ' ', '\n', '\xc3\xa9', '-', '~'),
      maxLength: 4,
    }),
    fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.constantFrom('\xef\xbf\xbe', 'e\xcc\x81', '%FF', '.awssyncer-', '.volume_ready.', 'n'.repeat(255)),
  )
  .map((text) => text.replace(/[\0/]/g, '_'))
  .filter(
    (text) => !['', '.', '..', '.awssyncer', '.volume_ready'].includes(text) && !text.startsWith('.awssyncer-tmp-'),
  );

const trees = fc.uniqueArray(fc.array(name, { minLength: 1, maxLength: 3 }), {
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
      const { uploaded, deleted, copied } = JSON.parse(again.stdout);
      assert.deepEqual([again.code, uploaded, deleted, copied], [0, 0, 0, 0], again.stderr);
      const [first] = paths;
      if (first === undefined || first[0] === 'kept') return;
      rmSync(bytes([copy, first[0]].join('/')), { recursive: true });
      assert.equal((await run(['sync', '--delete', '--state-dir', `${dir}/other`, copy, url])).code, 0);
      assert.equal((await run(['verify', copy, url])).code, 0);
    });
    await fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? 8) });
  });
}

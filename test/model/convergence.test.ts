// Random operations on a real tree under real inotify; after a barrier the bucket equals the tree.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';
import { BUCKET, startAgent } from '../support/agent.ts';
import { expectedObjects, storedObjects } from '../support/reference.ts';
import { tempDir } from '../support/temp-dir.ts';
import { isInvisible, operate, operations } from '../support/tree-operations.ts';

let server: StrictS3;
before(async () => {
  server = await startStrictS3({ buckets: [BUCKET] });
});
after(() => server.close());

let prefixes = 0;

test('S2 after any sequence of operations the prefix equals the tree', async (t) => {
  const property = fc.asyncProperty(operations('settle', 'turn'), async (sequence) => {
    const prefix = `c${prefixes++}/`;
    const base = tempDir(t);
    const root = join(base, 'data');
    mkdirSync(root);
    mkdirSync(join(base, 'out'));
    const agent = await startAgent(t, server, { root, prefix });
    try {
      for (const operation of sequence) {
        if (operation.do === 'settle') await agent.settle();
        else if (operation.do === 'turn') await new Promise(setImmediate);
        else if (!isInvisible(operation)) operate(root, operation);
      }
      await agent.settle();
      assert.deepEqual(storedObjects(server, { prefix, fully: true }), expectedObjects(root, { prefix, fully: true }));
    } finally {
      await agent.stop();
    }
  });
  await fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? 200) });
});

// Opening a workspace again in one process, as an agent of several directories does with one that fails.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startStrictS3 } from '../strict-s3/server.ts';
import { openTestWorkspace } from '../support/agent.ts';
import { tempDir } from '../support/temp-dir.ts';

test('a workspace that cannot be opened keeps nothing locked: the next attempt meets what is wrong, not the one before', async (t) => {
  const server = await startStrictS3({ buckets: [] });
  t.after(() => server.close());
  const dir = tempDir(t);
  const root = join(dir, 'data');
  mkdirSync(root);
  const open = () => openTestWorkspace(server, root, { config: { stateDir: join(dir, 'state') } });
  for (let attempt = 0; attempt < 3; attempt++) await assert.rejects(open(), /there is no such bucket/);
});

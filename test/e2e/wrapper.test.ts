import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tempDir } from '../support/temp-dir.ts';

const WRAPPER = fileURLToPath(new URL('../../scripts/awssyncer', import.meta.url));

test('scripts/awssyncer works from any directory and through a link, and passes arguments and exit code on', (t) => {
  const cwd = tempDir(t);
  symlinkSync(WRAPPER, join(cwd, 'link'));
  const help = spawnSync('./link', ['--help'], { cwd, encoding: 'utf8' });
  assert.equal(help.status, 0, help.stderr);
  assert.match(help.stdout, /awssyncer sync/);
  const wrong = spawnSync(WRAPPER, ['sync', '--no such flag'], { cwd, encoding: 'utf8' });
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--no such flag/);
  assert.equal(wrong.stdout, '');
});

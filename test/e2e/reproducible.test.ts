// What is built from the same sources is the same, byte by byte, whenever, and whatever modes and times they have.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempDir } from '../support/temp-dir.ts';

const REPO = join(import.meta.dirname, '../..');

/** Builds in `directory` as docker/Dockerfile does. @returns the checksum of each file of dist/, and of the bill of materials */
function build(directory: string, disguise: (directory: string) => void): Record<string, string> {
  for (const name of ['src', 'scripts', 'package.json', 'package-lock.json']) {
    cpSync(join(REPO, name), join(directory, name), { recursive: true });
  }
  disguise(directory);
  symlinkSync(join(REPO, 'node_modules'), join(directory, 'node_modules'));
  const run = (...args: string[]) => execFileSync(process.execPath, args, { cwd: directory, maxBuffer: 2 ** 24 });
  run('scripts/build-addon.mjs');
  run('scripts/bundle.mjs');
  run('--random-seed=1', 'dist/code-cache.js');
  const dist = join(directory, 'dist');
  const files = readdirSync(dist).map((name) => [name, readFileSync(join(dist, name))] as const);
  const contents = [...files, ['sbom', run('scripts/sbom.mjs')] as const];
  rmSync(directory, { recursive: true });
  return Object.fromEntries(contents.map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex')]));
}

test('two builds of the same sources are the same, byte by byte', (t) => {
  const directory = join(tempDir(t), 'build');
  const once = build(directory, () => {});
  const again = build(directory, (sources) => {
    execFileSync('chmod', ['-R', 'go-rwx', sources]);
    execFileSync('find', [sources, '-exec', 'touch', '-h', '-d', '2001-02-03', '{}', '+']);
  });
  for (const name of ['awssyncer.node', 'program.js', 'program.js.cache', 'sdk.js.cache', 'sbom'])
    assert.ok(once[name]);
  assert.deepEqual(again, once);
});

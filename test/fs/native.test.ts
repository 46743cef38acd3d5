// The addon's C code on a Node-API of its own, under gcc's sanitizers, which Node itself cannot be run under.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tempDir } from '../support/temp-dir.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = ['test/native/inotify-harness.c', 'test/native/napi.c'];
const FLAGS = ['-std=c11', '-O1', '-g', '-pthread', '-Wall', '-Wextra', '-Werror', '-fno-sanitize-recover=all'];
const HEADERS = ['-I', 'node_modules/node-api-headers/include'];

const run = (file: string, args: readonly string[]) => spawnSync(file, args, { cwd: ROOT, encoding: 'utf8' });

describe('the reader thread, while others write and instances come and go', () => {
  for (const sanitizers of ['address,undefined', 'thread']) {
    test(`has no error that -fsanitize=${sanitizers} sees, and loses no event in silence`, (t) => {
      const dir = tempDir(t);
      const program = join(dir, 'harness');
      const sanitize = `-fsanitize=${sanitizers}`;
      const probe = spawnSync('cc', [sanitize, '-x', 'c', '-', '-o', program], {
        input: 'int main(void) { return 0; }',
      });
      if (probe.status !== 0 || run(program, []).status !== 0) {
        console.log(`${t.name}: not run, cc has no ${sanitize} here`);
        return;
      }
      const built = run('cc', [...FLAGS, sanitize, ...HEADERS, ...SOURCES, '-o', program]);
      assert.equal(built.status, 0, built.stderr);
      mkdirSync(join(dir, 'watched'));
      const { status, signal, stderr } = run(program, [join(dir, 'watched')]);
      assert.deepEqual([status, signal, stderr], [0, null, '']);
    });
  }
});

// Bundles the program into one file that needs no node_modules: dist/main.js, with the addon beside it.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

// The dependencies that are CommonJS load Node's own modules through require, which an ES module does not have.
const BANNER = `#!/usr/bin/env node
import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);`;

/** Replaces a file by rename: a program that runs from it keeps the old one, one that starts never sees half of it. */
async function replace(path, content, mode) {
  const temporary = `${path}.${process.pid}.new`;
  await writeFile(temporary, content, { mode });
  await rename(temporary, path);
}

/** Builds dist/ from src/ and build/awssyncer.node. */
export async function bundle() {
  const dist = join(ROOT, 'dist');
  await mkdir(dist, { recursive: true });
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/main.ts'],
    outfile: 'dist/main.js',
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    banner: { js: BANNER },
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'linked',
    logLevel: 'warning',
    write: false,
  });
  await replace(join(dist, 'awssyncer.node'), await readFile(join(ROOT, 'build/awssyncer.node')), 0o644);
  for (const { path, contents } of outputFiles) await replace(path, contents, path.endsWith('.js') ? 0o755 : 0o644);
}

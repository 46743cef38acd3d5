// Bundles the program so that it needs no node_modules: dist/main.js starts dist/program.js, with the addon beside it.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

// The dependencies that are CommonJS load Node's own modules through require, which an ES module does not have.
const BANNER = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);`;

/** What is started: it says in one line that a Node is too old, for which the program itself would not even load. */
function starter(oldest) {
  return `#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < ${oldest.major} || (major === ${oldest.major} && minor < ${oldest.minor})) {
  console.error('awssyncer: Cannot start: Node ${oldest.major}.${oldest.minor} or later is needed, this is ' + process.versions.node);
  console.error('  hint: Install a newer Node, or run it by the path of one.');
  process.exit(1);
}
await import('./program.js');
`;
}

/** The oldest Node that package.json allows. */
async function oldestNode() {
  const { engines } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node);
  return { major, minor };
}

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
    outfile: 'dist/program.js',
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
  for (const { path, contents } of outputFiles) await replace(path, contents, 0o644);
  await replace(join(dist, 'main.js'), starter(await oldestNode()), 0o755);
}

#!/usr/bin/env node
// Makes build/awssyncer of dist/: the program, the addon and the Node that runs this as one executable for machines like
// this one, which need no Node. https://nodejs.org/api/single-executable-applications.html
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { inject } from 'postject';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = join(ROOT, 'build/awssyncer');

/** What the starter opens, and finds inside instead: scripts/code-cache.cjs, src/native/embedded-addon.ts. */
const ASSETS = ['program.js', 'program.js.cache', 'sdk.js', 'sdk.js.cache', 'awssyncer.node'];

/** Where Node looks for what it is to run, and what tells it to. */
const BLOB = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Of what is in it: ours, of what is bundled, and of Node with all that Node holds. */
const LICENSES = [
  'LICENSE',
  'dist/THIRD-PARTY-LICENSES.txt',
  `node_modules/node/node_modules/node-${process.platform}-${process.arch}/LICENSE`,
];

const inDist = (name) => join(ROOT, 'dist', name);

/** The starter and the help as one file: what is inside can require nothing that is not Node's. */
async function starter(outfile) {
  const stdin = { contents: `require('./main.js');`, resolveDir: join(ROOT, 'dist') };
  await build({
    stdin,
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    // What help never asks for.
    external: ['../src/*', 'pino'],
    minifyWhitespace: true,
    logLevel: 'warning',
  });
}

async function blob(directory) {
  const [main, output, config] = ['main.js', 'blob', 'config.json'].map((name) => join(directory, name));
  await starter(main);
  const assets = Object.fromEntries(ASSETS.map((name) => [name, inDist(name)]));
  writeFileSync(
    config,
    JSON.stringify({ main, output, assets, useCodeCache: true, disableExperimentalSEAWarning: true }),
  );
  const { status, stderr } = spawnSync(process.execPath, [`--experimental-sea-config=${config}`], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Node cannot make it: ${stderr}`);
  return readFileSync(output);
}

mkdirSync(dirname(OUTPUT), { recursive: true });
const directory = mkdtempSync(`${OUTPUT}.`);
try {
  const executable = join(directory, 'awssyncer');
  copyFileSync(process.execPath, executable);
  chmodSync(executable, 0o755);
  await inject(executable, BLOB, await blob(directory), { sentinelFuse: FUSE });
  const licenses = LICENSES.map((path) => readFileSync(join(ROOT, path), 'utf8'));
  writeFileSync(`${OUTPUT}-licenses.txt`, licenses.join(`\n${'='.repeat(80)}\n\n`));
  renameSync(executable, OUTPUT);
  console.log(`single-file: ${OUTPUT}, to be given away with ${OUTPUT}-licenses.txt`);
} finally {
  rmSync(directory, { recursive: true });
}

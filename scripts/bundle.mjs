// Bundles the program so that it needs no node_modules: dist/main.js starts dist/program.js, or dist/help.js where only help
// is asked for, with the addon beside them.
//
// The program is one file, and the SDK, which many runs do without, another that it opens when it starts: an agent that
// has run for weeks when its files are replaced by those of a newer version can still load what it never used before.
// CommonJS, because then a module, be it Node's own, is evaluated when the first of those who import it is, and most
// never are.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { commit } from './commit.mjs';
import { lazyModules } from './lazy-modules.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

// CommonJS has no import.meta.
const BANNER = `'use strict';
const importMetaUrl = require('node:url').pathToFileURL(__filename).href;`;

/**
 * What is started. It says in one line that a Node is too old, for which the program itself would not even load. Who asks
 * for help by one word, or of one command, is answered by what needs no more than that, and has no log for programs;
 * every other command line is read by the program.
 */
function starter(oldest) {
  return `#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < ${oldest.major} || (major === ${oldest.major} && minor < ${oldest.minor})) {
  console.error('awssyncer: Cannot start: Node ${oldest.major}.${oldest.minor} or later is needed, this is ' + process.versions.node);
  console.error('  hint: Install a newer Node, or run it by the path of one.');
  process.exit(1);
}
const words = process.argv.slice(2).join(' ');
const asksForHelp = /^(help( \\S+)?|(\\w[^ ]* )?(-h|--help|-V|--version))$/.test(words);
const isForPeople = process.env.AWSSYNCER_LOG_FORMAT !== 'json';
if (asksForHelp && isForPeople) require('./help.js');
else require('./code-cache.js').run();
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

/** What is in dist/sdk.js. */
const SDK = 'src/store/sdk-packages.ts';

const sdkApart = {
  name: 'the SDK apart',
  setup({ onResolve }) {
    const isEntry = ({ kind }) => kind === 'entry-point';
    onResolve({ filter: /\/sdk-packages\.ts$/ }, (file) =>
      isEntry(file) ? undefined : { path: './sdk.js', external: true },
    );
  },
};

/** The status page is part of the program, or an agent would show that of a newer version, or none. */
const pageInside = {
  name: 'the page inside',
  setup({ onLoad }) {
    onLoad({ filter: /\/ops\/page-file\.ts$/ }, async ({ path }) => {
      const folder = join(dirname(path), 'page');
      const names = (await readdir(folder)).filter((name) => name !== 'tsconfig.json');
      const files = await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')]));
      return { contents: `export const pageFile = (name) => (${JSON.stringify(Object.fromEntries(files))})[name];` };
    });
  },
};

/** A module with all it imports as one file. @returns the files to write, the notices in them, and what they were made of */
async function bundled(outfile, { commit, ...options }) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    outfile,
    bundle: true,
    platform: 'node',
    // Of ES modules only what is used is taken.
    mainFields: ['module', 'main'],
    target: 'node22',
    format: 'cjs',
    define: { 'import.meta.url': 'importMetaUrl', BUILD_COMMIT: JSON.stringify(commit) },
    banner: { js: BANNER },
    plugins: [lazyModules, sdkApart, pageInside],
    // import() of a module of Node evaluates whatever that loads on demand; require() does not.
    supported: { 'dynamic-import': false },
    // Names stay as they are, for stack traces.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'external',
    metafile: true,
    logLevel: 'warning',
    write: false,
    ...options,
  });
  const isNotices = ({ path }) => path.endsWith('.LEGAL.txt');
  return {
    files: outputFiles.filter((file) => !isNotices(file)),
    notices: outputFiles.filter(isNotices).map(({ text }) => text),
    inputs: Object.values(metafile.outputs).flatMap(({ inputs }) =>
      Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0),
    ),
  };
}

/** The packages that files come from, as directories. */
function packagesOf(paths) {
  const found = paths.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0]);
  return [...new Set(found)].filter((path) => path !== undefined).sort();
}

async function readPackage(path) {
  const { name, version, license } = JSON.parse(await readFile(join(ROOT, path, 'package.json'), 'utf8'));
  const file = (await readdir(join(ROOT, path))).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file && (await readFile(join(ROOT, path, file), 'utf8')).replaceAll('\r', '').trim();
  return { title: `${name} ${version} (${license})`, license, text };
}

/** What those whose work is in the bundle want to be told with it. */
async function thirdParties(bundles) {
  const packages = await Promise.all(packagesOf(bundles.flatMap(({ inputs }) => inputs)).map(readPackage));
  const titles = new Map();
  for (const { title, license, text } of packages) {
    // Some packages of a project come without the text that the others have.
    const said = text ?? packages.find((other) => other.license === license && other.text)?.text;
    if (said === undefined) throw new Error(`${title} comes without the text of its license`);
    titles.set(said, [...(titles.get(said) ?? []), title]);
  }
  const licenses = [...titles].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`);
  return [
    'awssyncer holds the work of others, under these licenses.\n',
    ...licenses,
    ...bundles.flatMap(({ notices }) => notices),
  ].join(`\n${'-'.repeat(80)}\n\n`);
}

/** Builds dist/ from src/ and build/awssyncer.node. @param {{ commit: string | null }} facts what the program says of itself */
export async function bundle({ commit }) {
  const dist = join(ROOT, 'dist');
  await mkdir(dist, { recursive: true });
  // Before what they were made of is replaced.
  for (const name of ['program.js', 'sdk.js']) await rm(join(dist, `${name}.cache`), { force: true });
  const program = await bundled('dist/program.js', { commit, entryPoints: ['src/main.ts'] });
  const sdk = await bundled('dist/sdk.js', { commit, entryPoints: [SDK] });
  // Neither the commands nor what writes JSON is part of it: the starter sees to it that none is asked for.
  const help = await bundled('dist/help.js', {
    commit,
    entryPoints: ['src/main.ts'],
    external: ['./src/cli/*', 'pino'],
  });
  await replace(join(dist, 'awssyncer.node'), await readFile(join(ROOT, 'build/awssyncer.node')), 0o644);
  const bundles = [program, sdk, help];
  for (const { path, contents } of bundles.flatMap(({ files }) => files)) await replace(path, contents, 0o644);
  await replace(join(dist, 'THIRD-PARTY-LICENSES.txt'), await thirdParties(bundles), 0o644);
  await replace(join(dist, 'package.json'), '{ "type": "commonjs" }\n', 0o644);
  await replace(join(dist, 'main.js'), starter(await oldestNode()), 0o755);
  await replace(join(dist, 'code-cache.js'), await readFile(join(ROOT, 'scripts/code-cache.cjs')), 0o644);
}

if (argv[1] === fileURLToPath(import.meta.url)) await bundle({ commit: commit() });

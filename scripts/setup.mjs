#!/usr/bin/env node
// Brings a checkout up to date: dependencies, the project's own Node, the inotify addon, the release build.
// Does only what is stale. Runs before everything else, so it needs nothing installed and an older Node will do; what it
// builds is built by the project's own, since the bundle is made to what the Node that makes it has.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commit } from './commit.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OLDEST_SYSTEM_NODE = 20;
const OWN_NODE = join(ROOT, 'node_modules/.bin/node');
const OWN_NODE_MAJOR = 24;

/** The argument by which this script, called by the project's own Node, does its second half. */
const BUILD = 'build';

const ADDON = join(ROOT, 'build/awssyncer.node');

/** What was built from what; in node_modules, so that a fresh install builds everything anew. */
const STAMP = join(ROOT, 'node_modules/.awssyncer-build.json');

const inRoot = (path) => join(ROOT, path);

const say = (line) => process.stderr.write(`setup: ${line}\n`);

function requirePlatform() {
  if (process.platform !== 'linux') {
    throw new Error(`awssyncer needs Linux (it is built on inotify), this is ${process.platform}`);
  }
  if (Number.parseInt(process.versions.node, 10) < OLDEST_SYSTEM_NODE) {
    throw new Error(
      `Node ${OLDEST_SYSTEM_NODE} or later is needed, this is ${process.versions.node}: install a newer one`,
    );
  }
}

/** Whether npm's own record of node_modules holds what the lock file asks for, and nothing of another version. */
function dependenciesAreCurrent() {
  const record = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  const { '': _, ...locked } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  return (
    Object.entries(locked).every(([path, { optional }]) => optional || path in installed) &&
    Object.entries(installed).every(([path, { integrity }]) => locked[path]?.integrity === integrity)
  );
}

function installDependencies() {
  say('installing dependencies (npm ci)');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  });
  if (npm.error) throw new Error('npm is not installed: install it, it comes with Node');
  if (npm.status !== 0) throw new Error('npm ci failed: see its message above');
}

/** npm packages may not run install scripts everywhere, and then the `node` package silently brings no Node. */
function requireOwnNode() {
  const { stdout } = spawnSync(OWN_NODE, ['--version'], { encoding: 'utf8' });
  if (!stdout?.startsWith(`v${OWN_NODE_MAJOR}.`)) {
    throw new Error(
      `node_modules/.bin/node is ${stdout?.trim() || 'missing'}, not Node ${OWN_NODE_MAJOR}, because npm ran no install scripts: ` +
        'run `npm rebuild node --ignore-scripts=false`',
    );
  }
}

/** Every file beneath a directory, sorted. */
function filesIn(directory) {
  const entries = readdirSync(join(ROOT, directory), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
}

function digest(files, facts) {
  const hash = createHash('sha256').update(JSON.stringify(facts));
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${relative(ROOT, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** What makes the release build. */
const BUNDLERS = ['bundle.mjs', 'commit.mjs', 'lazy-modules.mjs', 'code-cache.cjs'];

/** What is built after the dependencies are there, in order. Each module is loaded only when it has work to do. */
const BUILDS = [
  {
    name: 'addon',
    what: 'compiling the inotify addon',
    output: ADDON,
    inputs: () => [...filesIn('src/native'), join(ROOT, 'scripts/build-addon.mjs')],
    facts: () => ({}),
    async build() {
      // The compiler goes by times, and what is there may be newer than the sources and not made from them.
      if (existsSync(ADDON)) utimesSync(ADDON, 0, 0);
      (await import('./build-addon.mjs')).buildAddon();
    },
  },
  {
    name: 'bundle',
    what: 'building dist/main.js',
    output: join(ROOT, 'dist/main.js'),
    inputs: () => [...filesIn('src'), inRoot('package.json'), ...BUNDLERS.map((name) => inRoot(`scripts/${name}`))],
    facts: () => ({ commit: commit() }),
    async build(facts) {
      await (await import('./bundle.mjs')).bundle(facts);
      // With a seed the same sources make the same bytes.
      const maker = ['--random-seed=1', join(ROOT, 'dist/code-cache.js')];
      const { status } = spawnSync(process.execPath, maker, { stdio: ['ignore', 2, 2] });
      if (status !== 0) throw new Error('dist/code-cache.js failed: see its message above');
    },
  },
];

function staleBuilds() {
  const built = existsSync(STAMP) ? JSON.parse(readFileSync(STAMP, 'utf8')) : {};
  const builds = BUILDS.map((build) => {
    const facts = build.facts();
    return { ...build, facts, wanted: digest(build.inputs(), facts) };
  });
  return { built, stale: builds.filter(({ name, output, wanted }) => built[name] !== wanted || !existsSync(output)) };
}

async function buildStale() {
  const { built, stale } = staleBuilds();
  for (const { name, what, facts, wanted, build } of stale) {
    say(what);
    await build(facts);
    built[name] = wanted;
    writeFileSync(STAMP, JSON.stringify(built));
  }
}

function buildStaleByOwnNode() {
  if (staleBuilds().stale.length === 0) return;
  const { status } = spawnSync(OWN_NODE, [fileURLToPath(import.meta.url), BUILD], { stdio: ['ignore', 2, 2] });
  process.exitCode = status ?? 1;
}

try {
  if (process.argv[2] === BUILD) await buildStale();
  else {
    requirePlatform();
    if (!dependenciesAreCurrent()) installDependencies();
    requireOwnNode();
    buildStaleByOwnNode();
  }
} catch (error) {
  say(error.message);
  process.exitCode = 1;
}

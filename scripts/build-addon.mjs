#!/usr/bin/env node
// Compiles the inotify addon: plain cc and the Node-API headers, no node-gyp (which downloads headers).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { argv, env, pid, platform, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = join(ROOT, 'src/native');
const HEADERS = join(ROOT, 'node_modules/node-api-headers/include');
const OUTPUT = join(ROOT, 'build/awssyncer.node');
const FLAGS = ['-std=c11', '-O2', '-fPIC', '-shared', '-pthread', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror'];
const FIRST_OF_ALL = ['-include', join(SOURCES, 'old-libc.h')];

const changedAt = (path) => statSync(path).mtimeMs;

/**
 * Builds build/awssyncer.node unless it is newer than its sources. CC and CFLAGS are taken from the environment.
 * @returns {string} the path of the addon
 * @throws {Error} with a message for people: not Linux, no compiler, no headers, does not compile
 */
export function buildAddon() {
  if (platform !== 'linux') throw new Error(`cannot build the inotify addon: it needs Linux, this is ${platform}`);
  if (!existsSync(HEADERS)) throw new Error('cannot build the inotify addon: node-api-headers is missing, run npm ci');
  const files = readdirSync(SOURCES).map((name) => join(SOURCES, name));
  const inputs = [...files, fileURLToPath(import.meta.url)];
  if (existsSync(OUTPUT) && inputs.every((path) => changedAt(path) < changedAt(OUTPUT))) return OUTPUT;

  compile(env.CC || 'cc', env.CFLAGS?.split(/\s+/).filter(Boolean) ?? [], OUTPUT);
  return OUTPUT;
}

/**
 * Compiles the addon. Whoever looks at `output` sees the old one or the new one, whole.
 * @throws {Error} with a message for people
 */
export function compile(compiler, flags, output) {
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  const temporary = join(ROOT, 'build', `${basename(output)}.${pid}`);
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  const ours = [
    ...FLAGS,
    ...FIRST_OF_ALL,
    '-I',
    HEADERS,
    ...sources.map((name) => join(SOURCES, name)),
    '-o',
    temporary,
  ];
  const { error, status } = spawnSync(compiler, [...flags, ...ours], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) {
    throw new Error(
      `cannot build the inotify addon: the C compiler ${compiler} does not run (${error.code}); install one (Debian: apt-get install gcc libc6-dev)`,
    );
  }
  if (status !== 0) {
    rmSync(temporary, { force: true });
    throw new Error(`cannot build the inotify addon: ${compiler} failed, its message is above`);
  }
  renameSync(temporary, output);
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  try {
    buildAddon();
  } catch (error) {
    stderr.write(`build-addon: ${error.message}\n`);
    process.exitCode = 1;
  }
}

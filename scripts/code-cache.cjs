// Runs the bundled program with the code that V8 made of it before, half of what a start costs. `node code-cache.js`
// makes it, for the Node it is called with: any other, or one with other flags of V8, compiles the program anew.
'use strict';
const { closeSync, openSync, readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { getRawAsset, isSea } = require('node:sea');
const { Script } = require('node:vm');

const PROGRAM = 'program.js';
/** What the program asks for when it needs it. */
const SDK = 'sdk.js';

/** V8 knows what it was made of by its length alone: it must go before the file is replaced. */
const cacheOf = (name) => join(__dirname, `${name}.cache`);

/**
 * Runs the program. What it may need later is opened now: an agent that has run for weeks when its files are replaced by
 * those of a newer version still reads its own. @returns what was compiled, by the names of the files
 */
function run() {
  const compiled = new Map();
  const [program, sdk] = [PROGRAM, SDK].map(opened);
  const requireFile = createRequire(program.path);
  const load = (file, require) => {
    const script = compile(file);
    compiled.set(file.name, script);
    const module = { exports: {} };
    script.runInThisContext()(require, file.path, module);
    return module.exports;
  };
  let sdkExports;
  load(program, (id) => {
    if (id !== `./${SDK}`) return requireFile(id);
    sdkExports ??= load(sdk, requireFile);
    return sdkExports;
  });
  return compiled;
}

function opened(name) {
  const path = join(__dirname, name);
  // The single-file executable holds both: scripts/single-file.mjs.
  if (isSea()) return { name, path, source: asset(name), cache: asset(`${name}.cache`) };
  return { name, path, source: file(path), cache: ifThere(cacheOf(name)) };
}

const asset = (name) => () => Buffer.from(getRawAsset(name));

function file(path) {
  const descriptor = openSync(path);
  return () => {
    const content = readFileSync(descriptor);
    closeSync(descriptor);
    return content;
  };
}

function ifThere(path) {
  try {
    return file(path);
  } catch {
    return undefined;
  }
}

/** As Node wraps CommonJS. The bundler leaves nothing but ASCII. */
function compile({ path, source, cache }) {
  const text = `(function (require, __filename, module) {${source().latin1Slice()}\n})`;
  return new Script(text, { filename: path, cachedData: cache?.() });
}

/** What of the builder's environment would have the program do something else. */
const STEERING = /^(AWS|S3_|LOCAL_PATH$|FILTER_REGEX$|SYNC_EXCLUDES$)|_proxy$/i;

/** What a start needs is what has been compiled when it is refused by a server. */
function make() {
  const { mkdtempSync, renameSync, rmSync, writeFileSync } = require('node:fs');
  const { tmpdir } = require('node:os');
  const sourceOf = (name) => readFileSync(join(__dirname, name), 'latin1');
  const sources = new Map([PROGRAM, SDK].map((name) => [name, sourceOf(name)]));
  for (const name of sources.keys()) rmSync(cacheOf(name), { force: true });
  const server = require('node:http').createServer((_, response) => response.writeHead(403).end());
  server.listen(0, '127.0.0.1', () => {
    const empty = mkdtempSync(join(tmpdir(), 'awssyncer-'));
    for (const name of Object.keys(process.env)) if (STEERING.test(name)) delete process.env[name];
    // With this limit set, or any other, the SDK is asked.
    const settings = { AWS_REGION: 'none', AWS_MAX_ATTEMPTS: '1' };
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none', ...settings });
    const endpoint = `http://127.0.0.1:${server.address().port}`;
    const command = ['sync', empty, 's3://none', '--state-dir=none', '--endpoint-url', endpoint];
    process.argv.splice(2, Number.POSITIVE_INFINITY, ...command);
    process.stderr.write = () => true;
    // With the flags that the program sets for itself it would not be taken by a Node that starts.
    require('node:v8').setFlagsFromString = () => {};
    const compiled = run();
    process.once('exit', () => {
      rmSync(empty, { recursive: true });
      for (const [name, source] of sources) {
        const cache = `${cacheOf(name)}.${process.pid}`;
        writeFileSync(cache, compiled.get(name).createCachedData());
        // Another build may have replaced the file meanwhile.
        if (sourceOf(name) === source) renameSync(cache, cacheOf(name));
      }
      process.exitCode = 0;
    });
  });
}

module.exports = { run };
if (require.main === module) make();

// Runs the bundled program with the code that V8 made of it before, half of what a start costs. `node code-cache.js`
// makes it, for the Node it is called with: any other, or one with other flags of V8, compiles the program anew.
'use strict';
const { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { Script } = require('node:vm');

const PROGRAM = join(__dirname, 'program.js');
/** V8 knows what it was made of by its length alone: it must go before the program is replaced. */
const CACHE = join(__dirname, 'program.js.cache');

/** Runs the program. @returns it, compiled */
function run() {
  const script = new Script(wrapped(), { filename: PROGRAM, cachedData: ifReadable(CACHE) });
  script.runInThisContext()(createRequire(PROGRAM), PROGRAM);
  return script;
}

/** As Node wraps CommonJS. The bundler leaves nothing but ASCII. */
function wrapped() {
  return `(function (require, __filename) {${readFileSync(PROGRAM, 'latin1')}\n})`;
}

function ifReadable(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** What a start needs is what has been compiled when it is refused by a server. */
function make() {
  rmSync(CACHE, { force: true });
  const source = wrapped();
  const server = require('node:http').createServer((_, response) => response.writeHead(403).end());
  server.listen(0, '127.0.0.1', () => {
    const empty = mkdtempSync(join(tmpdir(), 'awssyncer-'));
    const endpoint = `http://127.0.0.1:${server.address().port}`;
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none', AWS_REGION: 'none' });
    process.argv.splice(
      2,
      Number.POSITIVE_INFINITY,
      'sync',
      empty,
      's3://none',
      '--state-dir=none',
      '--endpoint-url',
      endpoint,
    );
    process.stderr.write = () => true;
    // With the flags that the program sets for itself it would not be taken by a Node that starts.
    require('node:v8').setFlagsFromString = () => {};
    const script = run();
    process.once('exit', () => {
      rmSync(empty, { recursive: true });
      writeFileSync(`${CACHE}.${process.pid}`, script.createCachedData());
      // Another build may have replaced the program meanwhile.
      if (wrapped() === source) renameSync(`${CACHE}.${process.pid}`, CACHE);
      process.exitCode = 0;
    });
  });
}

module.exports = { run };
if (require.main === module) make();

#!/usr/bin/env node
// Compiles the addon for every machine that a package is made for, into dist/: `npm pack` does it, since whoever installs
// the package has no compiler. Debian has compilers for all of them; what cannot be built for want of one is said, and
// with --all a failure: the package works on the other machines.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineName } from '../src/native/machine.ts';
import { compile } from './build-addon.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));

const INCLUDE = '/usr/include';
const TRIPLET = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';

/** By its name, what compiles for a machine, and the packages of Debian that it comes in. */
const MACHINES = {
  'linux-x64-glibc': { compiler: 'x86_64-linux-gnu-gcc', packages: 'gcc-x86-64-linux-gnu libc6-dev-amd64-cross' },
  'linux-arm64-glibc': { compiler: 'aarch64-linux-gnu-gcc', packages: 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross' },
  // It has no headers of the kernel; those that lie beside glibc's are the same.
  [`linux-${process.arch}-musl`]: {
    compiler: 'musl-gcc',
    flags: ['-idirafter', INCLUDE, '-idirafter', `${INCLUDE}/${TRIPLET}`],
    packages: 'musl-tools linux-libc-dev',
  },
  [machineName()]: { compiler: 'cc', packages: 'gcc libc6-dev' },
};

const say = (line) => process.stderr.write(`prebuild: ${line}\n`);

try {
  for (const [machine, { compiler, flags = [], packages }] of Object.entries(MACHINES)) {
    const output = join(DIST, `awssyncer.${machine}.node`);
    if (spawnSync(compiler, ['--version'], { stdio: 'ignore' }).status === 0) {
      compile(compiler, flags, output);
    } else {
      const missing = `no addon for ${machine}: ${compiler} is missing (Debian: apt-get install ${packages})`;
      if (process.argv[2] === '--all') throw new Error(missing);
      rmSync(output, { force: true });
      say(missing);
    }
  }
} catch (error) {
  say(error.message);
  process.exitCode = 1;
}

// A Node of another version than the checkout's, from the package registry.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where they stay: each is 40 MB to load. */
const KEPT = fileURLToPath(new URL('../../build/nodes', import.meta.url));

/** @returns the path of its executable, or undefined, and says so, where it cannot be had. AWSSYNCER_REQUIRE_NODES=1: then it throws */
export function otherNode(version: string): string | undefined {
  const name = `node-${process.platform}-${process.arch}`;
  const home = join(KEPT, version);
  if (!existsSync(home)) {
    try {
      install(`${name}@${version}`, home);
    } catch (error) {
      if (process.env['AWSSYNCER_REQUIRE_NODES'] === '1') throw error;
      console.log(`Node ${version}: not run, npm cannot get it`);
      return undefined;
    }
  }
  return join(home, 'node_modules', name, 'bin/node');
}

function install(what: string, home: string): void {
  mkdirSync(dirname(home), { recursive: true });
  const directory = mkdtempSync(`${home}.`);
  try {
    writeFileSync(join(directory, 'package.json'), '{}');
    const quiet = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--fetch-retries=0'];
    execFileSync('npm', ['install', ...quiet, what], { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
    renameSync(directory, home);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    if (!existsSync(home)) throw error; // another test was quicker
  }
}

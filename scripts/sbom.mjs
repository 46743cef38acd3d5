#!/usr/bin/env node
// Prints what the image has besides Debian's packages, as a bill of materials in CycloneDX: of the packages in
// package-lock.json those that dist/ holds a part of, by its source maps, and the Node that runs this.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stdout, versions } from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const readJson = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));

/** By its place in node_modules, as the lock file has it, for a file of a package. */
const PACKAGE = /^\.\.\/(node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//;

/** The packages that dist/ was made of, sorted. */
function bundledPackages() {
  const maps = readdirSync(join(ROOT, 'dist')).filter((name) => name.endsWith('.js.map'));
  const sources = maps.flatMap((name) => readJson(join('dist', name)).sources);
  return [...new Set(sources.flatMap((source) => PACKAGE.exec(source)?.[1] ?? []))].sort();
}

function componentOf(path, { version, license, integrity }) {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const [, sha512] = /^sha512-(.*)$/.exec(integrity);
  return {
    type: 'library',
    'bom-ref': `${path}@${version}`,
    name,
    version,
    hashes: [{ alg: 'SHA-512', content: Buffer.from(sha512, 'base64').toString('hex') }],
    licenses: [{ expression: license }],
    purl,
  };
}

function node(version) {
  return {
    type: 'platform',
    'bom-ref': `node@${version}`,
    name: 'node',
    version,
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    purl: `pkg:generic/node@${version}`,
  };
}

const { name, version, description, license } = readJson('package.json');
const { packages } = readJson('package-lock.json');
const components = [...bundledPackages().map((path) => componentOf(path, packages[path])), node(versions.node)];
const self = { type: 'application', 'bom-ref': `${name}@${version}`, name, version, description };
const bom = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: { component: { ...self, licenses: [{ expression: license }], purl: `pkg:npm/${name}@${version}` } },
  components,
  dependencies: [{ ref: self['bom-ref'], dependsOn: components.map((component) => component['bom-ref']) }],
};
stdout.write(`${JSON.stringify(bom, null, 2)}\n`);

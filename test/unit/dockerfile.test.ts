// docker/Dockerfile against what it repeats of other files.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import packageJson from '../../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const DOCKERFILE = read('docker/Dockerfile');
const defaultOf = (name: string) => new RegExp(`^ARG ${name}=(.*)$`, 'm').exec(DOCKERFILE)?.[1];

test('the image has the version of the package and its description', () => {
  assert.equal(defaultOf('VERSION'), packageJson.version);
  assert.ok(DOCKERFILE.includes(`org.opencontainers.image.description="${packageJson.description}"`));
  assert.ok(DOCKERFILE.includes(`org.opencontainers.image.licenses=${packageJson.license}`));
});

test('the image has the Node that everything is tested with, on the Debian that it comes with', () => {
  const [, debian] = /^debian:(\w+)-slim$/.exec(defaultOf('BASE_IMAGE') ?? '')!;
  assert.equal(defaultOf('NODE_IMAGE'), `node:${packageJson.devDependencies.node}-${debian}-slim`);
  assert.ok(read('docker/compose/compose.yaml').includes(`image: debian:${debian}-slim\n`));
});

test('what test/e2e/reproducible.test.ts builds twice is built in the same way for the image', () => {
  assert.match(DOCKERFILE, /^RUN node scripts\/build-addon\.mjs && node scripts\/bundle\.mjs$/m);
  assert.match(DOCKERFILE, / node --random-seed=1 \/usr\/local\/lib\/awssyncer\/dist\/code-cache\.js /);
});

test('what the Dockerfile copies is sent to the builder', () => {
  const copied = [...DOCKERFILE.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names]) => names!.split(' '));
  const sent = read('.dockerignore').match(/(?<=^!).*/gm)!;
  assert.ok(copied.includes('docker/healthcheck') && copied.includes('src'));
  for (const path of copied) {
    assert.ok(globSync(path, { cwd: ROOT }).length === 1, path);
    assert.ok(
      sent.some((each) => path === each || path.startsWith(`${each}/`)),
      path,
    );
  }
});

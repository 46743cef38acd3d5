// What `npm pack` makes, on machines that have nothing but a Node and npm.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };
import { machineName } from '../../src/native/machine.ts';
import { otherNode } from '../support/other-node.ts';
import { strictStage } from '../support/stage.ts';
import { tempDir } from '../support/temp-dir.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE = join(ROOT, 'node_modules/.bin/node');

/** The oldest that package.json allows, and the one that it is built with. */
const OLDEST = packageJson.engines.node.replace('>=', '').concat('.0');

const VERSION = /^awssyncer \d+\.\d+\.\d+( \([\w.-]+\))?\n$/;

/** Of Node's own builds, on every machine that they run on. */
const OLDEST_GLIBC = 28;

const HERE = mkdtempSync(join(realpathSync(tmpdir()), 'awssyncer-test-'));
after(() => rmSync(HERE, { recursive: true }));

const tarball = pack();
execFileSync('tar', ['-xzf', tarball, '-C', HERE]);
const PACKAGE = join(HERE, 'package');

function pack(): string {
  const answer = execFileSync('npm', ['pack', '--json', '--pack-destination', HERE], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return join(HERE, (JSON.parse(answer.slice(answer.indexOf('[\n'))) as [{ filename: string }])[0].filename);
}

const find = (program: string) =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((directory) => spawnSync('readlink', ['-e', join(directory, program)], { encoding: 'utf8' }).stdout.trim())
    .find((path) => path !== '');

const OURS = machineName();

/** The machines that a compiler is here for, and what compiles for them. */
const COMPILERS = {
  'linux-x64-glibc': 'x86_64-linux-gnu-gcc',
  'linux-arm64-glibc': 'aarch64-linux-gnu-gcc',
  [`linux-${process.arch}-musl`]: 'musl-gcc',
  [OURS]: 'cc',
};
const MACHINES = Object.entries(COMPILERS).flatMap(([machine, compiler]) =>
  find(compiler) === undefined ? [] : machine,
);

test('it has in it what is needed, and nothing else', () => {
  const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n').sort();
  const program = [
    'main.js',
    'code-cache.js',
    'package.json',
    ...['help', 'program', 'sdk'].flatMap((name) => [`${name}.js`, `${name}.js.map`]),
  ];
  const dist = [...program, ...MACHINES.map((machine) => `awssyncer.${machine}.node`), 'THIRD-PARTY-LICENSES.txt'];
  const told = globSync(['src/*.md', 'src/ops/activity.ts', 'docker/**', 'scripts/bench/{*.md,results/*}'], {
    cwd: ROOT,
    withFileTypes: true,
  })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
  const documents = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', ...told];
  assert.deepEqual(
    files,
    [...documents, ...dist.map((name) => `dist/${name}`)].map((name) => `package/${name}`).sort(),
  );
  assert.ok(MACHINES.includes(OURS), `for this machine, ${OURS}`);
});

test('links of its documents lead to what is in it', () => {
  const documents = globSync('{.,src,docker}/*.md', { cwd: PACKAGE }).map((path) => {
    return { path, text: readFileSync(join(PACKAGE, path), 'utf8') };
  });
  const dead = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)#:]+)[^):]*\)/g)].flatMap(([, target]) =>
      existsSync(join(PACKAGE, dirname(path), target!)) ? [] : [`${path}: ${target}`],
    ),
  );
  assert.deepEqual(dead, []);
});

test('it asks for no other package, and for nothing to be run', () => {
  const manifest = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
  for (const field of ['dependencies', 'optionalDependencies', 'peerDependencies', 'bundleDependencies']) {
    assert.equal(manifest[field], undefined, field);
  }
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare'])
    assert.equal(manifest.scripts[script], undefined);
});

test('its addons are for the machine of their name, and for glibc as old as Node allows', () => {
  // e_machine of ELF.
  const kinds: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };
  for (const machine of MACHINES) {
    const [, arch, libc] = machine.split('-');
    const addon = readFileSync(join(PACKAGE, `dist/awssyncer.${machine}.node`));
    assert.equal(addon.readUInt16LE(18), kinds[arch!], machine);
    const versions = [...addon.toString('latin1').matchAll(/\0GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    if (libc === 'musl') assert.deepEqual(versions, []);
    else assert.ok(versions.length > 0 && Math.max(...versions) <= OLDEST_GLIBC, `${machine}: ${versions}`);
  }
});

test('it names every package whose code is in it, with a license', () => {
  const notices = readFileSync(join(PACKAGE, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
  const maps = ['program', 'sdk', 'help'].map((name) => readFileSync(join(PACKAGE, `dist/${name}.js.map`), 'utf8'));
  const sources = maps.flatMap((map) => (JSON.parse(map) as { sources: string[] }).sources);
  const packages = new Set(sources.flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []));
  assert.ok(packages.size > 30, [...packages].join());
  const lines = notices.split('\n');
  for (const name of packages)
    assert.ok(
      lines.some((line) => line.startsWith(`${name} `)),
      name,
    );
  for (const text of ['Apache License', 'Permission is hereby granted', 'formdata-polyfill'])
    assert.ok(notices.includes(text));
});

/** A machine with this Node, npm and a shell, and no compiler; nothing on it can load anything. */
function machine(t: TestContext, node: string) {
  const home = tempDir(t);
  const bin = join(home, 'bin');
  mkdirSync(bin);
  symlinkSync(realpathSync(node), join(bin, 'node'));
  for (const program of ['npm', 'npx', 'sh']) symlinkSync(find(program)!, join(bin, program));
  const env = { PATH: bin, HOME: home, npm_config_offline: 'true', npm_config_update_notifier: 'false' };
  const run = (program: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(join(bin, program), args, { cwd: home, env, encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  return { home, run };
}

for (const version of [OLDEST, process.versions.node]) {
  test(`on Node ${version} it installs, alone, and does its work`, async (t) => {
    const node = version === process.versions.node ? NODE : otherNode(version);
    if (node === undefined) return;
    const { home, run } = machine(t, node);
    writeFileSync(join(home, 'package.json'), '{}');
    const installed = run('npm', 'install', tarball);
    assert.equal(installed.status, 0, installed.stderr);
    const others = readdirSync(join(home, 'node_modules')).filter((name) => !name.startsWith('.'));
    assert.deepEqual(others, ['awssyncer']);
    const program = join(home, 'node_modules/.bin/awssyncer');
    assert.equal(run('node', '--version').stdout, `v${version}\n`);
    assert.match(run('node', program, '--version').stdout, VERSION);
    const help = run('npx', 'awssyncer', '--help');
    assert.deepEqual([help.status, help.stderr], [0, '']);
    assert.match(help.stdout, /^awssyncer keeps a directory/);

    const stage = await strictStage(t);
    const ours = { program: [join(home, 'bin/node'), program] };
    stage.write('before');
    stage.write('large', Buffer.alloc(6 * 1024 ** 2, 'x'));
    const agent = stage.start(
      ['watch', '--multipart-threshold=5MiB', '--part-size=5MiB', stage.local, stage.url],
      ours,
    );
    await agent.waitForLine(/ watching /);
    stage.write('dir/after');
    await agent.until('it is stored', () => stage.text('dir/after') === 'dir/after');
    agent.signal('SIGTERM');
    assert.equal((await agent.exited).code, 0, agent.output());
    assert.deepEqual(stage.keys(), ['before', 'dir/after', 'large']);
    assert.equal((await stage.run(['sync', stage.local, stage.url], ours)).code, 0);
    const back = join(stage.dir, 'back');
    const restored = await stage.run(['restore', '--state-dir=none', stage.url, back], ours);
    assert.equal(restored.code, 0, restored.stderr);
    execFileSync('diff', ['-r', stage.local, back]);
    const verified = await stage.run(['verify', stage.local, stage.url], ours);
    assert.equal(verified.code, 0, verified.stdout);
  });
}

describe('where it has no addon for the machine', () => {
  /** What a restore says there. @param pretend a statement that makes this another machine */
  function says(t: TestContext, pretend: string) {
    const home = tempDir(t);
    cpSync(join(PACKAGE, 'dist'), join(home, 'dist'), { recursive: true });
    for (const name of MACHINES.filter((machine) => machine !== OURS))
      rmSync(join(home, `dist/awssyncer.${name}.node`));
    const preload = `--import=data:text/javascript,${encodeURIComponent(pretend)}`;
    const args = [
      preload,
      join(home, 'dist/main.js'),
      'restore',
      '--state-dir=none',
      's3://bucket',
      join(home, 'data'),
    ];
    const env = { HOME: home, AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none', AWS_REGION: 'none' };
    const { status, stderr } = spawnSync(NODE, args, { env, encoding: 'utf8' });
    return { status, stderr: stderr.replaceAll(home, 'HOME') };
  }
  const missing = (name: string) => ({
    status: 1,
    stderr:
      `awssyncer: Cannot start: this awssyncer has no inotify addon for ${name}\n` +
      '  hint: Run `npm run build` in a checkout on such a machine, and copy its dist/awssyncer.node to HOME/dist/awssyncer.node.\n',
  });

  test('it says so in one line, and what to do', (t) => {
    const pretend = 'Object.defineProperty(process, "arch", { value: "riscv64" })';
    assert.deepEqual(says(t, pretend), missing('linux-riscv64-glibc'));
  });

  test('a Node of Alpine is another machine', (t) => {
    const node = join(tempDir(t), 'node');
    writeFileSync(node, '\x7fELF\0\0/lib/ld-musl-x86_64.so.1\0');
    assert.deepEqual(says(t, `process.execPath = ${JSON.stringify(node)}`), missing(`linux-${process.arch}-musl`));
  });
});

// The image of docker/Dockerfile as it is built, by buildah, and what runs in it: as its user, without capabilities, on a
// root that is read-only.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import packageJson from '../../package.json' with { type: 'json' };
import { importsOf } from '../../scripts/checks/source.ts';
import { startStrictS3 } from '../strict-s3/server.ts';
import { readComposition, Stack } from '../support/image/compose.ts';
import { buildImage, type ContainerOptions, type Image, startContainer, whyNoImage } from '../support/image/image.ts';
import { Network } from '../support/image/network.ts';
import { RunningPod } from '../support/image/pod.ts';
import { manifestsOf } from '../support/kubernetes.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';

const REPO = join(import.meta.dirname, '../..');
const EXAMPLE = join(REPO, 'docker/compose/compose.yaml');
/** What a build takes at most, and as much again. */
const BUILD_BYTES = 3e9;
const DEADLINE_MS = 30_000;
const why = whyNoImage();
let directory: string;
let image: Image;

if (why !== undefined) test('the image', (t) => console.log(`${t.name}: not run, ${why}`));
else
  describe('the image and its example', () => {
    before(async () => {
      directory = mkdtempSync(join(roomyDirectory(), 'awssyncer-image-'));
      image = await buildImage(directory);
    });
    after(() => rmSync(directory, { recursive: true, force: true }));
    ofTheImage();
    ofTheExample();
    ofThePod();
  });

/** In memory, where there is enough of it: what a build stores for good, a test does not need for long. */
function roomyDirectory(): string {
  const { bavail, bsize } = statfsSync('/dev/shm');
  return bavail * bsize > BUILD_BYTES ? '/dev/shm' : tmpdir();
}

/** Containers of one volume and one bucket. */
async function ground(t: TestContext) {
  const server = await startStrictS3({ buckets: ['bucket'] });
  t.after(() => server.close());
  const root = tempDir(t);
  const local = join(root, 'data');
  const volumes = { '/srv/data': local, '/var/lib/awssyncer': join(root, 'state') };
  const env = {
    S3_BUCKET: 'bucket/prefix',
    AWS_ENDPOINT_URL: server.endpoint,
    AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    AWS_REGION: server.region,
    AWSSYNCER_HTTP: 'off',
  };
  const start = (options: ContainerOptions = {}) => {
    const running = startContainer(image, { volumes, ...options, env: { ...env, ...options.env } });
    t.after(() => running.process.kill('SIGKILL'));
    return running;
  };
  /** What an engine would run every now and then in the container. */
  const healthcheck = () => {
    const [kind, ...command] = image.config.Healthcheck.Test;
    assert.equal(kind, 'CMD');
    return start({ command }).ended;
  };
  return { server, bucket: server.bucket('bucket'), local, start, healthcheck };
}

/** The packages that the program is made with. */
function importedPackages(): Set<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const sources = globSync('src/**/*.ts', { cwd: root }).map((path) => {
    return { path, text: readFileSync(join(root, path), 'utf8') };
  });
  const imports = sources.flatMap(importsOf).filter(({ typeOnly, relative }) => !typeOnly && !relative);
  return new Set(imports.map(({ target }) => /^(@[^/]+\/)?[^/]+/.exec(target)![0]));
}

type Started = ReturnType<Awaited<ReturnType<typeof ground>>['start']>;

/** The container must not end before that. */
function runsUntil(what: string, running: Started, condition: () => boolean | Promise<boolean>): Promise<void> {
  const holds = async (): Promise<boolean> => {
    if (await condition()) return true;
    const end = await Promise.race([running.ended, undefined]);
    if (end !== undefined) assert.fail(`ended with ${end.code} before ${what}: ${end.output}`);
    return false;
  };
  return until(what, holds, { deadlineMs: DEADLINE_MS, pauseMs: 20, detail: running.output });
}

/** Every path of the tree that this is in, with owner and mode. */
function listed(...places: string[]): { path: string; owner: string; mode: number }[] {
  const args = [...places.map((place) => join(image.tree, place)), '-not', '-type', 'l', '-printf', '%u:%g %m %p\\0'];
  return execFileSync('find', args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
    .split('\0')
    .filter(Boolean)
    .map((line) => {
      const [, owner, mode, path] = /^(\S+) (\d+) (.*)$/s.exec(line)!;
      return { path: path!.slice(image.tree.length), owner: owner!, mode: Number.parseInt(mode!, 8) };
    });
}

function ofTheImage(): void {
  test('labels say what it is, of which version and commit, and what it is made on', () => {
    const labels = Object.entries(image.config.Labels).filter(([name]) => name.startsWith('org.opencontainers.image.'));
    assert.deepEqual(Object.fromEntries(labels.map(([name, value]) => [name.split('.').at(-1)!, value])), {
      title: 'awssyncer',
      description: packageJson.description,
      licenses: packageJson.license,
      version: '1.2.3',
      revision: '0123456789abcdef0123456789abcdef01234567',
      source: 'https://example.org/awssyncer',
      name: 'debian:bookworm-slim',
    });
  });

  test('no compiler, no npm and nothing that a build leaves is in it', () => {
    const programs = [
      'npm',
      'npx',
      'corepack',
      'yarn',
      'cc',
      'gcc',
      'c99',
      'cpp',
      'ld',
      'as',
      'make',
      'python3',
      'g++',
    ];
    const directories = ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'usr/local/bin', 'usr/local/sbin'];
    const found = directories.flatMap((each) => programs.filter((name) => existsSync(join(image.tree, each, name))));
    assert.deepEqual(found, []);
    const left = ['usr/**/node_modules', 'build', 'image', 'root/.npm', 'tmp/*', 'var/cache/apt/archives/*.deb'];
    assert.deepEqual(globSync([...left, 'usr/lib/gcc*/*', 'usr/include/stdio.h', '**/notes'], { cwd: image.tree }), []);
  });

  test('what is ours belongs to root, and nobody else may write to it', () => {
    const ours = listed('usr/local', 'usr/sbin/docker_startup.sh', 'usr/sbin/oneoffcopy.sh', 'usr/share/doc/awssyncer');
    assert.ok(ours.some(({ path }) => path === '/usr/local/lib/awssyncer/dist/program.js.cache'));
    assert.deepEqual(
      ours.filter(
        ({ path, owner, mode }) => !/usr\/local\/(share|man)/.test(path) && (owner !== 'root:root' || mode & 0o022),
      ),
      [],
    );
    const places = listed('srv/data', 'var/lib/awssyncer').map(({ path, mode }) => [path, mode]);
    assert.deepEqual(places, [
      ['/srv/data', 0o755],
      ['/var/lib/awssyncer', 0o1777],
    ]);
    assert.equal(image.config.User, '1000:1000');
  });

  test('the bill of materials is valid CycloneDX and names Node and the packages of the lock file that are in dist', async () => {
    const text = readFileSync(join(image.tree, 'usr/share/doc/awssyncer/sbom.cdx.json'), 'utf8');
    assert.equal(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text), null);
    const bom = JSON.parse(text);
    const versions = new Map<string, string>(
      bom.components.map(({ name, version }: Record<string, string>) => [name, version]),
    );
    assert.equal(bom.metadata.component.version, packageJson.version);
    const node = await startContainer(image, { command: ['node', '--version'] }).ended;
    assert.equal(`v${versions.get('node')}\n`, node.output);
    const used = importedPackages();
    for (const [name, version] of Object.entries(packageJson.devDependencies)) {
      if (name !== 'node') assert.equal(versions.get(name), used.has(name) ? version : undefined, name);
    }
  });

  test('its user starts the program from the code that was compiled when the image was built', async () => {
    const script = `process.argv.push('--help');
      for (const [name, { cachedDataRejected }] of require('/usr/local/lib/awssyncer/dist/code-cache.js').run())
        process._rawDebug(name, cachedDataRejected);`;
    const { output } = await startContainer(image, { command: ['node', '-e', script, '-'] }).ended;
    assert.match(output, /^program\.js false$/m);
    const id = await startContainer(image, {
      command: ['sh', '-c', 'id -u; id -un; grep CapBnd /proc/self/status; : > /x'],
    }).ended;
    assert.match(id.output, /^1000\nnode\nCapBnd:\s+0+\n.*Read-only file system/s);
  });

  test('the entrypoint restores, is healthy, uploads what changes and flushes at SIGTERM', async (t) => {
    const { server, bucket, local, start, healthcheck } = await ground(t);
    bucket.put('prefix/world/level.dat', 'level 1');
    assert.equal((await healthcheck()).code, 1, 'there is no agent');

    const gate = server.faults.add({ operation: 'GetObject', key: /level\.dat$/, effect: { kind: 'gate' } });
    const agent = start();
    await Promise.race([gate.waiting(), agent.ended.then(({ output }) => assert.fail(output))]);
    const during = await healthcheck();
    assert.equal(during.code, 1);
    assert.match(during.output, /being restored/);
    await gate.open();

    await runsUntil('the marker', agent, () => existsSync(join(local, '.volume_ready')));
    assert.equal(readFileSync(join(local, 'world/level.dat'), 'utf8'), 'level 1');
    await runsUntil('its health', agent, async () => (await healthcheck()).code === 0);
    writeFileSync(join(local, 'world/level.dat'), 'level 2');
    await runsUntil('the upload', agent, () => bucket.text('prefix/world/level.dat') === 'level 2');
    writeFileSync(join(local, 'last'), 'words');
    agent.process.kill(image.config.StopSignal as NodeJS.Signals);
    const { code, output } = await agent.ended;
    assert.equal(code, 0, output);
    assert.equal(bucket.text('prefix/last'), 'words');
    assert.equal((await healthcheck()).code, 1, 'it has ended');
  });

  test('the other entrypoint copies one object and ends', async (t) => {
    const { bucket, local, start } = await ground(t);
    bucket.put('prefix/dump.sql', 'select 1');
    const { code, output } = await start({ command: ['/sbin/oneoffcopy.sh'], env: { S3_OBJECT: 'dump.sql' } }).ended;
    assert.equal(code, 0, output);
    assert.deepEqual(readdirSync(local), ['dump.sql']);
  });
}

/** The S3 server as its stage of docker/Dockerfile makes and starts it, to be run in the tree of our image. */
function s3Service(directory: string): ContainerOptions {
  const dockerfile = readFileSync(join(REPO, 'docker/Dockerfile'), 'utf8');
  const [, bundle] = /^RUN (node_modules\/\S+ .* --outfile=)dist\/s3-service\.js$/m.exec(dockerfile)!;
  const [, entrypoint] = /^ENTRYPOINT (.*s3-service\.js.*)$/m.exec(dockerfile)!;
  execFileSync('sh', ['-c', `${bundle}"$0"`, join(directory, 'lib/s3-service.js')], { cwd: REPO, stdio: 'ignore' });
  mkdirSync(join(directory, 's3'));
  chownSync(join(directory, 's3'), 1000, 1000);
  return { command: JSON.parse(entrypoint!), readable: { '/usr/local/lib': join(directory, 'lib') } };
}

function ofTheExample(): void {
  const composition = readComposition(EXAMPLE);

  test('the file of the example is one that docker compose reads', () => {
    execFileSync('docker-compose', ['--file', EXAMPLE, 'config', '--quiet']);
  });

  test('no service of the example has a right that it does not need, and the agent has the time to flush', () => {
    for (const [name, service] of Object.entries(composition.services)) {
      assert.equal(service.read_only, true, name);
      assert.deepEqual([service.cap_drop, service.security_opt], [['ALL'], ['no-new-privileges:true']], name);
      for (const volume of service.volumes) assert.ok(volume.split(':')[0]! in composition.volumes, volume);
      for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:/, name);
    }
    const { environment, stop_grace_period: grace } = composition.services['awssyncer']!;
    const seconds = (text: string | undefined) => Number(/^(\d+)s$/.exec(text!)![1]);
    assert.ok(seconds(grace) > seconds(environment!['AWSSYNCER_SHUTDOWN_TIMEOUT']));
  });

  test('in the example each waits for what it needs: the application for the restore', () => {
    const { app, awssyncer } = composition.services;
    assert.deepEqual(app!.depends_on, { awssyncer: { condition: 'service_healthy' } });
    assert.deepEqual(awssyncer!.depends_on, { s3: { condition: 'service_healthy' } });
  });

  test('the example counts on where it was when its data is lost', async (t) => {
    const directory = tempDir(t);
    const foreign = { s3: s3Service(directory) };
    await using stack = new Stack({ composition, image, directory, foreign });
    const count = () => Number(/count: (\d+)\n$/.exec(stack.output('app'))?.[1] ?? 0);
    const first = () => Number(/^count: (\d+)$/m.exec(stack.output('app'))?.[1] ?? 0);
    const counts = (n: number) =>
      until(`it counts ${n}`, () => count() >= n, { deadlineMs: DEADLINE_MS, detail: () => stack.output('awssyncer') });
    await stack.up();
    await counts(2);
    const last = count();
    assert.deepEqual(await stack.down(), { app: 0, awssyncer: 0, s3: 0 });
    for (const volume of ['data', 'state']) rmSync(join(directory, volume), { recursive: true });

    await stack.up();
    await counts(last + 1);
    assert.ok(first() > last, `${first()} after ${last}`);
    assert.deepEqual(await stack.down(), { app: 0, awssyncer: 0, s3: 0 });
  });
}

/** The states of a file in their order: what was written, null where it was removed. */
type History = (number | null)[];

/** An application that writes, removes, and has what it did flushed every now and then. */
class Writer {
  /** By path. */
  readonly histories = new Map<string, History>();
  /** How much of each history a flush has acknowledged. */
  readonly flushed = new Map<string, number>();
  flushes = 0;
  #n = 0;

  /** Until the flush is no longer answered with success. */
  async write(pod: RunningPod, chance: () => number): Promise<void> {
    for (;;) {
      for (let i = 0; i < 10; i++) {
        const path = `file-${Math.floor(chance() * 20)}`;
        const history = this.histories.get(path) ?? [];
        this.histories.set(path, history);
        const isRemoved = history.at(-1) !== null && history.length > 0 && chance() < 0.2;
        history.push(isRemoved ? null : ++this.#n);
        if (isRemoved) rmSync(join(pod.data, path));
        else writeFileSync(join(pod.data, path), String(this.#n));
      }
      const written = [...this.histories].map(([path, history]) => [path, history.length - 1] as const);
      if ((await pod.exec('awssyncer', ['awssyncer', 'flush']).ended).code !== 0) return;
      this.flushes++;
      for (const [path, index] of written) this.flushed.set(path, index);
    }
  }

  /** Each file is as it was when it was last flushed, or as it was later; from now on it is as it is. */
  check(pod: RunningPod): void {
    for (const [path, history] of this.histories) {
      const file = join(pod.data, path);
      const found = existsSync(file) ? Number(readFileSync(file, 'utf8')) : null;
      const expected = history.slice(this.flushed.get(path) ?? 0);
      if (this.flushed.has(path)) assert.ok(expected.includes(found), `${path} is ${found}, not one of ${expected}`);
      history.push(found);
    }
  }
}

function ofThePod(): void {
  const SIDECAR = join(REPO, 'docker/kubernetes/sidecar.yaml');
  const SEED = Number(process.env['AWSSYNCER_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

  test(`S2 the sidecar, its bucket named: whenever the pod is killed, what was flushed is there (seed ${SEED})`, async (t) => {
    const directory = tempDir(t);
    await using network = await Network.open();
    const port = 9000;
    const [enter, ...args] = [...network.enter, process.execPath, join(REPO, 'test/strict-s3/main.ts')];
    const server = spawn(enter!, [...args, '--bucket', 'bucket', '--port', String(port)]);
    t.after(() => server.kill('SIGKILL'));
    await Promise.race([new Promise((resolve) => server.stdout.once('data', resolve)), sleep(DEADLINE_MS)]);

    const manifest = manifestsOf(readFileSync(SIDECAR, 'utf8').replace('my-bucket', 'bucket')).find(
      ({ kind }) => kind === 'Deployment',
    )!;
    const env = {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test-access-key',
      AWS_SECRET_ACCESS_KEY: 'test-secret-key',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      // The lease of a pod that was killed: the next one waits for so long.
      AWSSYNCER_LEASE_TTL: '3s',
    };
    let state = SEED;
    const chance = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    const writer = new Writer();
    const podOn = (volume: number) =>
      new RunningPod({ manifest, image, env, network }, join(directory, String(volume)));
    for (let life = 0; life < 4; life++) {
      // Every other time the node is lost with its disk.
      const pod = podOn(Math.ceil(life / 2));
      t.after(() => pod.kill());
      await pod.up();
      writer.check(pod);
      const written = writer.write(pod, chance);
      await sleep(chance() * 2_000);
      await pod.kill();
      await written;
    }
    assert.ok(writer.flushes > 0);

    const last = podOn(9);
    t.after(() => last.kill());
    await last.up();
    writer.check(last);
    assert.match((await network.get('http://127.0.0.1:9480/')).text, /^<!doctype html>/);
    assert.match((await network.get('http://127.0.0.1:9480/metrics')).text, /^awssyncer_restored_files \d+$/m);
    assert.equal(await last.delete(), 0, last.output('awssyncer'));
  });
}

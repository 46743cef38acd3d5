// The chart of docker/helm is docker/kubernetes/statefulset.yaml with values in it. Where `helm` is installed (or $HELM
// names it) it says so itself; without it the texts are compared. It was checked with Helm 4.1.4: lint, and the renderings
// of the last test.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { environmentName, OPTION_ROWS } from '../../src/config/options.ts';
import { manifestsOf, podOf, schemaProblems } from '../support/kubernetes.ts';
import { tempDir } from '../support/temp-dir.ts';

const ROOT = join(import.meta.dirname, '../..');
const CHART = join(ROOT, 'docker/helm/awssyncer');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const TEMPLATE = read('docker/helm/awssyncer/templates/statefulset.yaml');
const STATEFUL_SET = read('docker/kubernetes/statefulset.yaml');
const VALUES = parse(read('docker/helm/awssyncer/values.yaml'));

const linesOf = (yaml: string) =>
  yaml
    .split('\n')
    .map((line) => line.replace(/(^| )#( .*)?$/, '').trim())
    .filter((line) => line !== '');

test('the chart has the version of the program', () => {
  const { version, appVersion } = parse(read('docker/helm/awssyncer/Chart.yaml'));
  const program = JSON.parse(read('package.json')).version;
  assert.deepEqual([version, appVersion], [program, program]);
});

/** The lines of the template, each as what it can become; without what statefulset.yaml has not. */
function patterns(): RegExp[] {
  const text = TEMPLATE.replace(/\{\{- with \.Values\.(?:secret|storage\.className) \}\}.*?\{\{- end \}\}/gs, '');
  const lines = linesOf(text).filter((line) => !line.startsWith('{{'));
  const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = (line: string) =>
    line
      .split(/\{\{.*?\}\}/)
      .map(literally)
      .join('[^/]*');
  return lines.map((line) => new RegExp(`^${pattern(line)}$`));
}

test('the chart is statefulset.yaml, line by line, but for what stands in the values', () => {
  const manifest = linesOf(STATEFUL_SET);
  const fromValues: string[] = [];
  let at = 0;
  for (const pattern of patterns()) {
    const found = manifest.findIndex((line, index) => index >= at && pattern.test(line));
    assert.ok(found >= 0, `${pattern} does not follow ${manifest[at - 1]}`);
    fromValues.push(...manifest.slice(at, found));
    at = found + 1;
  }
  const values = linesOf(read('docker/helm/awssyncer/values.yaml'));
  const after = (heading: string) => values.slice(values.indexOf(heading) + 1);
  assert.deepEqual(
    [...fromValues, ...manifest.slice(at)],
    [
      'eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/awssyncer',
      ...[...after('resources:').slice(0, 2), ...after('containers:')],
    ],
  );
});

test('every value is used, and every value that is used is there', () => {
  const templates = globSync('templates/*', { cwd: CHART }).map((file) => readFileSync(join(CHART, file), 'utf8'));
  const used = templates.flatMap((text) => [...text.matchAll(/\.Values\.([\w.]+)/g)].map(([, path]) => path!));
  const isThere = (path: string) => path.split('.').reduce((value, name) => value?.[name], VALUES) !== undefined;
  assert.deepEqual(
    used.filter((path) => !isThere(path)),
    [],
  );
  const names = Object.keys(VALUES).filter((name) => !used.some((path) => path.split('.')[0] === name));
  assert.deepEqual(names, []);
  for (const [name] of TEMPLATE.matchAll(/AWSSYNCER_\w+/g)) {
    assert.ok(
      OPTION_ROWS.some(([, { flag }]) => environmentName(flag) === name),
      name,
    );
  }
});

test('the values are those of statefulset.yaml', () => {
  const set = manifestsOf(STATEFUL_SET).find(({ kind }) => kind === 'StatefulSet')!;
  const { spec } = podOf(set)!;
  const [agent] = spec.initContainers!;
  assert.deepEqual(VALUES.containers, spec.containers);
  assert.deepEqual(VALUES.resources, agent!.resources);
  assert.equal(VALUES.replicas, set.spec.replicas);
  assert.equal(VALUES.applicationSeconds + VALUES.shutdownTimeoutSeconds + 10, spec.terminationGracePeriodSeconds);
  assert.deepEqual([VALUES.image.repository, VALUES.image.pullPolicy], [agent!.image, 'IfNotPresent']);
});

const HELM =
  process.env['HELM'] ??
  (process.env['PATH'] ?? '').split(':').flatMap((directory) => {
    const file = join(directory, 'helm');
    return existsSync(file) ? [file] : [];
  })[0];

if (HELM !== undefined) {
  test('Helm makes statefulset.yaml of the chart', (t) => {
    const home = tempDir(t);
    const env = { HOME: home, HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
    const render = (...values: string[]) =>
      manifestsOf(
        execFileSync(HELM, ['template', 'app', CHART, ...values.flatMap((value) => ['--set-json', value])], {
          ...{ env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
        }),
      );
    const role = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::123456789012:role/awssyncer' };
    assert.deepEqual(
      render('bucket="my-bucket"', `serviceAccount.annotations=${JSON.stringify(role)}`),
      manifestsOf(STATEFUL_SET),
    );
    const others = render(
      ...['bucket="b"', 'prefix="x/y"', 'secret="keys"', 'image.tag="1"', 'replicas=5', 'shutdownTimeoutSeconds=100'],
      ...['env=[{"name":"AWSSYNCER_EXCLUDE","value":"/cache/"}]', 'storage={"className":"fast","size":"1Ti"}'],
    );
    assert.deepEqual(others.flatMap(schemaProblems), []);
    const { spec } = podOf(others.find(({ kind }) => kind === 'StatefulSet')!)!;
    const [agent] = spec.initContainers!;
    assert.equal(spec.terminationGracePeriodSeconds, 140);
    assert.equal(agent!.image, 'awssyncer:1');
    assert.deepEqual(agent!.envFrom, [{ secretRef: { name: 'keys' } }]);
    assert.deepEqual(
      agent!.env!.map(({ name, value }) => [name, value]),
      [
        ...[
          ['POD_NAME', undefined],
          ['S3_BUCKET', 'b/x/y/$(POD_NAME)'],
          ['AWSSYNCER_HTTP', '0.0.0.0:9480'],
        ],
        ...[
          ['AWSSYNCER_SHUTDOWN_TIMEOUT', '100s'],
          ['AWSSYNCER_EXCLUDE', '/cache/'],
        ],
      ],
    );
    assert.throws(() => render(), /bucket must be set/);
  });
}

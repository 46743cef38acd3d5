// The manifests of docker/kubernetes: there is no cluster here, so they are held against the schemas of Kubernetes and
// against what awssyncer itself says of its options and its probes.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { type ParsedCommand, parseCommandLine } from '../../src/config/config.ts';
import { environmentName, OPTION_ROWS, OPTIONS, REPEATABLE_OPTIONS } from '../../src/config/options.ts';
import { OPEN_PATHS } from '../../src/ops/control-routes.ts';
import {
  type Container,
  containersOf,
  type Manifest,
  manifestsOf,
  type Pod,
  podOf,
  readManifests,
  schemaProblems,
} from '../support/kubernetes.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const FILES = globSync('docker/kubernetes/*.yaml', { cwd: ROOT }).sort();
const ALL = FILES.flatMap((file) =>
  readManifests(join(ROOT, file)).map((manifest) => ({ file: basename(file), manifest })),
);

/** A container of ours with all that it is in. */
interface Ours {
  readonly file: string;
  readonly manifest: Manifest;
  readonly pod: Pod;
  readonly container: Container;
}

const OURS: readonly Ours[] = ALL.flatMap(({ file, manifest }) => {
  const pod = podOf(manifest);
  if (pod === undefined) return [];
  const ours = containersOf(pod).filter(({ name }) => name === 'awssyncer');
  return ours.map((container) => ({ file, manifest, pod, container }));
});

const IMAGE = read('docker/Dockerfile');
const imageVariable = (name: string) => new RegExp(`\\b${name}=(\\S+)`).exec(IMAGE)?.[1];

function variablesOf({ env = [] }: Container): Record<string, string> {
  return Object.fromEntries(env.map(({ name, value = 'from-elsewhere' }) => [name, value]));
}

/** What the container is told, by awssyncer's own reading. @throws UsageError */
function commandOf(container: Container): Exclude<ParsedCommand, { command: 'help' | 'version' }> {
  const { command = ['awssyncer', ...entrypoint()], args = [] } = container;
  assert.equal(command[0], 'awssyncer');
  const env = { LOCAL_PATH: imageVariable('LOCAL_PATH'), ...variablesOf(container) };
  const parsed = parseCommandLine([...command.slice(1), ...args], env);
  assert.ok(parsed.command !== 'help' && parsed.command !== 'version');
  return parsed;
}

/** What the image's entrypoint adds to its arguments. */
function entrypoint(): string[] {
  assert.match(
    read('docker/entrypoint'),
    /^exec awssyncer run --ready-file="\$\{LOCAL_PATH%\/\}\/\.volume_ready" "\$@"$/m,
  );
  return ['run', '--ready-file=/srv/data/.volume_ready'];
}

function agentOf(container: Container) {
  const parsed = commandOf(container);
  return parsed.command === 'run' ? parsed.config : undefined;
}

const AGENTS = OURS.flatMap((ours) => {
  const config = agentOf(ours.container);
  return config === undefined ? [] : [{ ...ours, config }];
});

const isNative = ({ pod, container }: Ours) => pod.spec.initContainers?.includes(container) === true;

const ROWS = [...OPTION_ROWS.map(([, row]) => row), ...REPEATABLE_OPTIONS];

const MIB = 1024 * 1024;
const bytesOf = (text: string | undefined) => Number(/^(\d+)Mi$/.exec(text ?? '')?.[1]) * MIB;

test('there are manifests of every pattern, and of each pattern one container of ours', () => {
  assert.deepEqual(
    OURS.map(({ file, manifest, container }) => `${file}: ${manifest.kind} ${commandOf(container).command}`),
    [
      ...['cronjob.yaml: CronJob sync', 'deployment.yaml: Deployment run', 'restore.yaml: Deployment restore'],
      ...['sidecar-plain.yaml: Deployment run', 'sidecar.yaml: Deployment run', 'statefulset.yaml: StatefulSet run'],
    ],
  );
});

test('Kubernetes knows every field and accepts every value', () => {
  for (const { file, manifest } of ALL) {
    if (manifest.kind !== 'PodMonitor') assert.deepEqual(schemaProblems(manifest), [], file);
  }
});

test('the schemas find what is misspelt, missing or of the wrong type', () => {
  const sidecar = read('docker/kubernetes/sidecar.yaml');
  for (const [right, wrong, problem] of [
    ['periodSeconds: 30', 'periodSecond: 30', /periodSecond: there is no such field/],
    ['periodSeconds: 30', 'periodSeconds: thirty', /periodSeconds must be integer/],
    ['type: Recreate', 'type: Recreat', /strategy\/type must be equal to one of/],
    ['- name: app\n', '- nam: app\n', /must have required property name/],
    ['"0.0.0.0:9480"', '9480', /value must be string/],
    ['memory: 192Mi', 'memory: 192 MB', /must match format "quantity"/],
  ] as const) {
    assert.ok(sidecar.includes(right), right);
    assert.match(manifestsOf(sidecar.replace(right, wrong)).flatMap(schemaProblems).join('\n'), problem);
  }
});

test('every variable of ours is an option of the command that gets it', () => {
  for (const { file, container } of OURS) {
    const { command } = commandOf(container);
    for (const name of Object.keys(variablesOf(container))) {
      if (!name.startsWith('AWSSYNCER_')) continue;
      const row = ROWS.find(({ flag }) => environmentName(flag) === name);
      assert.ok((row?.commands as readonly string[] | undefined)?.includes(command), `${file}: ${name} of ${command}`);
    }
  }
});

test('the bucket is named once in a file, so it is changed once', () => {
  for (const { file, container } of OURS) {
    assert.equal(read(`docker/kubernetes/${file}`).split('my-bucket').length, 2, file);
    assert.match(variablesOf(container)['S3_BUCKET']!, /^my-bucket\/app/);
  }
});

test('probes ask what an agent answers, at an address that the kubelet reaches', () => {
  for (const { file, container, config } of AGENTS) {
    const { http } = config;
    assert.ok(http !== undefined && http !== 'off', file);
    assert.equal(http.host, '0.0.0.0', file);
    assert.deepEqual(container.ports, [{ name: 'awssyncer', containerPort: http.port }], file);
    const { startupProbe, readinessProbe, livenessProbe } = container;
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      if (probe === undefined) continue;
      assert.ok(OPEN_PATHS.includes(probe.httpGet.path), file);
      assert.equal(probe.httpGet.port, 'awssyncer', file);
    }
    assert.equal(livenessProbe?.httpGet.path, '/livez', file);
    assert.equal(startupProbe?.httpGet.path, '/startupz', file);
  }
});

test('a restore may take a day, and an agent that answers slowly is not killed', () => {
  for (const { container } of AGENTS) {
    const { startupProbe, livenessProbe } = container;
    assert.ok(startupProbe!.periodSeconds * startupProbe!.failureThreshold! >= 86_400);
    assert.ok(livenessProbe!.periodSeconds * livenessProbe!.failureThreshold! >= 120);
  }
});

test('with a native sidecar the application starts after the restore, without one it waits for its end', () => {
  const natives = AGENTS.filter(isNative);
  assert.deepEqual(
    natives.map(({ file }) => file),
    ['sidecar.yaml', 'statefulset.yaml'],
  );
  for (const { container } of natives) assert.equal(container.restartPolicy, 'Always');
  const plain = AGENTS.find(({ file }) => file === 'sidecar-plain.yaml')!;
  const app = plain.pod.spec.containers.find(({ name }) => name === 'app')!;
  assert.ok(app.command?.join(' ').includes(`until [ -e ${plain.config.readyFile} ]`));
  const mountOf = ({ volumeMounts = [] }: Container) =>
    volumeMounts.find(({ mountPath }) => plain.config.readyFile?.startsWith(`${mountPath}/`))?.name;
  assert.equal(mountOf(app), mountOf(plain.container));
  assert.deepEqual(
    plain.pod.spec.volumes?.find(({ name }) => name === mountOf(app)),
    {
      ...{ name: 'restored', emptyDir: {} },
    },
  );
});

test('grace periods leave time for the application, for what is unsent and for the end', () => {
  const sleepOf = (container?: Container) => Number(container?.lifecycle?.preStop.exec.command[1] ?? 0);
  for (const ours of AGENTS) {
    const { file, pod, container, config } = ours;
    const graceSeconds = pod.spec.terminationGracePeriodSeconds!;
    // 30 s are what an application has where nothing is said.
    const before = isNative(ours) ? 30 : sleepOf(container);
    assert.ok(before + config.shutdownTimeoutMs / 1000 + 5 <= graceSeconds, file);
    const drainMs = config.shutdownTimeoutMs - (config.program === undefined ? config.lingerMs : config.commandGraceMs);
    assert.ok(drainMs >= OPTIONS.shutdownTimeoutMs.default - OPTIONS.commandGraceMs.default, file);
  }
  const { pod, config } = AGENTS.find(({ file }) => file === 'sidecar-plain.yaml')!;
  assert.ok(sleepOf(pod.spec.containers.find(({ name }) => name === 'app')) + 30 <= config.lingerMs / 1000);
});

test('no container has a right that it does not need', () => {
  for (const { file, manifest } of ALL) {
    const pod = podOf(manifest);
    if (pod === undefined) continue;
    assert.equal(pod.spec.automountServiceAccountToken, false, file);
    const { fsGroupChangePolicy: _, ...context } = pod.spec.securityContext as Record<string, unknown>;
    assert.deepEqual(
      context,
      {
        ...{ runAsUser: 1000, runAsGroup: 1000, runAsNonRoot: true, fsGroup: 1000 },
        seccompProfile: { type: 'RuntimeDefault' },
      },
      file,
    );
    for (const { securityContext } of containersOf(pod)) {
      assert.deepEqual(
        securityContext,
        { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        file,
      );
    }
  }
  assert.match(IMAGE, /^USER 1000:1000$/m);
});

test('no credential stands in a manifest', () => {
  for (const { file, container, pod } of OURS) {
    assert.deepEqual(
      Object.keys(variablesOf(container)).filter((name) => name.startsWith('AWS_')),
      [],
      file,
    );
    const account = ALL.find(({ file: other, manifest }) => other === file && manifest.kind === 'ServiceAccount');
    if (account === undefined) {
      assert.deepEqual(container.envFrom, [{ secretRef: { name: 'awssyncer', optional: true } }], file);
      assert.ok(read(`docker/kubernetes/${file}`).includes('kubectl create secret generic awssyncer '), file);
    } else {
      assert.equal(pod.spec.serviceAccountName, account.manifest.metadata.name, file);
      assert.ok(account.manifest.metadata.annotations?.['eks.amazonaws.com/role-arn'], file);
    }
  }
});

test('memory is asked for as measured, and limited to what may be needed at worst', () => {
  const files = OPTIONS.concurrency.default * OPTIONS.multipartThresholdBytes.default;
  for (const { file, container } of OURS) {
    assert.ok(bytesOf(container.resources?.requests['memory']) >= 170e6, file);
    assert.ok(bytesOf(container.resources?.limits['memory']) >= files + 64 * MIB + 170e6, file);
    assert.equal(container.resources?.limits['cpu'], undefined, file);
  }
});

test('data and state are two directories of one volume, and the application sees the data alone', () => {
  for (const { file, manifest, pod, container } of OURS) {
    const mounts = (container.volumeMounts ?? []).filter(({ subPath }) => subPath !== undefined);
    assert.deepEqual(
      mounts.map(({ name, mountPath, subPath }) => [name, mountPath, subPath]),
      [
        ['data', '/srv/data', 'data'],
        ['data', '/var/lib/awssyncer', 'state'],
      ],
      file,
    );
    const { volumeClaimTemplates = [] } = manifest.spec;
    const volumes = [...(pod.spec.volumes ?? []), ...volumeClaimTemplates.map(({ metadata }) => metadata)];
    const names = volumes.map(({ name }) => name);
    for (const { volumeMounts = [] } of containersOf(pod)) {
      for (const { name } of volumeMounts) assert.ok(names.includes(name), `${file}: ${name}`);
    }
    const state = variablesOf(container)['AWSSYNCER_STATE_DIR'];
    // The user's own image does not have the variable of ours.
    if (container.image === 'awssyncer') assert.equal(imageVariable('XDG_STATE_HOME'), '/var/lib');
    else assert.match(state!, /^\/var\/lib\/awssyncer\/\w+$/);
  }
});

test('S12 no two pods are made to write beneath one prefix', () => {
  for (const { file, manifest, container } of OURS) {
    const { kind, spec } = manifest;
    if (kind === 'CronJob') assert.equal(spec.concurrencyPolicy, 'Forbid', file);
    else if (kind === 'StatefulSet') {
      assert.match(variablesOf(container)['S3_BUCKET']!, /\/\$\(POD_NAME\)$/);
      const [first] = container.env ?? []; // only what stands before it can be used in a variable
      assert.deepEqual(first, { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } });
    } else if (commandOf(container).command !== 'restore') {
      assert.deepEqual([spec.replicas, spec.strategy?.type], [1, 'Recreate'], file);
    }
  }
});

test('selectors find the pods, and the PodMonitor all agents', () => {
  const [monitor, ...others] = ALL.filter(({ manifest }) => manifest.kind === 'PodMonitor');
  assert.ok(monitor !== undefined && others.length === 0);
  const { apiVersion, spec } = monitor.manifest;
  assert.equal(apiVersion, 'monitoring.coreos.com/v1');
  const [label] = Object.entries(spec.selector!.matchLabels);
  const [endpoint] = spec.podMetricsEndpoints!;
  assert.ok(OPEN_PATHS.includes(endpoint!.path));
  for (const { file, manifest, pod, container } of OURS) {
    const { labels = {} } = pod.metadata ?? {};
    for (const [name, value] of Object.entries(manifest.spec.selector?.matchLabels ?? {}))
      assert.equal(labels[name], value);
    assert.equal(labels[label![0]] === label![1], agentOf(container) !== undefined, file);
    if (agentOf(container) !== undefined) assert.equal(container.ports?.[0]?.name, endpoint!.port, file);
  }
});

test('an application that is a shell ends when it is told to', () => {
  for (const { file, manifest } of ALL) {
    const pod = podOf(manifest);
    if (pod === undefined) continue;
    const shells = containersOf(pod).filter(({ command }) => command?.[0] === 'sh');
    for (const { command } of shells) assert.match(command![2]!, /^trap 'exit 0' TERM\b.*& wait \$!/s, file);
  }
});

test('GUIDE.md shows what sidecar.yaml holds', () => {
  const [, shown] = /^## Long-running sidecar\n.*?```yaml\n(.*?)```/ms.exec(read('src/GUIDE.md')) ?? [];
  const [pod] = manifestsOf(shown!) as unknown as readonly Pod['spec'][];
  const [example, ...others] = pod!.initContainers!;
  const { container, config } = AGENTS.find(({ file }) => file === 'sidecar.yaml')!;
  assert.deepEqual(Object.keys(pod!), ['initContainers']);
  assert.deepEqual(others, []);
  assert.partialDeepStrictEqual(container, example);
  assert.deepEqual(agentOf(example!), config);
});

test('the guide names every manifest, and only variables that there are', () => {
  const guide = read('src/KUBERNETES.md');
  for (const file of FILES) assert.ok(guide.includes(`(../${file})`), file);
  for (const [name] of guide.matchAll(/AWSSYNCER_[A-Z_]+/g)) {
    assert.ok(
      ROWS.some(({ flag }) => environmentName(flag) === name),
      name,
    );
  }
});

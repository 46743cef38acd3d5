// Every effect on every operation the agent uses, before RGW and the strict server: when the fault is over, S3 holds
// the tree, nothing else was touched, and what did not meet the fault did not wait for it. By default some of the
// effects; AWSSYNCER_TEST_FAULTS=all takes three minutes.
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { restoreInto } from '../../src/agent/restore-into.ts';
import { type FaultProxy, startFaultProxy } from '../fault-proxy/proxy.ts';
import { RemoteBucket } from '../soak/remote-bucket.ts';
import type { Effect, FaultRule } from '../strict-s3/faults.ts';
import { BUCKET, openTestWorkspace, QUICK, startAgent } from '../support/agent.ts';
import { PASSING } from '../support/passing-faults.ts';
import { contentsOf, expectedObjects } from '../support/reference.ts';
import { availableTargets, plainClient, type S3Target, withTarget } from '../support/s3-targets.ts';
import { tempDir } from '../support/temp-dir.ts';
import { fullTree } from '../support/trees.ts';
import { until } from '../support/until.ts';

const REQUEST_TIMEOUT_MS = 1500;

/** What the same request again cures: each operation meets it twice. */
const REPEATED: readonly Effect[] = [
  ...PASSING,
  { kind: 'status', code: 'SlowDown', retryAfterS: 1 },
  { kind: 'late', afterMs: REQUEST_TIMEOUT_MS / 4 },
  { kind: 'delay', ms: REQUEST_TIMEOUT_MS + 100, at: 'commit' },
  { kind: 'slow', bytesPerSecond: 20_000_000 },
  { kind: 'slow-body', bytesPerSecond: 20_000_000 },
  { kind: 'error-body', code: 'InternalError' },
  { kind: 'error-body', code: 'InternalError', committed: true },
];

/** A refusal, which a listing and a restore take at its word: what changes the bucket meets it once. */
const REFUSALS: readonly Effect[] = ['ConditionalRequestConflict', 'PreconditionFailed', 'AccessDenied'].map(
  (code) => ({
    kind: 'status',
    code,
  }),
);

const WRITES = [
  ...(['PutObject', 'CopyObject', 'DeleteObjects'] as const),
  ...(['CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload', 'AbortMultipartUpload'] as const),
];
const READS = ['HeadObject', 'ListObjectsV2', 'GetObject'] as const;

/** The least that S3 takes in two parts. */
const MIB = 2 ** 20;
const CONFIG = { requestTimeoutMs: REQUEST_TIMEOUT_MS, partSizeBytes: 5 * MIB, multipartThresholdBytes: 5 * MIB };
const LARGE = Buffer.alloc(5 * MIB + 1000, 'content of a large file ');

let stages = 0;

/** A tree, its prefix with a key that is not ours, and a proxy before the server. */
class Stage {
  readonly prefix = `t${++stages}/`;
  readonly root: string;
  readonly proxy: FaultProxy;
  readonly #t: TestContext;
  readonly #target: S3Target;
  readonly #bucket: RemoteBucket;

  constructor(t: TestContext, { target, proxy }: { target: S3Target; proxy: FaultProxy }) {
    this.#t = t;
    this.#target = target;
    this.proxy = proxy;
    this.root = join(tempDir(t), 'data');
    mkdirSync(this.root);
    const client = plainClient(target);
    t.after(() => client.destroy());
    this.#bucket = new RemoteBucket(client, BUCKET);
  }

  at(path: string): string {
    return join(this.root, path);
  }

  write(path: string, content: string | Buffer = path): void {
    writeFileSync(this.at(path), content);
  }

  /** An agent that has brought to S3 what is there. */
  async start(config: Partial<typeof QUICK> = CONFIG): Promise<{ settle(): Promise<void>; problems(): string[] }> {
    await this.#bucket.put(`${this.prefix}foreign`, 'not ours');
    // An empty directory would be no evidence for deletes.
    this.write('stays');
    const agent = await startAgent(this.#t, this.#reach, { root: this.root, prefix: this.prefix, config });
    await agent.settle();
    return {
      settle: agent.settle,
      problems: () => agent.watching.engine.problems.all().map(([path, { reason }]) => `${path}: ${reason}`),
    };
  }

  /** Another directory that got everything from S3. */
  async restored(): Promise<string> {
    const root = join(tempDir(this.#t), 'copy');
    mkdirSync(root);
    const config = { ...QUICK, ...CONFIG };
    const workspace = await openTestWorkspace(this.#reach, root, { prefix: this.prefix, config });
    const report = await restoreInto(workspace, config, { signal: new AbortController().signal });
    workspace.close();
    assert.deepEqual([report.complete, report.failures], [true, []]);
    return root;
  }

  async keys(): Promise<string[]> {
    return this.#bucket.keys(this.prefix);
  }

  async assertEqual(): Promise<void> {
    const { prefix } = this;
    const stored = contentsOf(await this.#bucket.objects(prefix));
    assert.equal(stored[`${prefix}foreign`], 'undefined not ours');
    delete stored[`${prefix}foreign`];
    const expected = expectedObjects(this.root, { prefix });
    assert.deepEqual(Object.keys(stored), Object.keys(expected).sort());
    const differing = Object.keys(expected).filter((key) => stored[key] !== expected[key]);
    assert.deepEqual(differing, []);
  }

  /** No upload is open but those whose id was never heard of. */
  async assertNoUploads(): Promise<void> {
    const told = this.proxy.requests.filter(({ operation }) => operation !== 'CreateMultipartUpload');
    const known = new Set(told.map(({ uploadId }) => uploadId));
    assert.deepEqual(
      (await this.#bucket.uploads(this.prefix)).filter((uploadId) => known.has(uploadId)),
      [],
    );
  }

  get #reach() {
    return { endpoint: this.proxy.endpoint, credentials: this.#target.credentials };
  }
}

/** Does what takes every operation the agent has, except those of a start. */
function useEverything(stage: Stage): void {
  stage.write('unheard');
  stage.write('changed', 'new content');
  chmodSync(stage.at('medium'), 0o600);
  rmSync(stage.at('gone'));
  stage.write('large', LARGE);
  stage.write('torn', LARGE);
  for (let at = 0; at < 10; at++) stage.write(`other${at}`);
}

async function survives(stage: Stage, effect: Effect): Promise<void> {
  const { faults } = stage.proxy;
  const isRefusal = REFUSALS.includes(effect);
  const times = isRefusal ? 1 : 2;
  for (const path of ['changed', 'gone']) stage.write(path);
  stage.write('medium', LARGE.subarray(0, 100_000));
  const listing = faults.add({ operation: 'ListObjectsV2', times: isRefusal ? 0 : times, effect });
  const agent = await stage.start();
  listing.remove();
  // Unanswered, so that a HEAD must tell what became of it.
  const unheard: FaultRule = {
    operation: 'PutObject',
    key: /unheard$/,
    times: 1,
    effect: { kind: 'reset', at: 'answer' },
  };
  faults.add(unheard);
  // Changed while its parts are sent: that upload is aborted.
  const gate = faults.add({ operation: 'UploadPart', key: /torn$/, times: 1, effect: { kind: 'gate' } });
  void gate.waiting().then(() => {
    appendFileSync(stage.at('torn'), 'more');
    return gate.open();
  });
  const rules = [...WRITES, ...(isRefusal ? [] : READS)].map((operation) => ({
    operation,
    fault: faults.add({ operation, times, effect }),
  }));
  useEverything(stage);
  await agent.settle();
  await stage.assertEqual();
  await stage.assertNoUploads();
  assert.deepEqual(agent.problems(), []);
  const copy = await stage.restored();
  rmSync(join(copy, 'foreign'));
  assert.deepEqual(fullTree(copy), fullTree(stage.root));
  assert.deepEqual(
    rules.filter(({ fault }) => fault.hits === 0).map(({ operation }) => operation),
    [],
    'every operation met the fault',
  );
}

/** One path that always fails; the others come and go as if it did not. */
async function isAlone(stage: Stage, effect: Effect): Promise<void> {
  const agent = await stage.start();
  const stuck = stage.proxy.faults.add({ key: /stuck$/, effect });
  stage.write('stuck');
  for (let at = 0; at < 3; at++) {
    stage.write('passes', String(at));
    await until('it is stored', async () => (await stage.keys()).includes(`${stage.prefix}passes`));
    rmSync(stage.at('passes'));
    await until('it is deleted', async () => !(await stage.keys()).includes(`${stage.prefix}passes`));
  }
  assert.ok(stuck.hits > 0);
  await stuck.open();
  await agent.settle();
  await stage.assertEqual();
}

/** Throttled by rate: slower, and everything arrives. */
async function keepsPace(stage: Stage): Promise<void> {
  const agent = await stage.start();
  const effect: Effect = { kind: 'status', code: 'SlowDown' };
  const throttle = stage.proxy.faults.add({ sparedPerSecond: 20, effect });
  for (let at = 0; at < 60; at++) stage.write(`${at}`);
  await agent.settle();
  await stage.assertEqual();
  assert.ok(throttle.hits > 0);
}

const EVERY = process.env['AWSSYNCER_TEST_FAULTS'] === 'all' ? 1 : 6;

/** In how many stages at once: they mostly wait. */
const AT_ONCE = 4;

for (const choice of availableTargets().filter(({ name }) => name === 'strict' || name === 'RGW')) {
  test(`behind a proxy before ${choice.name}`, { concurrency: AT_ONCE }, (t) =>
    withTarget(choice, async (target) => {
      const client = plainClient(target);
      await client.send(new CreateBucketCommand({ Bucket: BUCKET })).finally(() => client.destroy());
      const row = (title: string, run: (stage: Stage) => Promise<void>): Promise<void> =>
        t.test(title, async (t) => {
          const proxy = await startFaultProxy(target.endpoint);
          t.after(() => proxy.close());
          await run(new Stage(t, { target, proxy }));
        });
      const effects = [...REPEATED, ...REFUSALS].filter((_, index) => index % EVERY === 0);
      const rows = effects.map((effect) =>
        row(`S2 S9 every operation survives ${JSON.stringify(effect)}`, (stage) => survives(stage, effect)),
      );
      const alone = effects.map((effect) =>
        row(`S7 no path waits for one that meets ${JSON.stringify(effect)}`, (stage) => isAlone(stage, effect)),
      );
      await Promise.all([...rows, ...alone, row('S2 requests throttled by rate arrive', keepsPace)]);
    }),
  );
}

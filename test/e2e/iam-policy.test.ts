// The policy that doctor prints is what agents need: under it everything works, and nothing in it is left unused.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { failure } from '../strict-s3/errors.ts';
import type { LoggedRequest } from '../strict-s3/request-log.ts';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';
import { allows, type Demand, deleting, demandsOf, type PolicyDocument } from '../support/iam.ts';
import { type Stage, stageOn } from '../support/stage.ts';

const MIB = 1024 ** 2;
const PARTS = ['--part-size', '5MiB', '--multipart-threshold', '5MiB'];

interface Guarded extends Stage {
  readonly server: StrictS3;
  readonly policy: PolicyDocument;
  /** What was asked for and allowed. */
  readonly granted: Demand[];
  /** What was asked for and refused, as 'action operation'. */
  readonly refused: Set<string>;
  /** Whether the policy allows every delete that was executed. */
  checkDeletes(): void;
}

/** A bucket that refuses everything but what the printed policy allows. */
async function guarded(t: TestContext, options: readonly string[], extra: readonly object[] = []): Promise<Guarded> {
  let policy: PolicyDocument | undefined;
  const granted: Demand[] = [];
  const refused = new Set<string>();
  const onRequest = (request: LoggedRequest): void => {
    assert.ok(policy !== undefined, 'printing the policy asks S3 nothing');
    for (const demand of demandsOf(request)) {
      if (allows(policy, demand)) granted.push(demand);
      else {
        refused.add(`${demand.action} ${request.operation}`);
        throw failure('AccessDenied');
      }
    }
  };
  const server = await startStrictS3({ buckets: ['test-bucket'], onRequest });
  t.after(() => server.close());
  const stage = stageOn(t, server, 'test-bucket');
  const printed = await stage.run(['doctor', '--iam-policy', ...options, stage.url]);
  assert.equal(printed.code, 0, printed.stderr);
  const { Version, Statement } = JSON.parse(printed.stdout) as PolicyDocument;
  policy = { Version, Statement: [...Statement, ...extra] } as PolicyDocument;
  if (extra.length > 0) server.bucket('test-bucket').keepVersions();
  const checkDeletes = (): void => {
    for (const { bucket, keys } of server.requests) {
      for (const key of keys) {
        assert.ok(allows(policy!, deleting(bucket, key)), key);
        granted.push(deleting(bucket, key));
      }
    }
  };
  return { ...stage, server, policy, granted, refused, checkDeletes };
}

/** Everything that agents and one-shot commands do, options about versions aside. */
async function useEverything(stage: Stage, options: readonly string[]): Promise<void> {
  const { dir, local, url, run, start, write, at } = stage;
  const succeeds = async (...args: string[]): Promise<void> => {
    const { code, stdout, stderr } = await run(args);
    assert.equal(code, 0, `${args.join(' ')}\n${stdout}${stderr}`);
  };
  write('small');
  write('large', Buffer.alloc(6 * MIB, 'large'));
  write('directory/moved');
  mkdirSync(at('empty'));
  write(`${'long/'.repeat(250)}name`, 'a key that is too long');
  write('caf\x01', 'a name that S3 cannot carry');
  const stores = [...PARTS, ...options, local, url];
  await succeeds('sync', ...stores);
  const cli = start(['watch', '--http', 'off', ...stores]);
  await cli.waitForLine(/ watching /);
  renameSync(at('directory'), at('renamed'));
  rmSync(at('small'));
  write('large', Buffer.alloc(7 * MIB, 'other'));
  await succeeds('flush', local);
  cli.signal('SIGTERM');
  assert.equal((await cli.exited).code, 0, cli.output());
  await succeeds('run', ...stores, '--', 'true');
  await succeeds('verify', '--download', local, url);
  write('edited', 'one');
  rmSync(at('renamed/moved'));
  await succeeds('verify', '--repair', '--delete', ...stores);
  await succeeds('sync', '--delete', ...stores);
  const copy = join(dir, 'copy');
  await succeeds('restore', '--state-dir', join(dir, 'other'), url, copy);
  await succeeds('restore', '--state-dir', join(dir, 'one'), `${url}edited`, join(dir, 'one object'));
  await succeeds('checkpoints', url);
}

describe('doctor --iam-policy', () => {
  test('allows exactly what agents and commands send, and nothing that none of them sends', async (t) => {
    const stage = await guarded(t, []);
    await useEverything(stage, []);
    await abortedUpload(stage, []);
    stage.checkDeletes();
    // HeadBucket names no prefix: a listing beneath the prefix takes its place.
    assert.deepEqual([...stage.refused], ['s3:ListBucket HeadBucket']);
    const used = new Set(stage.granted.map(({ action }) => action));
    assert.deepEqual([...used].sort(), actionsOf(stage.policy));
  });

  test('with --acl and --tagging it allows these as well', async (t) => {
    const options = ['--acl', 'bucket-owner-full-control', '--tagging', 'kind=state'];
    const stage = await guarded(t, options);
    await useEverything(stage, options);
    await abortedUpload(stage, options);
    stage.checkDeletes();
    assert.deepEqual([...stage.refused], ['s3:ListBucket HeadBucket']);
    assert.deepEqual([...new Set(stage.granted.map(({ action }) => action))].sort(), actionsOf(stage.policy));
  });

  test('under it doctor finds nothing wrong, and says what the versions would need', async (t) => {
    const { run, local, url } = await guarded(t, []);
    const { code, stdout, stderr } = await run(['doctor', local, url]);
    assert.equal(code, 0, stdout + stderr);
    const lines = stdout.split('\n').filter((line) => !/^ok /.test(line));
    assert.deepEqual(
      lines.map((line) => line.slice(0, 16).trim()),
      ['warn  versions', 'skip  lifecycle', ''],
    );
    assert.match(lines[0]!, /Remedy: .*s3:ListBucketVersions and s3:GetBucketVersioning on arn:aws:s3:::test-bucket, /);
    assert.match(lines[0]!, /s3:GetObjectVersion on arn:aws:s3:::test-bucket\/p\/\*$/);
  });

  test('what it says to add is what restores of the past need', async (t) => {
    const versions = [
      {
        Effect: 'Allow',
        Action: ['s3:ListBucketVersions', 's3:GetBucketVersioning'],
        Resource: 'arn:aws:s3:::test-bucket',
      },
      { Effect: 'Allow', Action: 's3:GetObjectVersion', Resource: 'arn:aws:s3:::test-bucket/p/*' },
    ];
    const { dir, local, url, run, start, write, granted, refused } = await guarded(t, [], versions);
    write('file', 'then');
    const cli = start(['watch', '--checkpoint-interval', '1h', local, url]);
    await cli.waitForLine(/ watching /);
    assert.equal((await run(['flush', local])).code, 0);
    cli.signal('SIGTERM');
    await cli.exited;
    const past = await run([
      'restore',
      '--checkpoint',
      'latest',
      '--state-dir',
      join(dir, 'p'),
      url,
      join(dir, 'past'),
    ]);
    assert.equal(past.code, 0, past.stderr);
    assert.equal((await run(['restore', '--list-versions', 'file', url])).code, 0);
    assert.deepEqual([...refused], ['s3:ListBucket HeadBucket']);
    const used = new Set(granted.map(({ action }) => action));
    for (const action of ['s3:ListBucketVersions', 's3:GetBucketVersioning', 's3:GetObjectVersion'])
      assert.ok(used.has(action), action);
  });
});

/** An upload in parts that fails is aborted before it is tried again. */
async function abortedUpload({ server, run, local, url, at }: Guarded, options: readonly string[]): Promise<void> {
  writeFileSync(at('large'), Buffer.alloc(8 * MIB, 'again'));
  server.faults.add({ operation: 'UploadPart', times: 1, effect: { kind: 'status', code: 'AccessDenied' } });
  assert.equal((await run(['sync', ...PARTS, ...options, local, url])).code, 0);
  assert.equal(server.bucket('test-bucket').uploads().length, 0);
}

function actionsOf({ Statement }: PolicyDocument): string[] {
  return Statement.flatMap(({ Action }) => Action).sort();
}

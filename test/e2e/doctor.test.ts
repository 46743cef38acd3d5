// Everything an agent needs, looked at beforehand: one line for each thing, and for each thing that is wrong what to do.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { failure } from '../strict-s3/errors.ts';
import type { FaultRule } from '../strict-s3/faults.ts';
import type { Operation } from '../strict-s3/operations.ts';
import { assertClean, type Line, lineOf, linesOf, soundStage, statesOf } from '../support/doctor.ts';
import { availableTargets, keepVersions, plainClient, withTarget } from '../support/s3-targets.ts';
import { stageOn } from '../support/stage.ts';

const CHECKS = [
  ...['system', 'LOCAL', 'file system', 'mounts', 'tree', 'watches', 'events', 'event queue', 'state'],
  ...['credentials', 'bucket', 'clock', 'list', 'put', 'head', 'get', 'copy', 'parts', 'abort', 'throughput'],
  ...['lease', 'latency', 'versions', 'lifecycle', 'delete'],
];

test('where everything is as it should be every line says so, and nothing is written but where it is removed', async (t) => {
  const stage = await soundStage(t);
  const { server, local, state, url, run, write } = stage;
  write('a/b/c');
  const before = statSync(local, { bigint: true });
  const finished = await run(['doctor', local, url]);
  assert.equal(finished.code, 0, finished.stdout + finished.stderr);
  assert.deepEqual(
    linesOf(finished).map(({ state, check }) => `${state} ${check}`),
    CHECKS.map((check) => `ok ${check}`),
  );
  assert.match(lineOf(finished, 'watches').text, /^3 directories to watch, \d+ inotify watches are granted$/);
  assert.match(lineOf(finished, 'credentials').text, /AWS_ACCESS_KEY_ID$/);
  assert.match(lineOf(finished, 'bucket').text, /region us-east-1$/);
  assert.match(finished.stderr, /doctor: 0 failed, 0 to be looked at, \d+ fine in /);
  assertClean(stage);
  assert.ok(!existsSync(state), 'a state directory is made by who uses it');
  const after = statSync(local, { bigint: true });
  assert.deepEqual([after.mtimeNs, after.ctimeNs, readdirSync(local)], [before.mtimeNs, before.ctimeNs, ['a']]);
  const touched = server.requests.filter(({ key }) => key !== '' && !key.startsWith('p/.awssyncer/doctor/'));
  assert.deepEqual(
    touched.map(({ operation, key }) => `${operation} ${key}`),
    ['GetObject p/.awssyncer/lease'],
  );
});

test('--json has the same for a script, with the numbers', async (t) => {
  const { local, url, run } = await soundStage(t);
  const { code, stdout } = await run(['doctor', '--json', '--quiet', local, url]);
  const result = JSON.parse(stdout);
  assert.deepEqual([code, result.command, result.exitCode], [0, 'doctor', 0]);
  assert.deepEqual(
    result.checks.map(({ check }: Line) => check),
    CHECKS,
  );
  const numbersOf = (check: string) => result.checks.find((verdict: Line) => verdict.check === check).numbers;
  assert.ok(numbersOf('throughput').uploadBytesPerSecond > 0 && numbersOf('throughput').downloadBytesPerSecond > 0);
  assert.ok(numbersOf('latency').latencyMs > 0);
  assert.equal(numbersOf('watches').directories, 1);
});

describe('one thing that is not allowed is one line that says what to allow, and nothing is left behind', () => {
  const ON_OBJECTS = / on arn:aws:s3:::test-bucket\/p\/\*$/;
  const rows: readonly [operation: Operation, check: string, action: string, skipped: string[]][] = [
    ['ListObjectsV2', 'list', 's3:ListBucket', []],
    ['PutObject', 'put', 's3:PutObject', ['head', 'get', 'copy', 'parts', 'abort', 'lease', 'latency', 'throughput']],
    ['CopyObject', 'copy', 's3:GetObject and s3:PutObject', []],
    ['CreateMultipartUpload', 'parts', 's3:PutObject', ['abort', 'throughput']],
    ['UploadPart', 'parts', 's3:PutObject', ['abort', 'throughput']],
    ['CompleteMultipartUpload', 'parts', 's3:PutObject', ['abort', 'throughput']],
    ['AbortMultipartUpload', 'abort', 's3:AbortMultipartUpload', []],
  ];
  for (const [operation, check, action, skipped] of rows) {
    test(operation, async (t) => {
      const stage = await soundStage(t);
      const { server, local, url, run } = stage;
      server.faults.add({ operation, effect: { kind: 'status', code: 'AccessDenied' } });
      const finished = await run(['doctor', local, url]);
      assert.equal(finished.code, 1, finished.stdout);
      assert.deepEqual(statesOf(finished, 'fail'), [check]);
      assert.deepEqual(statesOf(finished, 'skip').sort(), [...skipped].sort());
      const { text } = lineOf(finished, check);
      assert.match(text, /AccessDenied/);
      assert.ok(text.includes(`Remedy: allow ${action} on `), text);
      if (check !== 'list') assert.match(text, ON_OBJECTS);
      assertClean(stage);
    });
  }

  test('HeadBucket as well: a bucket that may not be listed is there all the same', async (t) => {
    const stage = await soundStage(t);
    const { server, local, url, run } = stage;
    const effect = { kind: 'status', code: 'AccessDenied' } as const;
    server.faults.add({ operation: ['HeadBucket', 'ListObjectsV2'], effect });
    const finished = await run(['doctor', local, url]);
    assert.equal(finished.code, 1);
    assert.deepEqual([statesOf(finished, 'fail'), statesOf(finished, 'skip')], [['list'], []]);
    assertClean(stage);
  });

  test('GetObject and HeadObject, which one permission allows', async (t) => {
    const stage = await soundStage(t);
    const { server, local, url, run } = stage;
    const key = /doctor\/.*\/(object|parts)$/;
    server.faults.add({
      operation: ['GetObject', 'HeadObject'],
      key,
      effect: { kind: 'status', code: 'AccessDenied' },
    });
    const finished = await run(['doctor', local, url]);
    assert.equal(finished.code, 1);
    assert.match(lineOf(finished, 'get').text, /allow s3:GetObject on arn:aws:s3:::test-bucket\/p\/\*$/);
    assert.equal(lineOf(finished, 'throughput').state, 'skip');
    assertClean(stage);
  });

  test('DeleteObjects: what stays, and where, is said', async (t) => {
    const { server, bucket, local, url, run } = await soundStage(t);
    server.faults.add({ operation: 'DeleteObjectsKey', effect: { kind: 'status', code: 'AccessDenied' } });
    const finished = await run(['doctor', local, url]);
    assert.equal(finished.code, 1);
    assert.deepEqual(statesOf(finished, 'fail'), ['delete']);
    const { text } = lineOf(finished, 'delete');
    const [, place] =
      /stays at s3:\/\/test-bucket\/(p\/\.awssyncer\/doctor\/\S+\/)\. Remedy: allow s3:DeleteObject on /.exec(text) ??
      [];
    assert.ok(place !== undefined, text);
    assert.ok(bucket.keys().length > 0 && bucket.keys().every((key) => key.startsWith(place)));
  });

  test('versions and lifecycle are needed by few: no failure', async (t) => {
    const { server, local, url, run } = await soundStage(t);
    const denied = { kind: 'status', code: 'AccessDenied' } as const;
    server.faults.add({ operation: ['GetBucketVersioning', 'GetBucketLifecycleConfiguration'], effect: denied });
    const finished = await run(['doctor', local, url]);
    assert.deepEqual(
      [finished.code, statesOf(finished, 'warn'), statesOf(finished, 'skip')],
      [0, ['versions'], ['lifecycle']],
    );
  });
});

describe('the settings of objects', () => {
  const SETTINGS = ['--storage-class', 'STANDARD_IA', '--tagging', 'kind=state', '--acl', 'private'];

  test('are tried as files would carry them', async (t) => {
    const stage = await soundStage(t);
    const { server, local, url, run } = stage;
    const finished = await run(['doctor', ...SETTINGS, local, url]);
    assert.equal(finished.code, 0, finished.stdout);
    assert.match(lineOf(finished, 'settings').text, /--acl, --tagging, --storage-class$/);
    const [put] = server.requests.filter(({ operation }) => operation === 'PutObject');
    assert.deepEqual(
      ['x-amz-storage-class', 'x-amz-tagging', 'x-amz-acl'].map((name) => put!.headers[name]),
      ['STANDARD_IA', 'kind=state', 'private'],
    );
    assertClean(stage);
  });

  test('one that is refused is named, and everything else is tried without', async (t) => {
    const refuseTags = (request: { headers: Readonly<Record<string, string>> }) => 'x-amz-tagging' in request.headers;
    const stage = await soundStage(t, {
      onRequest: (request) => {
        if (refuseTags(request)) throw failure('AccessDenied');
      },
    });
    const { local, url, run } = stage;
    const finished = await run(['doctor', ...SETTINGS, local, url]);
    assert.equal(finished.code, 1, finished.stdout);
    assert.deepEqual([statesOf(finished, 'fail'), statesOf(finished, 'skip')], [['settings'], []]);
    assert.match(
      lineOf(finished, 'settings').text,
      /with --tagging are refused: .*Remedy: allow s3:PutObjectTagging on /,
    );
    assertClean(stage);
  });

  test('a key for SSE-C that cannot be read', async (t) => {
    const { local, url, run } = await soundStage(t);
    const finished = await run(['doctor', '--sse-c-key-file', 'missing', local, url]);
    assert.equal(finished.code, 1);
    assert.match(lineOf(finished, 'bucket').text, /--sse-c-key-file .*ENOENT/);
  });
});

describe('a bucket that cannot be used', () => {
  const rows: Record<string, { args?: string[]; env?: Record<string, string>; check: string; text: RegExp }> = {
    'is missing': { args: ['s3://missing/p'], check: 'bucket', text: /no such bucket\. Remedy: create the bucket/ },
    'is elsewhere': {
      args: ['--region', 'eu-west-1', 's3://test-bucket/p'],
      check: 'bucket',
      text: /Remedy: set --region or AWS_REGION to us-east-1/,
    },
    'does not know the key': {
      env: { AWS_ACCESS_KEY_ID: 'SOMEBODYELSE' },
      check: 'bucket',
      text: /InvalidAccessKeyId.*Remedy: .*AWS_ACCESS_KEY_ID/,
    },
    'gets no key': {
      env: { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' },
      check: 'credentials',
      text: /Remedy: set AWS_ACCESS_KEY_ID/,
    },
  };
  for (const [name, { args = ['s3://test-bucket/p'], env: given = {}, check, text }] of Object.entries(rows)) {
    test(name, async (t) => {
      const { local, run, env } = await soundStage(t);
      const finished = await run(['doctor', ...args.slice(0, -1), local, args.at(-1)!], { env: { ...env, ...given } });
      assert.equal(finished.code, 1, finished.stdout);
      assert.deepEqual(statesOf(finished, 'fail'), [check]);
      assert.match(lineOf(finished, check).text, text);
      assert.ok(statesOf(finished, 'skip').includes('lease'));
    });
  }
});

test('a clock that is wrong is measured by the server', async (t) => {
  const { local, url, run } = await soundStage(t, { now: () => Date.now() + 20 * 60_000 });
  const finished = await run(['doctor', local, url]);
  assert.equal(finished.code, 0, finished.stdout);
  assert.deepEqual(statesOf(finished, 'warn'), ['clock']);
  assert.match(lineOf(finished, 'clock').text, /^is (20 min 0 s|19 min 59 s|20 min 1 s) behind the server's: .*NTP/);
});

test('lifecycle rules count if they hold for the prefix', async (t) => {
  const { bucket, local, url, run } = await soundStage(t);
  const lifecycle = async () => lineOf(await run(['doctor', local, url]), 'lifecycle');
  bucket.ruleUploads([]);
  assert.equal((await lifecycle()).state, 'warn');
  bucket.ruleUploads([
    { prefix: 'other/', days: 1, isEnabled: true },
    { prefix: 'p/', days: 2, isEnabled: false },
  ]);
  assert.equal((await lifecycle()).state, 'warn');
  bucket.ruleUploads([
    { prefix: 'p/', days: 5, isEnabled: true },
    { prefix: '', days: 3, isEnabled: true },
  ]);
  assert.match((await lifecycle()).text, /after 3 days$/);
});

test('interrupted, it removes what it stored and ends as interrupted', async (t) => {
  const stage = await soundStage(t);
  const { server, local, url, start, bucket } = stage;
  const rule: FaultRule = { operation: 'UploadPart', effect: { kind: 'hang', at: 'body' } };
  const held = server.faults.add(rule);
  const cli = start(['doctor', local, url]);
  await held.waiting();
  assert.ok(bucket.keys().length > 0 && bucket.uploads().length > 0);
  cli.signal('SIGINT');
  assert.equal((await cli.exited).code, 130, cli.output());
  assertClean(stage);
});

for (const choice of availableTargets().filter(
  ({ claims }) => claims === undefined || claims.has('verifiesSignature'),
)) {
  for (const versioned of [false, true]) {
    test(`${choice.name}${versioned ? ', which keeps versions' : ''}: nothing fails, and nothing is left`, async (t) => {
      await withTarget(choice, async (target) => {
        const bucket = await target.makeBucket();
        if (versioned) await keepVersions(target, bucket);
        const { local, url, run } = stageOn(t, target, bucket);
        const finished = await run(['doctor', local, url]);
        assert.equal(finished.code, 0, finished.stdout + finished.stderr);
        assert.deepEqual(statesOf(finished, 'skip'), []);
        // RGW 16.2 ignores If-None-Match where versions are kept.
        const cannotLease = choice.name === 'RGW' && versioned;
        assert.equal(lineOf(finished, 'lease').state, cannotLease ? 'warn' : 'ok');
        assert.match(lineOf(finished, 'versions').text, versioned ? /^are kept/ : /^are not kept/);
        const client = plainClient(target);
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
        const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
        client.destroy();
        assert.deepEqual([Contents, Uploads], [[], []]);
      });
    });
  }
}

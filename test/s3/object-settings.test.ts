// What an operator wants objects and requests to carry, by both ways to S3.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { objectSettings } from '../../src/agent/object-settings.ts';
import { StoreError } from '../../src/store/errors.ts';
import type { ObjectSettings } from '../../src/store/object-settings.ts';
import type { ObjectStore } from '../../src/store/object-store.ts';
import { createS3Store } from '../../src/store/s3-store.ts';
import { COPY_THRESHOLD_BYTES, NO_ATTRIBUTES, openStore, patterned, sourceOf } from '../contract/ground.ts';
import type { StrictS3 } from '../strict-s3/server.ts';
import { ALL_TARGETS, availableTargets } from '../support/s3-targets.ts';
import { strictStage } from '../support/stage.ts';
import { tempDir } from '../support/temp-dir.ts';

const TRANSPORTS = ['lean', 'sdk'] as const;
const MIB = 2 ** 20;

const SETTINGS = {
  cacheControl: 'max-age=60',
  storageClass: 'STANDARD_IA',
  acl: 'bucket-owner-full-control',
  tagging: 'team=infra&kind=state',
  metadata: { job: 'game' },
  encryption: 'aws:kms',
  kmsKeyId: 'alias/backup',
  requesterPays: true,
  expectedBucketOwner: '123456789012',
} satisfies ObjectSettings;

interface Ground {
  readonly strict: StrictS3;
  open(settings: ObjectSettings): ObjectStore;
}

async function ground(t: TestContext, transport: (typeof TRANSPORTS)[number]): Promise<Ground> {
  const target = await ALL_TARGETS[0]!.start({ buckets: ['bucket'] });
  t.after(() => target.close());
  return {
    strict: target.strict!,
    open: (settings) => {
      const store = openStore(target, { bucket: 'bucket', transport, settings });
      t.after(() => store.close());
      return store;
    },
  };
}

/** Stores `small`, `large` in parts, and a copy of each: `small copy` at once, `large copy` by parts. */
async function storeAll(store: ObjectStore): Promise<string[]> {
  const attributes = { metadata: { mtime: '1.5' } };
  const bytes = patterned(COPY_THRESHOLD_BYTES + MIB);
  const multipart = { partSizeBytes: 5 * MIB, concurrency: 2, onStarted: () => {} };
  const small = await store.put('small', Buffer.from('small'), attributes);
  const large = await store.putMultipart('large', sourceOf(bytes), attributes, multipart);
  await store.copy({ key: 'small', etag: small.etag, sizeBytes: 5 }, { key: 'small copy', attributes });
  await store.copy({ key: 'large', etag: large.etag, sizeBytes: bytes.length }, { key: 'large copy', attributes });
  return ['small', 'large', 'small copy', 'large copy'];
}

for (const transport of TRANSPORTS) {
  test(`by ${transport}: every object has what is wanted of it, however it is made`, async (t) => {
    const { strict, open } = await ground(t, transport);
    for (const key of await storeAll(open({ ...SETTINGS, metadata: { ...SETTINGS.metadata, mtime: '9' } }))) {
      const { metadata, headers, settings } = strict.bucket('bucket').object(key)!;
      assert.deepEqual(metadata, { mtime: '1.5', job: 'game' }, key);
      assert.equal(headers['cache-control'], 'max-age=60', key);
      assert.deepEqual(
        settings,
        {
          'x-amz-acl': 'bucket-owner-full-control',
          'x-amz-server-side-encryption': 'aws:kms',
          'x-amz-server-side-encryption-aws-kms-key-id': 'alias/backup',
          'x-amz-storage-class': 'STANDARD_IA',
          'x-amz-tagging': 'team=infra&kind=state',
        },
        key,
      );
    }
  });

  test(`by ${transport}: every request says who pays and whose bucket it must be`, async (t) => {
    const { strict, open } = await ground(t, transport);
    const store = open(SETTINGS);
    await store.check();
    await storeAll(store);
    await store.head('small');
    await store.getBytes('small', { maxBytes: 5 });
    for await (const page of store.list('')) assert.equal(page.length, 4);
    await store.deleteMany(['small']);
    for (const { operation, headers } of strict.requests) {
      const payer = operation === 'HeadBucket' ? undefined : 'requester';
      assert.deepEqual(
        [headers['x-amz-request-payer'], headers['x-amz-expected-bucket-owner']],
        [payer, '123456789012'],
        operation,
      );
    }
    const operations = new Set(strict.requests.map(({ operation }) => operation));
    assert.ok(operations.has('UploadPartCopy') && operations.has('CompleteMultipartUpload'), [...operations].join());
    const wrong = open({ expectedBucketOwner: '999999999999' });
    const denied = { name: 'StoreError', reaction: 'denied' };
    await assert.rejects(wrong.put('small', Buffer.from('x'), NO_ATTRIBUTES), denied);
    await assert.rejects(wrong.head('large'), denied);
  });

  test(`by ${transport}: with a key of the customer's own nobody reads an object without it`, async (t) => {
    const { strict, open } = await ground(t, transport);
    const customerKey = randomBytes(32);
    const store = open({ customerKey });
    for (const key of await storeAll(store)) {
      assert.ok(strict.bucket('bucket').object(key) !== undefined);
      assert.ok((await store.head(key)) !== undefined, key);
      for (const other of [open({}), open({ customerKey: randomBytes(32) })]) {
        await assert.rejects(other.getBytes(key, { maxBytes: 16 * MIB }), StoreError, key);
      }
    }
    const { bytes } = await store.getBytes('large copy', { maxBytes: 16 * MIB });
    assert.deepEqual(bytes, patterned(COPY_THRESHOLD_BYTES + MIB));
    await store.check();
    for await (const page of store.list('')) await store.deleteMany(page.map(({ key }) => key));
    assert.deepEqual(strict.bucket('bucket').keys(''), []);
  });

  test(`by ${transport}: a file has the type its name tells, a directory that of one, another what it is given`, async (t) => {
    const { strict, open } = await ground(t, transport);
    const typeOf = async (settings: ObjectSettings, key: string, contentType?: string): Promise<string | undefined> => {
      const attributes = { metadata: {}, ...(contentType === undefined ? {} : { contentType }) };
      await open(settings).put(key, Buffer.alloc(0), attributes);
      return strict.bucket('bucket').object(key)!.headers['content-type'];
    };
    assert.equal(await typeOf({}, 'p.d/index.html'), 'text/html');
    assert.equal(await typeOf({}, 'PHOTO.JPEG'), 'image/jpeg');
    const unknown = await typeOf({}, 'none');
    for (const key of ['.html', 'a.b/none', 'x.unheard-of', 'dot.']) assert.equal(await typeOf({}, key), unknown, key);
    assert.equal(await typeOf({}, 'a.html/'), 'application/x-directory');
    assert.equal(await typeOf({}, 'link.html', 'inode/symlink'), 'inode/symlink');
    assert.equal(await typeOf({ contentType: 'text/x-own' }, 'b.html'), 'text/x-own');
    const own = { contentType: 'text/x-own', prefix: 'p/' };
    assert.equal(await typeOf(own, 'p/.awssyncer/lease'), unknown);
    assert.equal(await typeOf(own, 'p/d/.awssyncer/lease'), 'text/x-own', 'a file of the tree');
  });

  test(`by ${transport}: what the agent keeps for itself can be read at once, and no rule about tags takes it`, async (t) => {
    const { strict, open } = await ground(t, transport);
    for (const prefix of ['', 'p/']) {
      const key = `${prefix}.awssyncer/lease`;
      await open({ ...SETTINGS, prefix }).put(key, Buffer.alloc(0), NO_ATTRIBUTES);
      const { headers, settings } = strict.bucket('bucket').object(key)!;
      assert.equal(headers['cache-control'], undefined);
      assert.deepEqual(Object.keys(settings), [
        'x-amz-acl',
        'x-amz-server-side-encryption',
        'x-amz-server-side-encryption-aws-kms-key-id',
      ]);
    }
    const store = open({ ...SETTINGS, prefix: 'p/' });
    for (const key of ['p/.awssyncer/names/%FF', 'p/d/.awssyncer/x', '.awssyncer/x']) {
      await store.put(key, Buffer.alloc(0), NO_ATTRIBUTES);
      assert.equal(strict.bucket('bucket').object(key)!.settings['x-amz-storage-class'], 'STANDARD_IA', key);
    }
  });
}

for (const choice of availableTargets().filter(({ name }) => name !== 'strict')) {
  for (const transport of TRANSPORTS) {
    test(`${choice.name} by ${transport}: takes what an operator wants`, async (t) => {
      const target = await choice.start();
      t.after(() => target.close());
      const { encryption: _, kmsKeyId: _key, storageClass: _class, ...settings } = SETTINGS;
      const store = openStore(target, { bucket: await target.makeBucket(), transport, settings });
      t.after(() => store.close());
      const attributes = { metadata: { mtime: '1.5' } };
      const { etag } = await store.put('page.html', Buffer.from('page'), attributes);
      await store.copy({ key: 'page.html', etag, sizeBytes: 4 }, { key: 'copy.html', attributes });
      for (const key of ['page.html', 'copy.html']) {
        const head = (await store.head(key))!;
        assert.deepEqual(head.attributes, { metadata: { mtime: '1.5', job: 'game' }, contentType: 'text/html' });
      }
    });
  }
}

test('S8 S13 objects keep what they were given through renames and changes of mode, and come back', async (t) => {
  const stage = await strictStage(t);
  const { server, bucket, local, url, run, write, at, dir } = stage;
  const keyFile = join(dir, 'key');
  writeFileSync(keyFile, `${randomBytes(32).toString('base64')}\n`);
  const words = [
    '--storage-class',
    'GLACIER_IR',
    '--tagging',
    'a=b',
    '--metadata',
    'job=game',
    '--cache-control',
    'no-store',
  ];
  const settings = [...words, '--sse-c-key-file', keyFile];
  const sync = async (): Promise<void> => {
    const { code, stderr } = await run(['sync', '--delete', ...settings, local, url]);
    assert.equal(code, 0, stderr);
  };
  const check = (key: string): void => {
    const { metadata, headers, settings } = bucket.object(`p/${key}`)!;
    const { 'x-amz-storage-class': storageClass, 'x-amz-tagging': tagging } = settings;
    assert.deepEqual(
      [metadata['job'], headers['cache-control'], headers['content-type'], storageClass, tagging],
      ['game', 'no-store', 'text/css', 'GLACIER_IR', 'a=b'],
      key,
    );
  };
  write('a.css', 'x'.repeat(100_000));
  write('large.css', 'y'.repeat(17 * MIB));
  await sync();
  for (const key of ['a.css', 'large.css']) check(key);
  renameSync(at('a.css'), at('b.css'));
  server.clearRequests();
  await sync();
  const writes = stage
    .requests()
    .filter((request) => /^(Put|Copy)Object/.test(request) && !/\.awssyncer/.test(request));
  assert.deepEqual(writes, ['CopyObject p/b.css']);
  check('b.css');

  const restored = join(dir, 'restored');
  const back = ['restore', '--state-dir=none', '--sse-c-key-file', keyFile, url, restored];
  assert.equal((await run(back)).code, 0);
  for (const name of ['b.css', 'large.css'])
    assert.deepEqual(readFileSync(join(restored, name)), readFileSync(at(name)));
  const without = await run(['restore', '--state-dir=none', url, join(dir, 'other')]);
  assert.equal(without.code, 3, without.stderr);
});

test('a key of the customer is read as bytes or as base64', (t) => {
  const [dir, key] = [tempDir(t), randomBytes(32)];
  for (const content of [key, key.toString('base64'), `${key.toString('base64')}\n`]) {
    writeFileSync(join(dir, 'key'), content);
    assert.deepEqual(objectSettings({ customerKeyFile: 'key' }, { cwd: dir, prefix: '' }).customerKey, key);
  }
  assert.equal(objectSettings({}, { cwd: dir, prefix: '' }).customerKey, undefined);
});

test('S15 a key of the customer does not go over the network in clear', async (t) => {
  const customerKey = randomBytes(32);
  const asked = async (endpointUrl: string, transport: 'lean' | 'sdk') => {
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const connection = { endpointUrl, credentials, region: 'us-east-1', requestTimeoutMs: 1_000, version: 'test' };
    const store = createS3Store({
      ...connection,
      ...{ bucket: 'b', transport },
      settings: { customerKey },
      retry: (attempt) => attempt(),
    });
    t.after(() => store.close());
    return store.head('k').then(
      () => '',
      (error: StoreError) => error.code,
    );
  };
  for (const transport of ['lean', 'sdk'] as const) {
    assert.equal(await asked('http://s3.invalid', transport), 'KeyInClear');
    assert.equal(await asked('http://127.0.0.1.example.invalid:9', transport), 'KeyInClear');
    assert.equal(await asked('http://127.0.0.1:9', transport), 'ECONNREFUSED');
  }
});

test('S15 a key that cannot be used is refused in one line that does not show it', async (t) => {
  const { local, url, run, dir } = await strictStage(t);
  const keyFile = join(dir, 'key');
  writeFileSync(keyFile, 'too short to be one');
  const refused = await run(['sync', '--sse-c-key-file', keyFile, local, url]);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /^awssyncer: Cannot use --sse-c-key-file .*: it must hold 32 bytes, or their base64\n {2}hint: /,
  );
  assert.doesNotMatch(refused.stderr, /too short/);
  const missing = await run(['verify', '--sse-c-key-file', join(dir, 'none'), local, url]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^awssyncer: Cannot read --sse-c-key-file .*none: ENOENT\n/);
});

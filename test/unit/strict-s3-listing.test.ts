import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as s3 from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { cutPage, lastOf, type PageEntry } from '../strict-s3/listing.ts';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';

// Few characters, so that prefixes collide; U+E000 sorts before U+10000 in UTF-8 and after it in UTF-16.
const char = fc.constantFrom('a', 'b', '/', '-', '0', ' ', '+', '%', '&', '\r', '\x01', 'é', '\ue000', '\u{10000}');
const key = fc.string({ unit: char, minLength: 1, maxLength: 5 });
const keySet = fc.uniqueArray(key, { maxLength: 25 });
const sorted = (keys: readonly string[]): string[] =>
  keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

let server: StrictS3;
let client: s3.S3Client;
before(async () => {
  server = await startStrictS3({ pageSize: 3 });
  const { endpoint, region, credentials } = server;
  client = new s3.S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
});
after(() => {
  client.destroy();
  return server.close();
});

/** A bucket of its own for one example. */
async function withBucket(keys: readonly string[], check: (bucket: string) => Promise<void>): Promise<void> {
  const bucket = `bucket-${server.requests.length}`;
  await client.send(new s3.CreateBucketCommand({ Bucket: bucket }));
  for (const name of keys) server.bucket(bucket).put(name, name);
  await check(bucket);
}

const decode = (text: string | undefined): string => decodeURIComponent((text ?? '').replaceAll('+', ' '));

/** The whole listing at once: what the pages must add up to. */
function wholeListing(
  keys: readonly string[],
  { prefix = '', delimiter = '' }: { prefix?: string; delimiter?: string },
): string[] {
  const entries = sorted(keys)
    .filter((name) => name.startsWith(prefix))
    .map((name) => {
      const at = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
      return at < 0 ? `key ${name}` : `prefix ${name.slice(0, at + delimiter.length)}`;
    });
  return [...new Set(entries)];
}

test('pages of any size add up to the sorted listing, each common prefix once', () => {
  const text = (entry: PageEntry): string => (entry.kind === 'key' ? `key ${entry.key}` : `prefix ${entry.prefix}`);
  const prefixes = fc.string({ unit: char, maxLength: 2 });
  const delimiters = fc.constantFrom('', '/', '-0', 'a');
  fc.assert(
    fc.property(keySet, prefixes, delimiters, fc.integer({ min: 1, max: 4 }), (keys, prefix, delimiter, maxEntries) => {
      const entries: string[] = [];
      let afterKey = '';
      for (let truncated = true; truncated; ) {
        const page = cutPage(sorted(keys), { prefix, delimiter, after: afterKey, maxEntries });
        assert.ok(page.entries.length <= maxEntries);
        entries.push(...page.entries.map(text));
        afterKey = lastOf(page);
        truncated = page.truncated;
      }
      assert.deepEqual(entries, wholeListing(keys, { prefix, delimiter }));
    }),
    { numRuns: 1000 },
  );
});

test('ListObjectsV2 lists in UTF-8 byte order, page by page, whatever the keys', async () => {
  await fc.assert(
    fc.asyncProperty(keySet, (keys) =>
      withBucket(keys, async (Bucket) => {
        const listed: string[] = [];
        for await (const page of s3.paginateListObjectsV2({ client }, { Bucket, EncodingType: 'url' })) {
          assert.ok((page.KeyCount ?? 0) <= 3);
          listed.push(...(page.Contents ?? []).map(({ Key }) => decode(Key)));
        }
        assert.deepEqual(listed, sorted(keys));
        assert.deepEqual(server.bucket(Bucket).keys(), sorted(keys));
      }),
    ),
    { numRuns: 40 },
  );
});

test('ListObjects goes on from the last key, or from NextMarker where there is a delimiter', async () => {
  await fc.assert(
    fc.asyncProperty(keySet, fc.constantFrom(undefined, '/'), (keys, Delimiter) =>
      withBucket(keys, async (Bucket) => {
        const listed: string[] = [];
        let Marker: string | undefined;
        for (let more = true; more; ) {
          const page = await client.send(new s3.ListObjectsCommand({ Bucket, EncodingType: 'url', Delimiter, Marker }));
          const contents = (page.Contents ?? []).map(({ Key }) => decode(Key));
          const prefixes = (page.CommonPrefixes ?? []).map(({ Prefix }) => decode(Prefix));
          listed.push(...sorted([...contents, ...prefixes]));
          more = page.IsTruncated === true;
          assert.equal(page.NextMarker !== undefined, more && Delimiter !== undefined);
          Marker = page.NextMarker === undefined ? contents.at(-1) : decode(page.NextMarker);
        }
        const expected = wholeListing(keys, { delimiter: Delimiter ?? '' }).map((entry) =>
          entry.replace(/^(key|prefix) /, ''),
        );
        assert.deepEqual(listed, expected);
      }),
    ),
    { numRuns: 40 },
  );
});

test('versions are listed page by page, the newest of a key first', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('a', 'a/', 'b'), fc.boolean()), { maxLength: 12 }), (steps) =>
      withBucket([], async (Bucket) => {
        await client.send(
          new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
        );
        const view = server.bucket(Bucket);
        for (const [name, put] of steps) put ? view.put(name, 'x') : view.remove(name);
        const listed: (string | undefined)[] = [];
        let next: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
        for (let more = true; more; ) {
          const page = await client.send(new s3.ListObjectVersionsCommand({ Bucket, ...next }));
          listed.push(
            ...[...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ VersionId }) => VersionId).sort(),
          );
          more = page.IsTruncated === true;
          next = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
        }
        const ids = ['a', 'a/', 'b'].flatMap((name) => view.versions(name)).map(({ versionId }) => versionId);
        const pages = Array.from({ length: Math.ceil(ids.length / 3) }, (_, at) =>
          ids.slice(at * 3, at * 3 + 3).sort(),
        );
        assert.deepEqual(listed, pages.flat());
      }),
    ),
    { numRuns: 40 },
  );
});

test('prefix, delimiter and start-after narrow a listing', async () => {
  await withBucket(['a/1', 'a/2', 'ab', 'b/1'], async (Bucket) => {
    const list = async (input: Partial<s3.ListObjectsV2CommandInput>): Promise<unknown> => {
      const { Contents, CommonPrefixes } = await client.send(new s3.ListObjectsV2Command({ Bucket, ...input }));
      return [Contents?.map(({ Key }) => Key) ?? [], CommonPrefixes?.map(({ Prefix }) => Prefix) ?? []];
    };
    assert.deepEqual(await list({ Delimiter: '/' }), [['ab'], ['a/', 'b/']]);
    assert.deepEqual(await list({ Prefix: 'a/', Delimiter: '/' }), [['a/1', 'a/2'], []]);
    assert.deepEqual(await list({ StartAfter: 'a/2' }), [['ab', 'b/1'], []]);
    assert.deepEqual(await list({ MaxKeys: 0 }), [[], []]);
    const { NextContinuationToken } = await client.send(new s3.ListObjectsV2Command({ Bucket }));
    for (const ContinuationToken of ['a/1', `${NextContinuationToken}!`]) {
      await assert.rejects(list({ ContinuationToken }), { name: 'InvalidArgument' });
    }
    await assert.rejects(list({ MaxKeys: -1 }), { name: 'InvalidArgument' });
  });
});

// What does not fit into an object's metadata is in S3 before anything refers to it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storedLinkGroup } from '../../src/model/extras.ts';
import { encodeMetadata } from '../../src/model/metadata.ts';
import { NO_XATTRS, storedXattrs, xattrsOf } from '../../src/model/xattrs.ts';
import { MetadataWriter } from '../../src/transfer/metadata-writer.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { fileStat } from '../support/stats.ts';

const { signal } = new AbortController();
const STAT = fileStat({});
const GROUP = 'ab'.repeat(16);

function bytesOf(metadata: Record<string, string>): number {
  return Object.entries(metadata).flat().join('').length;
}

test('S8 without attributes, or where they are not kept, nothing is said or stored', async () => {
  const store = new MemoryStore();
  const writer = new MetadataWriter({ store, prefix: 'p/', others: {} });
  for (const none of [null, NO_XATTRS])
    assert.deepEqual(await writer.of(STAT, { xattrs: none, linkGroup: null }, signal), encodeMetadata(STAT));
  assert.equal(store.objects.size, 0);
});

test('S13 whatever their size, what is said fits into 2 KiB beside what the operator says', async () => {
  for (const others of [{}, { team: 'x'.repeat(1000) }]) {
    const store = new MemoryStore();
    const writer = new MetadataWriter({ store, prefix: 'p/', others });
    let inline = 0;
    for (let size = 1; size < 1700; size += 7) {
      const xattrs = xattrsOf(Buffer.alloc(size, 'x'));
      const metadata = await writer.of(STAT, { xattrs, linkGroup: GROUP }, signal);
      // Those of a lease and of a snapshot may come to it.
      const all = { ...others, ...metadata, 'awssyncer-fuzzy': '1', 'awssyncer-generation': '9'.repeat(16) };
      assert.ok(bytesOf(all) <= 2048, `${size}`);
      assert.equal(storedLinkGroup(metadata), GROUP);
      const stored = storedXattrs(metadata);
      assert.equal(stored.digest, xattrs.digest);
      if (stored.bytes !== undefined) inline = size;
      else assert.deepEqual(store.objects.get(`p/.awssyncer/xattrs/${xattrs.digest}`)?.body, xattrs.bytes);
    }
    assert.ok(inline > 500, `up to ${inline} bytes need no object of their own`);
  }
});

test('S8 equal attributes are stored once; a failure is not taken for it', async () => {
  const store = new MemoryStore();
  let failures = 1;
  const failing = {
    put: async (...args: Parameters<MemoryStore['put']>) => {
      if (failures-- > 0) throw new Error('no answer');
      return await store.put(...args);
    },
  };
  const writer = new MetadataWriter({ store: failing, prefix: '', others: {} });
  const xattrs = xattrsOf(Buffer.alloc(3000));
  await assert.rejects(writer.of(STAT, { xattrs, linkGroup: GROUP }, signal), /no answer/);
  for (let n = 0; n < 3; n++) await writer.of(STAT, { xattrs, linkGroup: GROUP }, signal);
  assert.equal(store.calls.get('put'), 1);
});

// What leaves the store and when: connections, signatures, and the fence of writes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { StoreError } from '../../src/store/errors.ts';
import type { ObjectStore } from '../../src/store/object-store.ts';
import type { S3StoreOptions } from '../../src/store/s3-store.ts';
import { NO_ATTRIBUTES, openStore, rejectsAs } from '../contract/ground.ts';
import type { StrictS3 } from '../strict-s3/server.ts';
import { ALL_TARGETS, type S3Target } from '../support/s3-targets.ts';

const BODY = Buffer.from('hello');

describe('a request', () => {
  let target: S3Target;
  let strict: StrictS3;
  let store: ObjectStore;
  const opened: ObjectStore[] = [];

  const open = (options: Partial<S3StoreOptions> = {}): ObjectStore => {
    const one = openStore(target, { bucket: 'bucket', ...options });
    opened.push(one);
    return one;
  };

  beforeEach(async () => {
    target = await ALL_TARGETS[0]!.start({ buckets: ['bucket'] });
    strict = target.strict!;
    store = open();
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) one.close();
    await target.close();
  });

  for (const transport of ['lean', 'sdk'] as const) {
    it(`S12 by ${transport}: what holds writes back is asked at each, and nothing leaves`, async () => {
      const held = new StoreError('Cannot put: not now', { reaction: 'aborted', code: 'Held' });
      const asked: (string | undefined)[] = [];
      const beforeWrite = (key: string | undefined): void => {
        asked.push(key);
        throw held;
      };
      const fenced = open({ transport, beforeWrite });
      const { etag } = strict.bucket('bucket').put('from', BODY);
      const from = { key: 'from', etag, sizeBytes: BODY.length };
      assert.equal((await fenced.head('from'))?.etag, etag);
      await assert.rejects(fenced.put('k', BODY, NO_ATTRIBUTES), held);
      await assert.rejects(fenced.copy(from, { key: 'l', attributes: NO_ATTRIBUTES }), held);
      await assert.rejects(fenced.deleteMany(['from']), held);
      await assert.rejects(fenced.deleteMany(['from', 'k']), held);
      assert.deepEqual(asked, ['k', 'l', 'from', undefined]);
      assert.deepEqual(
        strict.requests.map(({ operation }) => operation),
        ['HeadObject'],
      );
    });
  }

  it('S8 a SHA-256 that is known is not computed again, and serves the signature only', async () => {
    const options = { sha256: '0'.repeat(64) };
    const error = await rejectsAs('transient', store.put('k', BODY, NO_ATTRIBUTES, options));
    assert.equal(error.code, 'XAmzContentSHA256Mismatch');
    assert.equal(await store.head('k'), undefined);
  });

  it('S6 a connection that the server has closed meanwhile is not written to', async () => {
    const sockets: Socket[] = [];
    let requests = 0;
    const server = createServer((request, response) => {
      requests++;
      request.resume().once('end', () => response.writeHead(200, { etag: '"e"' }).end());
    });
    server.on('connection', (socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpointUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const one = open({ endpointUrl });
    for (let n = 0; n < 20; n++) {
      await one.put('k', BODY, NO_ATTRIBUTES);
      for (const socket of sockets.splice(0)) {
        socket.end();
        await once(socket, 'close');
      }
    }
    assert.equal(requests, 20);
    server.close();
  });
});

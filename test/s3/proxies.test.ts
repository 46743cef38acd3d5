// Web proxies and TLS, by whichever way a request goes.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { ObjectStore } from '../../src/store/object-store.ts';
import { createS3Store, type S3StoreOptions } from '../../src/store/s3-store.ts';
import { NO_ATTRIBUTES, rejectsAs } from '../contract/ground.ts';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeCertificate } from '../support/tls.ts';
import { startWebProxy } from '../support/web-proxy.ts';

const BUCKET = 'test-bucket';

async function serverFor(t: TestContext, options: Parameters<typeof startStrictS3>[0] = {}): Promise<StrictS3> {
  const server = await startStrictS3({ buckets: [BUCKET], ...options });
  t.after(() => server.close());
  return server;
}

function storeOn(t: TestContext, server: StrictS3, options: Partial<S3StoreOptions>): ObjectStore {
  const { region, credentials } = server;
  const fixed = { bucket: BUCKET, region, credentials, requestTimeoutMs: 10_000, version: 'test' };
  const store = createS3Store({ ...fixed, retry: (attempt) => attempt(), ...options });
  t.after(() => store.close());
  return store;
}

for (const transport of ['lean', 'sdk'] as const) {
  describe(`by ${transport}`, () => {
    test('HTTP_PROXY takes requests to a plain endpoint, unless NO_PROXY names it', async (t) => {
      const server = await serverFor(t);
      const proxy = await startWebProxy(t, server.port);
      const endpointUrl = 'http://s3.example.com';
      const env = { HTTP_PROXY: proxy.url, HTTPS_PROXY: 'http://127.0.0.1:9' };
      const store = storeOn(t, server, { transport, endpointUrl, env });
      await store.check();
      await store.put('k', Buffer.from('hello'), NO_ATTRIBUTES);
      assert.deepEqual(
        proxy.asked.map((line) => line.replace(/\?.*/, '')),
        [`HEAD ${endpointUrl}/${BUCKET}/`, `PUT ${endpointUrl}/${BUCKET}/k`],
      );

      const direct = { transport, endpointUrl: server.endpoint, env: { ...env, NO_PROXY: 'localhost,127.0.0.1' } };
      assert.equal((await storeOn(t, server, direct).head('k'))?.sizeBytes, 5);
      assert.equal(proxy.asked.length, 2);
    });

    test('HTTPS_PROXY that refuses: nothing was sent, and the operator is told where to look', async (t) => {
      const server = await serverFor(t);
      const proxy = await startWebProxy(t, server.port);
      proxy.refusal = 403;
      const store = storeOn(t, server, { transport, env: { https_proxy: proxy.url } });
      const error = await rejectsAs('transient', store.put('k', Buffer.from('x'), NO_ATTRIBUTES));
      assert.equal(error.code, 'ERR_PROXY_TUNNEL');
      assert.equal(error.ambiguous, false);
      assert.match(error.hint ?? '', /HTTPS_PROXY/);
      assert.deepEqual(proxy.asked, [`CONNECT ${BUCKET}.s3.us-east-1.amazonaws.com:443`]);
    });

    test('S15 a certificate that nobody vouches for is refused before anything is sent', async (t) => {
      const tls = makeCertificate(tempDir(t), ['IP:127.0.0.1']);
      const server = await serverFor(t, { tls });
      const store = storeOn(t, server, { transport, endpointUrl: server.endpoint });
      const error = await rejectsAs('fatal', store.put('k', Buffer.from('x'), NO_ATTRIBUTES));
      assert.equal(error.code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
      assert.equal(error.ambiguous, false);
      assert.match(error.hint ?? '', /NODE_EXTRA_CA_CERTS/);
      assert.deepEqual(server.requests, []);
    });
  });
}

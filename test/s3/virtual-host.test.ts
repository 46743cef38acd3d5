// The bucket in the name of the host, TLS and a session token, with names that the test resolves itself.
import assert from 'node:assert/strict';
import dns from 'node:dns';
import { describe, type TestContext, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { ObjectStore } from '../../src/store/object-store.ts';
import { createS3Store } from '../../src/store/s3-store.ts';
import { NO_ATTRIBUTES, rejectsAs } from '../contract/ground.ts';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeCertificate } from '../support/tls.ts';

const BUCKET = 'test-bucket';
const HOST = `${BUCKET}.localhost`;
const IDENTITY = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'secret', sessionToken: 'the-token' };

type Transport = 'lean' | 'sdk';

/** A server behind a certificate for this name, which is the process's to trust, and a store on it. */
async function opened(t: TestContext, transport: Transport, certified: string) {
  const tls = makeCertificate(tempDir(t), [`DNS:${certified}`]);
  const trusted = getCACertificates('default');
  setDefaultCACertificates([tls.cert]);
  t.after(() => setDefaultCACertificates(trusted));
  const server = await startStrictS3({ buckets: [BUCKET], tls, ...IDENTITY });
  t.after(() => server.close());
  const endpointUrl = server.endpoint.replace('127.0.0.1', 'localhost');
  const how = { transport, endpointUrl, forcePathStyle: false, requestTimeoutMs: 10_000, version: 'test' };
  const retry = <T>(attempt: () => Promise<T>): Promise<T> => attempt();
  const store = createS3Store({ bucket: BUCKET, region: server.region, credentials: IDENTITY, retry, ...how });
  t.after(() => store.close());
  return { server, store, port: new URL(endpointUrl).port };
}

/** Every name is this machine. @returns the names that were asked for */
function resolveNames(t: TestContext): string[] {
  const asked: string[] = [];
  type Answer = (error: null, address: string | dns.LookupAddress[], family?: number) => void;
  t.mock.method(dns, 'lookup', (name: string, options: dns.LookupOptions, answer: Answer) => {
    asked.push(name);
    const address = { address: '127.0.0.1', family: 4 };
    process.nextTick(() => (options.all ? answer(null, [address]) : answer(null, address.address, address.family)));
  });
  return asked;
}

async function useAll(store: ObjectStore): Promise<void> {
  await store.check();
  const { etag } = await store.put('a b/é', Buffer.from('hello'), NO_ATTRIBUTES);
  const attributes = NO_ATTRIBUTES;
  await store.copy({ key: 'a b/é', etag, sizeBytes: 5 }, { key: 'copy', attributes });
  assert.equal((await store.getBytes('copy', { maxBytes: 10 })).bytes.toString(), 'hello');
  assert.equal((await store.deleteMany(['copy'])).size, 0);
  const keys: string[] = [];
  for await (const page of store.list('')) keys.push(...page.map(({ key }) => key));
  assert.deepEqual(keys, ['a b/é']);
}

const sentTo = ({ requests }: StrictS3) => [...new Set(requests.map(({ headers }) => headers['host']))];

for (const transport of ['lean', 'sdk'] as const) {
  describe(`by ${transport}`, () => {
    test('S2 requests go to the host of the bucket, with the token', async (t) => {
      const { server, store, port } = await opened(t, transport, HOST);
      const asked = resolveNames(t);
      // The server refuses requests without the token.
      await useAll(store);
      assert.deepEqual([...new Set(asked)], [HOST]);
      assert.deepEqual(sentTo(server), [`${HOST}:${port}`]);
    });

    test('S15 a certificate for another name is refused before anything is sent', async (t) => {
      const { server, store } = await opened(t, transport, 'localhost');
      resolveNames(t);
      const error = await rejectsAs('fatal', store.put('k', Buffer.from('x'), NO_ATTRIBUTES));
      assert.equal(error.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
      assert.deepEqual(server.requests, []);
    });
  });
}

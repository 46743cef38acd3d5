// AWS itself, as far as it can be had without: its names by a proxy, TLS by a certificate of our own, and its addresses.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUCKET, cleanEnvironment, strictStage } from '../support/stage.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeCertificate } from '../support/tls.ts';
import { startWebProxy } from '../support/web-proxy.ts';

const REGION = 'eu-north-1';
const HOST = `${BUCKET}.s3.${REGION}.amazonaws.com`;

test('S2 the bucket is in the name of the host, the token is sent, and TLS protects what is not hashed', async (t) => {
  const tls = makeCertificate(tempDir(t), [`DNS:${HOST}`]);
  const identity = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'secret', sessionToken: 'the-token' };
  const stage = await strictStage(t, { tls, region: REGION, ...identity });
  const { server, local, url, write, keys } = stage;
  const proxy = await startWebProxy(t, server.port);
  const env = {
    ...cleanEnvironment(join(stage.dir, 'home')),
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: identity.accessKeyId,
    AWS_SECRET_ACCESS_KEY: identity.secretAccessKey,
    AWS_SESSION_TOKEN: identity.sessionToken,
    AWSSYNCER_STATE_DIR: stage.state,
    AWSSYNCER_HTTP: 'off',
    HTTPS_PROXY: proxy.url,
    NODE_EXTRA_CA_CERTS: tls.path,
  };
  const sync = async (): Promise<void> => {
    const { code, stderr } = await stage.run(['sync', '--delete', local, url], { env });
    assert.equal(code, 0, stderr);
  };

  for (const name of ['a', 'with blank+é', 'gone']) write(name);
  await sync();
  rmSync(stage.at('gone'));
  await sync();
  assert.deepEqual(keys(), ['a', 'with blank+é']);
  const restored = join(stage.dir, 'restored');
  assert.equal((await stage.run(['restore', '--state-dir=none', url, restored], { env })).code, 0);

  assert.deepEqual([...new Set(proxy.asked)], [`CONNECT ${HOST}:443`]);
  // The server refuses requests without the token.
  for (const { headers, operation } of server.requests) assert.equal(headers['host'], HOST, operation);
  for (const { headers, operation } of server.requests.filter(({ bodyBytes }) => bodyBytes > 0)) {
    // The server has verified it.
    assert.ok(headers['x-amz-checksum-crc32'] !== undefined, operation);
  }
  const payloads = (operation: string) =>
    server.requests
      .filter((request) => request.operation === operation && !request.key.includes('.awssyncer/'))
      .map(({ headers }) => headers['x-amz-content-sha256'] ?? '');
  assert.equal(payloads('PutObject').length, 3);
  // The ledger has the hash anyway.
  for (const payload of payloads('PutObject')) assert.match(payload, /^[0-9a-f]{64}$/);
  assert.deepEqual(payloads('DeleteObjects'), ['UNSIGNED-PAYLOAD']);
});

const VARIANTS = {
  AWS_USE_DUALSTACK_ENDPOINT: `${BUCKET}.s3.dualstack.us-east-1.amazonaws.com`,
  AWS_USE_FIPS_ENDPOINT: `${BUCKET}.s3-fips.us-east-1.amazonaws.com`,
};

for (const [variable, host] of Object.entries(VARIANTS)) {
  test(`S2 ${variable} chooses the host, as in the SDK`, async (t) => {
    const tls = makeCertificate(tempDir(t), [`DNS:${host}`]);
    const stage = await strictStage(t, { tls });
    const { server, local, url, write, keys } = stage;
    const proxy = await startWebProxy(t, server.port);
    const { AWS_ENDPOINT_URL: _, ...settings } = stage.env;
    const env = { ...settings, [variable]: 'true', HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: tls.path };
    write('a');
    const { code, stderr } = await stage.run(['sync', local, url], { env });
    assert.equal(code, 0, stderr);
    assert.deepEqual(keys(), ['a']);
    assert.deepEqual([...new Set(proxy.asked)], [`CONNECT ${host}:443`]);
    for (const { headers, operation } of server.requests) assert.equal(headers['host'], host, operation);
  });
}

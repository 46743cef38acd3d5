// Where the S3 store finds its server, region and credentials when nobody tells it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { ObjectStore } from '../../src/store/object-store.ts';
import { credentialChain, sdkLogger } from '../../src/store/s3-credentials.ts';
import { createS3Store } from '../../src/store/s3-store.ts';
import { rejectsAs } from '../contract/ground.ts';
import { containerMetadata } from '../support/credential-sources.ts';
import { ALL_TARGETS, awsEnvironment, type S3Target } from '../support/s3-targets.ts';
import { until } from '../support/until.ts';

describe('the store in an environment', () => {
  let target: S3Target;
  let directory: string;
  let store: ObjectStore;
  const inherited = { ...process.env };

  const openIn = (variables: Record<string, string | undefined>, profile?: string): void => {
    Object.assign(process.env, variables);
    for (const [name, value] of Object.entries(variables)) if (value === undefined) delete process.env[name];
    store = createS3Store({
      bucket: 'bucket',
      requestTimeoutMs: 10_000,
      version: 'test',
      retry: (attempt) => attempt(),
      ...(profile === undefined ? {} : { profile }),
    });
  };
  const writeConfig = (text: string): string => {
    const path = join(directory, 'config');
    writeFileSync(path, text);
    return path;
  };

  before(async () => {
    target = await ALL_TARGETS[0]!.start({ buckets: ['bucket'], sessionToken: 'a-token' });
    directory = mkdtempSync(join(tmpdir(), 'store-environment-'));
  });
  after(async () => {
    await target.close();
    rmSync(directory, { recursive: true });
  });
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
    Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true' });
    Object.assign(process.env, { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' });
  });
  afterEach(() => {
    store.close();
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
    Object.assign(process.env, inherited);
  });

  it('AWS_ENDPOINT_URL, AWS_REGION and the key variables are enough, with a path-style address', async () => {
    openIn({ ...awsEnvironment(target), AWS_ENDPOINT_URL: target.endpoint.replace('127.0.0.1', 'localhost') });
    await store.check();
  });

  it('AWS_ENDPOINT_URL_S3 comes before AWS_ENDPOINT_URL', async () => {
    const variables = { AWS_ENDPOINT_URL_S3: target.endpoint, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' };
    openIn({ ...awsEnvironment(target), ...variables });
    await store.check();
  });

  it('without any region it is us-east-1, as with the aws command', async () => {
    openIn({ ...awsEnvironment(target), AWS_REGION: undefined });
    await store.check();
  });

  it('a wrong region is told with the right one', async () => {
    openIn({ ...awsEnvironment(target), AWS_REGION: 'eu-north-1' });
    const error = await rejectsAs('fatal', store.check());
    assert.match(error.message, /region us-east-1/);
    assert.match(error.hint ?? '', /AWS_REGION to us-east-1/);
  });

  it('a profile gives endpoint, region and credentials', async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = target.credentials;
    const keys = `aws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\naws_session_token=${sessionToken}`;
    const config = writeConfig(`[profile p]\nregion=us-east-1\nendpoint_url=${target.endpoint}\n${keys}\n`);
    openIn({ AWS_CONFIG_FILE: config, AWS_PROFILE: 'p' });
    await store.check();
  });

  for (const way of ['AWS_PROFILE', '--profile']) {
    it(`what the files say of a profile is read again for every client: by ${way}`, async () => {
      const { accessKeyId, secretAccessKey, sessionToken } = target.credentials;
      const keys = `aws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\naws_session_token=${sessionToken}`;
      const say = (region: string, endpoint: string) =>
        writeConfig(`[profile p]\nregion=${region}\nendpoint_url=${endpoint}\n${keys}\n`);
      const open = (config: string) =>
        way === 'AWS_PROFILE'
          ? openIn({ AWS_CONFIG_FILE: config, AWS_PROFILE: 'p' })
          : openIn({ AWS_CONFIG_FILE: config }, 'p');
      open(say('eu-west-1', 'http://127.0.0.1:1'));
      const error = await rejectsAs('transient', store.check());
      assert.match(error.message, /ECONNREFUSED/);
      store.close();
      open(say('us-east-1', target.endpoint));
      await store.check();
    });
  }

  it('a source of credentials that never answers is given up, and asked anew for the next request', async (t) => {
    const source = await containerMetadata(t);
    source.give(target.credentials);
    source.fault = 'hang';
    openIn({ ...source.env, AWS_ENDPOINT_URL_S3: target.endpoint });
    const chain = credentialChain(
      sdkLogger(() => {}),
      { timeoutMs: 100 },
    );
    await assert.rejects(chain(), { name: 'CredentialsProviderError', message: /has not answered for 0.1 s/ });
    source.fault = undefined;
    assert.equal((await chain()).accessKeyId, target.credentials.accessKeyId);
  });

  it('a caller whose signal is raised does not wait for credentials', async (t) => {
    const source = await containerMetadata(t);
    source.give(target.credentials);
    source.fault = 'hang';
    openIn({ ...source.env, AWS_ENDPOINT_URL_S3: target.endpoint });
    const ending = new AbortController();
    const check = store.check({ signal: ending.signal });
    await until('the source is asked', () => source.asked > 0);
    ending.abort();
    await rejectsAs('aborted', check);
  });

  it('without credentials it says so and how to give them', async () => {
    openIn({ AWS_ENDPOINT_URL: target.endpoint });
    const error = await rejectsAs('credentials', store.check());
    assert.match(error.hint ?? '', /AWS_ACCESS_KEY_ID.*AWS_PROFILE/);
    assert.equal(error.ambiguous, false);
  });
});

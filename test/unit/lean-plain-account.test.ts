// Settings that need no SDK mean what the SDK makes of them; any others are left to it.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { plainAccount } from '../../src/store/lean/plain-account.ts';
import type { ConnectionOptions } from '../../src/store/s3-client.ts';
import { openSdk } from '../../src/store/sdk.ts';
import { tempDir } from '../support/temp-dir.ts';

type Settings = Partial<ConnectionOptions> & { readonly bucket?: string };

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' };
const REST = { requestTimeoutMs: 1000, version: '1' };

/** Settings with a home of their own; they are the process's for as long as the test. */
function given(t: TestContext, { bucket = 'bucket', env = KEYS, ...settings }: Settings) {
  const all = { HOME: tempDir(t), ...env };
  const before = process.env;
  process.env = { ...all };
  t.after(() => {
    process.env = before;
  });
  return { region: 'eu-north-1', endpointUrl: 'http://127.0.0.1:9000', ...settings, ...REST, bucket, env: all };
}

const PLAIN: Readonly<Record<string, Settings>> = {
  'another server': {},
  'a session token': { env: { ...KEYS, AWS_SESSION_TOKEN: 'token' } },
  'an empty session token': { env: { ...KEYS, AWS_SESSION_TOKEN: '' } },
  'a name and TLS': { endpointUrl: 'https://s3.example.com' },
  'the port that need not be said': { endpointUrl: 'https://S3.Example.com:443/' },
  'an IPv6 address': { endpointUrl: 'http://[::1]:9000' },
  'a path': { endpointUrl: 'https://example.com:9000/storage/s3/' },
  'a path without its end': { endpointUrl: 'https://example.com/storage' },
  'a bucket with dots': { bucket: 'my.bucket.example', endpointUrl: 'https://s3.example.com' },
  'a region of its own': { region: 'default' },
  'path style by name': { forcePathStyle: true },
  'the first region of AWS': { region: 'us-east-1' },
};

const NOT_PLAIN: Readonly<Record<string, Settings>> = {
  'no keys': { env: {} },
  'half of the keys': { env: { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE' } },
  'an empty key': { env: { ...KEYS, AWS_SECRET_ACCESS_KEY: '' } },
  'keys of the caller': { credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
  'a profile by name': { env: { ...KEYS, AWS_PROFILE: 'default' } },
  'profiles elsewhere': { env: { ...KEYS, AWS_CONFIG_FILE: '/etc/aws' } },
  FIPS: { env: { ...KEYS, AWS_USE_FIPS_ENDPOINT: 'true' } },
  'dual stack': { env: { ...KEYS, AWS_USE_DUALSTACK_ENDPOINT: 'true' } },
  'whatever AWS thinks of next': { env: { ...KEYS, AWS_SOMETHING_NEW: '1' } },
  'no home': { env: { ...KEYS, HOME: '' } },
  'no region': { region: undefined as never },
  'a region that stands for another': { region: 'fips-us-east-1' },
  'the region of all regions': { region: 'aws-global' },
  'a region that is none': { region: 'Eu_north' },
  'AWS itself': { endpointUrl: undefined as never },
  'AWS by its address': { endpointUrl: 'https://s3.eu-north-1.amazonaws.com' },
  'AWS in China by its address': { endpointUrl: 'https://s3.cn-north-1.amazonaws.com.cn' },
  'an address that is none': { endpointUrl: 'localhost:9000' },
  'another scheme': { endpointUrl: 'ftp://example.com' },
  'an address with a password': { endpointUrl: 'http://a:b@example.com' },
  'an address with a query': { endpointUrl: 'http://example.com/?a' },
  'a path that has to be encoded': { endpointUrl: 'http://example.com/a b' },
  'virtual hosts': { forcePathStyle: false, endpointUrl: 'https://s3.example.com' },
  'an access point': { bucket: 'arn:aws:s3:eu-north-1:123456789012:accesspoint/mine' },
  'a directory bucket': { bucket: 'bucket--eun1-az1--x-s3' },
  'an alias of Outposts': { bucket: 'test-accessp-o0b1d075431d83bebde8xz5w8ijx1qzlbp3i3kuse10--op-s3' },
  'a bucket with an impossible name': { bucket: 'Bucket' },
};

describe('without the SDK as with it', () => {
  for (const [name, settings] of Object.entries(PLAIN)) {
    it(name, async (t) => {
      const options = given(t, settings);
      const sdk = openSdk({ ...options, server: { isRgw: undefined } });
      t.after(() => sdk.client.destroy());
      const expected = (await sdk.account())!;
      const plain = plainAccount(options)!;
      assert.deepEqual(plain.target, expected.target);
      const { accessKeyId, secretAccessKey, sessionToken } = await expected.signing.credentials();
      const keys = await plain.signing.credentials();
      assert.deepEqual({ sessionToken: undefined, ...keys }, { accessKeyId, secretAccessKey, sessionToken });
      assert.equal(plain.signing.systemClockOffset, expected.signing.systemClockOffset);
    });
  }

  for (const name of ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3']) {
    it(`an address by ${name}`, async (t) => {
      const env = { ...KEYS, AWS_ENDPOINT_URL: 'http://127.0.0.1:1', [name]: 'http://127.0.0.1:9000' };
      const { endpointUrl: _, ...options } = given(t, { env });
      const sdk = openSdk({ ...options, server: { isRgw: undefined } });
      t.after(() => sdk.client.destroy());
      assert.deepEqual(plainAccount(options)?.target, (await sdk.account())?.target);
      assert.equal(plainAccount(options)?.target.origin, 'http://127.0.0.1:9000');
    });
  }
});

describe('the SDK is asked about', () => {
  for (const [name, settings] of Object.entries(NOT_PLAIN)) {
    it(name, (t) => assert.equal(plainAccount(given(t, settings)), undefined));
  }

  it('profiles', (t) => {
    const options = given(t, {});
    mkdirSync(join(options.env.HOME, '.aws'));
    assert.equal(plainAccount(options), undefined);
  });
});

it('with an account of its own the SDK has the same clock', (t) => {
  const options = given(t, {});
  const { signing } = plainAccount(options)!;
  const { client } = openSdk({ ...options, server: { isRgw: undefined }, signing });
  t.after(() => client.destroy());
  client.config.systemClockOffset = 1000;
  assert.equal(signing.systemClockOffset, 1000);
  signing.systemClockOffset = 2000;
  assert.equal(client.config.systemClockOffset, 2000);
});

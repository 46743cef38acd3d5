// Where lean requests go: wherever the SDK would send them, and by the SDK if they must be signed in another way.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { resolveTarget, type Target } from '../../src/store/lean/target.ts';

interface Row {
  readonly bucket?: string;
  readonly config?: S3ClientConfig;
  /** undefined: by the SDK. */
  readonly target: Partial<Target> | undefined;
}

const REGION = 'eu-north-1';
const AP = `arn:aws:s3:${REGION}:123456789012:accesspoint/mine`;
const OUTPOST = `arn:aws:s3-outposts:${REGION}:123456789012:outpost/op-01234567890123456/accesspoint/mine`;

const ROWS: Readonly<Record<string, Row>> = {
  AWS: {
    target: { origin: `https://bucket.s3.${REGION}.amazonaws.com`, basePath: '', region: REGION, signingName: 's3' },
  },
  'AWS in China': {
    config: { region: 'cn-north-1' },
    target: { origin: 'https://bucket.s3.cn-north-1.amazonaws.com.cn', region: 'cn-north-1' },
  },
  'a bucket whose name no certificate covers': {
    bucket: 'my.bucket',
    target: { origin: `https://s3.${REGION}.amazonaws.com`, basePath: '/my.bucket' },
  },
  'dual stack': {
    config: { useDualstackEndpoint: true },
    target: { origin: `https://bucket.s3.dualstack.${REGION}.amazonaws.com`, basePath: '' },
  },
  FIPS: {
    config: { useFipsEndpoint: true, region: 'us-east-1' },
    target: { origin: 'https://bucket.s3-fips.us-east-1.amazonaws.com', basePath: '' },
  },
  acceleration: {
    config: { useAccelerateEndpoint: true },
    target: { origin: 'https://bucket.s3-accelerate.amazonaws.com', basePath: '', region: REGION },
  },
  'path style': {
    config: { forcePathStyle: true },
    target: { origin: `https://s3.${REGION}.amazonaws.com`, basePath: '/bucket' },
  },
  'another server': {
    config: { endpoint: 'http://127.0.0.1:9000', forcePathStyle: true },
    target: { origin: 'http://127.0.0.1:9000', basePath: '/bucket', region: REGION, signingName: 's3' },
  },
  'another server by virtual host': {
    config: { endpoint: 'https://s3.example.com' },
    target: { origin: 'https://bucket.s3.example.com', basePath: '' },
  },
  'another server beneath a path': {
    config: { endpoint: 'https://example.com/storage/', forcePathStyle: true },
    target: { origin: 'https://example.com', basePath: '/storage/bucket' },
  },
  'a server with an IPv6 address': {
    config: { endpoint: 'http://[::1]:9000', forcePathStyle: true },
    target: { origin: 'http://[::1]:9000', basePath: '/bucket' },
  },
  'an access point': {
    bucket: AP,
    target: { origin: `https://mine-123456789012.s3-accesspoint.${REGION}.amazonaws.com`, basePath: '' },
  },
  'an access point on Outposts, which asks for another signature first': { bucket: OUTPOST, target: undefined },
  'a multi-region access point': {
    bucket: 'arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap',
    target: undefined,
  },
  'a directory bucket': { bucket: `bucket--eun1-az1--x-s3`, target: undefined },
};

describe('the target of', () => {
  for (const [name, { bucket = 'bucket', config = {}, target }] of Object.entries(ROWS)) {
    it(name, async () => {
      const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
      const client = new S3Client({ region: REGION, credentials, ...config });
      const resolved = await resolveTarget(client, bucket);
      if (target === undefined || resolved === undefined) assert.deepEqual(resolved, target);
      else assert.deepEqual(resolved, { ...resolved, ...target });
      client.destroy();
    });
  }

  it('a bucket with an impossible name is an error', async () => {
    const client = new S3Client({ region: REGION, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
    await assert.rejects(resolveTarget(client, 'a/b'));
    client.destroy();
  });
});

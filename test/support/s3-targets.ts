// The S3 servers that suites run on, each with what it claims to do like AWS.
import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { startFauxqs } from 'fauxqs';
import type { S3Credentials } from '../../src/store/s3-client.ts';
import { type StrictS3, type StrictS3Options, startStrictS3 } from '../strict-s3/server.ts';
import { missingCephTool, startCephRgw } from './ceph-rgw.ts';

/** What servers do differently. The contract suite probes each: a claim that is wrong either way fails. */
export const CAPABILITIES = [
  'verifiesSignature',
  'verifiesMd5',
  'verifiesChecksums',
  'putIfNoneMatch',
  'putIfMatch',
  'getIfMatch',
  'copyIfMatch',
  'partCopyIfMatch',
  'deleteIfMatch',
  'encodesListings',
  'listsInByteOrder',
  'listsParts',
  'completeTellsEtag',
  'partCopyOfPercentKeys',
  'bodiesOver11MiB',
  'controlCharactersInKeys',
  'refusesLongKeys',
] as const;

export type Capability = (typeof CAPABILITIES)[number];

/** A running S3 server. */
export interface S3Target {
  readonly name: TargetName;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: S3Credentials;
  /** The strict server's faults and view of its buckets, where this is that one. */
  readonly strict: StrictS3 | undefined;
  /** Creates an empty bucket and returns its name. */
  makeBucket(): Promise<string>;
  close(): Promise<void>;
}

export type TargetName = 'strict' | 'fauxqs' | 'RGW' | 'endpoint' | 'bench';

/** A server that suites can start. */
export interface TargetChoice {
  readonly name: TargetName;
  /** Whether the project wrote it; every contract must also hold on one that it did not write. */
  readonly ours: boolean;
  /** undefined for a server named by the environment, of which nothing is known. */
  readonly claims: ReadonlySet<Capability> | undefined;
  /** Why it cannot run here; undefined if it can. */
  readonly missing: string | undefined;
  start(options?: StrictS3Options): Promise<S3Target>;
}

export const everythingBut = (...lacking: Capability[]): ReadonlySet<Capability> =>
  new Set(CAPABILITIES.filter((one) => !lacking.includes(one)));

const STRICT: TargetChoice = {
  name: 'strict',
  ours: true,
  claims: everythingBut(),
  missing: undefined,
  start: async (options) => {
    const strict = await startStrictS3(options);
    return target({ name: 'strict', ...strict, strict, close: strict.close });
  },
};

const FAUXQS: TargetChoice = {
  name: 'fauxqs',
  ours: false,
  claims: new Set<Capability>(['getIfMatch', 'completeTellsEtag', 'partCopyOfPercentKeys']),
  missing: undefined,
  start: async () => {
    const server = await startFauxqs({ port: 0, logger: false, host: '127.0.0.1' });
    const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
    const endpoint = `http://127.0.0.1:${server.port}`;
    return target({ name: 'fauxqs', endpoint, region: 'us-east-1', credentials, close: () => server.stop() });
  },
};

const RGW: TargetChoice = {
  name: 'RGW',
  ours: false,
  claims: everythingBut(
    ...(['verifiesChecksums', 'partCopyIfMatch', 'deleteIfMatch', 'completeTellsEtag'] as const),
    ...(['partCopyOfPercentKeys'] as const),
  ),
  missing: missingRgw(),
  start: async () => {
    const { env, close } = await startCephRgw();
    return target({ name: 'RGW', ...fromEnvironment(env), close });
  },
};

const ENDPOINT: TargetChoice = {
  name: 'endpoint',
  ours: false,
  claims: undefined,
  missing: process.env['AWSSYNCER_TEST_ENDPOINT'] === undefined ? 'AWSSYNCER_TEST_ENDPOINT is not set' : undefined,
  start: async () => {
    const given = { ...process.env, AWS_ENDPOINT_URL: process.env['AWSSYNCER_TEST_ENDPOINT'] };
    const outside = target({ name: 'endpoint', ...fromEnvironment(given), close: async () => {} });
    const made: string[] = [];
    const makeBucket = async () => {
      const bucket = await outside.makeBucket();
      made.push(bucket);
      return bucket;
    };
    return { ...outside, makeBucket, close: () => removeBuckets(outside, made) };
  },
};

/** Every server there is, able to run here or not. */
export const ALL_TARGETS: readonly TargetChoice[] = [STRICT, FAUXQS, RGW, ENDPOINT];

/**
 * The servers that can run here. Says in one line, by name, which cannot and why.
 *
 * @throws if AWSSYNCER_REQUIRE_RGW=1 and RGW cannot run.
 */
export function availableTargets(): readonly TargetChoice[] {
  if (RGW.missing !== undefined && process.env['AWSSYNCER_REQUIRE_RGW'] === '1') {
    throw new Error(`Cannot run on RGW, which AWSSYNCER_REQUIRE_RGW demands: ${RGW.missing}`);
  }
  if (RGW.missing !== undefined) console.log(`RGW: not run, ${RGW.missing}`);
  return ALL_TARGETS.filter(({ missing }) => missing === undefined);
}

/** Runs on a server of its own, which ends with it. */
export async function withTarget<T>(choice: TargetChoice, run: (target: S3Target) => Promise<T>): Promise<T> {
  const started = await choice.start();
  try {
    return await run(started);
  } finally {
    await started.close();
  }
}

/** The variables by which a program reaches the server. */
export function awsEnvironment({ endpoint, region, credentials }: S3Target): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...(credentials.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: credentials.sessionToken }),
  };
}

/** The SDK's client for a server, as it comes, but for retries. */
export function plainClient({ endpoint, region, credentials }: S3Target): S3Client {
  return new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
}

/** Leaves a server that outlives us as it was found. */
async function removeBuckets(target: S3Target, buckets: readonly string[]): Promise<void> {
  const client = plainClient(target);
  for (const Bucket of buckets) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket, Key }));
    await client.send(new DeleteBucketCommand({ Bucket }));
  }
  client.destroy();
}

type Started = Pick<S3Target, 'name' | 'endpoint' | 'region' | 'credentials' | 'close'> & {
  readonly strict?: StrictS3;
};

export function target(started: Started): S3Target {
  const { name, endpoint, region, credentials, close, strict } = started;
  const complete: S3Target = {
    ...{ name, endpoint, region, credentials, close, strict },
    makeBucket: async () => {
      const bucket = `awssyncer-test-${randomBytes(6).toString('hex')}`;
      const client = plainClient(complete);
      await client.send(new CreateBucketCommand({ Bucket: bucket })).finally(() => client.destroy());
      return bucket;
    },
  };
  return complete;
}

function fromEnvironment(env: NodeJS.ProcessEnv): { endpoint: string; region: string; credentials: S3Credentials } {
  const sessionToken = env['AWS_SESSION_TOKEN'];
  return {
    endpoint: env['AWS_ENDPOINT_URL'] ?? '',
    region: env['AWS_REGION'] ?? 'us-east-1',
    credentials: {
      accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '',
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
  };
}

function missingRgw(): string | undefined {
  const tool = missingCephTool();
  return tool === undefined ? undefined : `${tool} is not installed`;
}

/** From now on the bucket keeps the versions of its objects. */
export async function keepVersions(
  target: Pick<S3Target, 'endpoint' | 'region' | 'credentials'>,
  Bucket: string,
): Promise<void> {
  const client = plainClient(target as S3Target);
  await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  client.destroy();
}

// What the SDK makes of settings that leave nothing to find out: keys, region and address are given, and nothing else is
// set. It is what most containers have, and saves half of a start. Whatever may mean more is the SDK's to understand.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionOptions } from '../s3-client.ts';
import type { Account } from './account.ts';
import type { SigningCredentials } from './sigv4.ts';
import type { Target } from './target.ts';

/** What may be set of AWS's. */
const PLAIN: ReadonlySet<string> = new Set([
  'AWS_ACCESS_KEY_ID',
  'AWS_DEFAULT_REGION',
  'AWS_EC2_METADATA_DISABLED',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
  'AWS_REGION',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
]);

/** No ARN, no bucket of S3 Express (`--x-s3`) or Outposts (`--op-s3`). */
const BUCKET = /^(?!.*--)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** None that stands for another one, as `fips-us-east-1` and `aws-global` do. */
const REGION = /^(?!.*(fips|global))[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const PATH = /^(\/[\w-]+)*\/?$/;

/** undefined: the SDK has to be asked. */
export function plainAccount(options: ConnectionOptions & { readonly bucket: string }): Account | undefined {
  const { env = {} } = options;
  const isPlain = Object.keys(env).every((name) => !name.startsWith('AWS_') || PLAIN.has(name));
  if (!isPlain || options.credentials !== undefined || options.profile !== undefined || mayHaveProfiles(env['HOME']))
    return undefined;
  const keys = plainKeys(env);
  const target = plainTarget(options, options.endpointUrl ?? env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL']);
  if (keys === undefined || target === undefined) return undefined;
  return {
    target,
    signing: { credentials: async () => keys, systemClockOffset: 0 },
    // The environment gives the same again.
    renewRefused: (attempt) => attempt(),
  };
}

/** Whether there may be files that say something of an account. */
export function mayHaveProfiles(home: string | undefined): boolean {
  return !home?.startsWith('/') || existsSync(join(home, '.aws'));
}

function plainKeys(env: NonNullable<ConnectionOptions['env']>): SigningCredentials | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: token } = env;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(token ? { sessionToken: token } : {}) };
}

/** A bucket by path style on a server that is not AWS's. */
function plainTarget(
  { bucket, region, forcePathStyle = true }: ConnectionOptions & { readonly bucket: string },
  endpointUrl = '',
): Target | undefined {
  const url = URL.canParse(endpointUrl) ? new URL(endpointUrl) : undefined;
  if (region === undefined || !REGION.test(region) || !BUCKET.test(bucket) || !forcePathStyle) return undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || /(^|\.)amazonaws\./.test(url.hostname)) return undefined;
  if (url.username + url.password + url.search + url.hash !== '' || !PATH.test(url.pathname)) return undefined;
  const basePath = `${url.pathname.replace(/\/$/, '')}/${bucket}`;
  return { origin: url.origin, basePath, region, signingName: 's3' };
}

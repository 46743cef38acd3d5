// The options that objects carry: which of them is it that the server refuses?
import type { BucketConfig } from '../agent/reach-bucket.ts';
import { allowOnObjects, type PolicyScope } from './policy.ts';

/** Options that belong together, and what to do where they are refused. */
export interface Setting {
  readonly flag: string;
  /** Names in the config. */
  readonly keys: readonly (keyof BucketConfig)[];
  remedy(scope: PolicyScope): string;
}

const SETTINGS: readonly Setting[] = [
  {
    flag: '--acl',
    keys: ['acl'],
    remedy: (scope) => `${allowOnObjects(scope, 's3:PutObjectAcl')}, or leave it out: most buckets take no ACLs`,
  },
  {
    flag: '--tagging',
    keys: ['tagging'],
    remedy: (scope) => allowOnObjects(scope, 's3:PutObjectTagging'),
  },
  {
    flag: '--sse',
    keys: ['encryption', 'kmsKeyId'],
    remedy: () => 'allow kms:GenerateDataKey and kms:Decrypt on the key, and check its id and region',
  },
  { flag: '--storage-class', keys: ['storageClass'], remedy: () => 'name a class that this server has' },
  { flag: '--content-type', keys: ['contentType'], remedy: () => 'leave it out' },
  { flag: '--cache-control', keys: ['cacheControl'], remedy: () => 'leave it out' },
  { flag: '--metadata', keys: ['metadata'], remedy: () => 'leave it out, or make it shorter' },
];

/** Those that are given. */
export function givenSettings(config: BucketConfig): readonly Setting[] {
  return SETTINGS.filter(({ keys }) => keys.some((key) => config[key] !== undefined));
}

/** The config with no other settings than these. */
export function withOnly<C extends BucketConfig>(config: C, settings: readonly Setting[]): C {
  const kept = settings.flatMap(({ keys }) => keys);
  const others = SETTINGS.flatMap(({ keys }) => keys).filter((key) => !kept.includes(key));
  return { ...config, ...Object.fromEntries(others.map((key) => [key, undefined])) };
}

// Which server a bucket is asked for, as settings tell: buckets of one name on two servers have nothing in common.
import { endpointFrom } from '../model/endpoint.ts';
import { mayHaveProfiles } from './lean/plain-account.ts';
import type { ConnectionOptions } from './s3-client.ts';

/**
 * The endpoint that is set, in one spelling and without what may be secret. The SDK is loaded only where a file may say it.
 * Nothing is sent.
 *
 * @returns undefined for AWS's own, by the region
 */
export async function serverAddress({
  endpointUrl,
  profile,
  env = {},
}: Pick<ConnectionOptions, 'endpointUrl' | 'profile' | 'env'>): Promise<string | undefined> {
  const told = endpointUrl || endpointFrom(env);
  const hasFiles = env['AWS_CONFIG_FILE'] || env['AWS_SHARED_CREDENTIALS_FILE'] || mayHaveProfiles(env['HOME']);
  const profiles = async () => (await import('./profile-endpoint.ts')).profileEndpoint(profile);
  const endpoint = told || (hasFiles ? await profiles() : undefined);
  if (endpoint === undefined || !URL.canParse(endpoint)) return undefined;
  const { origin, pathname } = new URL(endpoint);
  return origin + pathname.replace(/\/$/, '');
}

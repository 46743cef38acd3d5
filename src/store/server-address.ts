// Which server a bucket is asked for, as settings tell: buckets of one name on two servers have nothing in common.
import type { ConnectionOptions } from './s3-client.ts';

/**
 * The endpoint that is set, in one spelling. The SDK is loaded only where it may be in a file. Nothing is sent.
 *
 * @returns undefined for AWS's own, by the region
 */
export async function serverAddress({
  endpointUrl,
  profile,
  env = {},
}: Pick<ConnectionOptions, 'endpointUrl' | 'profile' | 'env'>): Promise<string | undefined> {
  const told = endpointUrl || env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'];
  const endpoint = told || (await (await import('./profile-endpoint.ts')).profileEndpoint(profile));
  if (endpoint === undefined || !URL.canParse(endpoint)) return endpoint;
  const { origin, pathname } = new URL(endpoint);
  return origin + pathname;
}

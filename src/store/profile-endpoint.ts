// The address that settings give. The SDK reads that of AWS_PROFILE only, whatever profile a client has.
import { endpointFrom } from '../model/endpoint.ts';
import { loadConfig } from './sdk-packages.ts';

type Profile = Readonly<Record<string, string | undefined>>;

/**
 * By precedence: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, that for S3 in the profile's section of services, the profile's own.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 *
 * @param profile by default that of AWS_PROFILE
 * @returns undefined if none of them is there
 */
export function profileEndpoint(profile?: string): Promise<string | undefined> {
  const endpoint = loadConfig<string | undefined>(
    {
      environmentVariableSelector: endpointFrom,
      configFileSelector: (own: Profile, all?: Readonly<Record<string, Profile>>) =>
        all?.[`services.${own['services']}`]?.['s3.endpoint_url'] ?? own['endpoint_url'],
      default: undefined,
    },
    { ...(profile === undefined ? {} : { profile }), ignoreCache: true },
  );
  return endpoint();
}

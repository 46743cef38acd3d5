// Pure. Which S3 server the environment names.

/**
 * The variable for S3 wins over that for all services; an empty one says nothing.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
export function endpointFrom(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined;
}

// Where a bucket is, and how requests to it are signed: what the SDK would do, asked once.
import type { S3Client } from '@aws-sdk/client-s3';
import { HeadObjectCommand } from '../sdk-packages.ts';

/** Where requests for one bucket go. */
export interface Target {
  /** `https://host[:port]`. */
  readonly origin: string;
  /** What comes before `/key` in a path: '' if the bucket is in the host's name. */
  readonly basePath: string;
  readonly region: string;
  readonly signingName: string;
}

const KEY = 'key';

/** Where a request of the SDK goes. */
export interface Address {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
}

interface Resolved extends Address {
  readonly path: string;
}

interface AuthScheme {
  readonly name?: string;
  readonly signingName?: string;
  readonly signingRegion?: string;
}

/**
 * Has the SDK prepare a request that is never sent. undefined if it would be signed otherwise than by Signature Version 4
 * (S3 Express, multi-region access points).
 */
export async function resolveTarget(client: S3Client, bucket: string): Promise<Target | undefined> {
  const command = new HeadObjectCommand({ Bucket: bucket, Key: KEY });
  const asked = Promise.withResolvers<Target | undefined>();
  command.middlewareStack.add(
    (_next, context) => async (args) => {
      const request = args.request as Resolved;
      const [scheme]: (AuthScheme | undefined)[] = context.endpointV2?.properties?.['authSchemes'] ?? [];
      asked.resolve(await targetOf(request, scheme, client));
      throw new Error('it is not sent');
    },
    // The address is known by then. Credentials have been asked for, but not for a signature.
    { step: 'build', priority: 'high', name: 'resolveTarget' },
  );
  client.send(command).catch(asked.reject);
  return asked.promise;
}

async function targetOf(
  request: Resolved,
  scheme: AuthScheme | undefined,
  client: S3Client,
): Promise<Target | undefined> {
  if (scheme !== undefined && scheme.name !== 'sigv4') return undefined;
  return {
    origin: originOf(request),
    basePath: request.path.slice(0, -`/${KEY}`.length),
    region: scheme?.signingRegion ?? (await client.config.region()),
    signingName: scheme?.signingName ?? 's3',
  };
}

/** `https://host[:port]`. */
export function originOf({ protocol, hostname, port }: Address): string {
  return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
}

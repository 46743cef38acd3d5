// Questions about a bucket, and the way to it, that only whoever examines it asks: always by the SDK.
import type { LifecycleRule } from '@aws-sdk/client-s3';
import { classify } from './classify.ts';
import { StoreError } from './errors.ts';
import type { CallOptions } from './object-store.ts';
import type { ConnectionOptions } from './s3-client.ts';
import type { SendOptions } from './s3-requests.ts';
import type { Sdk } from './sdk.ts';

/** All but `close` reject with a StoreError only, and retry nothing. */
export interface BucketFacts {
  /** Where the credentials come from, in words; undefined: the source does not say. */
  credentialSource(): Promise<string | undefined>;
  /** The region requests are signed for. */
  region(): Promise<string>;
  /** How far the server's clock is ahead of ours, to the second that it tells; a refusal tells it as well. */
  clockAheadMs(options?: CallOptions): Promise<number>;
  /** Whether the bucket keeps versions: Enabled or Suspended; undefined if it never did. */
  versioning(options?: CallOptions): Promise<string | undefined>;
  /** After how many days uploads in parts beneath the prefix are aborted; undefined: never. */
  abortsUploadsAfterDays(prefix: string, options?: CallOptions): Promise<number | undefined>;
  /** Closes connections. */
  close(): void;
}

/** The SDK's names for the sources of credentials (its `$source`), the most telling first. */
const SOURCES: readonly (readonly [name: RegExp, source: string])[] = [
  [/WEB_ID/, 'a web identity token'],
  [/SSO|LOGIN/, 'a login of the profile'],
  [/ASSUME_ROLE/, 'a role that the profile assumes'],
  [/PROCESS/, "the profile's credential_process"],
  [/ENV_VARS/, 'AWS_ACCESS_KEY_ID'],
  [/PROFILE/, 'the profile'],
  [/HTTP/, "the container's role"],
  [/IMDS/, "the machine's role"],
];

/** Nothing is sent, and the SDK not loaded, before the first question. */
export function openBucketFacts(options: ConnectionOptions & { readonly bucket: string }): BucketFacts {
  const { bucket } = options;
  let opened: Promise<Sdk> | undefined;
  const sdk = (): Promise<Sdk> => {
    opened ??= import('./sdk.ts').then(({ openSdk }) => openSdk({ ...options, server: { isRgw: undefined } }));
    return opened;
  };
  const ask = async <T>(
    action: string,
    { signal }: CallOptions,
    question: (sdk: Sdk, send: SendOptions) => Promise<T>,
  ): Promise<T> => {
    try {
      return await question(await sdk(), signal === undefined ? {} : { abortSignal: signal });
    } catch (error) {
      throw classify(error, { action, bucket, writes: false, aborted: signal?.aborted ?? false });
    }
  };
  return {
    credentialSource: () =>
      ask('use', {}, async ({ client }) => {
        const { $source = {} } = (await client.config.credentials()) as { readonly $source?: object };
        const names = Object.keys($source).join(' ');
        return SOURCES.find(([name]) => name.test(names))?.[1];
      }),
    region: () => ask('use', {}, ({ client }) => client.config.region()),
    clockAheadMs: (call = {}) =>
      ask('ask the time of', call, async ({ facts }, o) => {
        const sentMs = Date.now();
        const serverMs = await facts.serverTime(o);
        // The middle of its second, against the middle of the exchange.
        return serverMs + 500 - (sentMs + Date.now()) / 2;
      }),
    versioning: (call = {}) =>
      ask('ask for the versioning of', call, async ({ requests }, o) => (await requests.bucketVersioning(o)).Status),
    abortsUploadsAfterDays: async (prefix, call = {}) => {
      const rules = await ask('ask for the lifecycle of', call, ({ facts }, o) => facts.lifecycle(o)).catch(orNone);
      const days = rules.filter((rule) => isAbout(rule, prefix)).flatMap((rule) => abortDays(rule) ?? []);
      return days.length === 0 ? undefined : Math.min(...days);
    },
    close: () => void opened?.then(({ client }) => client.destroy()),
  };
}

function orNone(error: unknown): readonly LifecycleRule[] {
  if (error instanceof StoreError && error.code === 'NoSuchLifecycleConfiguration') return [];
  throw error;
}

function abortDays({ Status, AbortIncompleteMultipartUpload: rule }: LifecycleRule): number | undefined {
  return Status === 'Enabled' ? rule?.DaysAfterInitiation : undefined;
}

/** Whether the rule holds for everything beneath the prefix. Those for uploads cannot ask for tags or sizes. */
function isAbout({ Filter, Prefix }: LifecycleRule, prefix: string): boolean {
  return prefix.startsWith(Filter?.Prefix ?? Prefix ?? '');
}

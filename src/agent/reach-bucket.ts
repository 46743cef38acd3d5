// The way to one bucket, as a command line describes it.
import { type S3Location, showS3Url } from '../config/location.ts';
import { EXIT, OperatorError } from '../model/errors.ts';
import type { Log } from '../ops/log.ts';
import { type BucketFacts, openBucketFacts } from '../store/bucket-facts.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { ConnectionOptions } from '../store/s3-client.ts';
import { createS3Store } from '../store/s3-store.ts';
import { serverAddress } from '../store/server-address.ts';
import { createRetry, type Retry } from '../transfer/retry.ts';
import { clock } from './clock.ts';
import { type ObjectConfig, objectSettings } from './object-settings.ts';
import type { Surroundings } from './surroundings.ts';

/** What the configs of all commands that use S3 have in common. */
export interface BucketConfig extends ObjectConfig {
  readonly remote: S3Location;
  readonly endpointUrl: string | undefined;
  readonly region: string | undefined;
  readonly profile: string | undefined;
  readonly forcePathStyle: boolean | undefined;
}

export interface BucketOptions {
  readonly requestTimeoutMs: number;
  /** How long listings and parts are retried; Infinity for agents. */
  readonly retryHorizonMs: number;
  readonly onRequest?: () => void;
  readonly onAnswer?: (operation: string, failure: StoreError | undefined) => void;
  /** Throws where nothing may be written. */
  readonly beforeWrite?: (key: string | undefined) => void;
}

/** How long a start goes on trying an endpoint that refuses. */
export const START_PATIENCE_MS = 3_000;
/** How long it waits for one that says nothing. */
const SILENCE_MS = 15_000;

/** Nothing is sent before the first call. */
export function bucketStore(config: BucketConfig, context: Surroundings, options: BucketOptions): ObjectStore {
  const { bucket, prefix: checkPrefix } = config.remote;
  const { requestTimeoutMs, retryHorizonMs, onRequest, onAnswer, beforeWrite } = options;
  return createS3Store({
    ...connectionOf(config, context, requestTimeoutMs),
    ...definedOnly({ onRequest, onAnswer, beforeWrite }),
    ...{ bucket, checkPrefix, retry: retryFor(retryHorizonMs, context.log) },
  });
}

/** The same bucket, for questions about itself. Nothing is sent before the first. */
export function bucketFacts(
  config: BucketConfig,
  context: Surroundings,
  { requestTimeoutMs }: Pick<BucketOptions, 'requestTimeoutMs'>,
): BucketFacts {
  return openBucketFacts({ ...connectionOf(config, context, requestTimeoutMs), bucket: config.remote.bucket });
}

/** The endpoint that is set; undefined: AWS's own. Nothing is sent. */
export function serverOf({ endpointUrl, profile }: BucketConfig, { env }: Surroundings): Promise<string | undefined> {
  return serverAddress({ ...definedOnly({ endpointUrl, profile }), env });
}

function connectionOf(config: BucketConfig, context: Surroundings, requestTimeoutMs: number): ConnectionOptions {
  const { remote, endpointUrl, profile, forcePathStyle } = config;
  const { env, version, log, cwd, conceal } = context;
  const settings = objectSettings(config, { cwd, prefix: remote.prefix });
  if (settings.customerKey !== undefined) conceal?.(settings.customerKey.toString('base64'));
  const region = config.region ?? regionOf(env);
  return {
    ...definedOnly({ region, endpointUrl, profile, forcePathStyle, onSecret: conceal }),
    ...{ requestTimeoutMs, version, env },
    settings,
    onWarning: (reason) => log.warn('the SDK warns', { reason }, reason),
  };
}

/** Checks that the bucket answers. @throws OperatorError: nothing can be done in it */
export async function checkBucket(store: ObjectStore, remote: S3Location, log: Log): Promise<void> {
  const signal = AbortSignal.timeout(SILENCE_MS);
  try {
    await retryFor(START_PATIENCE_MS, log)(() => store.check({ signal }).catch(endOnCredentials), { signal });
  } catch (error) {
    if (signal.aborted) {
      const rule = `the endpoint has not answered for ${SILENCE_MS / 1000} s`;
      throw new OperatorError(`Cannot use ${showS3Url(remote)}: ${rule}`, {
        exitCode: EXIT.fatal,
        hint: 'Check --endpoint-url and the network between.',
        cause: error,
      });
    }
    throw error instanceof StoreError ? fatal(error) : error;
  }
}

/** Retries with the log told of each. */
export function retryFor(horizonMs: number, log: Log): Retry {
  return createRetry({
    ...clock,
    horizonMs,
    onRetry: (error, inMs) => log.debug('trying again', { reason: error.message, inMs }),
  });
}

/** Later they may be renewed; at the start wrong credentials are a mistake that waiting does not mend. */
function endOnCredentials(error: unknown): never {
  throw error instanceof StoreError && error.reaction === 'credentials' ? fatal(error) : error;
}

function fatal(error: StoreError): OperatorError {
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new OperatorError(error.message, { exitCode: EXIT.fatal, ...hint, cause: error });
}

/** The SDK knows only AWS_REGION; the aws command, and images made for it, set the other one. */
export function regionOf(env: Surroundings['env']): string | undefined {
  const { AWS_REGION: region, AWS_DEFAULT_REGION: regionOfAws } = env;
  return region === undefined ? regionOfAws : region || undefined;
}

function definedOnly<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

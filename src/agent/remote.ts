// S3 alone, for commands that work on nothing of this machine.
import { showS3Url } from '../config/location.ts';
import { longKeyStore } from '../store/long-keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Retry } from '../transfer/retry.ts';
import { type BucketConfig, bucketStore, checkBucket, retryFor } from './reach-bucket.ts';
import type { Surroundings } from './surroundings.ts';

export interface Remote {
  readonly store: ObjectStore;
  /** '' or text ending in '/'. */
  readonly prefix: string;
  /** For people. */
  readonly url: string;
  readonly retry: Retry;
}

export interface RemoteConfig extends BucketConfig {
  readonly requestTimeoutMs: number;
  readonly retryHorizonMs: number;
}

/** Does something in a bucket that answers. @throws OperatorError, StoreError, and what `work` throws */
export async function withRemote<T>(
  config: RemoteConfig,
  context: Surroundings,
  work: (remote: Remote) => Promise<T>,
): Promise<T> {
  const { prefix } = config.remote;
  const retry = retryFor(config.retryHorizonMs, context.log);
  const store = longKeyStore(bucketStore(config, context, config), { prefix, retry, known: () => [] });
  try {
    await checkBucket(store, config.remote, context.log);
    return await work({ store, prefix, url: showS3Url(config.remote), retry });
  } finally {
    store.close();
  }
}

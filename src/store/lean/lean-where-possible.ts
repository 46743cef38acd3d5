// Which way the requests of a store go: known when the first of them is made.
import { openWire, type WireOptions } from '../http/wire.ts';
import type { S3Requests } from '../s3-requests.ts';
import { LeanClient, type LeanClientOptions } from './lean-client.ts';
import { leanRequests } from './lean-requests.ts';
import { resolveTarget } from './target.ts';

/** Lean, unless requests to this bucket are signed in a way that only the SDK knows. */
export function leanWherePossible(
  options: Omit<LeanClientOptions, 'target' | 'wire'> & WireOptions & { readonly bucket: string },
  sdkRequests: S3Requests,
): S3Requests {
  let chosen: Promise<S3Requests> | undefined;
  let opened: S3Requests | undefined;
  const choose = async (): Promise<S3Requests> => {
    const target = await resolveTarget(options.sdk, options.bucket);
    if (target === undefined) return sdkRequests;
    const wire = await openWire(target.origin, options);
    opened = leanRequests(new LeanClient({ ...options, target, wire }));
    return opened;
  };
  const requests = (): Promise<S3Requests> => {
    chosen ??= choose().catch((error: unknown) => {
      chosen = undefined; // a profile that cannot be read may be there the next time
      throw error;
    });
    return chosen;
  };
  return {
    headBucket: async (o) => (await requests()).headBucket(o),
    headObject: async (key, o) => (await requests()).headObject(key, o),
    getObject: async (get, o) => (await requests()).getObject(get, o),
    getObjectBytes: async (get, o) => (await requests()).getObjectBytes(get, o),
    putObject: async (put, o) => (await requests()).putObject(put, o),
    copyObject: async (copy, o) => (await requests()).copyObject(copy, o),
    uploadPart: async (part, o) => (await requests()).uploadPart(part, o),
    deleteObjects: async (keys, o) => (await requests()).deleteObjects(keys, o),
    listObjects: async (list, o) => (await requests()).listObjects(list, o),
    close: () => {
      opened?.close();
      sdkRequests.close();
    },
  };
}

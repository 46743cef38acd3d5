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
  let choosing: Promise<S3Requests> | undefined;
  let chosen: S3Requests | undefined;
  const choose = async (): Promise<S3Requests> => {
    const target = await resolveTarget(options.sdk, options.bucket);
    if (target === undefined) chosen = sdkRequests;
    else chosen = leanRequests(new LeanClient({ ...options, target, wire: await openWire(target.origin, options) }));
    return chosen;
  };
  const send = <T>(request: (requests: S3Requests) => Promise<T>): Promise<T> => {
    if (chosen !== undefined) return request(chosen);
    choosing ??= choose().catch((error: unknown) => {
      choosing = undefined; // a profile that cannot be read may be there the next time
      throw error;
    });
    return choosing.then(request);
  };
  return {
    headBucket: (o) => send((requests) => requests.headBucket(o)),
    headObject: (key, o) => send((requests) => requests.headObject(key, o)),
    getObject: (get, o) => send((requests) => requests.getObject(get, o)),
    getObjectBytes: (get, o) => send((requests) => requests.getObjectBytes(get, o)),
    putObject: (put, o) => send((requests) => requests.putObject(put, o)),
    copyObject: (copy, o) => send((requests) => requests.copyObject(copy, o)),
    uploadPart: (part, o) => send((requests) => requests.uploadPart(part, o)),
    deleteObjects: (keys, o) => send((requests) => requests.deleteObjects(keys, o)),
    listObjects: (list, o) => send((requests) => requests.listObjects(list, o)),
    close: () => {
      if (chosen !== sdkRequests) chosen?.close();
      sdkRequests.close();
    },
  };
}

// Requests by a way that is known when the first of them is made.
import type { S3Requests } from './s3-requests.ts';

/** What `choose` gives; it is asked again after it failed. */
export function chosenRequests(choose: () => Promise<S3Requests>): S3Requests {
  let choosing: Promise<S3Requests> | undefined;
  let chosen: S3Requests | undefined;
  const first = async (): Promise<S3Requests> => {
    try {
      chosen = await choose();
      return chosen;
    } catch (error) {
      choosing = undefined; // a profile that cannot be read may be there the next time
      throw error;
    }
  };
  const send = <T>(request: (requests: S3Requests) => Promise<T>): Promise<T> => {
    if (chosen !== undefined) return request(chosen);
    choosing ??= first();
    return choosing.then(request);
  };
  return {
    headBucket: (o) => send((requests) => requests.headBucket(o)),
    bucketVersioning: (o) => send((requests) => requests.bucketVersioning(o)),
    headObject: (key, o) => send((requests) => requests.headObject(key, o)),
    getObject: (get, o) => send((requests) => requests.getObject(get, o)),
    getObjectBytes: (get, o) => send((requests) => requests.getObjectBytes(get, o)),
    putObject: (put, o) => send((requests) => requests.putObject(put, o)),
    copyObject: (copy, o) => send((requests) => requests.copyObject(copy, o)),
    uploadPart: (part, o) => send((requests) => requests.uploadPart(part, o)),
    deleteObjects: (keys, o) => send((requests) => requests.deleteObjects(keys, o)),
    listObjects: (list, o) => send((requests) => requests.listObjects(list, o)),
    listVersions: (list, o) => send((requests) => requests.listVersions(list, o)),
    close: () => chosen?.close(),
  };
}

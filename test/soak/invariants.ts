// Pure. What must hold of the requests themselves, whatever the bucket looks like in the end.
import type { PassedRequest } from '../fault-proxy/passage.ts';

/** A client that gives up may be heard of a little later than of its next request. */
const GRACE_MS = 250;

const WRITES: ReadonlySet<string | undefined> = new Set([
  'PutObject',
  'CopyObject',
  'DeleteObject',
  'DeleteObjects',
  'CompleteMultipartUpload',
]);

/** Two writes of one key that were in flight at once, as the client sees it (S6). */
export function overlaps(requests: readonly PassedRequest[]): string[] {
  const found: string[] = [];
  const latest = new Map<string, PassedRequest>();
  for (const request of requests.filter(({ operation }) => WRITES.has(operation))) {
    for (const key of request.operation === 'DeleteObjects' ? request.keys : [request.key]) {
      const before = latest.get(key);
      latest.set(key, request);
      if (before === undefined) continue;
      const graceMs = before.status === undefined ? GRACE_MS : 0;
      if ((before.endedMs ?? Number.POSITIVE_INFINITY) > request.atMs + graceMs)
        found.push(`${request.operation} of ${key} while ${before.operation} was in flight`);
    }
  }
  return found;
}

/** The keys that were to be deleted. */
export function deletedKeys(requests: readonly PassedRequest[]): string[] {
  return requests.flatMap(({ operation, key, keys }) => (operation === 'DeleteObject' ? [key] : keys));
}

/** The uploads that the client has shown to know of. */
export function knownUploads(requests: readonly PassedRequest[]): string[] {
  return requests.flatMap(({ operation, uploadId }) =>
    uploadId === undefined || operation === 'CreateMultipartUpload' ? [] : [uploadId],
  );
}

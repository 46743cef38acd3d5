// Server-side copies, in one request or by parts.
import { locationOf } from './classify.ts';
import { StoreError } from './errors.ts';
import { partPlan } from './multipart-plan.ts';
import type { CopyOptions, ObjectAttributes, Written } from './object-store.ts';
import { makeInParts } from './s3-in-parts.ts';
import type { WriteAnswer } from './s3-requests.ts';
import {
  acknowledged,
  headObject,
  type Request,
  type S3Session,
  send,
  sendRetried,
  senseless,
  signalOf,
} from './s3-session.ts';

/** Server-side parts cost no memory here; these keep one request to seconds. */
const COPY_PART_BYTES = 256 * 1024 ** 2;
const COPY_CONCURRENCY = 8;

/** One copy. */
export interface Copy {
  readonly from: { readonly key: string; readonly etag: string; readonly sizeBytes: number };
  readonly to: { readonly key: string; readonly attributes: ObjectAttributes };
  /** Above this size it goes by parts. */
  readonly copyThresholdBytes: number;
  readonly options: CopyOptions;
}

/** See ObjectStore.copy. */
export async function copyObject(session: S3Session, copy: Copy): Promise<Written> {
  const { from, to, options } = copy;
  const request = { ...signalOf(options), action: 'copy to', key: to.key, writes: true } as const;
  // The condition has two names; which one counts must be known before the first copy.
  if (session.server.isRgw === undefined) await headObject(session, from.key, signalOf(options));
  const copyBy = from.sizeBytes > copy.copyThresholdBytes ? copyByParts : copyAtOnce;
  const answer = await copyBy(session, copy, request);
  return acknowledged(session, answer, { request, sizeBytes: from.sizeBytes, attributes: to.attributes });
}

async function copyAtOnce(session: S3Session, { from, to }: Copy, request: Request): Promise<WriteAnswer> {
  return send(session, request, (o) => session.requests.copyObject({ ...sourceOf(session, from), ...to }, o));
}

async function copyByParts(
  session: S3Session,
  copy: Copy,
  request: Request & { readonly key: string },
): Promise<WriteAnswer> {
  const { from, to, options } = copy;
  if (session.server.isRgw && from.key.includes('%')) throw decodedTwice(session, from.key);
  const wanted = { partSizeBytes: Math.min(COPY_PART_BYTES, copy.copyThresholdBytes) };
  const { partSizeBytes, parts } = partPlan(from.sizeBytes, wanted);
  return makeInParts(session, request, {
    attributes: to.attributes,
    parts,
    concurrency: COPY_CONCURRENCY,
    onStarted: options.onStarted,
    transfer: (place, signal) => {
      const start = (place.partNumber - 1) * partSizeBytes;
      const range = `bytes=${start}-${Math.min(start + partSizeBytes, from.sizeBytes) - 1}`;
      const part = { ...place, ...sourceOf(session, from), range };
      const partRequest = { action: 'copy a part to', key: place.key, signal } as const;
      return sendRetried(session, partRequest, async (o) => {
        const answer = await session.rare.copyPart(part, o);
        if (answer?.ETag === undefined) throw senseless(session, partRequest);
        return answer;
      });
    },
    // RGW ignores the condition on parts: the source must still be what it was when the last of them was copied.
    verify: async () => {
      if ((await headObject(session, from.key, signalOf(request)))?.etag !== from.etag)
        throw changed(session, from.key);
    },
  });
}

function sourceOf(session: S3Session, from: Copy['from']): { source: string; ifMatch: string } {
  const path = from.key.split('/').map(encodeURIComponent).join('/');
  return { source: `${session.bucket}/${path}`, ifMatch: from.etag };
}

/** RGW (16.2 at least) decodes the source of a part twice: `%41` would be the object `A`. */
function decodedTwice(session: S3Session, key: string): StoreError {
  const message = `Cannot copy ${locationOf({ bucket: session.bucket, key })} by parts: RGW would take another key`;
  return new StoreError(message, { reaction: 'rejected', code: 'NotImplemented' });
}

function changed(session: S3Session, key: string): StoreError {
  const message = `Cannot copy ${locationOf({ bucket: session.bucket, key })}: it has changed`;
  return new StoreError(message, { reaction: 'conflict', code: 'PreconditionFailed' });
}

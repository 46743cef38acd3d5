// Server-side copies, in one request or by parts.
import { UploadPartCopyCommand } from '@aws-sdk/client-s3';
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
  const request = { ...signalOf(options), action: 'copy to', key: to.key, writes: true };
  // The condition has two names; which one counts must be known before the first copy.
  if (session.server.isRgw === undefined) await headObject(session, from.key, signalOf(options));
  const copyBy = from.sizeBytes > copy.copyThresholdBytes ? copyByParts : copyAtOnce;
  const answer = await copyBy(session, copy, request);
  return acknowledged(session, answer, { request, sizeBytes: from.sizeBytes, attributes: to.attributes });
}

async function copyAtOnce(session: S3Session, { from, to }: Copy, request: Request): Promise<WriteAnswer> {
  const { CopySource: source, CopySourceIfMatch: ifMatch } = sourceOf(session, from);
  return send(session, request, (o) => session.requests.copyObject({ source, ifMatch, ...to }, o));
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
    transfer: ({ key, uploadId, partNumber }, signal) => {
      const start = (partNumber - 1) * partSizeBytes;
      const command = new UploadPartCopyCommand({
        ...{ Bucket: session.bucket, Key: key, UploadId: uploadId, PartNumber: partNumber },
        ...sourceOf(session, from),
        CopySourceRange: `bytes=${start}-${Math.min(start + partSizeBytes, from.sizeBytes) - 1}`,
      });
      const part = { action: 'copy a part to', key, signal };
      return sendRetried(session, part, async (o) => {
        const answer = await session.client.send(command, o);
        if (answer.CopyPartResult?.ETag === undefined) throw senseless(session, part);
        return answer.CopyPartResult;
      });
    },
    // RGW ignores the condition on parts: the source must still be what it was when the last of them was copied.
    verify: async () => {
      if ((await headObject(session, from.key, signalOf(request)))?.etag !== from.etag)
        throw changed(session, from.key);
    },
  });
}

function sourceOf(session: S3Session, from: Copy['from']): { CopySource: string; CopySourceIfMatch: string } {
  const path = from.key.split('/').map(encodeURIComponent).join('/');
  return { CopySource: `${session.bucket}/${path}`, CopySourceIfMatch: from.etag };
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

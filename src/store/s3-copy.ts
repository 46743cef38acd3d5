// Server-side copies, in one request or by parts.
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { locationOf } from './classify.ts';
import { createUpload } from './create-upload.ts';
import { StoreError } from './errors.ts';
import { partPlan } from './multipart-plan.ts';
import type { CallOptions, CopyOptions, ObjectAttributes, Written } from './object-store.ts';
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
import { attributeParams } from './sdk-requests.ts';

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

async function copyByParts(session: S3Session, copy: Copy, request: Request): Promise<WriteAnswer> {
  const { client, bucket } = session;
  const { from, to } = copy;
  if (session.server.isRgw && from.key.includes('%')) throw decodedTwice(session, from.key);
  const target = { Bucket: bucket, Key: to.key };
  const startRequest = { action: 'start the copy to', key: to.key, ...signalOf(request) };
  const create = new CreateMultipartUploadCommand({ ...target, ...attributeParams(to.attributes) });
  const { UploadId } = await createUpload(session, startRequest, create);
  const upload = { ...target, UploadId };
  try {
    copy.options.onStarted?.(UploadId);
    const Parts = await copyParts(session, { ...copy, upload }, signalOf(request));
    // RGW ignores the condition on parts: the source must still be what it was when the last of them was copied.
    if ((await headObject(session, from.key, signalOf(request)))?.etag !== from.etag) throw changed(session, from.key);
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
    return await send(session, request, (o) => client.send(complete, o));
  } catch (error) {
    const abort = new AbortMultipartUploadCommand(upload);
    await send(session, { action: 'abort the copy to', key: to.key }, (o) => client.send(abort, o)).catch(
      () => undefined,
    );
    throw error;
  }
}

/** Copies the parts, a few at a time; the first that fails for good ends the others. */
async function copyParts(
  session: S3Session,
  copy: Copy & { readonly upload: { Bucket: string; Key: string; UploadId: string } },
  options: CallOptions,
): Promise<CompletedPart[]> {
  const { from, upload } = copy;
  const failed = new AbortController();
  const signal = options.signal === undefined ? failed.signal : AbortSignal.any([options.signal, failed.signal]);
  const request = { action: 'copy a part to', key: upload.Key, signal };
  const failures: unknown[] = [];
  const done: CompletedPart[] = [];
  const ranges = partRanges(from.sizeBytes, Math.min(COPY_PART_BYTES, copy.copyThresholdBytes)).entries();
  const worker = async (): Promise<void> => {
    for (const [index, CopySourceRange] of ranges) {
      const part = { ...upload, ...sourceOf(session, from), PartNumber: index + 1, CopySourceRange };
      const command = new UploadPartCopyCommand(part);
      done[index] = await sendRetried(session, request, async (o) => {
        const ETag = (await session.client.send(command, o)).CopyPartResult?.ETag;
        if (ETag === undefined) throw senseless(session, request);
        return { PartNumber: index + 1, ETag };
      });
    }
  };
  const endAll = (error: unknown): void => {
    failures.push(error);
    failed.abort();
  };
  await Promise.all(Array.from({ length: COPY_CONCURRENCY }, () => worker().catch(endAll)));
  if (failures.length > 0) throw failures[0];
  return done;
}

function partRanges(sizeBytes: number, wantedBytes: number): string[] {
  const { partSizeBytes, parts } = partPlan(sizeBytes, { partSizeBytes: wantedBytes });
  return Array.from({ length: parts }, (_, index) => {
    const start = index * partSizeBytes;
    return `bytes=${start}-${Math.min(start + partSizeBytes, sizeBytes) - 1}`;
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

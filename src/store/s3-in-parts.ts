// An upload in parts from Create to Complete or Abort: the same for parts that are sent and parts that are copied.
import { createUpload } from './create-upload.ts';
import type { ObjectAttributes } from './object-store.ts';
import type { MadePart, UploadPlace } from './rare-requests.ts';
import type { WriteAnswer } from './s3-requests.ts';
import { classified, type Request, type S3Session, send, senseless, signalOf } from './s3-session.ts';

/** Where a part belongs. */
export interface PartPlace extends UploadPlace {
  /** From 1 on. */
  readonly partNumber: number;
}

/** An object that is made of parts. */
export interface InParts {
  readonly attributes: ObjectAttributes;
  readonly parts: number;
  /** How many parts may be under way at once. */
  readonly concurrency: number;
  /** Called with the id before the first part. */
  readonly onStarted?: ((uploadId: string) => void) | undefined;
  /** Sends or copies one part, with retries. Called part by part in their order. A raised signal ends it. */
  transfer(place: PartPlace, signal: AbortSignal): Promise<WriteAnswer>;
  /** Called before Complete; a rejection aborts the upload. */
  verify(): Promise<void>;
}

/**
 * Makes an object of parts. The first part that fails for good ends the others; whatever fails, the upload is aborted,
 * best effort, before the rejection.
 *
 * @throws what `transfer` or `verify` rejected with, or a StoreError
 */
export async function makeInParts(
  session: S3Session,
  request: Request & { readonly key: string },
  object: InParts,
): Promise<WriteAnswer> {
  const { rare } = session;
  const { key, signal } = request;
  if (signal?.aborted) throw classified(session, { ...request, writes: false }, signal.reason);
  const begin = { action: 'start the upload of', key, ...signalOf(request) } as const;
  const { UploadId } = await createUpload(session, begin, (o) => rare.createUpload(key, object.attributes, o));
  const upload = { key, uploadId: UploadId };
  try {
    object.onStarted?.(UploadId);
    const parts = await transferAll(session, { ...request, uploadId: UploadId }, object);
    await object.verify();
    return await send(session, request, (o) => rare.completeUpload(upload, parts, o));
  } catch (error) {
    const abort = { action: 'abort the upload of', key } as const;
    // If this fails too, the first failure is still the one to tell.
    await send(session, abort, (o) => rare.abortUpload(upload, o)).catch(() => undefined);
    throw error;
  }
}

/** All parts, a few at a time. */
async function transferAll(
  session: S3Session,
  request: Request & { readonly key: string; readonly uploadId: string },
  object: InParts,
): Promise<MadePart[]> {
  const { key, uploadId } = request;
  const failed = new AbortController();
  const signal = request.signal === undefined ? failed.signal : AbortSignal.any([request.signal, failed.signal]);
  const failures: unknown[] = [];
  const done: MadePart[] = [];
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < object.parts && !signal.aborted) {
      const partNumber = ++begun;
      const { ETag } = await object.transfer({ key, uploadId, partNumber }, signal);
      if (ETag === undefined) throw senseless(session, request);
      done[partNumber - 1] = { PartNumber: partNumber, ETag };
    }
  };
  const endAll = (error: unknown): void => {
    failures.push(error);
    failed.abort();
  };
  await Promise.all(Array.from({ length: object.concurrency }, () => worker().catch(endAll)));
  if (request.signal?.aborted) throw classified(session, { ...request, writes: false }, request.signal.reason);
  if (failures.length > 0) throw failures[0];
  return done;
}

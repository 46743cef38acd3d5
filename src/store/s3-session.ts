// One bucket on one client: what every operation of the S3 store needs.
import { classify, locationOf } from './classify.ts';
import { StoreError } from './errors.ts';
import { hintFor } from './hints.ts';
import type { CallOptions, ObjectAttributes, ObjectHead, Written } from './object-store.ts';
import { onAbort } from './on-abort.ts';
import type { RareRequests } from './rare-requests.ts';
import type { ServerKind } from './rgw.ts';
import type { ObjectAnswer, S3Requests, SendOptions } from './s3-requests.ts';

/** Runs an attempt until it succeeds, the error's reaction is not worth another one, or the signal is raised. */
export type Retry = <T>(attempt: () => Promise<T>, options: { readonly signal?: AbortSignal }) => Promise<T>;

/** What every operation needs. */
export interface S3Session {
  readonly requests: S3Requests;
  readonly rare: RareRequests;
  readonly server: ServerKind;
  readonly bucket: string;
  readonly retry: Retry;
  /** Told how each request ended, by S3's name of the operation; undefined: well. */
  readonly answered?: ((operation: string, failure: StoreError | undefined) => void) | undefined;
}

/** What a request does, as people are told: "Cannot <action> s3://bucket/key"; and S3's name for it. */
const OPERATIONS = {
  put: 'PutObject',
  get: 'GetObject',
  head: 'HeadObject',
  list: 'ListObjectsV2',
  'list the versions of': 'ListObjectVersions',
  delete: 'DeleteObjects',
  'copy to': 'CopyObject',
  'copy a part to': 'UploadPartCopy',
  'start the upload of': 'CreateMultipartUpload',
  'upload a part of': 'UploadPart',
  upload: 'CompleteMultipartUpload',
  'abort the upload of': 'AbortMultipartUpload',
  use: 'HeadBucket',
} as const;

export type Action = keyof typeof OPERATIONS;

/** The request about to be made, for the error if it fails. */
export interface Request extends CallOptions {
  readonly action: Action;
  readonly key?: string;
  /** Whether its execution changes what the key holds. */
  readonly writes?: boolean;
}

/** Sends once; rejects with a StoreError only. */
export async function send<T>(
  session: S3Session,
  request: Request,
  run: (options: SendOptions) => Promise<T>,
): Promise<T> {
  const { signal } = request;
  if (signal?.aborted) throw classified(session, { ...request, writes: false }, signal.reason);
  try {
    const answer = await (signal === undefined ? run({}) : untilAborted(run({ abortSignal: signal }), signal));
    session.answered?.(OPERATIONS[request.action], undefined);
    return answer;
  } catch (error) {
    const failure = classified(session, request, error);
    session.answered?.(OPERATIONS[request.action], failure);
    throw failure;
  }
}

/** Ends the waiting when the signal is raised: the SDK looks at it only after it was given credentials. */
function untilAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const forget = onAbort(signal, () => reject(signal.reason));
  answer.then(resolve, reject);
  promise.then(forget, forget);
  return promise;
}

/** Sends by the session's policy; rejects with a StoreError only. */
export async function sendRetried<T>(
  session: S3Session,
  request: Request,
  run: (options: SendOptions) => Promise<T>,
): Promise<T> {
  try {
    return await session.retry(() => send(session, request, run), signalOf(request));
  } catch (error) {
    // The policy's own waiting can be aborted.
    throw classified(session, request, error);
  }
}

/** The error as the contract has it. */
export function classified(session: S3Session, request: Request, error: unknown): StoreError {
  const { action, key, writes = false, signal } = request;
  const where = { bucket: session.bucket, ...(key === undefined ? {} : { key }) };
  return classify(error, { action, ...where, writes, aborted: signal?.aborted ?? false });
}

/** An answer that says it worked and does not say what it must: not to be believed. */
export function senseless(session: S3Session, request: Request, cause?: unknown): StoreError {
  const { action, key, writes = false } = request;
  const where = { bucket: session.bucket, ...(key === undefined ? {} : { key }) };
  const message = `Cannot ${action} ${locationOf(where)}: the answer does not say what was done`;
  const failure = { reaction: 'transient', code: 'Unknown' } as const;
  const hint = hintFor({ ...failure, otherRegion: undefined });
  return new StoreError(message, { ...failure, ambiguous: writes, cause, ...(hint === undefined ? {} : { hint }) });
}

/** Just the signal of some options, for calls that have one at most. */
export function signalOf(options: CallOptions): CallOptions {
  return options.signal === undefined ? {} : { signal: options.signal };
}

/** An ETag as the contract has it, or '' where there is none. */
export function unquoted(etag: string | undefined): string {
  if (etag === undefined) return '';
  return etag.length > 1 && etag.startsWith('"') && etag.endsWith('"') ? etag.slice(1, -1) : etag;
}

/** What an answer to HEAD or GET tells; the size is the caller's because a range has its own. */
export function headOf(answer: ObjectAnswer, sizeBytes: number): ObjectHead {
  const { Metadata: metadata = {}, ContentType: contentType } = answer;
  return {
    sizeBytes,
    etag: unquoted(answer.ETag),
    versionId: answer.VersionId ?? null,
    lastModifiedMs: answer.LastModified?.getTime() ?? 0,
    attributes: { metadata, ...(contentType === undefined ? {} : { contentType }) },
  };
}

/** undefined if there is no such object. HEAD answers a refusal without saying why; in doubt a GET tells. */
export async function headObject(
  session: S3Session,
  key: string,
  options: CallOptions = {},
): Promise<ObjectHead | undefined> {
  try {
    return await headOnce(session, key, options);
  } catch (error) {
    if (!(error instanceof StoreError) || !['denied', 'rejected'].includes(error.reaction)) throw error;
    await throwReason(session, key, options);
    return headOnce(session, key, options);
  }
}

async function headOnce(session: S3Session, key: string, options: CallOptions): Promise<ObjectHead | undefined> {
  try {
    return await headVersion(session, { key }, options);
  } catch (error) {
    if (error instanceof StoreError && error.reaction === 'not-found') return undefined;
    throw error;
  }
}

/** Of the present version by default. @throws StoreError, also if there is none */
export async function headVersion(
  session: S3Session,
  { key, versionId }: { readonly key: string; readonly versionId?: string },
  options: CallOptions,
): Promise<ObjectHead> {
  const request = { ...options, action: 'head', key } as const;
  const answer = await send(session, request, (o) => session.requests.headObject(key, { ...o, versionId }));
  return headOf(answer, answer.ContentLength ?? 0);
}

/** The reason of a refusal, unless it has passed: credentials that were renewed, a clock that is corrected by now. */
async function throwReason(session: S3Session, key: string, options: CallOptions): Promise<void> {
  const request = { ...options, action: 'head', key } as const;
  try {
    const { Body } = await send(session, request, (o) => session.requests.getObject({ key, range: 'bytes=0-0' }, o));
    Body.destroy();
  } catch (error) {
    // An empty object has no first byte; one that is not there is no reason either.
    const passed = error instanceof StoreError && (error.code === 'InvalidRange' || error.reaction === 'not-found');
    if (!passed) throw error;
  }
}

/**
 * An acknowledged write. RGW completes multipart uploads without telling the ETag, so then the object is asked for it;
 * an object of another size or with other metadata is not the one that was written.
 */
export async function acknowledged(
  session: S3Session,
  answer: { readonly ETag?: string | undefined; readonly VersionId?: string | undefined },
  written: {
    readonly request: Request & { readonly key: string };
    readonly sizeBytes: number;
    readonly attributes: ObjectAttributes;
  },
): Promise<Written> {
  const { request, sizeBytes, attributes } = written;
  const etag = unquoted(answer.ETag);
  if (etag !== '') return { etag, versionId: answer.VersionId ?? null };
  const head = await headObject(session, request.key, signalOf(request)).catch((error: unknown) => {
    throw senseless(session, request, error);
  });
  const isWritten =
    head?.sizeBytes === sizeBytes &&
    Object.entries(attributes.metadata).every(([name, text]) => head.attributes.metadata[name] === text);
  if (!isWritten) throw senseless(session, request);
  return { etag: head.etag, versionId: head.versionId };
}

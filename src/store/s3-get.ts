// Downloads: nothing ends well before every announced byte has arrived.
import { Readable } from 'node:stream';
import { classify, locationOf } from './classify.ts';
import { StoreError } from './errors.ts';
import type { GetBytesOptions, GetOptions, ObjectHead } from './object-store.ts';
import type { GetRequest, ObjectAnswer } from './s3-requests.ts';
import { headOf, type S3Session, send, senseless } from './s3-session.ts';

type Range = NonNullable<GetBytesOptions['range']>;

/** What has been answered, its body still to be read. */
interface Opened {
  readonly head: ObjectHead;
  readonly source: Readable;
  readonly bodyBytes: number;
}

/** See ObjectStore.get. */
export async function getObject(
  session: S3Session,
  key: string,
  options: GetOptions,
): Promise<ObjectHead & { body: Readable }> {
  const { head, source, bodyBytes } = await open(session, key, options);
  const body = Readable.from(checked(source, { session, key, bodyBytes, signal: options.signal }), {
    objectMode: false,
  });
  // A stream destroyed before its first read never runs the generator's own clean-up.
  body.once('close', () => source.destroy());
  return { ...head, body };
}

/** See ObjectStore.getBytes. */
export async function getBytes(
  session: S3Session,
  key: string,
  options: GetBytesOptions,
): Promise<ObjectHead & { bytes: Buffer }> {
  const { range, maxBytes, into } = options;
  let head: ObjectHead | undefined;
  const accept = (answer: ObjectAnswer): void => {
    head = headOfGet(answer, { session, key, range });
    const { ContentLength: bodyBytes = 0 } = answer;
    if (bodyBytes > maxBytes) throw tooLarge(session, { key, bodyBytes, maxBytes });
  };
  const request = { ...requestOf(key, options), accept, into };
  const answer = await send(session, { ...options, action: 'get', key }, (o) =>
    session.requests.getObjectBytes(request, o),
  );
  const { Body: bytes, ContentLength: bodyBytes = 0 } = answer;
  if (bytes.length !== bodyBytes) throw incomplete(session, { key, bodyBytes, received: bytes.length });
  return { ...head!, bytes };
}

async function open(session: S3Session, key: string, options: GetOptions): Promise<Opened> {
  const request = requestOf(key, options);
  const answer = await send(session, { ...options, action: 'get', key }, (o) => session.requests.getObject(request, o));
  const source = answer.Body;
  try {
    const head = headOfGet(answer, { session, key, range: undefined });
    return { head, source, bodyBytes: head.sizeBytes };
  } catch (error) {
    source.destroy();
    throw error;
  }
}

function requestOf(key: string, { ifMatch, range, versionId }: GetOptions & { readonly range?: Range }): GetRequest {
  return {
    key,
    versionId,
    ifMatch: ifMatch === undefined ? undefined : `"${ifMatch}"`,
    range: range === undefined ? undefined : `bytes=${range.offset}-${range.offset + range.lengthBytes - 1}`,
  };
}

/** @throws {StoreError} if it is not the answer that was asked for */
function headOfGet(
  answer: ObjectAnswer,
  { session, key, range }: { session: S3Session; key: string; range: Range | undefined },
): ObjectHead {
  // Every object has one: what has none is something else, and must not be taken for the content.
  if (answer.ETag === undefined) throw senseless(session, { action: 'get', key });
  return headOf(
    answer,
    range === undefined ? (answer.ContentLength ?? 0) : sizeBesides(answer, { session, key, range }),
  );
}

function tooLarge(session: S3Session, get: { key: string; bodyBytes: number; maxBytes: number }): StoreError {
  const rule = `it must have no more than ${get.maxBytes} bytes, current value is ${get.bodyBytes}`;
  const message = `Cannot get ${locationOf({ bucket: session.bucket, key: get.key })}: ${rule}`;
  return new StoreError(message, { reaction: 'conflict', code: 'EntityTooLarge' });
}

function incomplete(session: S3Session, get: { key: string; bodyBytes: number; received: number }): StoreError {
  const rule = `the body must have ${get.bodyBytes} bytes, current value is ${get.received}`;
  const message = `Cannot get ${locationOf({ bucket: session.bucket, key: get.key })}: ${rule}`;
  return new StoreError(message, { reaction: 'transient', code: 'IncompleteBody' });
}

/** The size of the whole object whose range was answered. @throws {StoreError} `rejected` if it is not that range */
function sizeBesides(
  answer: ObjectAnswer,
  { session, key, range }: { session: S3Session; key: string; range: Range },
): number {
  const { ContentRange: told = 'none', ContentLength: bodyBytes } = answer;
  const wanted = `bytes ${range.offset}-${range.offset + range.lengthBytes - 1}/`;
  const total = told.startsWith(wanted) ? told.slice(wanted.length) : '';
  if (/^\d+$/.test(total) && bodyBytes === range.lengthBytes) return Number(total);
  const message = `Cannot get ${locationOf({ bucket: session.bucket, key })}: the range must be ${wanted}, current value is ${told}`;
  throw new StoreError(message, { reaction: 'rejected', code: 'InvalidRange' });
}

/** @throws {StoreError} when the body fails, or ends early. */
async function* checked(
  source: Readable,
  get: { session: S3Session; key: string; bodyBytes: number; signal: AbortSignal | undefined },
): AsyncGenerator<Buffer> {
  const { key, bodyBytes, signal } = get;
  const { bucket } = get.session;
  let received = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      received += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw classify(error, { action: 'get', bucket, key, writes: false, aborted: signal?.aborted ?? false });
  }
  if (received !== bodyBytes) throw incomplete(get.session, { key, bodyBytes, received });
}

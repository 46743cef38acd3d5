// Downloads: a stream that ends well only after every announced byte.
import { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { classify } from './classify.ts';
import { StoreError } from './errors.ts';
import type { GetOptions, ObjectHead } from './object-store.ts';
import { headOf, type S3Session, send, senseless } from './s3-session.ts';

/** See ObjectStore.get. */
export async function getObject(
  session: S3Session,
  key: string,
  options: GetOptions,
): Promise<ObjectHead & { body: Readable }> {
  const { ifMatch } = options;
  const command = new GetObjectCommand({
    Bucket: session.bucket,
    Key: key,
    ...(ifMatch === undefined ? {} : { IfMatch: `"${ifMatch}"` }),
  });
  const answer = await send(session, { ...options, action: 'get', key }, (o) => session.client.send(command, o));
  const bodyBytes = answer.ContentLength ?? 0;
  const source = answer.Body as Readable;
  // Every object has one: what has none is something else, and must not be taken for the content.
  if (answer.ETag === undefined) {
    source.destroy();
    throw senseless(session, { action: 'get', key });
  }
  const body = Readable.from(checked(source, { session, key, bodyBytes, signal: options.signal }), {
    objectMode: false,
  });
  // A stream destroyed before its first read never runs the generator's own clean-up.
  body.once('close', () => source.destroy());
  return { ...headOf(answer, bodyBytes), body };
}

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
  if (received !== bodyBytes) {
    const message = `Cannot get s3://${bucket}/${key}: the body must have ${bodyBytes} bytes, current value is ${received}`;
    throw new StoreError(message, { reaction: 'transient', code: 'IncompleteBody' });
  }
}

// Large objects, sent in parts.
import { partPlan } from './multipart-plan.ts';
import type { MultipartOptions, ObjectAttributes, Part, PartSource, Written } from './object-store.ts';
import { makeInParts } from './s3-in-parts.ts';
import type { WriteAnswer } from './s3-requests.ts';
import { acknowledged, type Request, type S3Session, send, sendRetried, signalOf } from './s3-session.ts';

/** One object. */
interface Large {
  readonly source: PartSource;
  readonly attributes: ObjectAttributes;
  readonly multipart: MultipartOptions;
}

/** See ObjectStore.putMultipart. The source is read only as far ahead as `concurrency` asks. */
export async function putInParts(session: S3Session, key: string, large: Large): Promise<Written> {
  const { source, attributes, multipart } = large;
  const { partSizeBytes, parts } = partPlan(source.sizeBytes, multipart);
  const request = { action: 'upload', key, writes: true, ...signalOf(multipart) } as const;
  const answer =
    parts === 1
      ? await putAtOnce(session, request, large)
      : await makeInParts(session, request, {
          attributes,
          parts,
          concurrency: multipart.concurrency,
          onStarted: multipart.onStarted,
          transfer: async (place, signal) => {
            const offset = (place.partNumber - 1) * partSizeBytes;
            const part = await source.next(Math.min(partSizeBytes, source.sizeBytes - offset), { signal });
            return sendPart(part, async (body) => {
              const sent = { ...place, body, sha256: part.sha256 };
              const partRequest = { action: 'upload a part of', key, signal } as const;
              const answer = await sendRetried(session, partRequest, (o) => session.requests.uploadPart(sent, o));
              multipart.onSent?.(body.length);
              return answer;
            });
          },
          verify: () => source.verify(),
        });
  return acknowledged(session, answer, { request, sizeBytes: source.sizeBytes, attributes });
}

/** What fits into one part needs none. */
async function putAtOnce(
  session: S3Session,
  request: Request & { readonly key: string },
  { source, attributes }: Large,
): Promise<WriteAnswer> {
  const { key } = request;
  const part = await source.next(source.sizeBytes, signalOf(request));
  return sendPart(part, async (body) => {
    await source.verify();
    const { sha256 } = part;
    return send(session, request, (o) => session.requests.putObject({ key, body, attributes, sha256 }, o));
  });
}

async function sendPart(part: Part, run: (body: Buffer) => Promise<WriteAnswer>): Promise<WriteAnswer> {
  try {
    return await run(part.bytes);
  } finally {
    part.release();
  }
}

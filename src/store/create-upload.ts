// CreateMultipartUpload, the one request that must not be cut off: whose id is never learnt cannot be aborted.
import type { SendOptions } from './s3-requests.ts';
import { type Request, type S3Session, send, senseless } from './s3-session.ts';

/** How long the answer is still waited for when everything else has been aborted. */
const GRACE_MS = 1000;

/** Starts an upload in parts; its signal takes effect later than that of other requests. */
export async function createUpload<A extends { readonly UploadId?: string | undefined }>(
  session: S3Session,
  request: Request,
  run: (options: SendOptions) => Promise<A>,
): Promise<A & { readonly UploadId: string }> {
  const given = request.signal === undefined ? undefined : later(request.signal, GRACE_MS);
  const patient = given === undefined ? request : { ...request, signal: given.signal };
  const answer = await send(session, patient, run).finally(given?.forget);
  const { UploadId } = answer;
  if (UploadId === undefined) throw senseless(session, request);
  return { ...answer, UploadId };
}

/** A signal that is aborted so much later than `signal`, unless it is forgotten before. */
function later(signal: AbortSignal, graceMs: number): { signal: AbortSignal; forget: () => void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const start = (): void => {
    timer = setTimeout(() => controller.abort(signal.reason), graceMs);
  };
  signal.addEventListener('abort', start, { once: true });
  const forget = (): void => {
    signal.removeEventListener('abort', start);
    clearTimeout(timer);
  };
  return { signal: controller.signal, forget };
}

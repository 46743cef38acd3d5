// Uploads in parts by @aws-sdk/lib-storage, with the promises it does not make by itself.
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  type CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { createUpload } from './create-upload.ts';
import { partPlan } from './multipart-plan.ts';
import type { MultipartOptions, ObjectAttributes, PartSource, Written } from './object-store.ts';
import type { WriteAnswer } from './s3-requests.ts';
import { acknowledged, classified, type Request, type S3Session, send, sendRetried, signalOf } from './s3-session.ts';
import { attributeParams } from './sdk-requests.ts';

/** Read at once. The library joins what it reads into parts and copies less when the pieces are small. */
const PIECE_BYTES = 1024 ** 2;

/** See ObjectStore.putMultipart. The source is read only as far ahead as `concurrency` asks. */
export async function putInParts(
  session: S3Session,
  key: string,
  object: { source: PartSource; attributes: ObjectAttributes; multipart: MultipartOptions },
): Promise<Written> {
  const { source, attributes, multipart } = object;
  const steps = new UploadSteps(session, key, { source, multipart });
  const request = { action: 'upload', key, writes: true, ...signalOf(multipart) };
  try {
    const upload = new Upload({
      client: Object.create(session.client, { send: { value: steps.send } }),
      params: {
        Bucket: session.bucket,
        Key: key,
        Body: Readable.from(steps.pieces(), { objectMode: false, highWaterMark: PIECE_BYTES }),
        ContentLength: source.sizeBytes,
        ...attributeParams(attributes),
      },
      partSize: partPlan(source.sizeBytes, multipart).partSizeBytes,
      queueSize: multipart.concurrency,
    });
    return await acknowledged(session, await upload.done(), { request, sizeBytes: source.sizeBytes, attributes });
  } catch (error) {
    throw steps.firstFailure?.error ?? classified(session, { ...request, writes: false }, error);
  }
}

/**
 * What the library calls: `pieces` of the body, and `send` for Create, the parts, Complete and Abort. Left alone it
 * would wait for the parts in flight, and their retries, before it reports a failed one, and on an abort return before
 * the server knows; so here the first failure is kept, ends everything in flight, and lets nothing but the Abort through.
 */
class UploadSteps {
  /** The source's failure as it is, or a StoreError. */
  firstFailure: { readonly error: unknown } | undefined;
  readonly #session: S3Session;
  readonly #key: string;
  readonly #source: PartSource;
  readonly #onStarted: (uploadId: string) => void;
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;

  constructor(session: S3Session, key: string, upload: { source: PartSource; multipart: MultipartOptions }) {
    const { signal, onStarted } = upload.multipart;
    this.#session = session;
    this.#key = key;
    this.#source = upload.source;
    this.#onStarted = onStarted;
    this.#signal = signal === undefined ? this.#failed.signal : AbortSignal.any([signal, this.#failed.signal]);
  }

  async *pieces(): AsyncGenerator<Buffer> {
    const { sizeBytes } = this.#source;
    try {
      for (let offset = 0; offset < sizeBytes; offset += PIECE_BYTES) {
        this.#throwIfEnded();
        yield await this.#source.read(offset, Math.min(PIECE_BYTES, sizeBytes - offset));
      }
    } catch (error) {
      this.#end(error);
    }
  }

  readonly send = (command: unknown): Promise<unknown> => {
    if (!(command instanceof AbortMultipartUploadCommand)) return this.#step(command).catch(this.#end);
    // If this fails too, the first failure is still the one to tell.
    const request = { action: 'abort the upload of', key: this.#key };
    return send(this.#session, request, (o) => this.#session.client.send(command, o));
  };

  async #step(command: unknown): Promise<unknown> {
    const { client } = this.#session;
    this.#throwIfEnded();
    if (command instanceof CreateMultipartUploadCommand) return this.#create(command);
    if (command instanceof UploadPartCommand) return this.#part(command);
    // The two that make the object appear: the library puts what fits into one part.
    const request = { ...this.#request('upload'), writes: true };
    await this.#source.verify();
    if (command instanceof PutObjectCommand) return send(this.#session, request, (o) => client.send(command, o));
    return send(this.#session, request, (o) => client.send(command as CompleteMultipartUploadCommand, o));
  }

  #part({ input }: UploadPartCommand): Promise<WriteAnswer> {
    const { UploadId: uploadId = '', PartNumber: partNumber = 0 } = input;
    const part = { key: this.#key, uploadId, partNumber, body: input.Body as Buffer };
    return sendRetried(this.#session, this.#request('upload a part of'), (o) =>
      this.#session.requests.uploadPart(part, o),
    );
  }

  async #create(command: CreateMultipartUploadCommand): Promise<unknown> {
    const request = { action: 'start the upload of', key: this.#key, signal: this.#signal };
    const answer = await createUpload(this.#session, request, command);
    this.#onStarted(answer.UploadId);
    return answer;
  }

  #request(action: string): Request {
    return { action, key: this.#key, signal: this.#signal };
  }

  #throwIfEnded(): void {
    if (this.#signal.aborted) throw classified(this.#session, this.#request('upload'), this.#signal.reason);
  }

  readonly #end = (error: unknown): never => {
    this.firstFailure ??= { error };
    this.#failed.abort();
    throw error;
  };
}

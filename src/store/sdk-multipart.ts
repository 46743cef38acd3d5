// The reference: uploads in parts by @aws-sdk/lib-storage, with the promises it does not make by itself.
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { createUpload } from './create-upload.ts';
import { partPlan } from './multipart-plan.ts';
import type { MultipartOptions, ObjectAttributes, PartSource, Written } from './object-store.ts';
import {
  type Action,
  acknowledged,
  classified,
  type Request,
  type S3Session,
  send,
  sendRetried,
  signalOf,
} from './s3-session.ts';
import {
  AbortMultipartUploadCommand,
  type CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  Upload,
  UploadPartCommand,
} from './sdk-packages.ts';
import { attributeParams } from './sdk-requests.ts';

/** Of the client that sends all of it. */
interface SdkSession extends S3Session {
  readonly client: S3Client;
}

export interface LibraryObject {
  readonly source: PartSource;
  readonly attributes: ObjectAttributes;
  readonly multipart: MultipartOptions;
}

/** Given at once. The library joins what it is given into parts and copies less when the pieces are small. */
const PIECE_BYTES = 1024 ** 2;

/**
 * See ObjectStore.putMultipart; `putInParts` is what is used. The library must copy all bytes together, and holds whole
 * parts, however large: of 1 GiB it made 1.7 times the CPU and 80 MiB more of memory, with the same hashes and requests.
 */
export async function putByLibrary(session: SdkSession, key: string, object: LibraryObject): Promise<Written> {
  const { source, attributes, multipart } = object;
  const { partSizeBytes } = partPlan(source.sizeBytes, multipart);
  const steps = new UploadSteps(session, key, { source, multipart });
  const request = { action: 'upload', key, writes: true, ...signalOf(multipart) } as const;
  try {
    const upload = new Upload({
      client: Object.create(session.client, { send: { value: steps.send } }),
      params: {
        Bucket: session.bucket,
        Key: key,
        Body: Readable.from(steps.pieces(partSizeBytes), { objectMode: false, highWaterMark: PIECE_BYTES }),
        ContentLength: source.sizeBytes,
        ...attributeParams(attributes),
      },
      partSize: partSizeBytes,
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
  readonly #session: SdkSession;
  readonly #key: string;
  readonly #source: PartSource;
  readonly #onStarted: (uploadId: string) => void;
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;

  constructor(session: SdkSession, key: string, upload: { source: PartSource; multipart: MultipartOptions }) {
    const { signal, onStarted } = upload.multipart;
    this.#session = session;
    this.#key = key;
    this.#source = upload.source;
    this.#onStarted = onStarted;
    this.#signal = signal === undefined ? this.#failed.signal : AbortSignal.any([signal, this.#failed.signal]);
  }

  async *pieces(partSizeBytes: number): AsyncGenerator<Buffer> {
    const { sizeBytes } = this.#source;
    try {
      for (let offset = 0; offset < sizeBytes; offset += partSizeBytes) {
        this.#throwIfEnded();
        const wanted = Math.min(partSizeBytes, sizeBytes - offset);
        const part = await this.#source.next(wanted, { signal: this.#signal });
        const bytes = Buffer.from(part.bytes);
        part.release();
        for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
      }
    } catch (error) {
      this.#end(this.#signal.aborted ? classified(this.#session, this.#request('upload'), error) : error);
    }
  }

  readonly send = (command: unknown): Promise<unknown> => {
    if (!(command instanceof AbortMultipartUploadCommand)) return this.#step(command).catch(this.#end);
    // If this fails too, the first failure is still the one to tell.
    const request = { action: 'abort the upload of', key: this.#key } as const;
    return send(this.#session, request, (o) => this.#session.client.send(command, o));
  };

  async #step(command: unknown): Promise<unknown> {
    const { client } = this.#session;
    this.#throwIfEnded();
    if (command instanceof CreateMultipartUploadCommand) return this.#create(command);
    if (command instanceof UploadPartCommand) {
      return sendRetried(this.#session, this.#request('upload a part of'), (o) => client.send(command, o));
    }
    // The two that make the object appear: the library puts what fits into one part.
    const request = { ...this.#request('upload'), writes: true };
    await this.#source.verify();
    if (command instanceof PutObjectCommand) return send(this.#session, request, (o) => client.send(command, o));
    return send(this.#session, request, (o) => client.send(command as CompleteMultipartUploadCommand, o));
  }

  async #create(command: CreateMultipartUploadCommand): Promise<unknown> {
    const request = { action: 'start the upload of', key: this.#key, signal: this.#signal } as const;
    const answer = await createUpload(this.#session, request, (o) => this.#session.client.send(command, o));
    this.#onStarted(answer.UploadId);
    return answer;
  }

  #request(action: Action): Request {
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

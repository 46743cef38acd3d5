import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from './answer.ts';
import { announcedLength, verifyBody } from './body.ts';
import { HANDLERS } from './dispatch.ts';
import { failure, failureAnswer, S3Failure } from './errors.ts';
import type { Faults } from './faults.ts';
import type { Identities } from './identities.ts';
import { Cut, Interference } from './interference.ts';
import { checkSize } from './objects.ts';
import { hasBody, type Operation, routeRequest } from './operations.ts';
import { checkKey } from './properties.ts';
import { parseRequest, type S3Request } from './request.ts';
import { type LogEntry, logEntry } from './request-log.ts';
import { cutConnection, sendAnswer } from './send.ts';
import { verifySignature } from './sigv4.ts';
import { makeId, type Service } from './state.ts';

/** What every exchange of a server shares. */
export interface Surroundings {
  readonly service: Service;
  readonly identities: Identities;
  readonly now: () => number;
  readonly faults: Faults;
  readonly onArrival: (entry: LogEntry) => void | Promise<void>;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
}

/** The account that owns everything. */
const ACCOUNT_ID = '123456789012';

/** One request and its answer. */
export class Exchange {
  readonly #shared: Surroundings;
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #requestId = makeId();
  /** Whether the client waits for `100 Continue` before it sends the body. */
  #expectsContinue: boolean;
  readonly #fault: Interference;
  #entry: LogEntry | undefined;

  constructor(
    shared: Surroundings,
    io: { readonly message: IncomingMessage; readonly response: ServerResponse; readonly expectsContinue: boolean },
  ) {
    this.#shared = shared;
    this.#message = io.message;
    this.#response = io.response;
    this.#expectsContinue = io.expectsContinue;
    this.#fault = new Interference(io.message, shared.closing);
  }

  /** Serves the request; never rejects. */
  async run(): Promise<void> {
    try {
      const answer = await this.#answer();
      if (this.#message.socket.destroyed) return;
      await sendAnswer(this.#response, answer, {
        headers: this.#commonHeaders(),
        effect: this.#fault.effect,
        closing: this.#shared.closing,
      });
      if (this.#entry !== undefined) this.#entry.status = answer.status;
    } catch {
      cutConnection(this.#message);
    } finally {
      this.#fault.done();
    }
  }

  async #answer(): Promise<Answer> {
    try {
      const request = parseRequest(this.#message);
      const operation = this.#route(request);
      await this.#shared.onArrival(this.#entry!);
      this.#fault.meet(this.#shared.faults.take({ operation, bucket: request.bucket, key: request.key }));
      return await this.#perform(request, operation);
    } catch (error) {
      if (error instanceof Cut) throw error;
      const failed =
        error instanceof S3Failure ? error : failure('InternalError', { message: String((error as Error).stack) });
      return this.#failed(failed);
    }
  }

  #route(request: S3Request): Operation {
    this.#entry = logEntry(request, undefined, this.#shared.now());
    try {
      this.#entry.operation = routeRequest(request);
      return this.#entry.operation;
    } catch (error) {
      // It is logged like any other request.
      void this.#shared.onArrival(this.#entry);
      throw error;
    }
  }

  async #perform(request: S3Request, operation: Operation): Promise<Answer> {
    const { service, identities, now } = this.#shared;
    await this.#fault.reach('start');
    const signing = verifySignature(request, { identities, region: service.region, nowMs: now() });
    this.#checkHead(request, operation);
    const raw = await this.#readBody();
    // The checksum of a Complete request is the object's, not the body's.
    const body = verifyBody(request, raw, { signing, checksums: operation !== 'CompleteMultipartUpload' });
    await this.#fault.reach('commit');
    const { effect } = this.#fault;
    if (effect?.kind === 'error-body' && effect.committed !== true) return this.#errorBody(effect.code);
    const answer = HANDLERS[operation]({
      service,
      request,
      body,
      nowMs: now(),
      deniedKey: (key) => this.#deniedKey(request.bucket, key),
    });
    this.#entry!.executed = true;
    await this.#fault.reach('answer');
    return effect?.kind === 'error-body' ? this.#errorBody(effect.code) : answer;
  }

  /** Everything that is refused before the body is asked for. */
  #checkHead(request: S3Request, operation: Operation): void {
    const owner = request.headers.get('x-amz-expected-bucket-owner');
    if (owner !== undefined && owner !== ACCOUNT_ID) throw failure('AccessDenied');
    checkKey(request.key);
    if (!hasBody(operation)) return;
    const lengthBytes = announcedLength(request);
    if (operation === 'PutObject' || operation === 'UploadPart')
      checkSize(lengthBytes, this.#shared.service.limits.maxPutBytes);
  }

  #readBody(): Promise<Buffer> {
    if (this.#expectsContinue) {
      this.#response.writeContinue();
      this.#expectsContinue = false;
    }
    return this.#fault.readBody((bytes) => {
      this.#entry!.bodyBytes += bytes;
    });
  }

  #deniedKey(bucket: string, key: string): string | undefined {
    this.#entry!.keys.push(key);
    const effect = this.#shared.faults.take({ operation: 'DeleteObjectsKey', bucket, key })?.effect;
    return effect?.kind === 'status' ? effect.code : undefined;
  }

  #commonHeaders(): Record<string, string> {
    return {
      date: new Date(this.#shared.now()).toUTCString(),
      server: 'strict-s3',
      'x-amz-request-id': this.#requestId,
      // The body that was announced is not going to be read.
      ...(this.#expectsContinue ? { connection: 'close' } : {}),
    };
  }

  #failed(error: S3Failure): Answer {
    if (this.#entry !== undefined) this.#entry.code = error.code;
    return failureAnswer(error, { resource: this.#message.url ?? '', requestId: this.#requestId });
  }

  #errorBody(code: string): Answer {
    return { ...this.#failed(new S3Failure(code)), status: 200 };
  }
}

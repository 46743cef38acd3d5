// One request on its way to the server, and its answer on the way back.
import type { Agent, IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from '../strict-s3/answer.ts';
import { readXml } from '../strict-s3/buckets.ts';
import { failureAnswer, S3Failure } from '../strict-s3/errors.ts';
import type { Faults } from '../strict-s3/faults.ts';
import { Interference } from '../strict-s3/interference.ts';
import { operationOf } from '../strict-s3/operations.ts';
import { parseRequest } from '../strict-s3/request.ts';
import { type LogEntry, logEntry } from '../strict-s3/request-log.ts';
import { cutConnection, sendAnswer } from '../strict-s3/send.ts';
import { childText } from '../strict-s3/xml.ts';
import { forward } from './forward.ts';

/** A request that came to the proxy. Its times are monotonic milliseconds, `executed` what the server's status says. */
export type PassedRequest = LogEntry & {
  /** When the client was about to see its end, be it an answer, a cut, or that it gave up itself. */
  endedMs: number | undefined;
  /** The upload that it is about, or that it began. */
  uploadId: string | undefined;
};

/** What all passages of a proxy share. */
export interface Way {
  readonly upstream: URL;
  readonly agent: Agent;
  readonly faults: Faults;
  /** Aborted when the proxy closes. */
  readonly closing: AbortSignal;
  readonly onArrival: (request: PassedRequest) => void;
}

export class Passage {
  readonly #way: Way;
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #entry: PassedRequest;
  readonly #fault: Interference;

  constructor(way: Way, message: IncomingMessage, response: ServerResponse) {
    this.#way = way;
    this.#message = message;
    this.#response = response;
    this.#fault = new Interference(message, way.closing);
    const request = parseRequest(message);
    const entry = logEntry(request, operationOf(request), performance.now());
    this.#entry = { ...entry, endedMs: undefined, uploadId: entry.query['uploadId'] };
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { bucket, key, operation } = this.#entry;
    this.#way.onArrival(this.#entry);
    this.#response.once('close', () => this.#ends());
    if (operation !== undefined) this.#fault.meet(this.#way.faults.take({ operation, bucket, key }));
    try {
      const answer = await this.#answer();
      if (this.#message.socket.destroyed) return;
      this.#entry.status = answer.status;
      this.#ends();
      await sendAnswer(this.#response, answer, {
        headers: {},
        effect: this.#fault.effect,
        closing: this.#way.closing,
      });
    } catch {
      // A Cut, or the server itself is not to be reached.
      this.#ends();
      cutConnection(this.#message);
    } finally {
      this.#fault.done();
    }
  }

  #ends(): void {
    this.#entry.endedMs ??= performance.now();
  }

  async #answer(): Promise<Answer> {
    try {
      return await this.#pass();
    } catch (error) {
      if (!(error instanceof S3Failure)) throw error;
      return this.#failed(error);
    }
  }

  async #pass(): Promise<Answer> {
    const entry = this.#entry;
    await this.#fault.reach('start');
    const body = await this.#fault.readBody((bytes) => {
      entry.bodyBytes += bytes;
    });
    if (entry.operation === 'DeleteObjects') entry.keys = deletedKeys(body);
    await this.#fault.reach('commit');
    const { effect } = this.#fault;
    if (effect?.kind === 'error-body' && effect.committed !== true) return this.#errorBody(effect.code);
    const answer = await forward(this.#message, body, this.#way);
    entry.executed = answer.status < 300;
    if (entry.operation === 'CreateMultipartUpload' && entry.executed)
      entry.uploadId = childText(readXml(answer.body, 'InitiateMultipartUploadResult'), 'UploadId');
    await this.#fault.reach('answer');
    return effect?.kind === 'error-body' ? this.#errorBody(effect.code) : answer;
  }

  #failed(error: S3Failure): Answer {
    this.#entry.code = error.code;
    return failureAnswer(error, { resource: this.#message.url ?? '', requestId: 'proxy' });
  }

  #errorBody(code: string): Answer {
    return { ...this.#failed(new S3Failure(code)), status: 200 };
  }
}

function deletedKeys(body: Buffer): string[] {
  const objects = readXml(body, 'Delete').children.filter(({ name }) => name === 'Object');
  return objects.map((object) => childText(object, 'Key') ?? '');
}

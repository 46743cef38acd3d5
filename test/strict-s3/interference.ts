// A fault at work on one request, in the server that executes it or on the way there.
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Failure } from './errors.ts';
import type { Effect, Hit, Stage } from './faults.ts';
import { cutConnection } from './send.ts';

/** The connection is to be cut, or the client has cut it. */
export class Cut extends Error {}

export class Interference {
  readonly #message: IncomingMessage;
  readonly #closing: AbortSignal;
  #hit: Hit | undefined;

  /** @param closing aborted when whoever interferes closes: everything that is held ends in a Cut then */
  constructor(message: IncomingMessage, closing: AbortSignal) {
    this.#message = message;
    this.#closing = closing;
  }

  /** From now on the request meets this. */
  meet(hit: Hit | undefined): void {
    this.#hit = hit;
  }

  get effect(): Effect | undefined {
    return this.#hit?.effect;
  }

  /** The request is done with. */
  done(): void {
    this.#hit?.done();
  }

  /**
   * The request has come so far; resolves when it may go on.
   *
   * @throws S3Failure the error to answer
   * @throws Cut
   */
  async reach(stage: Stage): Promise<void> {
    const effect = this.#hit?.effect;
    if (effect === undefined) return;
    if (effect.kind === 'late' && stage === 'commit') return this.#letExecuteLate(effect.afterMs);
    if (!('at' in effect ? effect.at === stage : stage === 'start')) return;
    switch (effect.kind) {
      case 'status':
        throw statusFailure(effect);
      case 'reset':
        throw new Cut();
      case 'hang':
        await this.#hold();
        throw new Cut();
      case 'delay':
        return this.#sleep(effect.ms);
      case 'gate':
        return this.#hold();
      default:
    }
  }

  /** Reads the request's body. @throws Cut if the client goes away */
  async readBody(onBytes: (bytes: number) => void): Promise<Buffer> {
    const lengthBytes = Number(this.#message.headers['content-length'] ?? 0);
    const chunks: Buffer[] = [];
    let readBytes = 0;
    let isHalfway = false;
    try {
      // Destroying the message would destroy the connection, on which an error may still have to be answered.
      for await (const chunk of this.#message.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        readBytes += chunk.length;
        onBytes(chunk.length);
        if (this.effect?.kind === 'slow-body') await this.#sleep((chunk.length / this.effect.bytesPerSecond) * 1000);
        if (isHalfway || readBytes * 2 < lengthBytes) continue;
        isHalfway = true;
        await this.reach('body');
      }
    } catch (error) {
      throw error instanceof S3Failure ? error : new Cut();
    }
    if (!isHalfway) await this.reach('body');
    return Buffer.concat(chunks);
  }

  async #letExecuteLate(afterMs: number | undefined): Promise<void> {
    cutConnection(this.#message);
    await Promise.race([this.#hold(), ...(afterMs === undefined ? [] : [this.#sleep(afterMs)])]);
  }

  async #hold(): Promise<void> {
    const closed = Promise.withResolvers<never>();
    const onClose = (): void => closed.reject(new Cut());
    this.#closing.addEventListener('abort', onClose, { once: true });
    await Promise.race([this.#hit!.hold(), closed.promise]);
    this.#closing.removeEventListener('abort', onClose);
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closing }).catch(() => {
      throw new Cut();
    });
  }
}

function statusFailure(effect: Extract<Effect, { kind: 'status' }>): S3Failure {
  return new S3Failure(effect.code, {
    ...(effect.status === undefined ? {} : { status: effect.status }),
    ...(effect.message === undefined ? {} : { message: effect.message }),
    ...(effect.retryAfterS === undefined ? {} : { headers: { 'retry-after': String(effect.retryAfterS) } }),
  });
}

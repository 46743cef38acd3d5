import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from './answer.ts';
import type { Effect } from './faults.ts';

const NO_ANSWER = Buffer.from('<html><body>It works!');
const SLICES_PER_SECOND = 20;

/** Cuts the connection so that the client sees a reset. */
export function cutConnection(message: IncomingMessage): void {
  message.socket.resetAndDestroy();
}

function written(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function sendSlowly(
  response: ServerResponse,
  body: Buffer,
  options: { readonly bytesPerSecond: number; readonly closing: AbortSignal },
): Promise<void> {
  const slice = Math.max(1, Math.floor(options.bytesPerSecond / SLICES_PER_SECOND));
  for (let at = 0; at < body.length; at += slice) {
    await written(response, body.subarray(at, at + slice));
    await sleep((slice / options.bytesPerSecond) * 1000, undefined, { signal: options.closing });
  }
  response.end();
}

/**
 * Sends an answer, spoilt by the effect if that concerns answers.
 *
 * @throws if the connection is to be cut or is gone.
 */
export async function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  options: {
    readonly headers: Readonly<Record<string, string>>;
    readonly effect: Effect | undefined;
    readonly closing: AbortSignal;
  },
): Promise<void> {
  const { effect } = options;
  const garbage = effect?.kind === 'garbage';
  const body = garbage ? (effect.change?.(answer.body) ?? NO_ANSWER) : answer.body;
  const bodyless = answer.status === 204 || answer.status === 304;
  response.writeHead(garbage ? (effect.status ?? 200) : answer.status, {
    ...(bodyless ? {} : { 'content-length': String(body.length) }),
    ...options.headers,
    ...answer.headers,
  });
  if (bodyless || response.req.method === 'HEAD') {
    response.end();
  } else if (effect?.kind === 'slow') {
    await sendSlowly(response, body, { bytesPerSecond: effect.bytesPerSecond, closing: options.closing });
  } else if (effect?.kind === 'truncate') {
    await written(response, body.subarray(0, effect.bytes ?? body.length >>> 1));
    // Not a reset, which could overtake the bytes.
    response.destroy();
  } else {
    response.end(body);
  }
}

// Requests over a wire to a server of bare sockets, and the simplest answers.
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { DirectWire } from '../../src/store/http/direct-wire.ts';
import type { WireAnswer, WireRequest } from '../../src/store/http/messages.ts';
import type { RawRequest } from './raw-server.ts';

export const PATIENT_MS = 15_000;

export function wireTo(t: TestContext, origin: string, requestTimeoutMs = PATIENT_MS): DirectWire {
  const wire = new DirectWire(origin, { requestTimeoutMs });
  t.after(() => wire.close());
  return wire;
}

export const get = (path: string, more: Partial<WireRequest> = {}): WireRequest => ({
  method: 'GET',
  path,
  headers: [['host', 'h']],
  ...more,
});
export const put = (path: string, body: Buffer, more: Partial<WireRequest> = {}): WireRequest =>
  get(path, { method: 'PUT', body, ...more });
export const textOf = ({ body }: WireAnswer): string => (body as Buffer).toString();
export const streamOf = async (answer: Promise<WireAnswer>): Promise<Readable> => (await answer).body as Readable;

/** An answer by length. */
export const withLength = (body: string, headers = ''): string =>
  `HTTP/1.1 200 OK\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;
export const echo = ({ socket, path }: RawRequest): void => void socket.write(withLength(path));
export const NO_LENGTH = 'HTTP/1.1 200 OK\r\n\r\n';

// A server of bare sockets: it reads requests, and what it answers is the test's own bytes.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** A request that has come. */
export interface RawRequest {
  readonly socket: Socket;
  /** Of its connection, from 0. */
  readonly connection: number;
  readonly method: string;
  readonly path: string;
  /** Ends the connection as a crash would. */
  reset(): void;
}

export interface RawServer {
  readonly port: number;
  /** Those that were accepted, with TLS once the handshake is done. */
  readonly sockets: readonly Socket[];
  /** In order, as `connection path`. */
  readonly requests: readonly string[];
  /** Ends one of the sockets as a crash would. */
  reset(socket: Socket): void;
}

export interface RawServerOptions {
  readonly tls?: TlsOptions | undefined;
  readonly host?: string;
  /** Answers are asked for as soon as the head has come, and the body is not read. Default: false. */
  readonly early?: boolean;
  /** Whether it reads the sockets itself; if not, `answer` is never called. Default: true. */
  readonly reads?: boolean;
}

/** Everything is closed after the test. */
export async function startRawServer(
  t: TestContext,
  answer: (request: RawRequest) => void,
  { tls, host = '127.0.0.1', early = false, reads = true }: RawServerOptions = {},
): Promise<RawServer> {
  const [sockets, requests]: [Socket[], string[]] = [[], []];
  const raw: Socket[] = [];
  // TLS has sockets of its own.
  const reset = ({ remotePort }: Socket): void => {
    raw.find((one) => one.remotePort === remotePort)?.resetAndDestroy();
  };
  const accepted = (socket: Socket): void => {
    const connection = sockets.push(socket) - 1;
    socket.on('error', () => {});
    if (!reads) return;
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = bytes.toString('latin1', 0, end);
      const length = early ? 0 : Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
      if (bytes.length < end + 4 + length) return;
      bytes = bytes.subarray(end + 4 + length);
      if (early) socket.pause();
      const [method = '', path = ''] = head.split(' ');
      requests.push(`${connection} ${path}`);
      answer({ socket, connection, method, path, reset: () => reset(socket) });
    });
  };
  const server: Server = tls === undefined ? createServer(accepted) : createTlsServer(tls, accepted);
  server.on('tlsClientError', () => {});
  server.on('connection', (socket: Socket) => raw.push(socket));
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of raw) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets, requests, reset };
}

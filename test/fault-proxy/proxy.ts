// A man in the middle: in front of any S3 server it does what the strict server does by itself.
import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Faults } from '../strict-s3/faults.ts';
import { Passage, type PassedRequest, type Way } from './passage.ts';

/** A running proxy. */
export interface FaultProxy {
  /** `http://127.0.0.1:PORT`, for path-style requests. */
  readonly endpoint: string;
  readonly faults: Faults;
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly PassedRequest[];
  clearRequests(): void;
  /** Cuts every connection and stops; what is held is never sent on. */
  close(): Promise<void>;
}

/** Beyond this an unused connection to the server is not trusted any more. */
const IDLE_MS = 5000;

/**
 * Starts a proxy on loopback in front of the server at `upstream`. Requests and answers pass unchanged, so signatures
 * hold: the signed Host is the proxy's. Each is read whole before it goes on; one cut before `commit` never arrives.
 */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const closing = new AbortController();
  const requests: PassedRequest[] = [];
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS });
  const way: Way = {
    upstream: new URL(upstream),
    agent,
    faults: new Faults(),
    closing: closing.signal,
    onArrival: (request) => void requests.push(request),
  };
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, maxHeaderSize: 64 * 1024 });
  server.on('request', (message, response) => void new Passage(way, message, response).run());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    faults: way.faults,
    requests,
    clearRequests: () => {
      requests.length = 0;
    },
    close: () => {
      closing.abort();
      agent.destroy();
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      return promise;
    },
  };
}

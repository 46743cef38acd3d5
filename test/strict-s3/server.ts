import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Exchange, type Surroundings } from './exchange.ts';
import { Faults } from './faults.ts';
import { type Credentials, Identities } from './identities.ts';
import { BucketView } from './inspect.ts';
import type { Operation } from './operations.ts';
import type { LoggedRequest } from './request-log.ts';
import { Bucket, Service } from './state.ts';

export interface StrictS3Options {
  /** Buckets that exist from the start; none by default. */
  readonly buckets?: readonly string[];
  /** Whether those are versioned; no by default. */
  readonly versioning?: boolean;
  /** `test-access-key` by default. */
  readonly accessKeyId?: string;
  /** `test-secret-key` by default. */
  readonly secretAccessKey?: string;
  /** If given, requests must carry it. */
  readonly sessionToken?: string;
  /** `us-east-1` by default. */
  readonly region?: string;
  /** The server's clock; Date.now by default. */
  readonly now?: () => number;
  /** Largest page of a listing; 1,000 by default. */
  readonly pageSize?: number;
  /** Smallest part but the last; 5 MiB by default. */
  readonly minPartBytes?: number;
  /** Largest single PUT, part and copy; 5 GiB by default. */
  readonly maxPutBytes?: number;
  /** In PEM: it speaks TLS then. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** 0, any free port, by default. */
  readonly port?: number;
  /** Called as a request arrives and before anything is done about it; a promise holds the request. */
  readonly onRequest?: (request: LoggedRequest) => void | Promise<void>;
}

/** A running server. */
export interface StrictS3 {
  /** `http://127.0.0.1:PORT`, or with TLS `https`, for path-style requests. */
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  /** Those it was started with. */
  readonly credentials: Credentials;
  readonly identities: Identities;
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly LoggedRequest[];
  readonly faults: Faults;
  /** How many requests came, of this operation or of all. */
  countRequests(operation?: Operation): number;
  /** Forgets the requests so far. */
  clearRequests(): void;
  /** Looks into a bucket. Throws without such a bucket. */
  bucket(name: string): BucketView;
  buckets(): Map<string, BucketView>;
  /** Cuts every connection and stops. */
  close(): Promise<void>;
}

const MIB = 2 ** 20;

/**
 * Starts an in-memory S3 server on loopback that refuses what AWS refuses, with AWS's codes, and answers 501 to what it
 * does not know. Every write is atomic and lost with the process.
 */
export async function startStrictS3(options: StrictS3Options = {}): Promise<StrictS3> {
  const now = options.now ?? Date.now;
  const { pageSize = 1000, minPartBytes = 5 * MIB, maxPutBytes = 5 * 1024 * MIB, region = 'us-east-1' } = options;
  const service = new Service(region, { pageSize: Math.min(pageSize, 1000), minPartBytes, maxPutBytes });
  for (const name of options.buckets ?? []) {
    const bucket = new Bucket(name, now());
    if (options.versioning === true) bucket.versioning = 'Enabled';
    service.buckets.set(name, bucket);
  }
  const credentials: Credentials = {
    accessKeyId: options.accessKeyId ?? 'test-access-key',
    secretAccessKey: options.secretAccessKey ?? 'test-secret-key',
    ...(options.sessionToken === undefined ? {} : { sessionToken: options.sessionToken }),
  };
  const identities = new Identities();
  identities.accept(credentials);
  const requests: LoggedRequest[] = [];
  const closing = new AbortController();
  const shared: Surroundings = {
    service,
    identities,
    now,
    faults: new Faults(),
    onArrival: (entry) => {
      requests.push(entry);
      return options.onRequest?.(entry);
    },
    closing: closing.signal,
  };

  // No timeouts: a test decides when something takes too long.
  const limits = { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, maxHeaderSize: 64 * 1024 };
  const server = options.tls === undefined ? createServer(limits) : createTlsServer({ ...limits, ...options.tls });
  server.on('request', (message, response) => {
    void new Exchange(shared, { message, response, expectsContinue: false }).run();
  });
  server.on('checkContinue', (message, response) => {
    void new Exchange(shared, { message, response, expectsContinue: true }).run();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    endpoint: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    region,
    credentials,
    identities,
    requests,
    faults: shared.faults,
    countRequests: (operation) =>
      operation === undefined ? requests.length : requests.filter((request) => request.operation === operation).length,
    clearRequests: () => {
      requests.length = 0;
    },
    bucket: (name) => new BucketView(service.bucket(name), now),
    buckets: () => new Map([...service.buckets].map(([name, bucket]) => [name, new BucketView(bucket, now)])),
    close: () => {
      closing.abort();
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      return promise;
    },
  };
}

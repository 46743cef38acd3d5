// The bench server: S3 in memory, of which only the answers are S3's. Nothing is verified, neither signatures nor
// checksums; what is stored, listed and answered is right.

import type { AddressInfo } from 'node:net';
import { xmlDocument } from '../../../test/strict-s3/xml.ts';
import type { Service } from './answer.ts';
import type { Bucket } from './bucket.ts';
import type { EtagPolicy } from './content.ts';
import { CONTROL_PATH, control } from './control.ts';
import { S3Failure } from './failure.ts';
import { createHttpServer, type HttpAnswer, type HttpHead, type HttpRequest } from './http.ts';
import { operationOf } from './operations.ts';
import { readRequest } from './request.ts';
import { Tally } from './tally.ts';

export interface BenchServer {
  /** `http://127.0.0.1:PORT`, for path-style requests. */
  readonly endpoint: string;
  /** Cuts every connection and stops. */
  close(): void;
}

/** Starts a server on a free port of the loopback. */
export async function startBenchServer({ etags }: { readonly etags: EtagPolicy }): Promise<BenchServer> {
  const service: Service = { buckets: new Map(), etags };
  const tally = new Tally();
  const { server, cut } = createHttpServer({
    place: (head, bytes) => placeOf(service, head)?.reserve(bytes) ?? Buffer.allocUnsafe(bytes),
    answer: (http) => answer(http, { service, tally }),
    onTraffic: (bytes) => tally.traffic(bytes),
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      cut();
    },
  };
}

/** The bucket in whose memory a body stays: what is put into objects, not what is asked. */
function placeOf(service: Service, { method, target }: HttpHead): Bucket | undefined {
  return method === 'PUT' ? service.buckets.get(target.slice(1, target.indexOf('/', 1))) : undefined;
}

function answer(http: HttpRequest, shared: { readonly service: Service; readonly tally: Tally }): HttpAnswer {
  const { service, tally } = shared;
  try {
    if (http.target.startsWith(CONTROL_PATH)) return control(http, shared);
    const request = readRequest(http);
    const { name, run } = operationOf(request);
    tally.request(name);
    const answered = run({ service, request });
    if (request.method === 'PUT') tally.put(request.body.length);
    if (name === 'PutObject' || name === 'CompleteMultipartUpload') tally.arrival(request.key);
    return answered;
  } catch (error) {
    if (!(error instanceof S3Failure)) throw error;
    const body = xmlDocument([
      'Error',
      [
        ['Code', error.code],
        ['Message', error.message],
        ['Resource', http.target],
      ],
    ]);
    return { status: error.status, head: 'Content-Type: application/xml\r\n', body };
  }
}

// What the benchmark asks of its server besides S3: requests beneath `/-/`, which are not counted.
import { createHash } from 'node:crypto';
import type { Service } from './answer.ts';
import { bucketOf } from './answer.ts';
import { Bucket } from './bucket.ts';
import { md5Hex } from './content.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import { readRequest } from './request.ts';
import type { Tally } from './tally.ts';

/** All files of a bucket in three values; markers of directories (`a/`) are none. */
export interface Summary {
  readonly files: number;
  readonly bytes: number;
  /** Of every key, size and content, in the order of keys. */
  readonly digest: string;
}

export const CONTROL_PATH = '/-/';

/**
 * - `GET counters`: a `Counters`
 * - `GET arrivals?from=N`: each `Arrival` since the last reset but the first N
 * - `POST reset`: counts begin anew
 * - `POST clone?from=BUCKET&to=BUCKET&later=MS`: a new bucket with the same objects, stored so much later
 * - `GET summary?bucket=BUCKET`: a `Summary`
 *
 * @throws S3Failure
 */
export function control(http: HttpRequest, { service, tally }: { service: Service; tally: Tally }): HttpAnswer {
  const { key, query } = readRequest(http);
  const parameter = (name: string): string => query.get(name) ?? '';
  switch (`${http.method} ${key}`) {
    case 'GET counters':
      return json(tally.counters);
    case 'GET arrivals':
      return json(tally.arrivals.slice(Number(parameter('from'))));
    case 'POST reset':
      globalThis.gc?.();
      tally.reset();
      return { status: 204 };
    case 'POST clone': {
      const original = { bucket: bucketOf(service, parameter('from')), laterMs: Number(parameter('later')) };
      service.buckets.set(parameter('to'), new Bucket(parameter('to'), original));
      return { status: 204 };
    }
    case 'GET summary':
      return json(summarise(bucketOf(service, parameter('bucket'))));
    default:
      return { status: 404 };
  }
}

function summarise(bucket: Bucket): Summary {
  const digest = createHash('sha256');
  let [files, bytes] = [0, 0];
  for (const key of bucket.keys()) {
    if (key.endsWith('/')) continue;
    const { content, sizeBytes } = bucket.objects.get(key)!;
    digest.update(`${key}\0${sizeBytes}\0${md5Hex(content)}\n`);
    files++;
    bytes += sizeBytes;
  }
  return { files, bytes, digest: digest.digest('hex') };
}

function json(value: unknown): HttpAnswer {
  return { status: 200, head: 'Content-Type: application/json\r\n', body: JSON.stringify(value) };
}
